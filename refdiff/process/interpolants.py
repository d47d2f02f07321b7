"""Interpolants: a path from one law to any other, of which a Gaussian path is the case that ends in noise.

x_t = a(t) x0 + b(t) x1 + c(t) z,   z ~ N(0, I)

x0 and x1 are drawn together, from any coupling of two laws; a(0) = b(1) = 1, a(1) = b(0) = 0, and c is 0 at both ends.
Time runs from the data at 0 to the other end at 1, as everywhere in this library; the papers mostly run it backwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require, scalar
from refdiff.schedules.schedule import SmoothSchedule


class Blend(NamedTuple):
    """How much of each there is at one time: a of x0, b of x1, c of fresh noise."""

    a: float
    b: float
    c: float


@dataclass(frozen=True)
class Interpolant:
    """x_t = a(t) x0 + b(t) x1 + c(t) z, with its rates.

    Parameters
    ----------
    at : callable
        A time in [0, 1] to a `Blend`.
    rates : callable
        A time to a `Blend` of a', b' and **c c'**: half the rate of c^2, stated because c' is infinite at the ends
        where c goes as a square root.

    References
    ----------
    Equation: interpolants.Interpolant
    albergo2023 (arXiv 2303.08797v3), definition 2.1
    """

    at: Callable[[float], Blend]
    rates: Callable[[float], Blend]

    def point(self, x0: Array, x1: Array, z: Array | float, time: float) -> Array:
        """x_t of given ends and noise, all (B, ...)."""
        a, b, c = self.at(time)
        return np.asarray(a * x0 + b * x1 + c * z)

    def velocity(self, x0: Array, x1: Array, z: Array | float, time: float) -> Array:
        """The conditional velocity, a' x0 + b' x1 + c' z: what a flow-matching network is asked for.

        Raises
        ------
        ValueError
            At a time where c' is infinite.

        References
        ----------
        Equation: interpolants.Interpolant.velocity
        albergo2023 (arXiv 2303.08797v3), definition 2.1
        """
        da, db, cdc = self.rates(time)
        c = self.at(time).c
        require(c > 0 or cdc == 0, "time", "be one at which c' is finite", f"{time:g}", "Stay inside (0, 1).")
        return np.asarray(da * x0 + db * x1 + (cdc / c if c > 0 else 0.0) * z)

    def noised(self, size: float = 1.0) -> "Interpolant":
        """The same with c(t) = size sqrt(2 t (1 - t)): a bridge's noise, none at the ends.

        References
        ----------
        Equation: interpolants.Interpolant.noised
        albergo2023 (arXiv 2303.08797v3)
        """
        g = scalar("size", size) ** 2

        def at(time: float) -> Blend:
            require(0 <= time <= 1, "time", "lie in [0, 1]", f"{time:g}", "The bridge's noise ends with it.")
            return self.at(time)._replace(c=float(np.sqrt(2 * g * time * (1 - time))))

        return Interpolant(at, lambda time: self.rates(time)._replace(c=g * (1 - 2 * time)))


STRAIGHT = Interpolant(lambda t: Blend(1 - t, t, 0.0), lambda t: Blend(-1.0, 1.0, 0.0))
"""(1 - t) x0 + t x1: rectified flow, and conditional optimal transport between each pair.

References
----------
Equation: interpolants.STRAIGHT
liu2022 (arXiv 2209.03003v1), eq. 1
"""

TURN = np.pi / 2
TRIGONOMETRIC = Interpolant(
    lambda t: Blend(float(np.cos(TURN * t)), float(np.sin(TURN * t)), 0.0),
    lambda t: Blend(float(-TURN * np.sin(TURN * t)), float(TURN * np.cos(TURN * t)), 0.0),
)
"""cos(pi t/2) x0 + sin(pi t/2) x1: keeps the variance of independent ends of variance 1.

References
----------
Equation: interpolants.TRIGONOMETRIC
albergo2023 (arXiv 2303.08797v3)
"""


def along(schedule: SmoothSchedule) -> Interpolant:
    """alpha(t) x0 + sigma(t) x1 of any smooth path: with x1 ~ N(0, I), independent of x0, its noising.

    Raises
    ------
    ValueError
        Where sigma' is infinite: at the data of a variance-preserving path.

    References
    ----------
    Equation: interpolants.along
    albergo2023 (arXiv 2303.08797v3)
    """

    def rates(time: float) -> Blend:
        dalpha, sigma_dsigma = schedule.rates(time)
        sigma = schedule(time).sigma
        require(bool(sigma > 0), "time", "be above the clean end, where sigma' is infinite", f"{time:g}", "Stop short.")
        return Blend(float(dalpha), float(sigma_dsigma / sigma), 0.0)

    return Interpolant(lambda t: Blend(float(schedule(t).alpha), float(schedule(t).sigma), 0.0), rates)
