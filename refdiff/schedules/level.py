"""The atom: a noise level, that is the law of x_t given x_0 on one point of a Gaussian path."""

from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require


class _Fields(NamedTuple):
    time: float | Array
    alpha: float | Array
    sigma: float | Array


class Level(_Fields):
    """A noise level: q(x_t | x_0) = N(alpha x_0, sigma^2 I).

    Parameters
    ----------
    time : float or ndarray
        The name of the level on its schedule: time in [0, 1], or the index of a chain. It never enters algebra.
    alpha, sigma : float or ndarray
        What is left of the data, and how much noise there is, in data units; arrays give each sample its own level.

    Raises
    ------
    ValueError
        Where alpha or sigma is negative, infinite or NaN.

    References
    ----------
    Equation: level.Level
    kingma2021 (arXiv 2107.00630v6), eq. 1
    """

    __slots__ = ()

    def __new__(cls, time: float | Array, alpha: float | Array, sigma: float | Array) -> "Level":
        """A level, its alpha and sigma refused where they cannot be."""
        for name, value in (("alpha", alpha), ("sigma", sigma)):
            if not _fine(value):
                require(False, name, "be finite and at least 0", value, "q(x_t | x_0) = N(alpha x_0, sigma^2 I).")
        return super().__new__(cls, time, alpha, sigma)

    @property
    def log_snr(self) -> Array:
        """log(alpha^2 / sigma^2), in nats: +inf at the clean end, -inf where alpha = 0.

        References
        ----------
        Equation: level.Level.log_snr
        kingma2021 (arXiv 2107.00630v6), eq. 2
        """
        with np.errstate(divide="ignore"):
            return np.asarray(2 * (np.log(self.alpha) - np.log(self.sigma)))

    @property
    def angle(self) -> Array:
        """arctan2(sigma, alpha), in radians: 0 at the clean end, pi/2 where alpha = 0; finite at both."""
        return np.asarray(np.arctan2(self.sigma, self.alpha))

    def like(self, x: Array) -> "Level":
        """This level cast to the dtype of `x` and shaped to act on its samples.

        A level of scalars stays a level of scalars; one of shape (B,) becomes (B, 1, ..., 1), so that it cannot
        broadcast along the wrong axis.
        """
        dtype = np.asarray(x).real.dtype
        dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)  # a level cast to integers would be lost
        shape = (-1,) + (1,) * (np.ndim(x) - 1)
        cast = (np.asarray(v, dtype).reshape(shape) if np.ndim(v) else dtype.type(v) for v in self)
        return Level._make(cast)  # without looking again at what has been looked at


def single(name: str, t: Level) -> None:
    """Raise `ValueError` unless a level is one of scalars, and holds something of the data or of noise."""
    shape = np.broadcast_shapes(np.shape(t.alpha), np.shape(t.sigma))
    require(shape == (), name, "be a level of scalars", f"one of arrays {shape}", "Take one level at a time.")
    require(bool(t.alpha + t.sigma > 0), name, "not have alpha = sigma = 0", "both", "Print the level and look.")


def _fine(value: float | Array) -> bool:
    """Whether all of it is at least 0 and finite; NaN is neither. A single float takes the short way."""
    if isinstance(value, float):
        return 0 <= value < np.inf
    value = np.asarray(value)
    return bool(((value >= 0) & (value < np.inf)).all())
