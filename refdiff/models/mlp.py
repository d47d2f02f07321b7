"""A residual multilayer perceptron: the network for points in the plane and for images of a few dozen pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.models.conditioning import fit
from refdiff.nn import Composed, Embedding, Layer, LayerNorm, Linear, Residual, Sequential, SiLU, Sinusoidal, Trace

Pull = Callable[[Array], tuple[Tree, Array, Array, None]]


@dataclass(frozen=True)
class MLP(Composed):
    """A network that is told how noisy its input is, and if wanted of which class.

    e = time(t) + label(c)
    h = in(x) + mix(silu(e));   h <- h + down(silu(up(norm(h)))), `depth` times;   y = out(silu(norm(h)))

    Noise level and class enter once: the residual stream carries them to every block. The last layer of each block and
    of the network starts at 0, so the first prediction is 0 and the first gradient sees a linear network.

    Parameters
    ----------
    n_in : int
        D: input and output are (B, D).
    width, depth : int
        Width of the stream, and number of blocks of two layers each.
    labels : int
        Number of classes; 0 for a network without.
    drop : float
        Share of labels hidden in training, for classifier-free guidance; see `nn.Embedding`.
    waves : int
        Number of sinusoids of t.
    scale, max_period : float
        Range of their frequencies; see `nn.Sinusoidal`. The default suits features of order one, as a level's angle.

    References
    ----------
    Equation: mlp.MLP
    he2016 (arXiv 1603.05027v3), section 4
    """

    n_in: int
    width: int = 128
    depth: int = 3
    labels: int = 0
    drop: float = 0.1
    waves: int = 64
    scale: float = 30.0
    max_period: float = 100.0

    def __post_init__(self) -> None:
        for name in ("n_in", "width", "depth"):
            count(name, getattr(self, name))
        count("labels", self.labels, least=0)

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        d, w = self.n_in, self.width
        blocks = (Sequential(LayerNorm(w), Linear(w, w), SiLU(), Linear(w, w, gain=0.0)) for _ in range(self.depth))
        parts: dict[str, Layer] = {
            "time": Sequential(Sinusoidal(self.waves, self.scale, self.max_period), Linear(self.waves, w)),
            "in": Linear(d, w),
            "mix": Sequential(SiLU(), Linear(w, w)),
            "body": Sequential(*map(Residual, blocks)),
            "out": Sequential(LayerNorm(w), SiLU(), Linear(w, d, gain=0.0)),
        }
        if self.labels:
            parts["label"] = Embedding(self.labels, w, self.drop)
        return parts

    def __call__(
        self, params: Tree, x: Array, t: Array, labels: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """The raw output (B, D) at points x (B, D), and its pullback to (grads, dx, dt, None).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, D).
        t : ndarray
            Time feature, (B,), or a single number for all.
        labels : ndarray of int, optional
            Classes, (B,), or a single one for all; None means no label.
        rng : Generator, optional
            Trains: some labels are hidden.

        Raises
        ------
        ValueError
            If x, t and labels do not fit together or the network was built without labels.
        """
        must = f"be (B, {self.n_in}) like the network"
        require(x.ndim == 2 and x.shape[1] == self.n_in, "x", must, x.shape, "Use x[None] for a single point.")
        fit(len(x), t, labels, self.labels)
        t, told = np.asarray(t), np.asarray(self.labels if labels is None else labels)
        run = Trace(self.parts, params, rng)
        e = run("time", t)
        if self.labels:
            e = e + run("label", told)
        h = run("in", x) + run("mix", e)
        y = run("out", run("body", h))

        def pull(dy: Array) -> tuple[Tree, Array, Array, None]:
            back = run.reverse()
            dh = back("body", back("out", dy))
            de = back("mix", _sum_to(dh, e.shape))
            dx = back("in", dh)
            if self.labels:
                back("label", _sum_to(de, (*told.shape, self.width)))
            dt = back("time", _sum_to(de, (*t.shape, self.width)))
            return back.grads, dx, dt, None

        return y, pull


def _sum_to(d: Array, shape: tuple[int, ...]) -> Array:
    """The cotangent of a row that was added to every row of a batch."""
    return d if d.shape == shape else np.asarray(d.sum(axis=0))
