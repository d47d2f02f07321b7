"""Grids: which levels a sampler visits, as explicit lists that fall from noise to data.

A grid of n steps is a list of n + 1 levels. A sampler reads its pairs from the list and never computes a stride, so
that it cannot disagree with the grid about where a step ends. Printed, a grid is a table.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import choice, count, positive, require, scalar
from refdiff.schedules.chain import Chain
from refdiff.schedules.level import Level, single
from refdiff.schedules.lists import Grid, down_to_data, levels_at, listed, ratios, timesteps
from refdiff.schedules.schedule import Schedule

__all__ = [
    "Grid",
    "angle",
    "exponential",
    "karras",
    "leading",
    "linspace",
    "listed",
    "log_snr",
    "polyexponential",
    "quadratic",
    "ratios",
    "refine",
    "strided",
    "timesteps",
    "trailing",
    "uniform",
]


def uniform(schedule: Schedule, steps: int, start: float = 1.0, end: float = 0.0) -> Grid:
    """Equally spaced in the schedule's own time, from start down to end.

    References
    ----------
    Equation: grids.uniform
    karras2022 (arXiv 2206.00364v2), table 1, time steps of the VP column
    """
    _falls("end", end, "start", start)
    return levels_at(schedule, np.linspace(start, end, count("steps", steps) + 1))


def leading(chain: Chain, steps: int) -> Grid:
    """Every (T // steps)-th index counted from the data's side, then the data: DDIM's and diffusers' "leading".

    The first level is 1 + (steps - 1)(T // steps), which is below T: sampling that starts from pure noise starts a
    little too clean.

    References
    ----------
    Equation: grids.leading
    lin2023 (arXiv 2305.08891v4), table 2
    """
    stride = len(chain) // _within(chain, steps)
    return levels_at(chain, [*(1 + stride * np.arange(steps)[::-1]), 0])


def trailing(chain: Chain, steps: int) -> Grid:
    """Equally spaced from T down, rounded to whole indices, then the data: diffusers' "trailing".

    References
    ----------
    Equation: grids.trailing
    lin2023 (arXiv 2305.08891v4), table 2
    """
    index = np.round(len(chain) * np.arange(_within(chain, steps), -1, -1) / steps)
    return levels_at(chain, index.astype(int))


def linspace(chain: Chain, steps: int) -> Grid:
    """Equally spaced from T to 1, both included, rounded to whole indices, then the data: diffusers' "linspace".

    With one step that is T, then the data, where diffusers would start from 1.

    References
    ----------
    Equation: grids.linspace
    lin2023 (arXiv 2305.08891v4), table 2
    """
    timestep = np.round(np.linspace(0, len(chain) - 1, _within(chain, steps)))  # rounded as libraries count, from 0
    timestep[-1] = len(chain) - 1  # also with one step
    return levels_at(chain, [*(1 + timestep[::-1].astype(int)), 0])


def karras(schedule: Schedule, steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Grid:
    """Karras' grid: (sigma/alpha)^(1/rho) equally spaced over `steps` levels, then the data.

    sigma_i = (sigma_max^(1/rho) + i/(steps - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho,   then 0

    Parameters
    ----------
    schedule : Schedule
        Any path; the sigmas are ratios sigma/alpha, which are EDM's sigma.
    steps : int
        At least 2.
    sigma_min, sigma_max, rho : float
        Smallest and largest ratio, and the curvature, all above zero.

    References
    ----------
    Equation: grids.karras
    karras2022 (arXiv 2206.00364v2), eq. 5
    """
    _falls("sigma_min", positive("sigma_min", sigma_min), "sigma_max", positive("sigma_max", sigma_max))
    ramp = np.linspace(0, 1, count("steps", steps, least=2))
    high, low = sigma_max ** (1 / positive("rho", rho)), sigma_min ** (1 / rho)
    sigmas = ((1 - ramp) * high + ramp * low) ** rho  # begins and ends to the last digit
    return down_to_data(schedule, sigmas)


def log_snr(schedule: Schedule, steps: int, start: float, end: float) -> Grid:
    """Equally spaced in log-SNR, from start (noise, the lower value) up to end, in nats.

    References
    ----------
    Equation: grids.log_snr
    lu2022 (arXiv 2206.00927v3), the code's `skip_type="logSNR"`
    """
    _falls("start", start, "end", end)
    return levels_at(schedule, schedule.time_of(np.linspace(start, end, count("steps", steps) + 1)))


def angle(schedule: Schedule, steps: int, start: float = np.pi / 2, end: float = 0.0) -> Grid:
    """Equally spaced in arctan2(sigma, alpha), in radians: regular from pure noise to pure data.

    References
    ----------
    Equation: grids.angle
    salimans2022 (arXiv 2202.00512v2), appendix D
    """
    _falls("end", end, "start", start)
    return Grid(schedule.at(a) for a in np.linspace(start, end, count("steps", steps) + 1))


def refine(schedule: Schedule, levels: Sequence[Level], inner: Sequence[float] = (0.5,), by: str = "log_snr") -> Grid:
    """A list of levels with inner ones between each two: where a solver of several stages looks within a step.

    Parameters
    ----------
    schedule : Schedule
        The path on which the levels lie.
    levels : sequence of Level
        The ends of the steps, falling.
    inner : sequence of float
        Where the inner levels lie, as rising shares of a step, in (0, 1).
    by : {"log_snr", "angle", "ratio", "time"}
        In what they are shares: the log-SNR, arctan2(sigma, alpha), sigma/alpha, or the schedule's time. Where an end
        has no finite log-SNR or ratio, the angle serves instead.

    References
    ----------
    Equation: grids.refine
    lu2022 (arXiv 2206.00927v3), algorithm 1
    """
    choice("by", by, ("log_snr", "angle", "ratio", "time"))
    shares = [scalar("inner", r) for r in inner]
    require(
        all(a < b for a, b in pairwise([0.0, *shares, 1.0])),
        "inner",
        "rise within (0, 1)",
        tuple(shares),
        "Try (0.5,).",
    )
    require(len(levels) > 0, "levels", "hold at least one level", "none", "Make a grid first.")
    for t in levels:
        single("levels", t)
    inside = (u for t, s in pairwise(levels) for u in (t, *(_between(schedule, t, s, r, by) for r in shares)))
    return Grid([*inside, levels[-1]])


def _between(schedule: Schedule, t: Level, s: Level, r: float, by: str) -> Level:
    """The level at the share r of the way from t to s."""

    def blend(a: float | Array, b: float | Array) -> float:
        return float((1 - r) * a + r * b)

    if by == "time":
        return schedule(blend(t.time, s.time))
    if by == "log_snr" and t.alpha > 0 and s.sigma > 0:
        return schedule(float(schedule.time_of(blend(t.log_snr, s.log_snr))))
    if by == "ratio" and t.alpha > 0:
        return schedule.at(float(np.arctan(blend(t.sigma / t.alpha, s.sigma / s.alpha))))
    return schedule.at(blend(t.angle, s.angle))


def quadratic(chain: Chain, steps: int, reach: float = 0.8) -> Grid:
    """DDIM's "quad": the roots of the timesteps equally spaced, so that steps are short near the data; then the data.

    index = 1 + floor(u^2),   u equally spaced from 0 to sqrt(reach T)

    Sampling starts a fifth below T, where some of the data is left. An index that comes twice is visited once, for a
    step from a level to itself changes nothing: with many steps there are fewer than asked.

    References
    ----------
    Equation: grids.quadratic
    song2021ddim (arXiv 2010.02502v4), appendix D.2, and the code's `skip_type="quad"`
    """
    require(0 < scalar("reach", reach) < 1, "reach", "lie in (0, 1)", f"{reach:g}", "DDIM's code uses 0.8.")
    timestep = np.floor(np.linspace(0, np.sqrt(reach * len(chain)), _within(chain, steps)) ** 2).astype(int)
    return levels_at(chain, [*(1 + np.unique(timestep)[::-1]), 0])


def strided(chain: Chain, steps: int) -> Grid:
    """guided-diffusion's "ddimN": the smallest whole stride that gives exactly N timesteps from 0 up; then the data.

    Where the stride divides T it is `leading`; else it starts higher. Many N have no such stride, and are refused.

    References
    ----------
    Equation: grids.strided
    dhariwal2021 (arXiv 2105.05233v4), the code's `space_timesteps("ddimN")`
    """
    n, size = _within(chain, steps), len(chain)
    stride = -(-size // n)  # the smallest that gives at most n
    got = -(-size // stride)
    require(got == n, "steps", f"be the count of a whole stride on {size} timesteps", n, f"Try {got}, or trailing().")
    return levels_at(chain, [*(1 + stride * np.arange(n)[::-1]), 0])


def exponential(schedule: Schedule, steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Grid:
    """log(sigma/alpha) equally spaced over `steps` levels, then the data: k-diffusion's "exponential".

    References
    ----------
    Equation: grids.exponential
    crowson2022, `get_sigmas_exponential`
    """
    return polyexponential(schedule, steps, sigma_min, sigma_max, rho=1.0)


def polyexponential(
    schedule: Schedule, steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 1.0
) -> Grid:
    """log(sigma/alpha) as a power of the steps that are left, over `steps` levels, then the data.

    log sigma_i = log sigma_min + (1 - i/(steps - 1))^rho log(sigma_max/sigma_min)

    References
    ----------
    Equation: grids.polyexponential
    crowson2022, `get_sigmas_polyexponential`
    """
    _falls("sigma_min", positive("sigma_min", sigma_min), "sigma_max", positive("sigma_max", sigma_max))
    ramp = np.linspace(1, 0, count("steps", steps, least=2)) ** positive("rho", rho)
    return down_to_data(schedule, sigma_min ** (1 - ramp) * sigma_max**ramp)


def _falls(low_name: str, low: float, high_name: str, high: float) -> None:
    low, high = scalar(low_name, low), scalar(high_name, high)
    require(low < high, low_name, f"lie below {high_name}", f"{low:g} and {high:g}", "Swap them.")


def _within(chain: Chain, steps: int) -> int:
    n, most = count("steps", steps), len(chain)
    require(n <= most, "steps", f"be at most the chain's {most}", n, "Use fewer steps or a longer chain.")
    return n
