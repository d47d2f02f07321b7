"""Continuous time: a path of levels as a stochastic differential equation, and all those that share its marginals."""

from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require, scalar
from refdiff.process.predict import Denoiser
from refdiff.schedules.schedule import SmoothSchedule, Time


class Coefficients(NamedTuple):
    """f and g^2 of dx = f x dt + g dw: a rate, and a variance per unit of time."""

    f: Time
    g2: Time


class Motion(NamedTuple):
    """What one equation does to states at one time: dx = drift dt + noise dw.

    Parameters
    ----------
    drift : ndarray
        (B, ...), per unit of the schedule's time, which grows with noise.
    noise : float
        lam g: the noise of a span dt has this standard deviation times sqrt(|dt|), whichever way time runs.
    """

    drift: Array
    noise: float


def coefficients(schedule: SmoothSchedule, time: Time) -> Coefficients:
    """The forward equation dx = f x dt + g dw whose law at each time is q(x_t | x_0).

    f = alpha'/alpha,   g^2 = 2 (sigma sigma' - f sigma^2) = d sigma^2/dt - 2 f sigma^2

    From E x = alpha x_0 and d var/dt = 2 f var + g^2. Stated in sigma sigma', both are finite where a
    variance-preserving path leaves the data, though sigma' is not.

    Parameters
    ----------
    schedule : SmoothSchedule
        Any path with rates.
    time : float or ndarray
        Where alpha > 0.

    Raises
    ------
    ValueError
        At alpha = 0: no finite rate takes the last of the data away.

    References
    ----------
    Equation: motion.coefficients
    song2021sde (arXiv 2011.13456v2), eq. 9, 11 and 12
    kingma2021 (arXiv 2107.00630v6)
    """
    t, rates = schedule(time), schedule.rates(time)
    require(
        bool(np.all(np.asarray(t.alpha) > 0)), "time", "be one at which alpha > 0", "alpha = 0",
        "Start just below; motion.family with lam = 0 is finite there.",
    )  # fmt: skip
    f = rates.dalpha / t.alpha
    return Coefficients(f, 2 * (rates.sigma_dsigma - f * t.sigma**2))


def family(
    schedule: SmoothSchedule, denoise: Denoiser, x: Array, time: float, lam: float = 1.0, *, forward: bool = False
) -> Motion:
    """One of the equations that all have the marginals of the path, for states at a time.

    Run towards the data:   dx = (f x - (1 + lam^2)/2 g^2 score) dt + lam g dw
    Run towards the noise:  dx = (f x - (1 - lam^2)/2 g^2 score) dt + lam g dw

    lam = 0 is the probability flow, the same both ways. Towards the data lam = 1 is Anderson's reverse equation;
    towards the noise it is the forward equation, in which the score drops out. In halves of the belief the drift is
    alpha' x0 + (sigma sigma' + k g^2/2)/sigma eps with k = lam^2 or -lam^2, which at lam = 0 needs no alpha > 0.

    Parameters
    ----------
    schedule : SmoothSchedule
        The path.
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states.
    time : float
        Where sigma > 0, and alpha > 0 unless lam = 0.
    lam : float
        How much fresh noise, at least 0.
    forward : bool
        Whether time is to run towards the noise.

    References
    ----------
    Equation: motion.family, motion.family.reverse, motion.family.flow
    anderson1982 (Stochastic Processes and their Applications 12(3))
    song2021sde (arXiv 2011.13456v2), eq. 6 and 13
    zhang2022deis (arXiv 2204.13902v4)
    """
    require(scalar("lam", lam) >= 0, "lam", "be at least 0", f"{lam:g}", "0 is the flow, 1 Anderson's equation.")
    t, rates = schedule(time), schedule.rates(time)
    require(bool(t.sigma > 0), "time", "be one at which sigma > 0", "sigma = 0", "End there, with the belief.")
    x0, eps = denoise(x, t)
    g2 = coefficients(schedule, time).g2 if lam > 0 else 0.0
    fresh = -(lam**2) * g2 / 2 if forward else lam**2 * g2 / 2
    return Motion(rates.dalpha * x0 + (rates.sigma_dsigma + fresh) / t.sigma * eps, float(lam * np.sqrt(g2)))
