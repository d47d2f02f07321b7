"""Solvers of the probability flow in the schedule's own time, flow matching's: dx/dt = alpha' x0 + sigma' eps."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require
from refdiff.process.motion import family
from refdiff.process.predict import Denoiser
from refdiff.samplers.sampler import sampler
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule


def velocity_at(denoise: Denoiser, x: Array, t: Level, path: SmoothSchedule) -> Array:
    """The velocity of the probability flow in the schedule's time.

    dx/dt = alpha' x0 + sigma' eps;   on the straight path eps - x0

    References
    ----------
    Equation: flows.velocity_at
    lipman2022 (arXiv 2210.02747v2), theorem 3
    """
    return family(path, denoise, x, float(t.time), lam=0.0).drift


def on_path(levels: list[Level], path: SmoothSchedule | None) -> None:
    """Raise `ValueError` unless the levels are those of the path at their times, and the times fall."""
    require(path is not None, "path", "be given, for this sampler steps in its time", "None", "Pass the schedule.")
    assert path is not None
    here = [path(t.time) for t in levels]
    off = max(float(np.hypot(t.alpha - u.alpha, t.sigma - u.sigma)) for t, u in zip(levels, here, strict=True))
    require(off < 1e-9, "levels", "be the path's at their times", f"levels off it by {off:.2g}", "Take them from it.")


@sampler(source="liu2022 (arXiv 2209.03003v1), algorithm 1", order=1,
         check=lambda levels, *, path=None: on_path(levels, path))  # fmt: skip
def flow_euler(denoise: Denoiser, x: Array, levels: list[Level], *, path: SmoothSchedule) -> Iterator[Array]:
    """Euler's method in the schedule's time: x_s = x_t + (s - t) velocity. On the straight path it is DDIM.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, of the path; the last may be the data.
    path : SmoothSchedule
        Where the rates come from.

    References
    ----------
    Equation: flows.flow_euler
    liu2022 (arXiv 2209.03003v1), algorithm 1
    """
    for t, s in pairwise(levels):
        x = x + (s.time - t.time) * velocity_at(denoise, x, t, path)
        yield x


@sampler(source="hairer1993, section II.1", order=2, stages=2, inner=(0.5,), by="time",
         check=lambda levels, *, path=None: on_path(levels, path))  # fmt: skip
def flow_midpoint(denoise: Denoiser, x: Array, levels: list[Level], *, path: SmoothSchedule) -> Iterator[Array]:
    """The midpoint method in the schedule's time.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, of the path, with the middle in time between each two ends of steps; the last may be the data.
    path : SmoothSchedule
        Where the rates come from.

    References
    ----------
    Equation: flows.flow_midpoint
    hairer1993, section II.1
    """
    for t, u, s in zip(levels[::2], levels[1::2], levels[2::2], strict=False):
        inside = x + (u.time - t.time) * velocity_at(denoise, x, t, path)
        x = x + (s.time - t.time) * velocity_at(denoise, inside, u, path)
        yield x


@sampler(source="hairer1993, section II.1", order=2, stages=2,
         check=lambda levels, *, path=None: on_path(levels, path))  # fmt: skip
def flow_heun(denoise: Denoiser, x: Array, levels: list[Level], *, path: SmoothSchedule) -> Iterator[Array]:
    """Heun's method in the schedule's time; a step onto the data is Euler's.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, of the path; the last may be the data.
    path : SmoothSchedule
        Where the rates come from.

    References
    ----------
    Equation: flows.flow_heun
    hairer1993, section II.1
    """
    for t, s in pairwise(levels):
        h, d = s.time - t.time, velocity_at(denoise, x, t, path)
        y = x + h * d
        x = y if s.sigma == 0 else x + h * (d + velocity_at(denoise, y, s, path)) / 2
        yield x
