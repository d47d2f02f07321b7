"""Flow matching: regress a velocity whose conditional values are simple, and get the one that moves the whole law.

On a Gaussian path the conditional loss is `DenoisingLoss(velocity(schedule))`; what is here serves any two ends, and
the marginal velocity that both losses are after.
"""

from collections.abc import Callable
from itertools import pairwise

from refdiff.core.arrays import Array, square_norm
from refdiff.core.validate import finite
from refdiff.process.interpolants import Interpolant
from refdiff.process.motion import family
from refdiff.process.predict import Denoiser
from refdiff.schedules.schedule import SmoothSchedule

Velocity = Callable[[Array, float], Array]
"""(x, time) to dx/dt, (B, D) to (B, D)."""


def conditional(raw: Array, x0: Array, x1: Array, z: Array | float, path: Interpolant, time: float) -> Array:
    """|raw - (a' x0 + b' x1 + c' z)|^2 of each sample, summed over coordinates: (B,).

    `raw` is the network's answer at x_t = a x0 + b x1 + c z; it is never shown the ends.

    References
    ----------
    Equation: flow_matching.conditional
    lipman2022 (arXiv 2210.02747v2), eq. 9
    albergo2023 (arXiv 2303.08797v3), theorem 2.7
    """
    return square_norm(raw - path.velocity(x0, x1, z, time))


def marginal(raw: Array, truth: Array) -> Array:
    """|raw - u(x_t)|^2 of each sample, summed over coordinates: (B,). `truth` is the marginal velocity at x_t.

    In the mean it is below the conditional loss, by the same amount for every network: what x_t leaves open of the
    velocity. So the two have the same gradients, and only the conditional one can be computed from samples.

    References
    ----------
    Equation: flow_matching.marginal
    lipman2022 (arXiv 2210.02747v2), theorem 2
    """
    return square_norm(raw - truth)


def velocity_of(denoise: Denoiser, schedule: SmoothSchedule) -> Velocity:
    """The marginal velocity of a denoiser's belief on a smooth path: alpha' E[x0 | x_t] + sigma' E[eps | x_t].

    With an oracle's `denoise` it is the velocity that carries the law of x_t exactly. Wanted at sigma > 0. It is
    `motion.family` without noise.

    References
    ----------
    Equation: flow_matching.velocity_of
    lipman2022 (arXiv 2210.02747v2), theorem 1
    liu2022 (arXiv 2209.03003v1), eq. 2
    """
    return lambda x, time: family(schedule, denoise, x, time, lam=0.0).drift


def euler(velocity: Velocity, x: Array, times: Array) -> Array:
    """Walk dx/dt = u(x, t) over the given times, one evaluation a step.

    From the other end to the data the times fall, and each step is (s - t) u. On the straight Gaussian path it is DDIM.

    Parameters
    ----------
    velocity : callable
        (x, time) to dx/dt.
    x : ndarray
        (B, D), states at the first time.
    times : array_like
        Where to evaluate; the last is where the walk ends, and is not evaluated.

    References
    ----------
    Equation: flow_matching.euler
    liu2022 (arXiv 2209.03003v1), section 2
    """
    x = finite("x", x)
    for t, s in pairwise(finite("times", times, ndim=1)):
        x = x + (s - t) * velocity(x, t)
    return x
