"""Entries left out at random while a network trains."""

from dataclasses import dataclass

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import require, scalar
from refdiff.nn.layer import Fixed, Pull


@dataclass(frozen=True)
class Dropout(Fixed):
    """Each entry set to 0 with probability p, the others made 1/(1 - p) times as large; only where an rng trains.

    y = x m/(1 - p),   dx = dy m/(1 - p),   m = 0 with probability p, else 1

    So E[y] = x, and nothing is left to be scaled when the network is used.

    Parameters
    ----------
    share : float
        p, in [0, 1).

    References
    ----------
    Equation: dropout.Dropout
    srivastava2014 (Journal of Machine Learning Research 15), section 4
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        require(0 <= scalar("share", self.share) < 1, "share", "lie in [0, 1)", self.share, "0.1 is usual.")

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """x without an rng, x with entries missing with one; and the pullback to ({}, dx)."""
        if rng is None or self.share == 0:
            return x, lambda dy: ({}, dy)
        mask = (rng.random(x.shape) >= self.share).astype(x.real.dtype) / x.real.dtype.type(1 - self.share)
        return x * mask, lambda dy: ({}, dy * mask)
