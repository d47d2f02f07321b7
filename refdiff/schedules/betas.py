"""More lists of betas that codes are trained with, and what is done to a list afterwards.

Each function returns betas, (steps,), for the indices 1 ... steps of a `Chain`.
"""

from collections.abc import Sequence

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import count, finite, positive, require, scalar
from refdiff.schedules.chain import linear_betas, scaled_linear_betas
from refdiff.schedules.schedule import Schedule

CAP = 0.999  # nichol2021 section 3.2: no step may replace more of the variance


def quadratic_betas(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Array:
    """Betas whose square roots are equally spaced: "quad" in DDPM's and DDIM's code.

    The formula is that of `scaled_linear_betas`, between DDPM's ends.

    References
    ----------
    Equation: betas.quadratic_betas
    ho2020 (arXiv 2006.11239v2), the code's `beta_schedule="quad"`
    """
    return scaled_linear_betas(steps, first, last)


def sigmoid_betas(steps: int = 1000, first: float = 1e-4, last: float = 0.02, reach: float = 6.0) -> Array:
    """Betas on a logistic curve: slow, then fast, then slow again.

    beta_i = first + (last - first)/(1 + exp(-u_i)),   u equally spaced from -reach to reach

    Not to be confused with the sigmoid of alpha_bar, which is `log_snr_paths.Sigmoid`.

    References
    ----------
    Equation: betas.sigmoid_betas
    xu2022 (arXiv 2203.02923), the code's `beta_schedule="sigmoid"`
    """
    ends = linear_betas(2, first, last)  # refuses what is no beta
    u = np.linspace(-positive("reach", reach), reach, count("steps", steps))
    return np.asarray(ends[0] + (ends[1] - ends[0]) / (1 + np.exp(-u)))


def exponential_betas(steps: int = 1000, rate: float = 12.0) -> Array:
    """Equal betas, so that alpha_bar falls as exp(-rate t): diffusers' "exp".

    beta_i = 1 - exp(-rate/steps)

    References
    ----------
    Equation: betas.exponential_betas
    vonplaten2022, `betas_for_alpha_bar(alpha_transform_type="exp")`
    """
    return np.full(count("steps", steps), -np.expm1(-positive("rate", rate) / steps))


def vp_betas(steps: int = 1000, beta_min: float = 0.1, beta_max: float = 20.0) -> Array:
    """The discrete VP chain: the continuous rate at both ends, divided by the number of steps.

    beta_i = (beta_min + (i - 1)/(steps - 1) (beta_max - beta_min))/steps

    With 1,000 steps these are DDPM's; with another number they are DDPM's times 1000/steps.

    References
    ----------
    Equation: betas.vp_betas
    song2021sde (arXiv 2011.13456v2), appendix C
    """
    n = count("steps", steps)
    return linear_betas(n, positive("beta_min", beta_min) / n, positive("beta_max", beta_max) / n)


def rescaled_betas(betas: Array | Sequence[float], made_for: int = 1000) -> Array:
    """Betas that were made for one number of steps, for another: times made_for/steps.

    It is linear: applied twice it rescales twice.

    Parameters
    ----------
    betas : array_like
        (steps,), with the end points that belong to `made_for` steps.
    made_for : int
        The number of steps at which they end where they should.

    References
    ----------
    Equation: betas.rescaled_betas
    dhariwal2021 (arXiv 2105.05233v4), the code's `get_named_beta_schedule("linear")`
    """
    given = finite("betas", betas, ndim=1)
    out = given * (count("made_for", made_for) / max(len(given), 1))
    fits = len(out) > 0 and bool(np.all((out > 0) & (out < 1)))
    require(
        fits, "betas", f"lie in (0, 1) when multiplied by {made_for}/{len(given)}",
        f"up to {np.max(out, initial=0.0):.4g}",
        "Take more steps, or betas_along(VP(), steps), which reaches the end in any number of them.",
    )  # fmt: skip
    return np.asarray(out)


def betas_along(path: Schedule, steps: int = 1000, cap: float = CAP) -> Array:
    """The chain that visits a variance-preserving path at the times i/steps.

    beta_i = min(1 - alpha(i/steps)^2/alpha((i-1)/steps)^2, cap)

    Evaluated from alpha and sigma of both ends, which does not cancel near the data. This makes chains of
    `log_snr_paths.Sigmoid`, `log_snr_paths.Laplace`, `Cosine` and the continuous `VP`.

    Parameters
    ----------
    path : Schedule
        With alpha^2 + sigma^2 = 1 and the data at time 0.
    steps : int
        The number of betas.
    cap : float
        No beta is larger, in (0, 1): a path that ends at alpha = 0 asks for a last beta of 1.

    References
    ----------
    Equation: betas.betas_along
    nichol2021 (arXiv 2102.09672v1), section 3.2
    """
    require(0 < scalar("cap", cap) < 1, "cap", "lie in (0, 1)", f"{cap:g}", "The paper uses 0.999.")
    t = path(np.arange(count("steps", steps) + 1) / steps)
    alpha, sigma = np.asarray(t.alpha), np.asarray(t.sigma)
    unit = bool(np.all(np.abs(np.hypot(alpha, sigma) - 1) < 1e-9))
    require(unit, "path", "preserve variance, alpha^2 + sigma^2 = 1", type(path).__name__, "Try VP() or Cosine().")
    require(bool(sigma[0] == 0), "path", "begin at the data", f"sigma = {sigma[0]:.3g} at time 0", "Try VP().")
    r = alpha[1:] * sigma[:-1] / (alpha[:-1] * sigma[1:])
    return np.asarray(np.minimum((1 - r) * (1 + r) * sigma[1:] ** 2, cap))
