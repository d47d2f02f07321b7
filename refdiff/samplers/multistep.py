"""Linear multistep methods: earlier beliefs in place of further evaluations."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import choice, require
from refdiff.process.predict import Denoiser
from refdiff.samplers.exponential import History, alpha_needed, weights
from refdiff.samplers.ode import CHARTS, chart_fits, slope
from refdiff.samplers.sampler import sampler
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule

Past = list[tuple[Level, Array]]


def history_fits(levels: list[Level], history: History) -> None:
    """Raise `ValueError` unless a history is finite and its levels fall, down to the first level of the run."""
    finite = all(np.isfinite(half).all() for _, belief in history for half in belief)
    require(finite, "history", "hold finite beliefs", "NaN or infinity", "Look where they arose.")
    angles = [float(t.angle) for t, _ in history] + [float(levels[0].angle)]
    require(
        all(a > b for a, b in pairwise(angles)), "history", "hold levels that fall, all above levels[0]",
        f"angles {angles}", "Give the latest last, without the first level of this run.",
    )  # fmt: skip


def _order_known(order: int, most: int) -> None:
    choice("order", str(order), map(str, range(1, most + 1)))


def _lms_takes(levels: list[Level], *, order: int = 4, chart: str = "ratio", history: History = ()) -> None:
    chart_fits(levels, chart=chart)
    _order_known(order, 4)
    history_fits(levels, history)


@sampler(source="crowson2022, sample_lms", order=4, memory=3, check=_lms_takes)
def lms(
    denoise: Denoiser, x: Array, levels: list[Level], *, order: int = 4, chart: str = "ratio", history: History = ()
) -> Iterator[Array]:
    """Adams-Bashforth with variable steps: the polynomial through the last slopes, integrated exactly over the step.

    u_s = u_t + h sum_j b_j d_j,   sum_j b_j ((tau_j - tau_t)/h)^k = 1/(k + 1)

    The first steps, with fewer slopes behind them, are of lower order: begun with one step of Euler, no run is of
    higher order than 2, unless `history` says what was believed before.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling; the last may be the data.
    order : {1, 2, 3, 4}
        How many slopes are used; the order, from an exact history.
    chart : {"ratio", "angle", "inverse"}
        The coordinates to step in; k-diffusion's are sigma/alpha.
    history : sequence of (Level, Denoised)
        Beliefs at earlier levels, the latest last.

    References
    ----------
    Equation: multistep.lms
    hairer1993, section III.5
    """
    c = CHARTS[chart]
    past: Past = [(t, c.slope(b.x0, b.eps, t)) for t, b in history]
    for t, s in pairwise(levels):
        past = [*past, (t, slope(denoise, x, t, c))][-order:]
        h = c.tau(s) - c.tau(t)
        nodes = [(c.tau(p) - c.tau(t)) / h for p, _ in past]
        b = weights(nodes, [1 / (k + 1) for k in range(len(past))])
        u = x / c.scale(t) + h * sum(bj * d for bj, (_, d) in zip(b, past, strict=True))
        x = c.scale(s) * u
        yield x


def _deis_takes(levels: list[Level], *, path: Schedule | None = None, order: int = 3, history: History = ()) -> None:
    require(path is not None, "path", "be given, for DEIS interpolates in its time", "None", "Pass the schedule.")
    alpha_needed(levels, "for steps of sigma/alpha")
    _order_known(order, 4)
    history_fits(levels, history)


@sampler(source="zhang2022deis (arXiv 2204.13902v4), tAB-DEIS", order=3, memory=2, check=_deis_takes)
def deis(
    denoise: Denoiser, x: Array, levels: list[Level], *, path: Schedule, order: int = 3, history: History = ()
) -> Iterator[Array]:
    """DEIS, tAB: the noise as a polynomial in the schedule's time, integrated over sigma/alpha.

    x_s/alpha_s = x_t/alpha_t + sum_j b_j eps_j,   b_j = int L_j(time) d(sigma/alpha),   L_j Lagrange's polynomials

    The integrals are Gauss-Legendre's with 20 nodes. With sigma/alpha itself in place of time it would be `lms`, the
    paper's rho-AB.

    Parameters
    ----------
    denoise : Denoiser
        The belief about eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, of the path, alpha > 0; the last may be the data.
    path : Schedule
        Whose time is the polynomial's variable.
    order : {1, 2, 3, 4}
        How many beliefs are used, the paper's tAB0 to tAB3; the order, from an exact history.
    history : sequence of (Level, Denoised)
        Beliefs at earlier levels, the latest last.

    References
    ----------
    Equation: multistep.deis
    zhang2022deis (arXiv 2204.13902v4)
    """
    at, share = np.polynomial.legendre.leggauss(20)
    past: Past = [(t, b.eps) for t, b in history]
    for t, s in pairwise(levels):
        past = [*past, (t, denoise(x, t).eps)][-order:]
        tau, end = t.sigma / t.alpha, s.sigma / s.alpha
        inside = path.time_of(-2 * np.log((tau + end) / 2 + (end - tau) / 2 * at))
        span = past[0][0].time - s.time  # time in units of the nodes' spread, so that their powers stay of one size
        moments = [float((end - tau) / 2 * share @ ((inside - t.time) / span) ** k) for k in range(len(past))]
        b = weights([float((p.time - t.time) / span) for p, _ in past], moments)
        x = s.alpha * (x / t.alpha + sum(bj * eps for bj, (_, eps) in zip(b, past, strict=True)))
        yield x


BASHFORTH = ((1.0,), (1.5, -0.5), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Adams' weights for equal steps, the latest slope first."""


