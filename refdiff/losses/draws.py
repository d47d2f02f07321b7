"""Which noise levels a training step sees: laws over levels.

A law is called as `law(n, rng=rng)` and returns a Level of arrays of shape (n,). Which law is a choice of weighting as
much as the weight is: E over times of w L is the same as E over other times of w L times the ratio of the densities.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import finite, positive, require, scalar
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule


class Draw(Protocol):
    """A law over noise levels."""

    def __call__(self, n: int, *, rng: Rng) -> Level:
        """`n` levels, as one Level of arrays of shape (n,)."""
        ...


def in_time(schedule: Schedule, low: float = 0.0, high: float = 1.0, *, even: bool = False) -> Draw:
    """Times uniform in (low, high], the schedule's own.

    Parameters
    ----------
    schedule : Schedule
        Where the levels come from.
    low, high : float
        Of the time. `low` itself is not drawn: at sigma = 0 some targets are infinite.
    even : bool
        One time in each n-th of the interval: u_i = (u + i)/n with a single u. Every time is
        still uniform, and the mean over a batch scatters less.

    References
    ----------
    Equation: draws.in_time
    kingma2021 (arXiv 2107.00630v6), appendix I.1, for the even draw: their low-discrepancy sampler
    """
    _rises("low", scalar("low", low), "high", scalar("high", high))
    return lambda n, *, rng: schedule(high - (high - low) * _uniform(n, rng, even))


def in_angle(schedule: Schedule, low: float = 0.0, high: float = np.pi / 2, *, even: bool = False) -> Draw:
    """Angles arctan2(sigma, alpha) uniform in (low, high], in radians: the same levels, up to scale, on every path.

    References
    ----------
    Equation: draws.in_angle
    salimans2022 (arXiv 2202.00512v2), section 4: alpha = cos(pi t/2) with t uniform
    """
    _rises("low", scalar("low", low), "high", scalar("high", high))
    return lambda n, *, rng: schedule.at(high - (high - low) * _uniform(n, rng, even))


def log_normal(schedule: Schedule, mean: float = -1.2, std: float = 1.2) -> Draw:
    """log(sigma/alpha) normal, with EDM's mean and standard deviation unless stated.

    References
    ----------
    Equation: draws.log_normal
    karras2022 (arXiv 2206.00364v2), table 1
    """
    scalar("mean", mean)
    positive("std", std)
    return lambda n, *, rng: schedule.at(np.arctan(np.exp(mean + std * rng.standard_normal((n,)))))


def log_normal_density(ratio: ArrayLike, mean: float = -1.2, std: float = 1.2) -> Array:
    """Density of sigma/alpha under `log_normal`: exp(-(log r - mean)^2/(2 std^2))/(r std sqrt(2 pi)).

    References
    ----------
    Equation: draws.log_normal_density
    karras2022 (arXiv 2206.00364v2), table 1
    """
    r = finite("ratio", ratio)
    require(bool(np.all(r > 0)), "ratio", "be above zero", f"{np.min(r):g}", "It is sigma/alpha of a noisy level.")
    z = (np.log(r) - scalar("mean", mean)) / positive("std", std)
    return np.asarray(np.exp(-(z**2) / 2) / (r * std * np.sqrt(2 * np.pi)))


def logit_normal(schedule: Schedule, mean: float = 0.0, std: float = 1.0) -> Draw:
    """Times whose logit log(t/(1 - t)) is normal: Stable Diffusion 3's, mostly in the middle, never at the ends.

    On the straight path `Flow`, where sigma/alpha = t/(1 - t), it is `log_normal` of the same mean and deviation. A
    mean of log(shift) shifts the times of mean 0 by `shifted_time(t, shift)`.

    Parameters
    ----------
    schedule : Schedule
        With times in [0, 1], noise at 1.
    mean, std : float
        Of the logit.

    References
    ----------
    Equation: draws.logit_normal
    esser2024 (arXiv 2403.03206v1), section 3.1
    """
    scalar("mean", mean)
    positive("std", std)
    return lambda n, *, rng: schedule(np.exp(-np.logaddexp(0.0, -mean - std * rng.standard_normal((n,)))))


def logit_normal_density(time: ArrayLike, mean: float = 0.0, std: float = 1.0) -> Array:
    """Density of a time under `logit_normal`: exp(-(logit t - mean)^2/(2 std^2))/(t (1 - t) std sqrt(2 pi)).

    References
    ----------
    Equation: draws.logit_normal_density
    esser2024 (arXiv 2403.03206v1), section 3.1
    """
    t = finite("time", time)
    require(bool(np.all((t > 0) & (t < 1))), "time", "lie in (0, 1)", t, "The law has no times at the ends.")
    z = (np.log(t) - np.log1p(-t) - scalar("mean", mean)) / positive("std", std)
    return np.asarray(np.exp(-(z**2) / 2) / (t * (1 - t) * std * np.sqrt(2 * np.pi)))


def among(levels: Sequence[Level]) -> Draw:
    """One of the given levels, each as likely: `among(chain.levels()[:-1])` is DDPM's t ~ Uniform({1, ..., T}).

    Parameters
    ----------
    levels : sequence of Level
        Levels of scalars with sigma > 0.

    References
    ----------
    Equation: draws.among
    ho2020 (arXiv 2006.11239v2), algorithm 1
    song2019 (arXiv 1907.05600v3), eq. 6
    """
    require(len(levels) > 0, "levels", "hold at least one level", "none", "See refdiff.schedules.grids.")
    require(
        all(np.ndim(t.sigma) == 0 and t.sigma > 0 for t in levels), "levels", "all have sigma > 0, a number",
        "one without noise", "Leave out the data: chain.levels()[:-1].",
    )  # fmt: skip
    time, alpha, sigma = np.array([tuple(t) for t in levels], dtype=np.float64).T

    def draw(n: int, *, rng: Rng) -> Level:
        i = (len(levels) * rng.random((n,))).astype(int)
        return Level(time[i], alpha[i], sigma[i])

    return draw


def _uniform(n: int, rng: Rng, even: bool) -> Array:
    """`n` numbers in [0, 1), independent or one in each n-th."""
    return (np.arange(n) + rng.random((1,))) / n if even else rng.random((n,))


def _rises(low_name: str, low: float, high_name: str, high: float) -> None:
    require(low < high, low_name, f"lie below {high_name}", f"{low:g} and {high:g}", "Swap them.")
