"""The reverse SDE at any noise level: Euler and Maruyama's method, and exponential steps."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import positive, require, scalar
from refdiff.process.motion import family
from refdiff.process.predict import Denoiser
from refdiff.samplers.dpmpp import Past, differences, half_slope
from refdiff.samplers.exponential import History, alpha_needed, clock, phi
from refdiff.samplers.flows import on_path
from refdiff.samplers.multistep import history_fits
from refdiff.samplers.sampler import noise_given, sampler
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule

NoiseLevel = float | Callable[[Level], float]


def _em_takes(
    levels: list[Level], *, path: SmoothSchedule | None = None, noise: NoiseLevel = 1.0, rng: Rng | None = None
) -> None:
    on_path(levels, path)
    alpha_needed(levels, "where the drift alpha'/alpha x is taken")
    if not callable(noise):
        require(scalar("noise", noise) >= 0, "noise", "be at least 0", noise, "0 is the probability flow, 1 the SDE.")
    noise_given(rng)


@sampler(source="song2021sde (arXiv 2011.13456v2), eq. 6", order=1, stochastic=True, check=_em_takes)
def euler_maruyama(
    denoise: Denoiser, x: Array, levels: list[Level], *, path: SmoothSchedule, noise: NoiseLevel = 1.0, rng: Rng
) -> Iterator[Array]:
    """Euler and Maruyama's method on the reverse SDE at a noise level k, in the schedule's time.

    dx = (f x - (1 + k^2)/2 g^2 score) dt + k g dw,   f = alpha'/alpha,   g^2 = 2 (sigma sigma' - f sigma^2)

    All k have the same marginals: 0 is the probability flow, 1 Anderson's reverse SDE. A step onto the data adds no
    noise.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps, from which `motion.family` has the drift.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, of the path, alpha > 0; the last may be the data.
    path : SmoothSchedule
        Where the rates come from.
    noise : float or callable
        k, at least 0: one number, or a function of the level.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: sde.euler_maruyama
    song2021sde (arXiv 2011.13456v2), eq. 6
    zhang2022deis (arXiv 2204.13902v4)
    """
    for t, s in pairwise(levels):
        h = t.time - s.time
        drift, spread = family(path, denoise, x, float(t.time), noise(t) if callable(noise) else noise)
        x = x - h * drift + (s.sigma > 0) * spread * np.sqrt(h) * rng.standard_normal(x.shape)
        yield x


def sde_step(x: Array, x0: Array, t: Level, s: Level, *, eta: float) -> Array:
    """The mean of the reverse SDE from t to s where x0 is held: exact for any noise.

    sigma_s/sigma_t exp(-eta h) x + alpha_s (1 - exp(-(1 + eta) h)) x0

    References
    ----------
    Equation: sde.sde_step
    lu2022pp (arXiv 2211.01095v2)
    """
    r = t.alpha * s.sigma / (s.alpha * t.sigma)  # exp(-h), which is 0 at the data
    return np.asarray(s.sigma / t.sigma * r**eta * x + s.alpha * (1 - r ** (1 + eta)) * x0)


def sde_noise(t: Level, s: Level, *, eta: float) -> float:
    """The deviation of the noise that the reverse SDE adds from t to s: sigma_s sqrt(1 - exp(-2 eta h)).

    References
    ----------
    Equation: sde.sde_noise
    lu2022pp (arXiv 2211.01095v2)
    """
    if s.sigma == 0:
        return 0.0
    return float(s.sigma * np.sqrt(-np.expm1(-2 * eta * (clock(s) - clock(t)))))


def _sde_takes(levels: list[Level], *, eta: float = 1.0, rng: Rng | None = None) -> None:
    positive("eta", eta)
    noise_given(rng)


@sampler(source="lu2022pp (arXiv 2211.01095v2)", order=1, stochastic=True, check=_sde_takes)
def dpmpp_sde_1(denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 1.0, rng: Rng) -> Iterator[Array]:
    """SDE-DPM-Solver++(1): the reverse SDE exactly, the data held along the step. With eta = 1 it is DDPM.

    x_s = sigma_s/sigma_t exp(-eta h) x + alpha_s (1 - exp(-(1 + eta) h)) x0 + sigma_s sqrt(1 - exp(-2 eta h)) z

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling; the last may be the data.
    eta : float
        Noise, above 0, as in `dpmpp_2m_sde`: the square of the noise level k of `euler_maruyama`.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: sde.dpmpp_sde_1
    lu2022pp (arXiv 2211.01095v2)
    """
    for t, s in pairwise(levels):
        z = rng.standard_normal(x.shape)
        x = sde_step(x, denoise(x, t).x0, t, s, eta=eta) + _freshness(t, s, eta) * z
        yield x


def _freshness(t: Level, s: Level, eta: float) -> float:
    """`sde_noise`, at alpha_t = 0 too."""
    return sde_noise(t, s, eta=eta) if t.alpha > 0 else float(s.sigma)


def _two_takes(levels: list[Level], *, eta: float = 1.0, rng: Rng | None = None) -> None:
    alpha_needed(levels)
    _sde_takes(levels, eta=eta, rng=rng)


@sampler(source="crowson2022, sample_dpmpp_sde", order=2, stochastic=True, stages=2, inner=(0.5,), check=_two_takes)
def dpmpp_sde(denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 1.0, rng: Rng) -> Iterator[Array]:
    """DPM-Solver++(SDE): a noisy look inside the step, then the whole step along the same Brownian path.

    The noise that led to the inner level is carried on to the end of the step, and only what is new from there on is
    drawn: independent noise in the second stage would make the order 1. A step onto the data is the belief.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0, with one level inside each step; the last may be the data.
    eta : float
        Noise, above 0, as in `dpmpp_2m_sde`.
    rng : Generator or Replay
        Two standard normal draws of the shape of x at each step.

    References
    ----------
    Equation: sde.dpmpp_sde
    crowson2022, sample_dpmpp_sde
    """
    for t, u, s in zip(levels[::2], levels[1::2], levels[2::2], strict=False):
        first, second = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
        x0 = denoise(x, t).x0
        if s.sigma > 0:
            noise = sde_noise(t, u, eta=eta) * first
            inside = denoise(sde_step(x, x0, t, u, eta=eta) + noise, u).x0
            r = (clock(u) - clock(t)) / (clock(s) - clock(t))
            noise = sde_step(noise, np.zeros_like(x), u, s, eta=eta) + sde_noise(u, s, eta=eta) * second
            x = sde_step(x, (1 - 1 / (2 * r)) * x0 + 1 / (2 * r) * inside, t, s, eta=eta) + noise
        else:
            x = s.alpha * x0
        yield x


def _memory_takes(levels: list[Level], *, eta: float = 1.0, history: History = (), rng: Rng | None = None) -> None:
    alpha_needed(levels)
    history_fits(levels, history)
    positive("eta", eta)
    noise_given(rng)


@sampler(source="lu2022pp (arXiv 2211.01095v2)", order=2, memory=1, stochastic=True, check=_memory_takes)
def dpmpp_2m_sde(
    denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 1.0, history: History = (), rng: Rng
) -> Iterator[Array]:
    """SDE-DPM-Solver++(2M): the same with noise.

    x_s = sigma_s/sigma_t exp(-eta h) x + alpha_s (1 - exp(-(1 + eta) h)) (x0 + (x0 - x0_1)/(2r))
          + sigma_s sqrt(1 - exp(-2 eta h)) z

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; a step onto the data is the belief.
    eta : float
        Noise, above 0; k-diffusion's, whose root is the noise level of the reverse SDE: dx = (f - (1 + eta)/2 g^2
        score) dt + sqrt(eta) g dw. 1 is the paper's; in the limit 0 it is 2M. DDIM's eta is another.
    history : sequence of (Level, Denoised)
        Beliefs at earlier levels, the latest last.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: sde.dpmpp_2m_sde
    lu2022pp (arXiv 2211.01095v2)
    crowson2022, sample_dpmpp_2m_sde
    """
    past: Past = [(t, b.x0) for t, b in history]
    for t, s in pairwise(levels):
        x0 = denoise(x, t).x0
        past = [*past, (t, x0)][-2:]
        d = x0 + half_slope(past, s) if s.sigma > 0 else x0
        x = sde_step(x, d, t, s, eta=eta) + sde_noise(t, s, eta=eta) * rng.standard_normal(x.shape)
        yield x


@sampler(source="crowson2022, sample_dpmpp_3m_sde, with 2 D2", order=2, memory=2, stochastic=True, check=_memory_takes)
def dpmpp_3m_sde(
    denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 1.0, history: History = (), rng: Rng
) -> Iterator[Array]:
    """DPM-Solver++(3M) with noise: the same parabola, (1 + eta) h in place of h under phi.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling, alpha > 0; a step onto the data is the belief. The first two steps are those of 1 and of 2 beliefs.
    eta : float
        Noise, above 0, as in `dpmpp_2m_sde`.
    history : sequence of (Level, Denoised)
        Beliefs at earlier levels, the latest last.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: sde.dpmpp_3m_sde
    crowson2022, sample_dpmpp_3m_sde
    """
    past: Past = [(t, b.x0) for t, b in history]
    for t, s in pairwise(levels):
        past = [*past, (t, denoise(x, t).x0)][-3:]
        d = past[-1][1]
        if s.sigma > 0:
            h = clock(s) - clock(t)
            d1, d2 = differences(past, h)
            z = -(1 + eta) * h
            d = d + (phi(2, z) * d1 + phi(3, z) * 2 * d2) / phi(1, z)
        x = sde_step(x, d, t, s, eta=eta) + sde_noise(t, s, eta=eta) * rng.standard_normal(x.shape)
        yield x
