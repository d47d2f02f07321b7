"""The affine map of the last axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, scalar
from refdiff.nn.layer import Pull
from refdiff.nn.sums import column_sums


@dataclass(frozen=True)
class Linear:
    """The affine map y = x w + b of the last axis.

    dw = sum x^T dy,   db = sum dy,   dx = dy w^T   (sums over all other axes)

    Parameters
    ----------
    n_in, n_out : int
        Sizes of the last axis: x is (..., n_in), y is (..., n_out), w is (n_in, n_out).
    gain : float
        w starts as gain/sqrt(n_in) times standard normal draws, so that a unit-variance input gives an output of
        standard deviation `gain`. At 0 the layer starts as the constant 0. b starts at 0.

    References
    ----------
    Equation: linear.Linear
    lecun1998 (Efficient BackProp), section 4.6
    """

    n_in: int
    n_out: int
    gain: float = 1.0

    def __post_init__(self) -> None:
        count("n_in", self.n_in), count("n_out", self.n_out), scalar("gain", self.gain)

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Normal weights and a bias of zero."""
        w = rng.standard_normal((self.n_in, self.n_out)) * (self.gain / self.n_in**0.5)
        return {"w": w.astype(dtype), "b": np.zeros(self.n_out, dtype)}

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """x w + b, and its pullback to (grads, dx)."""
        w = params["w"]
        y = x @ w
        y += params["b"]

        def pull(dy: Array) -> tuple[Tree, Array]:
            d = dy.reshape(-1, self.n_out)
            dw = x.reshape(-1, self.n_in).T @ d
            return {"w": dw, "b": column_sums(dy)}, (d @ w.T).reshape(x.shape)

        return y, pull
