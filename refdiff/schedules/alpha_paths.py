"""More smooth paths: sub-VP, and interpolants whose alpha is prescribed."""

from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive
from refdiff.schedules.door import LONGEST, asked
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Rates, Time, on_circle
from refdiff.schedules.smooth import VP


@dataclass(frozen=True)
class SubVP(VP):
    """Sub-VP: alpha is that of VP, and the noise's standard deviation is what VP has for its variance.

    log alpha = -t^2 (beta_max - beta_min)/4 - t beta_min/2,   sigma = 1 - alpha^2,   t in [0, 1]

    It is less noisy than VP at every time; the two meet where alpha = 0.

    Parameters
    ----------
    beta_min, beta_max : float
        Rates of noising at t = 0 and t = 1, above zero and rising.

    References
    ----------
    Equation: alpha_paths.SubVP
    song2021sde (arXiv 2011.13456v2), eq. 12
    """

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        t = super().__call__(time)
        return t._replace(sigma=t.sigma**2)

    def rates(self, time: Time) -> Rates:
        """alpha' = -beta alpha/2 and sigma sigma' = beta alpha^2 sigma."""
        asked("time", time, 0.0, LONGEST)
        t, beta = self(time), self.beta(time)
        return Rates(-beta * t.alpha / 2, beta * t.alpha**2 * t.sigma)

    def time_of(self, log_snr: Time) -> Array:
        """VP's time at log(alpha^2/(1 - alpha^2)), with q = alpha/(1 - alpha^2) solved for alpha."""
        asked("log_snr", log_snr)
        twice = np.logaddexp(0.0, np.asarray(log_snr) + np.log(4)) / 2  # log sqrt(1 + 4 q^2)
        with np.errstate(invalid="ignore"):
            of_vp = np.log(2) + np.asarray(log_snr) - np.logaddexp(0.0, twice)
        return super().time_of(np.where(np.isinf(log_snr), log_snr, of_vp))

    def at(self, angle: Time) -> Level:
        """The level at an angle: 2 (cos, sin)/(sin + hypot(sin, 2 cos))."""
        asked("angle", angle, 0.0, np.pi / 2)
        cos, sin = np.sin(np.pi / 2 - angle), np.sin(angle)
        norm = 2 / (sin + np.hypot(sin, 2 * cos))
        with np.errstate(divide="ignore"):
            return Level(self.time_of(2 * np.log(cos) - 2 * np.log(sin)), norm * cos, norm * sin)


@dataclass(frozen=True)
class Polynomial:
    """A convex blend of data and noise, the data's share a power of the time that is left.

    alpha = (1 - t)^n,   sigma = 1 - alpha,   t in [0, 1], noise at t = 1

    n = 1 is `Flow`. The library flow_matching runs time the other way, alpha = t^n.

    Parameters
    ----------
    power : float
        n, above zero. Below 1 the rates are infinite at t = 1.

    References
    ----------
    Equation: alpha_paths.Polynomial
    lipman2024 (arXiv 2412.06264v1), the code's `PolynomialConvexScheduler`
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        positive("power", self.power)

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            log_alpha = self.power * np.log1p(-np.asarray(time, dtype=np.float64))
        return Level(time, np.exp(log_alpha), -np.expm1(log_alpha))

    def rates(self, time: Time) -> Rates:
        """alpha' = -n (1 - t)^(n - 1) and sigma sigma' = -sigma alpha'."""
        asked("time", time, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            dalpha = -self.power * np.power(1 - np.asarray(time, dtype=np.float64), self.power - 1)
        return Rates(dalpha, -self(time).sigma * dalpha)

    def time_of(self, log_snr: Time) -> Array:
        """1 - alpha^(1/n), with alpha = 1/(1 + sigma/alpha)."""
        asked("log_snr", log_snr)
        return np.asarray(-np.expm1(-np.logaddexp(0.0, -np.asarray(log_snr) / 2) / self.power))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)/(cos + sin)."""
        asked("angle", angle, 0.0, np.pi / 2)
        cos, sin = np.sin(np.pi / 2 - angle), np.sin(angle)
        with np.errstate(divide="ignore"):
            return Level(self.time_of(2 * np.log(cos) - 2 * np.log(sin)), cos / (cos + sin), sin / (cos + sin))


@dataclass(frozen=True)
class LinearVP:
    """Variance preserving, with alpha falling in a straight line.

    alpha = 1 - t,   sigma^2 = t (2 - t),   t in [0, 1], noise at t = 1

    The library flow_matching runs time the other way, alpha = t.

    References
    ----------
    Equation: alpha_paths.LinearVP
    lipman2024 (arXiv 2412.06264v1), the code's `LinearVPScheduler`
    """

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        t = np.asarray(time, dtype=np.float64)
        return Level(time, 1 - t, np.sqrt(t * (2 - t)))

    def rates(self, time: Time) -> Rates:
        """-1 and 1 - t."""
        asked("time", time, 0.0, 1.0)
        t = np.asarray(time, dtype=np.float64)
        return Rates(-np.ones_like(t), 1 - t)

    def time_of(self, log_snr: Time) -> Array:
        """1 - alpha, with alpha^2 = 1/(1 + 1/SNR)."""
        asked("log_snr", log_snr)
        return np.asarray(-np.expm1(-np.logaddexp(0.0, -np.asarray(log_snr)) / 2))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)
