"""A small classifier of images: it judges samples, and guides them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, finite, require, scalar
from refdiff.models.conditioning import Condition
from refdiff.models.denoiser import precision
from refdiff.nn import AveragePool, Composed, Conv, GroupNorm, Layer, Linear, ResBlock, Sequential, SiLU, Trace
from refdiff.nn.conv import check_images
from refdiff.schedules.level import Level


@dataclass(frozen=True)
class Classifier(Composed):
    """Logits of an image's class, at any noise level.

    h = in(x);   on each level h = block_i(h, e), then averaged over 2 x 2 pixels   (not after the last)
    logits = out(mean over pixels of silu(norm(h)))

    A judge is trained and asked at t = 0, which it is told if nothing else is said. A classifier that guides must be
    trained on noisy images, each with the feature of its level.

    Parameters
    ----------
    classes : int
        Number of classes.
    n_in : int
        C: images are (B, H, W, C), channels last.
    widths : tuple of int
        Channels on each level, multiples of `groups`. H and W must be multiples of 2^(levels - 1).
    groups : int
        Of the norms.
    dropout : float
        Share of entries left out in training, in every block.
    waves : int
        Number of sinusoids of t.
    scale, max_period : float
        Range of their frequencies; see `nn.Sinusoidal`.

    References
    ----------
    Equation: conv_classifier.Classifier
    dhariwal2021 (arXiv 2105.05233v4), section 4, for one of noisy images
    """

    classes: int
    n_in: int = 1
    widths: tuple[int, ...] = (16, 32)
    groups: int = 8
    dropout: float = 0.0
    waves: int = 32
    scale: float = 30.0
    max_period: float = 100.0

    def __post_init__(self) -> None:
        count("classes", self.classes), count("n_in", self.n_in)
        require(len(self.widths) > 0, "widths", "name one level or more", self.widths, "Try (16, 32).")
        for width in self.widths:
            count("widths", width)
        require(0 <= scalar("dropout", self.dropout) < 1, "dropout", "lie in [0, 1)", self.dropout, "0.1 is usual.")
        _ = self.parts  # whose own doors look at the rest

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        first, last = self.widths[0], self.widths[-1]
        told = Condition(2 * first, 0, 0.0, self.waves, self.scale, self.max_period)
        parts: dict[str, Layer] = {"told": told, "in": Conv(self.n_in, first), "out": Linear(last, self.classes)}
        for i, (a, b) in enumerate(zip((first, *self.widths), self.widths, strict=False)):
            parts[f"block{i}"] = ResBlock(a, b, told.width, self.groups, self.dropout)
        return parts | {"pool": AveragePool(2), "norm": Sequential(GroupNorm(last, self.groups), SiLU())}

    def __call__(
        self, params: Tree, x: Array, t: Array | float = 0.0, *, rng: Rng | None = None
    ) -> tuple[Array, Callable[[Array], tuple[Tree, Array, Array]]]:
        """Logits (B, classes) of images (B, H, W, C), and their pullback to (grads, dx, dt).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, H, W, C), with sides that halve on each level.
        t : ndarray
            Time feature, (B,), or a single number for all.
        rng : Generator, optional
            Trains: some entries are left out.

        Raises
        ------
        ValueError
            If x and t do not fit.
        """
        levels = len(self.widths)
        check_images(x, self.n_in, 2 ** (levels - 1))
        t = np.asarray(t, None if np.ndim(t) else np.result_type(*trees.leaves(params)))
        require(t.shape in ((), x.shape[:1]), "t", f"be () or {x.shape[:1]} like x", t.shape, "One for each sample.")
        run = Trace(self.parts, params, rng)
        e = run("told", t)
        h = run("in", x)
        for i in range(levels):
            h = run(f"block{i}", run("pool", h) if i else h, e)
        h = run("norm", h)
        logits = run("out", h.mean(axis=(1, 2)))

        def pull(dy: Array) -> tuple[Tree, Array, Array]:
            back = run.reverse()
            each = back("out", dy)[:, None, None] / (h.shape[1] * h.shape[2])
            dh, de = back("norm", np.broadcast_to(each, h.shape)), np.zeros_like(e)
            for i in reversed(range(levels)):
                dh, d = back(f"block{i}", dh)
                dh, de = back("pool", dh) if i else dh, de + d
            dx = back("in", dh)
            dt, _ = back("told", de)
            return back.grads, dx, dt

        return logits, pull


def at_level(
    net: Classifier, params: Tree, feature: Callable[[Level], Any]
) -> Callable[[Array, Level], tuple[Array, Callable[[Array], Array]]]:
    """A classifier as guidance wants it: of a state and a level, with the pullback to the state.

    logits = net(params, x, feature(t)),   dx = J^T dlogits

    `guidance.of_logits` makes one label's log-probability of it. The network runs in its own precision, and what
    comes back has the state's.

    Parameters
    ----------
    net : Classifier
        Trained on noisy images.
    params : dict
        Its parameters.
    feature : callable
        Level to the number the network was told in training; a parameterization's `feature`, for instance.

    Returns
    -------
    callable
        `(x, Level) -> (logits, pull)`, with `pull` from cotangents of the logits to that of x.

    References
    ----------
    Equation: conv_classifier.at_level
    dhariwal2021 (arXiv 2105.05233v4), section 4
    """
    dtype = precision(params)

    def classify(x: Array, t: Level) -> tuple[Array, Callable[[Array], Array]]:
        complex_ = x.dtype.kind == "c"
        logits, back = net(params, x if complex_ else x.astype(dtype), finite("feature", feature(t)).astype(dtype))

        def pull(d: Array) -> Array:
            dx = back(np.asarray(d, logits.dtype))[1]
            return dx if complex_ else dx.astype(x.dtype)

        return logits if complex_ else logits.astype(x.dtype), pull

    return classify
