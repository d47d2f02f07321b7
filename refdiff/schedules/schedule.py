"""What a schedule is: a rising time to a rising noise level; and how fast it moves, where it can be differentiated."""

from typing import NamedTuple, Protocol

import numpy as np

from refdiff.core.arrays import Array
from refdiff.schedules.door import asked
from refdiff.schedules.level import Level

Time = float | Array


class Rates(NamedTuple):
    """How fast a path moves: alpha' and sigma sigma', per unit of time.

    The second is half the rate of the variance. It is stated instead of sigma', which is infinite where a
    variance-preserving path leaves the data.
    """

    dalpha: Time
    sigma_dsigma: Time


class Schedule(Protocol):
    """A rising time to a rising noise level."""

    def __call__(self, time: Time) -> Level:
        """The level at a time."""
        ...

    def at(self, angle: Time) -> Level:
        """The level whose arctan2(sigma, alpha) is the given angle, in [0, pi/2]."""
        ...

    def time_of(self, log_snr: Time) -> Array:
        """The time at which log(alpha^2/sigma^2) has the given value, in nats."""
        ...


class SmoothSchedule(Schedule, Protocol):
    """A schedule that can be differentiated in its time."""

    def rates(self, time: Time) -> Rates:
        """alpha' and sigma sigma' at a time."""
        ...


def on_circle(schedule: Schedule, angle: Time) -> Level:
    """The level at an angle of a variance-preserving path: the point of the unit circle there."""
    asked("angle", angle, 0.0, np.pi / 2)
    alpha, sigma = np.sin(np.pi / 2 - angle), np.sin(angle)  # so that alpha is exactly 0 at the noisy end
    with np.errstate(divide="ignore"):
        return Level(schedule.time_of(2 * np.log(alpha) - 2 * np.log(sigma)), alpha, sigma)
