"""A diffusion transformer: an image as tokens that look at each other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.models.conditioning import Condition
from refdiff.nn import AdaptiveNorm, Composed, DiTBlock, Layer, Linear, Patchify, Trace, Unpatchify, sinusoids_2d

Pull = Callable[[Array], tuple[Tree, Array, Array, None]]


@dataclass(frozen=True)
class DiT(Composed):
    """A transformer on patches that is told how noisy its input is, and if wanted of which class.

    h = in(patches(x)) + positions;   h = block_i(h, e), `depth` times;   y = image(out(norm(h, film(e))))

    Images are (B, H, W, C), channels last, of one size. Positions are sinusoids of row and column. All modulations and
    the last layer start at 0: fresh blocks are the identity, and the first prediction is 0.

    Parameters
    ----------
    height, width : int
        H and W, multiples of `patch`.
    n_in : int
        C.
    patch : int
        Side of a patch.
    dim : int
        Length of a token, a multiple of 4 and of `heads`.
    depth, heads, ratio : int
        Number of blocks; of heads in each; how many times as wide the inner layer of their perceptrons is.
    labels : int
        Number of classes; 0 for a network without.
    drop : float
        Share of labels hidden in training, for classifier-free guidance.
    waves : int
        Number of sinusoids of t.
    scale, max_period : float
        Range of their frequencies; see `nn.Sinusoidal`.

    References
    ----------
    Equation: transformer.DiT
    peebles2022 (arXiv 2212.09748v2), section 3.2
    """

    height: int
    width: int
    n_in: int = 1
    patch: int = 2
    dim: int = 64
    depth: int = 3
    heads: int = 4
    ratio: int = 4
    labels: int = 0
    drop: float = 0.1
    waves: int = 64
    scale: float = 30.0
    max_period: float = 100.0

    def __post_init__(self) -> None:
        for name in ("n_in", "depth", "patch"):
            count(name, getattr(self, name))
        _ = self.parts, self.positions  # whose own doors look at the rest

    @cached_property
    def told(self) -> Condition:
        """The part that turns time and label into a vector."""
        return Condition(self.dim, self.labels, self.drop, self.waves, self.scale, self.max_period)

    @cached_property
    def positions(self) -> Array:
        """What is added to the tokens, (N, dim) float64: it is not learned."""
        return sinusoids_2d(self.height // self.patch, self.width // self.patch, self.dim)

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        d, pixels = self.dim, self.n_in * self.patch**2
        blocks = {f"block{i}": DiTBlock(d, d, self.heads, self.ratio) for i in range(self.depth)}
        return {
            "told": self.told,
            "patches": Patchify(self.patch, self.n_in),
            "in": Linear(pixels, d),
            **blocks,
            "film": Linear(d, 2 * d, gain=0.0),
            "norm": AdaptiveNorm(d),
            "out": Linear(d, pixels, gain=0.0),
            "image": Unpatchify(self.patch, self.height, self.width),
        }

    def __call__(
        self, params: Tree, x: Array, t: Array, labels: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """The raw output at images x, both (B, H, W, C), and its pullback to (grads, dx, dt, None).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, H, W, C).
        t : ndarray
            Time feature, (B,), or a single number for all.
        labels : ndarray of int, optional
            Classes, (B,), or a single one for all; None means no label.
        rng : Generator, optional
            Trains: some labels are hidden.

        Raises
        ------
        ValueError
            If x, t and labels do not fit together, or the network was built without labels.
        """
        must = f"be (B, {self.height}, {self.width}, {self.n_in}) like the network"
        fits = x.ndim == 4 and x.shape[1:] == (self.height, self.width, self.n_in)
        require(fits, "x", must, x.shape, "Use images[..., None] for images of one channel.")
        self.told.fit(len(x), t, labels)
        run = Trace(self.parts, params, rng)
        e = run("told", t, labels)
        h = run("in", run("patches", x))
        h = h + self.positions.astype(h.real.dtype)
        blocks = [f"block{i}" for i in range(self.depth)]
        for name in blocks:
            h = run(name, h, e)
        h = run("norm", h, run("film", e))
        y = run("image", run("out", h))

        def pull(dy: Array) -> tuple[Tree, Array, Array, None]:
            back = run.reverse()
            dh, dfilm = back("norm", back("out", back("image", dy)))
            de = back("film", dfilm)
            for name in reversed(blocks):
                dh, d = back(name, dh)
                de = de + d
            dx = back("patches", back("in", dh))
            dt, _ = back("told", de)
            return back.grads, dx, dt, None

        return y, pull
