"""Variance-preserving paths whose log-SNR, or whose alpha^2, is prescribed as a function of time."""

from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive, require, scalar
from refdiff.schedules.door import asked
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Rates, Time, on_circle


def of_log_snr(time: Time, log_snr: Time) -> Level:
    """The variance-preserving level of a log-SNR: alpha^2 = 1/(1 + exp(-log_snr)), sigma^2 = 1/(1 + exp(log_snr)).

    References
    ----------
    Equation: log_snr_paths.of_log_snr
    kingma2021 (arXiv 2107.00630v6), section 3.2
    """
    return Level(time, np.exp(-np.logaddexp(0.0, -log_snr) / 2), np.exp(-np.logaddexp(0.0, log_snr) / 2))


@dataclass(frozen=True)
class LinearLogSNR:
    """Variance preserving, the log-SNR falling in a straight line: the start from which VDM learns its schedule.

    log(alpha^2/sigma^2) = start + t (end - start),   t in [0, 1]

    It reaches neither the data nor pure noise: a little noise is left at t = 0, a little data at t = 1.

    Parameters
    ----------
    start, end : float
        The log-SNR at t = 0 and at t = 1, falling, in nats.

    References
    ----------
    Equation: log_snr_paths.LinearLogSNR
    kingma2021 (arXiv 2107.00630v6), the code's `gamma_min` and `gamma_max`
    """

    start: float = 13.3
    end: float = -5.0

    def __post_init__(self) -> None:
        require(
            scalar("start", self.start) > scalar("end", self.end), "start", "lie above end",
            f"{self.start:g} and {self.end:g}", "Time grows with noise: the log-SNR falls.",
        )  # fmt: skip

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time)
        return of_log_snr(time, self.start + np.asarray(time) * (self.end - self.start))

    def rates(self, time: Time) -> Rates:
        """alpha' = alpha sigma^2 l/2 and sigma sigma' = -alpha^2 sigma^2 l/2, with l = end - start."""
        asked("time", time)
        t, slope = self(time), self.end - self.start
        return Rates(t.alpha * t.sigma**2 * slope / 2, -((t.alpha * t.sigma) ** 2) * slope / 2)

    def time_of(self, log_snr: Time) -> Array:
        """(log_snr - start)/(end - start)."""
        asked("log_snr", log_snr)
        return np.asarray((np.asarray(log_snr) - self.start) / (self.end - self.start))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)


@dataclass(frozen=True)
class Laplace:
    """Variance preserving, the log-SNR of a uniform time following a Laplace law: most times lie around its mean.

    log(alpha^2/sigma^2) = mean - scale log(2 t) for t <= 1/2,   mean + scale log(2 (1 - t)) after

    Parameters
    ----------
    mean : float
        The log-SNR at t = 1/2, in nats.
    scale : float
        Of the law, above zero. The rate of the variance at t = 0 is finite from 1 on, alpha' at t = 1 from 2 on.

    References
    ----------
    Equation: log_snr_paths.Laplace
    hang2024 (arXiv 2407.03297v2)
    """

    mean: float = 0.0
    scale: float = 0.5

    def __post_init__(self) -> None:
        scalar("mean", self.mean)
        positive("scale", self.scale)

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        t = np.asarray(time, dtype=np.float64)
        with np.errstate(divide="ignore"):
            tail = self.scale * np.log(2 * np.minimum(t, 1 - t))
        return of_log_snr(time, self.mean + np.where(t < 0.5, -tail, tail))

    def rates(self, time: Time) -> Rates:
        """alpha' = alpha sigma^2 l'/2 and sigma sigma' = -alpha^2 sigma^2 l'/2, with l' = -scale/min(t, 1 - t).

        The quotients of a vanishing sigma or alpha and that distance are taken as powers of it.
        """
        asked("time", time, 0.0, 1.0)
        t, now, c = np.asarray(time, dtype=np.float64), self(time), self.scale
        edge, clean = np.minimum(t, 1 - t), t < 0.5
        with np.errstate(divide="ignore"):
            snr = np.exp(np.where(clean, -self.mean, self.mean)) * 2**c * edge ** (c - 1)  # over the distance
            root = np.exp(self.mean / 2) * 2 ** (c / 2) * edge ** (c / 2 - 1)
        with np.errstate(invalid="ignore"):
            dalpha = -c / 2 * np.where(clean, now.alpha**3 * snr, now.sigma**3 * root)
            return Rates(dalpha, c / 2 * np.where(clean, now.alpha, now.sigma) ** 4 * snr)

    def time_of(self, log_snr: Time) -> Array:
        """exp(-|l|/scale)/2 from the nearer end, with l = log_snr - mean."""
        asked("log_snr", log_snr)
        away = (np.asarray(log_snr) - self.mean) / self.scale
        edge = np.exp(-np.abs(away)) / 2
        return np.asarray(np.where(away > 0, edge, 1 - edge))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)


