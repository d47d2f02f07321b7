"""Lists of levels: one that prints itself as a table, and grids that are given entry by entry."""

from collections.abc import Sequence

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import finite, require
from refdiff.schedules.chain import Chain
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule


class Grid(list[Level]):
    """A list of levels that prints itself as a table: one line a level, with its time, alpha, sigma and log-SNR.

    It is a list in every other way; `Grid(levels)` makes one of any levels.
    """

    def __str__(self) -> str:
        head = f"{'':>4}{'time':>12}{'alpha':>12}{'sigma':>12}{'log-SNR':>12}"
        rows = [head]
        for i, t in enumerate(self):
            time, alpha, sigma = (float(v) + 0.0 for v in t)  # + 0.0: minus zero is printed as zero
            rows.append(f"{i:>4}{time:>12.6g}{alpha:>12.6g}{sigma:>12.6g}{float(t.log_snr):>+12.4f}")
        return "\n".join(rows)


def listed(schedule: Schedule, times: Sequence[float] | Array) -> Grid:
    """The levels at given times, which must fall; nothing is added.

    References
    ----------
    Equation: lists.listed
    watson2021 (arXiv 2106.03802)
    """
    return levels_at(schedule, _falling("times", times))


def timesteps(chain: Chain, timesteps: Sequence[int] | Array) -> Grid:
    """The levels of a library's timesteps, which count from 0 and must fall, then the data.

    Timestep k is index k + 1 of the chain.

    References
    ----------
    Equation: lists.timesteps
    vonplaten2022, `set_timesteps(timesteps=...)`
    """
    given = _falling("timesteps", timesteps)
    inside = bool(np.all((given >= 0) & (given <= len(chain) - 1) & (given == np.floor(given))))
    require(
        inside, "timesteps", f"be whole numbers from 0 to {len(chain) - 1}", f"{given.max():g} to {given.min():g}",
        "Libraries count the noisy levels from 0; use listed() for indices.",
    )  # fmt: skip
    return levels_at(chain, [*(1 + given.astype(int)), 0])


def ratios(schedule: Schedule, sigmas: Sequence[float] | Array) -> Grid:
    """The levels at given sigma/alpha, EDM's and k-diffusion's sigma, which must fall; 0 is the data.

    References
    ----------
    Equation: lists.ratios
    sabour2024 (arXiv 2404.14507)
    """
    given = _falling("sigmas", sigmas)
    require(bool(np.all(given >= 0)), "sigmas", "be at least 0", f"{given.min():g}", "The last may be 0, the data.")
    if given[-1] == 0:
        return down_to_data(schedule, given[:-1])
    return levels_at(schedule, schedule.time_of(-2 * np.log(given)))


def levels_at(schedule: Schedule, times: Array | list[int]) -> Grid:
    """The levels at these times."""
    return Grid(schedule(t) for t in np.asarray(times).tolist())


def down_to_data(schedule: Schedule, sigmas: Array) -> Grid:
    """The levels of these ratios sigma/alpha, then the data."""
    return Grid([*levels_at(schedule, schedule.time_of(-2 * np.log(sigmas))), schedule.at(0.0)])


def _falling(name: str, values: Sequence[float] | Array) -> Array:
    x = finite(name, values, ndim=1)
    require(len(x) >= 1, name, "hold at least one entry", "none", "Name the first level.")
    require(bool(np.all(np.diff(x) < 0)), name, "fall strictly", "an entry that does not", "Noise comes first.")
    return x
