"""A U-Net: convolutions that look at an image coarsely and finely, with skips across."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.models.conditioning import Condition
from refdiff.nn import (
    Composed,
    Conv,
    Fold,
    GroupNorm,
    Layer,
    Linear,
    ResBlock,
    Residual,
    SelfAttention,
    Sequential,
    SiLU,
    Trace,
    Unfold,
)
from refdiff.nn.conv import check_images

Pull = Callable[[Array], tuple[Tree, Array, Array, None]]


@dataclass(frozen=True)
class UNet(Composed):
    """A network for images that is told how noisy its input is, and if wanted of which class.

    h = in(x);   on each level: h = down_i(h, e), kept as a skip, then half as high and wide;   h = middle(h, e)
    on each level back: twice as high and wide, h = up_i([h | skip_i], e);   y = out(silu(norm(h)))

    Images are (B, H, W, C), channels last. Squares of 2 x 2 pixels are folded into channels on the way down and
    unfolded on the way up, each with a matrix product: a convolution of size and stride 2. In the middle every pixel
    looks at every other. The last layer starts at 0, so the first prediction is 0.

    Parameters
    ----------
    n_in : int
        C: input and output are (B, H, W, C).
    widths : tuple of int
        Channels on each level, from fine to coarse; each a multiple of `groups`. H and W must be multiples of
        patch 2^(levels - 1).
    blocks : int
        Residual blocks on each level down, and on each level up.
    labels : int
        Number of classes; 0 for a network without.
    drop : float
        Share of labels hidden in training, for classifier-free guidance.
    dropout : float
        Share of entries left out in training, in every block.
    heads, groups : int
        Of the attention in the middle, which they divide, and of the norms.
    patch : int
        Side of the squares folded into channels before the first layer: 2 makes a step four times as cheap.
    waves : int
        Number of sinusoids of t.
    scale, max_period : float
        Range of their frequencies; see `nn.Sinusoidal`.

    References
    ----------
    Equation: unet.UNet
    ronneberger2015 (arXiv 1505.04597v1), section 2
    ho2020 (arXiv 2006.11239v2), appendix B
    """

    n_in: int = 1
    widths: tuple[int, ...] = (32, 64)
    blocks: int = 1
    labels: int = 0
    drop: float = 0.1
    dropout: float = 0.0
    heads: int = 4
    groups: int = 8
    patch: int = 1
    waves: int = 64
    scale: float = 30.0
    max_period: float = 100.0

    def __post_init__(self) -> None:
        for name in ("n_in", "blocks", "patch"):
            count(name, getattr(self, name))
        require(len(self.widths) > 0, "widths", "name one level or more", self.widths, "Try (32, 64).")
        for width in self.widths:
            count("widths", width)
        require(0 <= scalar("dropout", self.dropout) < 1, "dropout", "lie in [0, 1)", self.dropout, "0.1 is usual.")
        _ = self.parts  # whose own doors look at the rest

    @cached_property
    def told(self) -> Condition:
        """The part that turns time and label into a vector."""
        return Condition(4 * self.widths[0], self.labels, self.drop, self.waves, self.scale, self.max_period)

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        first, last, n_e = self.widths[0], self.widths[-1], self.told.width
        pixel = self.n_in * self.patch**2

        def block(a: int, b: int) -> ResBlock:
            return ResBlock(a, b, n_e, self.groups, self.dropout)

        attention = SelfAttention(last, self.heads, gain=0.0)
        parts: dict[str, Layer] = {
            "told": self.told,
            "in": Sequential(Fold(self.patch), Conv(pixel, first)),
            "middle0": block(last, last),
            "look": Residual(Sequential(GroupNorm(last, self.groups), attention)),
            "middle1": block(last, last),
            "out": Sequential(GroupNorm(first, self.groups), SiLU(), Conv(first, pixel, gain=0.0), Unfold(self.patch)),
        }
        for i, width in enumerate(self.widths):
            for j in range(self.blocks):
                parts[f"down{i}.{j}"] = block(width, width)
                parts[f"up{i}.{j}"] = block(2 * width, width)
            if i + 1 < len(self.widths):
                below = self.widths[i + 1]
                parts[f"shrink{i}"] = Sequential(Fold(2), Linear(4 * width, below))
                parts[f"grow{i}"] = Sequential(Linear(below, 4 * width), Unfold(2))
        return parts

    def __call__(
        self, params: Tree, x: Array, t: Array, labels: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """The raw output at images x, both (B, H, W, C), and its pullback to (grads, dx, dt, None).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, H, W, C), with sides that halve on each level.
        t : ndarray
            Time feature, (B,), or a single number for all.
        labels : ndarray of int, optional
            Classes, (B,), or a single one for all; None means no label.
        rng : Generator, optional
            Trains: some labels are hidden and some entries left out.

        Raises
        ------
        ValueError
            If x, t and labels do not fit together, or the network was built without labels.
        """
        check_images(x, self.n_in, self.patch * 2 ** (len(self.widths) - 1))
        self.told.fit(len(x), t, labels)
        run = Trace(self.parts, params, rng)
        e = run("told", t, labels)
        h = run("in", x)
        skips = []
        for i, j in self._ways():
            if i and not j:
                h = run(f"shrink{i - 1}", h)
            h = run(f"down{i}.{j}", h, e)
            skips.append(h)
        h = run("middle1", run("look", run("middle0", h, e)), e)
        for i, j in reversed(self._ways()):
            h = run(f"up{i}.{j}", np.concatenate([h, skips.pop()], axis=-1), e)
            if i and not j:
                h = run(f"grow{i - 1}", h)
        y = run("out", h)

        def pull(dy: Array) -> tuple[Tree, Array, Array, None]:
            back = run.reverse()
            dh, de, dskips = back("out", dy), np.zeros_like(e), []
            for i, j in self._ways():
                if i and not j:
                    dh = back(f"grow{i - 1}", dh)
                dboth, d = back(f"up{i}.{j}", dh)
                dh, dskip = np.split(dboth, 2, axis=-1)
                dskips.append(dskip)
                de = de + d
            dh, d1 = back("middle1", dh)
            dh, d0 = back("middle0", back("look", dh))
            de = de + d0 + d1
            for i, j in reversed(self._ways()):
                dh, d = back(f"down{i}.{j}", dh + dskips.pop())
                de = de + d
                if i and not j:
                    dh = back(f"shrink{i - 1}", dh)
            dx = back("in", dh)
            dt, _ = back("told", de)
            return back.grads, dx, dt, None

        return y, pull

    def _ways(self) -> list[tuple[int, int]]:
        """Level and block, in the order of the way down."""
        return [(i, j) for i in range(len(self.widths)) for j in range(self.blocks)]
