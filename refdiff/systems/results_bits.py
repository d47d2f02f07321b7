"""Bits per dimension of data in steps under any model, through one noisy level that all models share."""

from itertools import pairwise
from typing import Protocol

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import count
from refdiff.inverse.differentiable import Differentiable
from refdiff.likelihood import Terms, bits, continuous, decoders
from refdiff.process import Denoiser, Gaussian, marginal
from refdiff.schedules import Level
from refdiff.schedules.log_snr_paths import LinearLogSNR
from refdiff.schedules.schedule import Schedule

LEAST_LOG_SNR = -14.0  # of the bound: what is known of the data there is worth 1e-6 nats a dimension


class LogDensity(Protocol):
    """The log density of noisy states, (B, ...) to (B,), in nats."""

    def __call__(self, x: Array, /) -> Array:
        """At states x."""
        ...


def noised(log_prob: LogDensity, x0: Array, t: Level, values: Array, *, rng: Rng) -> Terms:
    """A bound on the information of data in steps, by a density of the data noised to a level.

    -log P(x_0) <= E[ log q(x_t | x_0) - log p(x_t) - log P(x_0 | x_t) ],   x_t from q(. | x_0)

    P(x_0 | x_t) is `decoders.categorical_log_prob`: which of the values has left this state. So every density, learned
    or fitted, is charged for the same data by the same rule, and any level gives a bound: at little noise a smooth
    density pays for noise finer than the steps, at much noise the decoder pays for steps that can no longer be read.

    Parameters
    ----------
    log_prob : callable
        Log density of x_t.
    x0 : ndarray
        (B, ...), data, each coordinate one of the values.
    t : Level
        A level of scalars, sigma > 0.
    values : ndarray
        (K,), rising.
    rng : Generator or Replay
        One standard normal draw of the shape of x0.

    Returns
    -------
    Terms
        In nats: what the density misses as `prior`, no steps, and the decoder.

    References
    ----------
    Equation: results_bits.noised
    ho2019 (arXiv 1902.00275v2), whose noise, uniform or learned, stays inside the cells
    """
    q = marginal(np.asarray(x0, np.float64), t)
    xt = q.sample(rng=rng)
    missed = q.log_prob(xt) - log_prob(xt)
    return Terms(missed, np.zeros((0, len(x0))), -decoders.categorical_log_prob(x0, xt, t, values))


def flow_log_prob(denoise: Differentiable, x: Array, path: Schedule, t: Level, *, steps: int = 16, rng: Rng) -> Array:
    """Log density of states on the circle alpha^2 + sigma^2 = 1 by the probability flow, in fixed steps: (B,), in nats.

    log p_t(x) = log N(x_1; 0, I) + integral of div v over the angle,   v = (alpha x - x0)/sigma

    `change_of_variables.log_prob` by other means, for networks: Hutchinson's v^T J v comes from the transpose, a single
    pass back in the network's own precision, and steps of the classical Runge-Kutta method lie closer near the data.

    Parameters
    ----------
    denoise : Differentiable
        Such as `models.as_differentiable`.
    x : ndarray
        (B, ...), states at t.
    path : Schedule
        Variance preserving; only its `at` is used.
    t : Level
        A level of scalars, sigma > 0.
    steps : int
        Of four evaluations each.
    rng : Generator or Replay
        One sign a coordinate, kept along the way.
    """
    signs = np.where(rng.random(x.shape) < 0.5, -1.0, 1.0)
    angles = t.angle + (np.pi / 2 - t.angle) * np.linspace(0.0, 1.0, count("steps", steps) + 1) ** 2

    def rate(phi: float, y: Array) -> tuple[Array, Array]:
        s = path.at(phi)
        belief, pull = denoise(y, s)
        along = (signs * (s.alpha * signs - pull(signs)) / s.sigma).reshape(len(y), -1).sum(axis=1)
        return (s.alpha * y - belief.x0) / s.sigma, along

    expansion = np.zeros(len(x))
    for a, b in pairwise(np.minimum(angles, np.pi / 2)):
        h = b - a
        k1, d1 = rate(a, x)
        k2, d2 = rate((a + b) / 2, x + h / 2 * k1)
        k3, d3 = rate((a + b) / 2, x + h / 2 * k2)
        k4, d4 = rate(b, x + h * k3)
        x, expansion = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), expansion + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return np.asarray(Gaussian(np.zeros_like(x), 1.0).log_prob(x) + expansion)


def bound(denoise: Denoiser, x0: Array, t: Level, values: Array, *, draws: int, rng: Rng) -> Array:
    """The bound of continuous time, in nats, averaged over draws of noise and time: (B,).

    Times are even in log-SNR, where the integrand is bounded; each draw deals them to the data in another order.
    """
    way, total = LinearLogSNR(float(t.log_snr), LEAST_LOG_SNR), np.zeros(len(x0))
    for _ in range(count("draws", draws)):
        order = np.argsort(rng.random((len(x0),)))
        told = continuous.terms(denoise, x0[order], way, 0.0, 1.0, decode=decoders.categorical(values), rng=rng)
        total[order] += told.total / draws
    return total


def per_dim(nats: Array) -> tuple[float, float]:
    """Mean bits per dimension of 64 and its standard error over the data."""
    each = bits.per_dim(nats, 64)
    return float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(len(each)))
