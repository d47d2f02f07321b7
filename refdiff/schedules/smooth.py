"""Smooth paths: functions from a time to a noise level, with exact rates.

Every schedule here maps a rising time to a rising noise level, takes floats or arrays of times, keeps full relative
precision at both ends, and can be asked the other way: which level has a given angle, which time a given log-SNR.
"""

from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive, require, scalar
from refdiff.schedules.door import LONGEST, asked
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Rates, Time, on_circle


@dataclass(frozen=True)
class VP:
    """Variance preserving, with beta(t) linear: the continuous limit of DDPM's chain.

    log alpha = -t^2 (beta_max - beta_min)/4 - t beta_min/2,   sigma^2 = 1 - alpha^2,   t in [0, 1]

    Parameters
    ----------
    beta_min, beta_max : float
        Rates of noising at t = 0 and t = 1, above zero and rising.

    References
    ----------
    Equation: smooth.VP
    song2021sde (arXiv 2011.13456v2), eq. 33
    """

    beta_min: float = 0.1  # song2021sde appendix C: DDPM's betas times its 1,000 steps
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        positive("beta_min", self.beta_min)
        require(
            positive("beta_max", self.beta_max) >= self.beta_min, "beta_max", "be at least beta_min",
            f"{self.beta_max:g} < {self.beta_min:g}", "Swap them.",
        )  # fmt: skip

    @property
    def _rise(self) -> float:
        return self.beta_max - self.beta_min

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0)
        log_alpha = -(time**2) * self._rise / 4 - time * self.beta_min / 2
        return Level(time, np.exp(log_alpha), np.sqrt(-np.expm1(2 * log_alpha)))

    def beta(self, time: Time) -> Time:
        """The rate of noising: dx = -beta(t)/2 x dt + sqrt(beta(t)) dw."""
        return self.beta_min + time * self._rise

    def rates(self, time: Time) -> Rates:
        """alpha' = -beta alpha/2 and sigma sigma' = beta alpha^2/2."""
        asked("time", time, 0.0, LONGEST)
        alpha, beta = self(time).alpha, self.beta(time)
        return Rates(-beta * alpha / 2, beta * alpha**2 / 2)

    def time_of(self, log_snr: Time) -> Array:
        """The positive root of t^2 (beta_max - beta_min)/2 + t beta_min = log(1 + 1/SNR)."""
        asked("log_snr", log_snr)
        u = np.sqrt(np.logaddexp(0.0, -np.asarray(log_snr)))
        with np.errstate(divide="ignore"):  # divided through by u, which may be 0 or infinite
            return np.asarray(2 * u / (self.beta_min / u + np.hypot(self.beta_min / u, np.sqrt(2 * self._rise))))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)


