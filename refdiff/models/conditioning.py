"""What a network is told beside its input: how noisy it is, and of which class."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.nn import Composed, Embedding, Layer, Linear, Pull, Sequential, SiLU, Sinusoidal, Trace


@dataclass(frozen=True)
class Condition(Composed):
    """A time feature and a label as one vector for every block.

    e = silu(time(t) + label(c)),   time: sinusoids, affine, silu, affine

    Parameters
    ----------
    width : int
        Length of e.
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
    Equation: conditioning.Condition
    dhariwal2021 (arXiv 2105.05233v4), section 3.1
    """

    width: int
    labels: int = 0
    drop: float = 0.1
    waves: int = 64
    scale: float = 30.0
    max_period: float = 100.0

    def __post_init__(self) -> None:
        count("width", self.width), count("labels", self.labels, least=0)
        waves = count("waves", self.waves)
        require(waves % 2 == 0 and waves >= 4, "waves", "be even and at least 4", waves, "Try 64.")
        _ = self.parts  # whose own doors look at the rest

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        time = Sinusoidal(self.waves, self.scale, self.max_period)
        parts: dict[str, Layer] = {
            "time": Sequential(time, Linear(self.waves, self.width), SiLU(), Linear(self.width, self.width)),
            "silu": SiLU(),
        }
        if self.labels:
            parts["label"] = Embedding(self.labels, self.width, self.drop)
        return parts

    def __call__(
        self, params: Tree, t: Array, labels: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """Vectors (B, width), or (1, width) where t and label are one for all; and the pullback to (grads, dt, None).

        Parameters
        ----------
        params : dict
            From `init`.
        t : ndarray
            Time feature, (B,), or a single number for all.
        labels : ndarray of int, optional
            Classes, (B,), or a single one for all; None means no label. With an rng, one for all is hidden for all
            or for none.
        rng : Generator, optional
            Trains: some labels are hidden.
        """
        t = np.asarray(t)
        run = Trace(self.parts, params, rng)
        time = run("time", t.reshape(-1))
        e = time
        if self.labels:
            told = np.asarray(self.labels if labels is None else labels)
            label = run("label", told.reshape(-1))
            e = time + label
        y = run("silu", e)

        def pull(dy: Array) -> tuple[Tree, Array, None]:
            back = run.reverse()
            de = back("silu", dy)
            if self.labels:
                back("label", de if len(label) == len(de) else de.sum(axis=0, keepdims=True))
            dt = back("time", de if len(time) == len(de) else de.sum(axis=0, keepdims=True))
            return back.grads, dt.reshape(t.shape), None

        return y, pull

    def fit(self, batch: int, t: Array, labels: Array | None) -> None:
        """Refuse a time or labels that do not fit a batch, or labels of a network without."""
        fit(batch, t, labels, self.labels)


def fit(batch: int, t: Array, labels: Array | None, classes: int) -> None:
    """Refuse a time or labels that do not fit a batch, or labels of a network without classes."""
    each = ((), (batch,))
    way_out = "Pass a number for each sample, or one for all."
    require(np.shape(t) in each, "t", f"be () or ({batch},) like x", np.shape(t), way_out)
    if labels is not None:
        must = "be None for a network without labels"
        require(bool(classes), "labels", must, labels, "Build the network with labels=...")
        require(np.shape(labels) in each, "labels", f"be () or ({batch},) like x", np.shape(labels), way_out)
