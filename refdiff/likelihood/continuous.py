"""The bound in continuous time: an area under a curve over the signal-to-noise ratio, and no schedule in it.

As the levels of a chain fill in, the steps of its bound become 1/2 times the integral of the squared error of the
denoiser over SNR = alpha^2/sigma^2. A schedule decides where along that axis time is spent, not how large the area is.
For the best denoiser the error is the mmse, and half its area is an amount of information.

`mmse` is a function from a Level to E |x_0 - belief|^2, summed over coordinates: an oracle's own, or one that was
measured.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array, square_norm
from refdiff.core.noise import Rng
from refdiff.core.validate import finite, require, scalar
from refdiff.likelihood.elbo import Decoder, Terms, decoder_term, prior_term
from refdiff.likelihood.spreads import Spread, spread_named
from refdiff.process.forward import marginal
from refdiff.process.predict import Denoiser
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule

Error = Callable[[Level], float]
"""A level of scalars to E |x_0 - belief|^2 there, summed over coordinates."""

PANEL, NODES = 3.0, 16  # of Gauss and Legendre's rule, in nats of log-SNR: below 1e-15 for one Gaussian


def snr_rate(schedule: SmoothSchedule, time: float | Array) -> Array:
    """d SNR/d time along a schedule, at most 0; finite where alpha = 0, infinite at the data.

    SNR' = 2 alpha (alpha' sigma^2 - alpha sigma sigma')/sigma^4

    References
    ----------
    Equation: continuous.snr_rate
    kingma2021 (arXiv 2107.00630v6), section 5
    """
    t, rates = schedule(time), schedule.rates(time)
    return np.asarray(2 * t.alpha * (rates.dalpha * t.sigma**2 - t.alpha * rates.sigma_dsigma) / t.sigma**4)


def loss_rate(mmse: Error, schedule: SmoothSchedule, time: float) -> float:
    """The bound's density over time: -1/2 SNR'(time) mmse, in nats per unit of the schedule's time.

    Schedules differ in it, and in how much it varies, which is what an estimate with random times suffers from.

    References
    ----------
    Equation: continuous.loss_rate
    kingma2021 (arXiv 2107.00630v6), section 5
    """
    t = schedule(scalar("time", time))
    require(bool(t.sigma > 0), "time", "have sigma above zero", f"{time:g}", "The rate of the SNR is infinite there.")
    return float(-snr_rate(schedule, time) * mmse(t) / 2)


def diffusion_term(mmse: Error, s: Level, t: Level) -> float:
    """The bound's steps, in the limit of many between two levels: 1/2 of the area under mmse, in nats.

    1/2 integral of mmse dSNR,   SNR from SNR_t to SNR_s

    It depends on the path through SNR at the two ends alone. Gauss and Legendre's rule in panels of log-SNR, where the
    integrand SNR mmse is smooth and no larger than the dimension.

    Parameters
    ----------
    mmse : callable
        Level to E |x_0 - belief|^2; asked on the circle alpha^2 + sigma^2 = 1, for errors do not depend on the scale.
    s, t : Level
        Levels of scalars, s below t; sigma_s > 0, alpha_t = 0 is allowed.

    References
    ----------
    Equation: continuous.diffusion_term
    kingma2021 (arXiv 2107.00630v6), section 5.1
    """
    for name, end in (("s", s), ("t", t)):
        require(
            np.ndim(end.sigma) == 0 and bool(np.hypot(end.alpha, end.sigma) > 0), name,
            "be a level of scalars with signal or noise", end, "Ask a schedule for it.",
        )  # fmt: skip
    low, high = float(t.log_snr), float(s.log_snr)
    require(
        low < high < np.inf, "s", "be a level below t, with sigma above zero", f"log-SNR {high:g} and {low:g}",
        "Towards sigma = 0 the area is infinite for data with a density: a decoder takes over before.",
    )  # fmt: skip
    floor = min(high, 0.0) - 30.0  # below, mmse is level to var SNR, and 1e-13 of that is left to ask
    tail = 0.0 if low > floor else np.exp(floor) * mmse(_on_circle(floor)) / 2
    edges = np.linspace(max(low, floor), high, 1 + int(np.ceil((high - max(low, floor)) / PANEL)))
    x, weight = np.polynomial.legendre.leggauss(NODES)
    area = 0.0
    for a, b in pairwise(edges):
        for log_snr, w in zip((a + b) / 2 + (b - a) / 2 * x, (b - a) / 2 * weight, strict=True):
            area += w * np.exp(log_snr) * mmse(_on_circle(log_snr))
    return float(tail + area / 2)


def information(mmse: Error, t: Level) -> float:
    """I(x_0; x_t), what a state still tells of its data: half the area under the least error up to SNR_t, in nats.

    dI/dSNR = mmse/2,   I = 0 at SNR = 0

    References
    ----------
    Equation: continuous.information
    guo2005 (arXiv cs/0412108v1), theorem 2 (theorem 1 for scalars)
    """
    return diffusion_term(mmse, t, Level(np.inf, 0.0, 1.0))


def riemann(mmse: Error, levels: Sequence[Level]) -> float:
    """The steps of a chain with the posterior's own variance, E sum of L_{t-1}: a sum that overshoots the area.

    1/2 sum( (SNR_s - SNR_t) mmse(t) )

    The error falls as SNR rises, so taking it at the noisier end of each step takes the larger value; the excess over
    `diffusion_term` falls as one over the number of steps, and is what finitely many steps cost with that variance.

    Parameters
    ----------
    mmse : callable
        Level to E |x_0 - belief|^2.
    levels : sequence of Level
        Falling, of scalars; a last one with sigma = 0 is left to the decoder.

    References
    ----------
    Equation: continuous.riemann
    kingma2021 (arXiv 2107.00630v6), eq. 13
    """
    require(
        all(np.ndim(t.sigma) == 0 for t in levels), "levels", "be levels of scalars", "arrays",
        "Try Chain.linear().levels().",
    )  # fmt: skip
    noisy = [t for t in levels if t.sigma > 0]
    require(
        all(s.angle < t.angle for t, s in pairwise(noisy)), "levels", "fall from noise", "levels that rise",
        "Reverse them: levels[::-1].",
    )  # fmt: skip
    return float(sum((_snr(s) - _snr(t)) * mmse(t) for t, s in pairwise(noisy)) / 2)


def terms(
    denoise: Denoiser,
    x0: Array,
    schedule: SmoothSchedule,
    low: float,
    high: float,
    *,
    decoder: str | Spread = "large",
    decode: Decoder | None = None,
    prior_var: float | None = None,
    rng: Rng,
) -> Terms:
    """The bound of continuous time for given data, one random time for each: an unbiased estimate of every term.

    -(high - low)/2 SNR'(time) |x_0 - belief|^2,   time uniform, one in each B-th of [low, high]

    Parameters
    ----------
    denoise : Denoiser
        Any model that takes one level a sample.
    x0 : ndarray
        (B, ...), data; taken in float64.
    schedule : SmoothSchedule
        Its rates are used; it decides how much the estimate scatters.
    low, high : float
        Times of the last noisy level, sigma > 0, and of the first.
    decoder, decode, prior_var
        As in `elbo.terms`.
    rng : Generator or Replay
        One number for all times, then two standard normal draws of the shape of x0, at the times and at `low`.

    Returns
    -------
    Terms
        Its steps are one row, (1, B).

    References
    ----------
    Equation: continuous.terms
    kingma2021 (arXiv 2107.00630v6), section 5
    """
    x0 = finite("x0", x0)
    require(x0.ndim > 1 and len(x0) > 0, "x0", "be (B, ...) with B above 0", x0.shape, "Use x0[None] for one sample.")
    clean, noisy = schedule(scalar("low", low)), schedule(scalar("high", high))
    require(
        low < high and bool(clean.sigma > 0), "low", "be a time below high with sigma above zero", f"{low:g}, {high:g}",
        "A bound needs a last noisy level, from which it decodes.",
    )  # fmt: skip
    time = low + (high - low) * (np.arange(len(x0)) + rng.random((1,))) / len(x0)
    t = schedule(time)
    belief = denoise(marginal(x0, t).sample(rng=rng), t)
    steps = -(high - low) / 2 * snr_rate(schedule, time) * square_norm(x0 - belief.x0)
    xt = marginal(x0, clean).sample(rng=rng)
    belief = denoise(xt, clean)
    spread = spread_named("decoder", decoder)(belief, clean) if decode is None else 0.0
    last = decoder_term(x0, belief, spread) if decode is None else decode(x0, xt, belief, clean)
    return Terms(prior_term(x0, noisy, prior_var), steps[None], last)


def _snr(t: Level) -> float:
    return float((t.alpha / t.sigma) ** 2)


def _on_circle(log_snr: float) -> Level:
    return Level(log_snr, np.exp(-np.logaddexp(0.0, -log_snr) / 2), np.exp(-np.logaddexp(0.0, log_snr) / 2))
