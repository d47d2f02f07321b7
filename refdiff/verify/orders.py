"""Orders, measured: on problems whose exact answer is known, by regression where errors have become asymptotic."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.oracles import Mixture, Normal
from refdiff.process.predict import Denoised
from refdiff.samplers.exponential import History
from refdiff.schedules import VP, grids
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule
from refdiff.verify.probe import law
from refdiff.verify.truth import flow_of
from refdiff.verify.zoo import Case

STARTS = np.array([[0.3], [-2.0], [1.1]])  # times the first sigma


class Problem(NamedTuple):
    """What is solved: a law of the data, from one log-SNR to another, and steps with which errors are asymptotic."""

    law: Normal | Mixture
    low: float
    high: float
    steps: tuple[int, ...]


GAUSSIAN = Problem(Normal([0.4], 0.25), -1.0, 3.0, (96, 128, 192))
MIXTURE = Problem(Mixture([0.7, 0.3], [[-1.0], [1.5]], [0.2, 0.1]), -2.0, 2.0, (256, 384, 512))


class Errors(NamedTuple):
    """How far a sampler is from the truth, for each number of steps, and the order which that shows."""

    steps: tuple[int, ...]
    error: Array

    @property
    def order(self) -> float:
        """Minus the slope of log error over log steps, by least squares."""
        return -float(np.polyfit(np.log(self.steps), np.log(self.error), 1)[0])


def measure_case(
    case: Case,
    problem: Problem = GAUSSIAN,
    *,
    path: SmoothSchedule | None = None,
    steps: Sequence[int] | None = None,
    cold: bool = False,
) -> Errors:
    """The errors of a sampler on a grid that is equal in log-SNR, between two interior levels.

    Without noise: the largest difference of three states from the exact flow, which for a Gaussian is closed and for a
    mixture DOP853's at 1e-12. With noise: the largest error of mean and variance of the output law, exact by the affine
    probe, against those of the reverse SDE in closed form, for a start that has not the law's mean and variance (for a
    case that tends to no one SDE: that has).

    Parameters
    ----------
    case : Case
        One of `refdiff.verify.zoo.CASES`.
    problem : Problem
        GAUSSIAN or MIXTURE; with noise a Gaussian in one dimension.
    path : SmoothSchedule, optional
        VP() unless given.
    steps : sequence of int, optional
        Numbers of steps, in place of the problem's.
    cold : bool
        Start multistep methods without a history.

    References
    ----------
    Equation: orders.measure_case
    hairer1993, section II.1
    """
    path = path or VP()
    chosen = tuple(steps or case.steps or problem.steps)
    one = _law_error if case.draws else _state_error
    return Errors(chosen, np.array([one(case, problem, path, n, cold) for n in chosen]))


def _state_error(case: Case, of: Problem, path: SmoothSchedule, n: int, cold: bool) -> float:
    ends = grids.log_snr(path, n, of.low, of.high)
    options = case.options(path, n)
    if case.sampler.memory and not cold:
        options["history"] = before(case, of, path, n)
    start = float(ends[0].sigma) * STARTS
    end = case.sampler(of.law.denoise, start, case.levels(path, ends), **options)
    return float(np.max(np.abs(end - carry(of.law, start, ends[0], ends[-1]))))


def before(case: Case, of: Problem, path: SmoothSchedule, n: int) -> History:
    """The exact beliefs at the levels that stand above the first, at the same distances, the latest last."""
    first, h = path(float(path.time_of(of.low))), (of.high - of.low) / n
    memory = case.fixed.get("order", case.sampler.memory + 1) - 1
    x, found = float(first.sigma) * STARTS, list[tuple[Level, Denoised]]()
    for k in range(memory, 0, -1):
        t = path(float(path.time_of(of.low - k * h)))
        found.append((t, of.law.denoise(carry(of.law, x, first, t), t)))
    return found


def carry(law: Normal | Mixture, x: Array, t: Level, s: Level) -> Array:
    """Where the flow takes x from t to s, up or down."""
    if isinstance(law, Normal):
        return law.flow(x, t, s)
    return flow_of(law.denoise, x, t, s)


def _law_error(case: Case, of: Problem, path: SmoothSchedule, n: int, cold: bool) -> float:
    data = of.law
    assert isinstance(data, Normal)
    ends = grids.log_snr(path, n, of.low, of.high)
    start = data.at(ends[0])
    if case.noise is not None:
        start = Normal(start.mean + 0.5, 1.2 * start.cov)
    out = law(case.sampler, data.denoise, case.levels(path, ends), start, whole=True, **case.options(path, n))
    want = reverse_law(case.noise or 0.0, start, data, ends[0], ends[-1])
    return float(max(np.max(np.abs(out.mean - want.mean)), np.max(np.abs(out.cov - want.cov))))


def reverse_law(noise: float, start: Normal, of: Normal, t: Level, s: Level) -> Normal:
    """The exact law at s of the reverse SDE of Gaussian data (one dimension), from any Gaussian start at t.

    x_s = m_s + A (x_t - m_t) + noise,   var = A^2 (V - V_t) + V_s
    A = (V_s/V_t)^((1 - k)/2) (alpha_t V_s/(alpha_s V_t))^k

    k = 0 is the flow, which keeps a state's place; k = 1 Anderson's reverse SDE, which keeps its covariance with x_t.

    Parameters
    ----------
    noise : float
        k, the square of the noise level.
    start : Normal
        Any law at t.
    of : Normal
        The law of the data.
    t, s : Level
        From where to where.

    References
    ----------
    Equation: orders.reverse_law
    pierret2024 (arXiv 2405.14250)
    """
    v_t, v_s = float(of.at(t).cov[0, 0]), float(of.at(s).cov[0, 0])
    a = (v_s / v_t) ** ((1 - noise) / 2) * (t.alpha * v_s / (s.alpha * v_t)) ** noise
    mean = of.at(s).mean + a * (start.mean - of.at(t).mean)
    return Normal(mean, a**2 * (start.cov - v_t) + v_s)