@dataclass(frozen=True)
class Cosine:
    """Variance preserving, alpha falling as a quarter wave of the cosine.

    alpha = cos(u(t)) / cos(u(0)),   u(t) = pi/2 (t + s)/(1 + s),   sigma^2 = 1 - alpha^2,   t in [0, 1]

    alpha is exactly 0 at t = 1. The variance is evaluated as sin(u - u0) sin(u + u0)/cos^2(u0), which does not cancel
    near the data.

    Parameters
    ----------
    offset : float
        s, at least 0. At 0 the path is cos(pi t/2), sin(pi t/2).

    References
    ----------
    Equation: smooth.Cosine
    nichol2021 (arXiv 2102.09672v1), eq. 17
    """

    offset: float = 0.008  # nichol2021 sec. 3.2

    def __post_init__(self) -> None:
        require(scalar("offset", self.offset) >= 0, "offset", "be at least 0", self.offset, "The paper uses 0.008.")

    def _wave(self, time: Time) -> tuple[Time, Time, Time]:
        """cos u(t), u(t) - u(0), u(t) + u(0)."""
        turn = np.pi / 2 / (1 + self.offset)
        return np.sin(turn * (1 - time)), turn * time, turn * (time + 2 * self.offset)

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        cos_u, less, more = self._wave(time)
        cos_0 = self._wave(0.0)[0]
        return Level(time, cos_u / cos_0, np.sqrt(np.sin(less) * np.sin(more)) / cos_0)

    def rates(self, time: Time) -> Rates:
        """alpha' = -u' sin u/cos u0 and sigma sigma' = -alpha alpha'."""
        asked("time", time, 0.0, 1.0)
        turn = np.pi / 2 / (1 + self.offset)
        dalpha = -turn * np.sin(turn * (time + self.offset)) / self._wave(0.0)[0]
        return Rates(dalpha, -self(time).alpha * dalpha)

    def time_of(self, log_snr: Time) -> Array:
        """u from its cosine, alpha cos u0; near the data u - u0 from its sine, sigma^2 cos^2(u0)/sin(u + u0)."""
        asked("log_snr", log_snr)
        log_snr = np.asarray(log_snr)
        turn, cos_0 = np.pi / 2 / (1 + self.offset), self._wave(0.0)[0]
        cos_u = cos_0 * np.exp(-np.logaddexp(0.0, -log_snr) / 2)
        noise = cos_0**2 * np.exp(-np.logaddexp(0.0, log_snr))  # sin^2(u) - sin^2(u0)
        u_0 = turn * self.offset
        u = np.arctan2(np.sqrt(np.sin(u_0) ** 2 + noise), cos_u)
        near = np.arcsin(np.minimum(noise / np.maximum(np.sin(u + u_0), 1e-300), 1.0))
        return np.asarray(np.where(noise < 0.2, near, u - u_0) / turn)

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)."""
        return on_circle(self, angle)


@dataclass(frozen=True)
class VE:
    """Variance exploding: the data stay, the noise grows geometrically.

    alpha = 1,   sigma = sigma_min (sigma_max/sigma_min)^t,   t in [0, 1]

    Parameters
    ----------
    sigma_min, sigma_max : float
        Noise at t = 0 and t = 1, in data units, above zero and rising.

    References
    ----------
    Equation: smooth.VE
    song2021sde (arXiv 2011.13456v2), eq. 31
    """

    sigma_min: float = 0.01  # song2021sde appendix C
    sigma_max: float = 50.0

    def __post_init__(self) -> None:
        positive("sigma_min", self.sigma_min)
        require(
            positive("sigma_max", self.sigma_max) > self.sigma_min, "sigma_max", "be above sigma_min",
            f"{self.sigma_max:g} <= {self.sigma_min:g}", "Swap them.",
        )  # fmt: skip

    @property
    def _growth(self) -> float:
        return float(np.log(self.sigma_max / self.sigma_min))

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time)
        sigma = self.sigma_min * np.exp(self._growth * np.asarray(time))
        return Level(time, np.ones_like(sigma), sigma)

    def rates(self, time: Time) -> Rates:
        """0 and sigma^2 log(sigma_max/sigma_min)."""
        asked("time", time)
        t = self(time)
        return Rates(0 * t.sigma, t.sigma**2 * self._growth)

    def time_of(self, log_snr: Time) -> Array:
        """log(sigma/sigma_min)/log(sigma_max/sigma_min) with sigma = exp(-log_snr/2)."""
        asked("log_snr", log_snr)
        return np.asarray((-np.asarray(log_snr) / 2 - np.log(self.sigma_min)) / self._growth)

    def at(self, angle: Time) -> Level:
        """The level at an angle: (1, tan)."""
        asked("angle", angle, 0.0, np.pi / 2)
        sigma = np.tan(angle)
        with np.errstate(divide="ignore"):
            return Level(self.time_of(-2 * np.log(sigma)), np.ones_like(sigma), sigma)


@dataclass(frozen=True)
class EDM:
    """Karras' path: the data stay and time is the noise itself.

    alpha = 1,   sigma = t,   t >= 0 in data units

    References
    ----------
    Equation: smooth.EDM
    karras2022 (arXiv 2206.00364v2), table 1
    """

    def __call__(self, time: Time) -> Level:
        """The level at a time, which is its sigma."""
        asked("time", time, 0.0)
        return Level(time, np.ones_like(time, dtype=np.float64), np.asarray(time, dtype=np.float64))

    def rates(self, time: Time) -> Rates:
        """0 and sigma."""
        asked("time", time, 0.0, LONGEST)
        return Rates(0.0 * time, np.asarray(time, dtype=np.float64))

    def time_of(self, log_snr: Time) -> Array:
        """exp(-log_snr/2)."""
        asked("log_snr", log_snr)
        return np.exp(-np.asarray(log_snr) / 2)

    def at(self, angle: Time) -> Level:
        """The level at an angle: (1, tan)."""
        asked("angle", angle, 0.0, np.pi / 2)
        return self(np.tan(angle))


@dataclass(frozen=True)
class Flow:
    """The straight path of flow matching and rectified flow: a blend of data and noise.

    alpha = 1 - t,   sigma = t,   t in [0, 1], noise at t = 1

    Lipman, Liu and Albergo run time the other way; only the sign of the velocity changes.

    References
    ----------
    Equation: smooth.Flow
    liu2022 (arXiv 2209.03003v1), eq. 1
    """

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        asked("time", time, 0.0, 1.0)
        return Level(time, 1 - np.asarray(time, dtype=np.float64), np.asarray(time, dtype=np.float64))

    def rates(self, time: Time) -> Rates:
        """-1 and t."""
        asked("time", time, 0.0, 1.0)
        t = np.asarray(time, dtype=np.float64)
        return Rates(-np.ones_like(t), t)

    def time_of(self, log_snr: Time) -> Array:
        """1/(1 + alpha/sigma)."""
        asked("log_snr", log_snr)
        return np.exp(-np.logaddexp(0.0, np.asarray(log_snr) / 2))

    def at(self, angle: Time) -> Level:
        """The level at an angle: (cos, sin)/(cos + sin)."""
        asked("angle", angle, 0.0, np.pi / 2)
        alpha, sigma = np.sin(np.pi / 2 - angle), np.sin(angle)
        return Level(sigma / (alpha + sigma), alpha / (alpha + sigma), sigma / (alpha + sigma))
