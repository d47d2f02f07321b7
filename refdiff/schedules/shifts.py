"""Shifts: the same path, its times spent at other noise levels."""

from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive
from refdiff.schedules.door import asked
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Rates, Schedule, SmoothSchedule, Time


def shifted_time(time: Time, shift: float) -> Time:
    """A time moved toward the noise (shift > 1) or toward the data (shift < 1), both ends held.

    t' = shift t/(1 + (shift - 1) t),   that is t'/(1 - t') = shift t/(1 - t)

    Shifting by a and then by b is shifting by a b, and 1/shift undoes it. It is not idempotent: whoever stores shifted
    end points and shifts again has shifted by the square.

    Parameters
    ----------
    time : float or ndarray
        In [0, 1], noise at 1.
    shift : float
        Above zero; Stable Diffusion 3 samples with 3. FLUX's mu is its logarithm.

    References
    ----------
    Equation: shifts.shifted_time
    esser2024 (arXiv 2403.03206v1), section 5.3.2
    """
    asked("time", time, 0.0, 1.0)
    s, t = positive("shift", shift), np.asarray(time, dtype=np.float64)
    return s * t / ((1 - t) + s * t)


def shift_for_size(pixels: float, reference: float) -> float:
    """The shift that leaves an image of more pixels as uncertain as the reference: sqrt(pixels/reference).

    Noise of one sigma hides less of an image with more pixels, for the average of k pixels has 1/k of the variance.

    References
    ----------
    Equation: shifts.shift_for_size
    esser2024 (arXiv 2403.03206v1), section 5.3.2
    hoogeboom2023 (arXiv 2301.11093v2), section 3.1
    """
    return float(np.sqrt(positive("pixels", pixels) / positive("reference", reference)))


@dataclass(frozen=True)
class TimeShifted:
    """A path walked by a shifted clock: the level at time t is that of the path at `shifted_time(t, shift)`.

    On the straight path `Flow` the log-SNR moves by -2 log(shift) at every time, so that this is `SNRShifted` there.

    Parameters
    ----------
    path : SmoothSchedule
        With times in [0, 1].
    shift : float
        Above zero.

    References
    ----------
    Equation: shifts.TimeShifted
    esser2024 (arXiv 2403.03206v1), section 5.3.2
    """

    path: SmoothSchedule
    shift: float

    def __post_init__(self) -> None:
        positive("shift", self.shift)

    def __call__(self, time: Time) -> Level:
        """The level at a time in [0, 1]."""
        return self.path(shifted_time(time, self.shift))._replace(time=time)

    def rates(self, time: Time) -> Rates:
        """The path's rates times the speed of its clock, shift/(1 + (shift - 1) t)^2."""
        asked("time", time, 0.0, 1.0)
        speed = self.shift / (1 + (self.shift - 1) * np.asarray(time)) ** 2
        dalpha, sigma_dsigma = self.path.rates(shifted_time(time, self.shift))
        return Rates(speed * dalpha, speed * sigma_dsigma)

    def time_of(self, log_snr: Time) -> Array:
        """The path's time, shifted back."""
        return np.asarray(shifted_time(self.path.time_of(log_snr), 1 / self.shift))

    def at(self, angle: Time) -> Level:
        """The path's level at an angle, its time shifted back."""
        t = self.path.at(angle)
        return t._replace(time=shifted_time(t.time, 1 / self.shift))


@dataclass(frozen=True)
class SNRShifted:
    """A path whose log-SNR is moved by -2 log(shift) at every time: what a change of resolution asks for.

    The level at time t is where the path has shift times the sigma/alpha that it has at t.

    Parameters
    ----------
    path : Schedule
        Any.
    shift : float
        Above zero; `shift_for_size` counts pixels.

    References
    ----------
    Equation: shifts.SNRShifted
    hoogeboom2023 (arXiv 2301.11093v2), section 3.1
    """

    path: Schedule
    shift: float

    def __post_init__(self) -> None:
        positive("shift", self.shift)

    def __call__(self, time: Time) -> Level:
        """The level at one of the path's times."""
        t = self.path(time)
        return self.path.at(np.arctan2(self.shift * t.sigma, t.alpha))._replace(time=time)

    def time_of(self, log_snr: Time) -> Array:
        """The path's time at log_snr + 2 log(shift)."""
        asked("log_snr", log_snr)
        return self.path.time_of(np.asarray(log_snr) + 2 * np.log(self.shift))

    def at(self, angle: Time) -> Level:
        """The path's level at an angle, under the time at which it is visited here."""
        t = self.path.at(angle)
        return t._replace(time=self.time_of(t.log_snr))
