"""A change of path: x_0 and eps do not depend on the scale in which a state is written."""

import numpy as np

from refdiff.core.arrays import Array
from refdiff.process.predict import Denoised, Denoiser
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule


def on(schedule: Schedule, denoise: Denoiser) -> Denoiser:
    """A denoiser that knows one path, made to answer on any other.

    With the level u of the schedule that has the angle of t, (u.alpha, u.sigma) = k (t.alpha, t.sigma): the state k x
    is the same mixture of data and noise, and the belief is the same.

    Parameters
    ----------
    schedule : Schedule
        The path that `denoise` knows.
    denoise : Denoiser
        Asked at levels of that schedule alone.

    References
    ----------
    Equation: paths.on
    karras2022 (arXiv 2206.00364v2), appendix B.1
    """

    def anywhere(x: Array, t: Level) -> Denoised:
        u = schedule.at(t.angle if np.ndim(t.angle) else float(t.angle))
        k = np.hypot(u.alpha, u.sigma) / np.hypot(t.alpha, t.sigma)
        k = k.reshape(-1, *[1] * (np.ndim(x) - 1)) if np.ndim(k) else k
        return denoise(np.asarray(k * x), u)

    return anywhere