def transfer(x: Array, eps: Array, t: Level, s: Level) -> Array:
    """The step of DDIM from t to s with any eps in place of the believed one: PNDM's transfer part.

    x_s = alpha_s (x_t - sigma_t eps)/alpha_t + sigma_s eps

    References
    ----------
    Equation: multistep.transfer
    liu2022pndm (arXiv 2202.09778v2)
    """
    return np.asarray(s.alpha * (x - t.sigma * eps) / t.alpha + s.sigma * eps)


def _plms_takes(levels: list[Level], *, history: History = ()) -> None:
    alpha_needed(levels, "for PNDM's transfer part")
    history_fits(levels, history)


@sampler(source="rombach2022, plms.py, after liu2022pndm", order=2, memory=3, check=_plms_takes)
def plms(denoise: Denoiser, x: Array, levels: list[Level], *, history: History = ()) -> Iterator[Array]:
    """PLMS: DDIM's step with Adams-Bashforth's mean of the last four beliefs about the noise.

    eps' = (55 eps_0 - 59 eps_1 + 37 eps_2 - 9 eps_3)/24;   the first step by the improved Euler method

    The weights are those of equal steps. Whatever the grid is equal in, it is sigma/alpha that the transfer part
    integrates over: where the grid is not equal in that, the order is 2 and not 4, as the paper proves it to be.

    Parameters
    ----------
    denoise : Denoiser
        The belief about eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; the last may be the data.
    history : sequence of (Level, Denoised)
        Beliefs at earlier levels, the latest last.

    References
    ----------
    Equation: multistep.plms
    liu2022pndm (arXiv 2202.09778v2)
    rombach2022 (arXiv 2112.10752v2), the code's ldm/models/diffusion/plms.py
    """
    past = [b.eps for _, b in history]
    for t, s in pairwise(levels):
        past = [*past, denoise(x, t).eps][-4:]
        eps = sum(b * e for b, e in zip(BASHFORTH[len(past) - 1], past[::-1], strict=True))
        if len(past) == 1 and s.sigma > 0:
            eps = (past[0] + denoise(transfer(x, past[0], t, s), s).eps) / 2
        x = transfer(x, np.asarray(eps), t, s)
        yield x


STARTING = 3  # steps of PNDM by its pseudo Runge-Kutta method


def _pndm_takes(levels: list[Level]) -> None:
    alpha_needed(levels, "for PNDM's transfer part")
    require(
        len(levels) > 2 * STARTING, "levels", f"hold an inner level in each of the first {STARTING} steps", len(levels),
        "Use [*grids.refine(path, levels[:4])[:-1], *levels[3:]].",
    )  # fmt: skip


@sampler(source="liu2022pndm (arXiv 2202.09778v2), F-PNDM", order=2, check=_pndm_takes)
def pndm(denoise: Denoiser, x: Array, levels: list[Level]) -> Iterator[Array]:
    """F-PNDM: three steps of a Runge-Kutta method around DDIM's step, then PLMS.

    Parameters
    ----------
    denoise : Denoiser
        The belief about eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; the first three steps hold an inner level each, the middle in the paper's index:
        `[*grids.refine(path, levels[:4])[:-1], *levels[3:]]`.

    References
    ----------
    Equation: multistep.pndm
    liu2022pndm (arXiv 2202.09778v2)
    """
    past = []
    for t, u, s in zip(levels[0:6:2], levels[1:6:2], levels[2:7:2], strict=True):
        e1 = denoise(x, t).eps
        e2 = denoise(transfer(x, e1, t, u), u).eps
        e3 = denoise(transfer(x, e2, t, u), u).eps
        e4 = denoise(transfer(x, e3, t, s), s).eps if s.sigma > 0 else e3
        past.append(e1)
        x = transfer(x, (e1 + 2 * e2 + 2 * e3 + e4) / 6, t, s)
        yield x
    for t, s in pairwise(levels[2 * STARTING :]):
        past = [*past, denoise(x, t).eps][-4:]
        eps = sum(b * e for b, e in zip(BASHFORTH[3], past[::-1], strict=True))
        x = transfer(x, np.asarray(eps), t, s)
        yield x
