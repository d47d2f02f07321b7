"""Information of data in steps under any density, by way of one noisy level."""

from typing import Protocol

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import require
from refdiff.likelihood.decoders import categorical_log_prob
from refdiff.likelihood.elbo import Terms
from refdiff.process.forward import marginal
from refdiff.schedules.level import Level, single


class LogDensity(Protocol):
    """The log density of noisy states, (B, ...) to (B,), in nats."""

    def __call__(self, x: Array, /) -> Array:
        """At states x."""
        ...


def noised(log_prob: LogDensity, x0: Array, t: Level, values: Array, *, rng: Rng) -> Terms:
    """A bound on the information of data in steps, by a density of the data noised to a level.

    -log P(x_0) <= E[ log q(x_t | x_0) - log p(x_t) - log P(x_0 | x_t) ],   x_t from q(. | x_0)

    P(x_0 | x_t) is `decoders.categorical_log_prob`: which of the values has left this state. So every density, learned
    or fitted, is charged for the same data by the same rule, and any level gives a bound: at little noise a smooth
    density pays for noise finer than the steps, at much noise the decoder pays for steps that can no longer be read.

    Parameters
    ----------
    log_prob : callable
        Log density of x_t.
    x0 : ndarray
        (B, ...), data, each coordinate one of the values.
    t : Level
        A level of scalars, sigma > 0.
    values : ndarray
        (K,), rising.
    rng : Generator or Replay
        One standard normal draw of the shape of x0.

    Returns
    -------
    Terms
        In nats: what the density misses as `prior`, no steps, and the decoder.

    Raises
    ------
    ValueError
        For data off the values, a level without noise, and a density of another shape.

    References
    ----------
    Equation: through_noise.noised
    ho2019 (arXiv 1902.00275v2), whose noise, uniform or learned, stays inside the cells
    """
    single("t", t)
    require(t.sigma > 0, "t", "be a level with noise", f"sigma = {t.sigma:g}", "Take sigma above the spacing's tenth.")
    q = marginal(np.asarray(x0, np.float64), t)
    xt = q.sample(rng=rng)
    decoder = -categorical_log_prob(x0, xt, t, values)
    log_p = np.asarray(log_prob(xt))
    require(log_p.shape == decoder.shape, "log_prob", f"return {decoder.shape}", log_p.shape, "Sum over coordinates.")
    return Terms(q.log_prob(xt) - log_p, np.zeros((0, len(xt))), decoder)
