"""Noise around a solver of the probability flow: Euler ancestral, EDM's churn, restart."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import count, require, scalar
from refdiff.process.forward import transition
from refdiff.process.predict import Denoiser
from refdiff.samplers.exponential import alpha_needed
from refdiff.samplers.ode import heun
from refdiff.samplers.sampler import noise_given, sampler
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule


def _ancestral_takes(levels: list[Level], *, eta: float = 1.0, rng: Rng | None = None) -> None:
    require(0 <= scalar("eta", eta) <= 1, "eta", "lie in [0, 1]", f"{eta:g}", "0 is Euler's method, 1 is DDPM.")
    alpha_needed(levels, "for steps of sigma/alpha")
    noise_given(rng)


@sampler(source="crowson2022, sample_euler_ancestral", order=1, stochastic=True, check=_ancestral_takes)
def euler_ancestral(denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 1.0, rng: Rng) -> Iterator[Array]:
    """k-diffusion's Euler ancestral: an Euler step in sigma/alpha to below the aim, then noise up to it. It is DDIM.

    up = eta sqrt(end^2 (tau^2 - end^2)/tau^2),   down = sqrt(end^2 - up^2),   tau and end being sigma/alpha at t and s

    Parameters
    ----------
    denoise : Denoiser
        The belief about eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; the last may be the data.
    eta : float
        Scales the standard deviation of the noise, in [0, 1].
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: stochastic.euler_ancestral
    crowson2022, get_ancestral_step
    """
    for t, s in pairwise(levels):
        tau, end = t.sigma / t.alpha, s.sigma / s.alpha
        up = eta * end * np.sqrt((1 - end / tau) * (1 + end / tau))
        down = end * np.hypot(np.sqrt(1 - eta**2), eta * end / tau)  # sqrt(end^2 - up^2) without the cancellation
        u = x / t.alpha + (down - tau) * denoise(x, t).eps
        x = s.alpha * (u + up * rng.standard_normal(x.shape))
        yield x


def _churn_takes(
    levels: list[Level],
    *,
    path: Schedule | None = None,
    churn: float = 0.0,
    low: float = 0.0,
    high: float = np.inf,
    inflate: float = 1.0,
    rng: Rng | None = None,
) -> None:
    require(path is not None, "path", "be given, for churn goes up on it", "None", "Pass the schedule, such as EDM().")
    require(scalar("churn", churn) >= 0, "churn", "be at least 0", churn, "0 is Heun's method without noise.")
    require(0 <= low <= high, "low", "lie between 0 and high", f"{low} and {high}", "Both are values of sigma/alpha.")
    scalar("inflate", inflate)
    alpha_needed(levels, "for steps of sigma/alpha")
    noise_given(rng)


@sampler(source="karras2022 (arXiv 2206.00364v2), algorithm 2", order=2, stochastic=True, stages=2, check=_churn_takes)
def churned(
    denoise: Denoiser,
    x: Array,
    levels: list[Level],
    *,
    path: Schedule,
    churn: float = 0.0,
    low: float = 0.0,
    high: float = np.inf,
    inflate: float = 1.0,
    rng: Rng,
) -> Iterator[Array]:
    """EDM's stochastic sampler: noise is added first, up to a level above, and Heun's step goes down from there.

    gamma = min(churn/steps, sqrt(2) - 1) within [low, high], else 0;   from sigma/alpha to (1 + gamma) sigma/alpha

    The noise stands before the evaluation, as the paper writes it: added after it, the belief would be about another
    state. Where churn is 0 no noise is added, and it is Heun's method in sigma/alpha.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; the last may be the data.
    path : Schedule
        Where the levels above come from; EDM() in the paper.
    churn, low, high, inflate : float
        The paper's S_churn, S_tmin, S_tmax (of sigma/alpha) and S_noise, by which the noise's deviation is scaled.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step, also where gamma is 0.

    References
    ----------
    Equation: stochastic.churned
    karras2022 (arXiv 2206.00364v2), algorithm 2
    """
    steps = len(levels) - 1
    for t, s in pairwise(levels):
        tau, z = t.sigma / t.alpha, rng.standard_normal(x.shape)
        gamma = min(churn / steps, np.sqrt(2) - 1) if low <= tau <= high else 0.0
        if gamma > 0:
            up = path.at(float(np.arctan((1 + gamma) * tau)))
            law = transition(x, t, up)
            x, t = law.mean + inflate * np.sqrt(law.var) * z, up
        x = heun(denoise, x, [t, s], chart="ratio")
        yield x


Interval = tuple[int, int, int]
"""From which place in the list of levels noise is added, up to which, and how often: (bottom, top, times)."""


def _restart_takes(
    levels: list[Level], *, intervals: Sequence[Interval] = (), chart: str = "angle", rng: Rng | None = None
) -> None:
    for bottom, top, times in intervals:
        count("times", times, least=0)
        require(
            0 <= top < bottom < len(levels), "intervals", "be (bottom, top, times), places in the list of levels",
            (bottom, top, times), "The list falls, so that the noisier top comes first in it: top < bottom.",
        )  # fmt: skip
    heun.check(levels, chart=chart)
    noise_given(rng)


@sampler(source="xu2023 (arXiv 2306.14878v2)", order=2, stochastic=True, stages=2, check=_restart_takes)
def restart(
    denoise: Denoiser,
    x: Array,
    levels: list[Level],
    *,
    intervals: Sequence[Interval] = (),
    chart: str = "angle",
    rng: Rng,
) -> Iterator[Array]:
    """Restart: Heun's method down, and where an interval ends back up by noise alone, and down again, some times.

    At levels[bottom]: x ~ N(alpha_top/alpha_bottom x, transition variance), then the flow from levels[top] again. What
    was wrong above is forgotten in the noise, without a step of the SDE.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling; the last may be the data.
    intervals : sequence of (int, int, int)
        (bottom, top, times), places in `levels`; one at each bottom.
    chart : {"angle", "ratio", "inverse"}
        Heun's coordinates.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each jump.

    Yields
    ------
    ndarray
        The state when a level is done, after its restarts.

    References
    ----------
    Equation: stochastic.restart
    xu2023 (arXiv 2306.14878v2)
    """
    jumps = {bottom: (top, times) for bottom, top, times in intervals}
    for i, (t, s) in enumerate(pairwise(levels), start=1):
        x = heun(denoise, x, [t, s], chart=chart)
        top, times = jumps.get(i, (i, 0))
        for _ in range(times):
            x = transition(x, s, levels[top]).sample(rng=rng)
            x = heun(denoise, x, levels[top : i + 1], chart=chart)
        yield x