@dataclass(frozen=True)
class Sigmoid:
    """Variance preserving, alpha^2 falling along a piece of the logistic curve, scaled to run from 1 to 0.

    alpha^2 = (s(b) - s(u))/(s(b) - s(a)),   u = a + t (b - a),   a, b = start/tau, end/tau,   s(u) = 1/(1 + exp(-u))

    Evaluated through differences of logistic functions as hyperbolic sines, which cancel at neither end. Not to be
    confused with the sigmoid of beta, `betas.sigmoid_betas`.

    Parameters
    ----------
    start, end : float
        Which piece of the curve, rising.
    tau : float
        Temperature, above zero: the smaller, the steeper.

    References
    ----------
    Equation: log_snr_paths.Sigmoid
    chen2023 (arXiv 2301.10972v4)
    """

    start: float = -3.0
    end: float = 3.0
    tau: float = 1.0

    def __post_init__(self) -> None:
        positive("tau", self.tau)
        require(
            scalar("end", self.end) > scalar("start", self.start), "end", "lie above start",
            f"{self.end:g} and {self.start:g}", "Swap them.",
        )  # fmt: skip

    @property
    def _ends(self) -> tuple[float, float]:
        """Half of a and of b: s(u) - s(v) = sinh((u - v)/2)/(2 cosh(u/2) cosh(v/2))."""
        return self.start / self.tau / 2, self.end / self.tau / 2

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        a, b = self._ends
        t = np.asarray(time, dtype=np.float64)
        norm = np.sinh(b - a) * np.cosh(a + t * (b - a))
        alpha, sigma = np.sinh((1 - t) * (b - a)) * np.cosh(a), np.sinh(t * (b - a)) * np.cosh(b)
        return Level(time, np.sqrt(alpha / norm), np.sqrt(sigma / norm))

    def rates(self, time: Time) -> Rates:
        """sigma sigma' = (b - a) cosh(a) cosh(b)/(sinh(b - a) cosh(u)^2)/2, of half arguments, and alpha' from it."""
        asked("time", time, 0.0, 1.0)
        a, b = self._ends
        u = a + np.asarray(time, dtype=np.float64) * (b - a)
        half = (b - a) * np.cosh(a) * np.cosh(b) / np.sinh(b - a) / np.cosh(u) ** 2 / 2
        with np.errstate(divide="ignore"):
            return Rates(-half / self(time).alpha, half)

    def time_of(self, log_snr: Time) -> Array:
        """artanh(y cosh(a)/(1 - y sinh(a)))/(b - a) with y = sigma^2 sinh(b - a)/cosh(b), of half arguments."""
        asked("log_snr", log_snr)
        a, b = self._ends
        y = np.exp(-np.logaddexp(0.0, np.asarray(log_snr))) * np.sinh(b - a) / np.cosh(b)
        return np.asarray(np.arctanh(y * np.cosh(a) / (1 - y * np.sinh(a))) / (b - a))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)
