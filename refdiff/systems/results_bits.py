"""A trained network's density of noisy states: along its flow, and by the bound of continuous time."""

from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import count
from refdiff.inverse.differentiable import Differentiable
from refdiff.likelihood import bits, continuous, decoders
from refdiff.process import Denoiser, Gaussian
from refdiff.schedules import Level
from refdiff.schedules.log_snr_paths import LinearLogSNR
from refdiff.schedules.schedule import Schedule

LEAST_LOG_SNR = -14.0  # of the bound: what is known of the data there is worth 1e-6 nats a dimension


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
