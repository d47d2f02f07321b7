"""The density of a model by change of variables along its probability flow.

The flow carries data to noise without chance, so a density follows its points: where the flow spreads them, the density
falls, by the divergence of the velocity. All of it runs in the chart of the angle phi = arctan2(sigma, alpha),

u = x/hypot(alpha, sigma),   du/dphi = cos(phi) eps - sin(phi) x0

which is the same flow on every path, regular from the data to pure noise, and in which neither a sigma' nor an alpha'
appears.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.calculus import STEP
from refdiff.core.noise import Rng
from refdiff.core.probes import Probes, axes
from refdiff.core.validate import finite, positive, require
from refdiff.process.gaussian import Gaussian
from refdiff.process.predict import Denoiser
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule


class Carried(NamedTuple):
    """Where the flow has taken points, and by how much it has spread their neighbourhoods.

    Parameters
    ----------
    x : ndarray
        Of the shape of the points.
    expansion : ndarray
        (B,), log of the determinant of the flow's Jacobian: the integral of the divergence along the way, in nats.
    calls : int
        How often the solver asked for a velocity.
    """

    x: Array
    expansion: Array
    calls: int


def carry(
    denoise: Denoiser,
    x: Array,
    schedule: Schedule,
    start: Level,
    stop: Level,
    *,
    probes: Probes | None = axes,
    rtol: float = 1e-10,
    rng: Rng | None = None,
) -> Carried:
    """Points carried along the probability flow from one level to another, with the log-determinant of the map.

    Parameters
    ----------
    denoise : Denoiser
        Any model; written complex-safe unless `probes` is None, for it is differentiated by complex steps.
    x : ndarray
        (B, ...), states at `start`.
    schedule : Schedule
        The path; only its `at` is used.
    start, stop : Level
        Levels of scalars on it, in either order, sigma > 0 at both unless the model answers at 0.
    probes : Probes or None
        How the divergence is had. `probes.axes`, one complex step a coordinate, makes it exact; `probes.rademacher(n)`
        makes it Hutchinson's estimate, each sample keeping its signs along the way; None takes it from the model's own
        `Denoised.spread`, by Tweedie's second formula.
    rtol : float
        Relative tolerance of SciPy's DOP853, whose steps are common to the batch; the absolute one is a hundredth.
    rng : Generator or Replay, optional
        For random probes.

    References
    ----------
    Equation: change_of_variables.carry
    song2021sde (arXiv 2011.13456v2), eq. 39
    chen2018 (arXiv 1806.07366v5), theorem 1
    """
    from scipy.integrate import solve_ivp

    x = finite("x", x)
    require(x.ndim > 1 and len(x) > 0, "x", "be (B, ...) with B above 0", x.shape, "Use x[None] for a single point.")
    _one_level("start", start)
    _one_level("stop", stop)
    flat, shape = x.reshape(len(x), -1), x.shape
    kept = None if probes is None else list(probes(flat.shape, rng=rng))

    def rate(phi: float, y: Array) -> Array:
        u, t = y[: flat.size].reshape(flat.shape), schedule.at(phi)
        if kept is None:
            return np.concatenate([_velocity(denoise, u, t, shape).ravel(), _from_spread(denoise, u, t, shape)])
        moved = [_velocity(denoise, u + 1j * STEP * v, t, shape) for v in kept]  # the velocity and, i STEP times, J v
        along = [np.sum(v * m.imag, axis=1) / STEP for v, m in zip(kept, moved, strict=True)]
        return np.concatenate([moved[0].real.ravel(), np.mean(along, axis=0)])

    y0 = np.concatenate([flat.ravel() / np.hypot(start.alpha, start.sigma), np.zeros(len(flat))])
    ends = float(start.angle), float(stop.angle)
    way = solve_ivp(rate, ends, y0, method="DOP853", rtol=positive("rtol", rtol), atol=rtol / 100, t_eval=ends[1:])
    require(bool(way.success), "denoise", "have a flow that can be followed", way.message, "Look for jumps or NaN.")
    scale = np.hypot(stop.alpha, stop.sigma)
    grown = flat.shape[1] * np.log(scale / np.hypot(start.alpha, start.sigma))
    return Carried((scale * way.y[: flat.size, -1]).reshape(shape), way.y[flat.size :, -1] + grown, int(way.nfev))


def log_prob(
    denoise: Denoiser,
    x: Array,
    schedule: Schedule,
    clean: Level,
    noisy: Level,
    *,
    terminal: Callable[[Array], Array] | None = None,
    prior_var: float | None = None,
    probes: Probes | None = axes,
    rtol: float = 1e-10,
    rng: Rng | None = None,
) -> Array:
    """Log density of states at the clean level, from that of where the flow carries them: (B,), in nats.

    log p_s(x_s) = log p_t(x_t) + integral from s to t of div v

    Parameters
    ----------
    denoise, x, schedule, probes, rtol, rng
        As in `carry`.
    clean, noisy : Level
        Where the states are, and where the density is known. With sigma > 0 at `clean` it is the density of slightly
        noisy data.
    terminal : callable, optional
        Log density at `noisy`, (B, ...) to (B,). Unless given, that of the prior N(0, prior_var I), which the law of
        x_t equals in the limit alone; `oracle.at(noisy).log_prob` makes the answer exact.
    prior_var : float, optional
        alpha^2 + sigma^2 unless given, as in `elbo.prior_term`.

    References
    ----------
    Equation: change_of_variables.log_prob
    song2021sde (arXiv 2011.13456v2), eq. 39
    chen2018 (arXiv 1806.07366v5), theorem 1
    """
    _one_level("clean", clean)
    _one_level("noisy", noisy)
    way = carry(denoise, x, schedule, clean, noisy, probes=probes, rtol=rtol, rng=rng)
    var = noisy.alpha**2 + noisy.sigma**2 if prior_var is None else positive("prior_var", prior_var)
    known = terminal or Gaussian(np.zeros_like(way.x), var).log_prob
    return np.asarray(known(way.x) + way.expansion)


def _one_level(name: str, t: Level) -> None:
    require(
        np.ndim(t.sigma) == 0 and bool(np.hypot(t.alpha, t.sigma) > 0), name,
        "be a level of scalars with signal or noise", t, "All samples are carried together.",
    )  # fmt: skip


def _velocity(denoise: Denoiser, u: Array, t: Level, shape: tuple[int, ...]) -> Array:
    """du/dphi at one level."""
    r = np.hypot(t.alpha, t.sigma)
    x0, eps = denoise((r * u).reshape(shape), t)
    return np.asarray((t.alpha * eps - t.sigma * x0) / r).reshape(u.shape)


def _from_spread(denoise: Denoiser, u: Array, t: Level, shape: tuple[int, ...]) -> Array:
    """div du/dphi by Tweedie's second formula: the Jacobian of E[x_0 | x] is alpha/sigma^2 Cov(x_0 | x)."""
    r = np.hypot(t.alpha, t.sigma)
    spread = denoise((r * u).reshape(shape), t).spread
    if spread is None:
        raise ValueError(
            "denoise must return a spread where probes is None; got no spread. "
            "Ask an oracle for it, functools.partial(oracle.denoise, spread=True), or use probes.axes."
        )
    total = np.trace(spread, axis1=1, axis2=2) if spread.ndim == u.ndim + 1 else np.sum(spread.reshape(u.shape), axis=1)
    return np.asarray(u.shape[1] * t.alpha / t.sigma - r**2 * t.alpha / t.sigma**3 * total)
