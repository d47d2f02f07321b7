"""Ancestral sampling: down the chain by the posterior, the belief about x_0 put in its place."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import choice, require, scalar
from refdiff.process.forward import posterior, reverse, unit_spread
from refdiff.process.predict import Denoiser
from refdiff.samplers.sampler import sampler
from refdiff.schedules.level import Level


def _ddpm_takes(levels: list[Level], *, variance: str = "small", rng: Rng | None = None) -> None:
    require(rng is not None, "rng", "be given, for DDPM draws noise", "None", "Pass np.random.default_rng(seed).")
    choice("variance", variance, ("small", "large"))


@sampler(source="ho2020 (arXiv 2006.11239v2), algorithm 2", order=1, stochastic=True, check=_ddpm_takes)
def ddpm(denoise: Denoiser, x: Array, levels: list[Level], *, variance: str = "small", rng: Rng) -> Iterator[Array]:
    """DDPM's ancestral sampler: x_s ~ N(posterior mean at the believed x_0, variance).

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling; the last may be the data.
    variance : {"small", "large"}
        What x_t is taken to leave open of x_0, as in `refdiff.likelihood.elbo`: "small" nothing, right for data at
        one point, which gives the posterior's own variance, beta-tilde; "large" `forward.unit_spread`, right for data
        N(0, I), which on a variance-preserving path gives the forward step's, beta. The step onto the data adds no
        noise in either.
    rng : Generator or Replay
        One standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: ancestral.ddpm
    ho2020 (arXiv 2006.11239v2), algorithm 2 and section 3.2
    """
    for t, s in pairwise(levels):
        x0, _ = denoise(x, t)
        spread = unit_spread(t) if variance == "large" and s.sigma > 0 else 0.0
        x = reverse(x0, x, s, t, spread).sample(rng=rng)
        yield x


def _ddim_takes(levels: list[Level], *, eta: float = 0.0, rng: Rng | None = None) -> None:
    require(0 <= scalar("eta", eta) <= 1, "eta", "lie in [0, 1]", f"{eta:g}", "0 is deterministic, 1 is DDPM.")
    require(eta == 0 or rng is not None, "rng", "be given where eta > 0", "None", "Pass np.random.default_rng(seed).")


@sampler(source="song2021ddim (arXiv 2010.02502v4), eq. 12", order=1, stochastic=True, check=_ddim_takes)
def ddim(
    denoise: Denoiser, x: Array, levels: list[Level], *, eta: float = 0.0, rng: Rng | None = None
) -> Iterator[Array]:
    """DDIM: point at the believed data, keep the believed noise, replace a share of it by fresh noise.

    x_s = alpha_s x0 + sqrt(sigma_s^2 - w^2) eps + w z,   w = eta sqrt(posterior variance)

    The root is taken as hypot(sqrt(1 - eta^2) sigma_s, eta alpha_t/alpha_s sigma_s^2/sigma_t), which does not cancel:
    near alpha_t = 0 the difference loses half of its digits.

    Parameters
    ----------
    denoise : Denoiser
        The belief about x_0 and eps.
    x : ndarray
        (B, ...), states at levels[0].
    levels : sequence of Level
        Falling; the last may be the data.
    eta : float
        Scales the standard deviation, in [0, 1]: 0 is deterministic, 1 is DDPM with the small variance.
    rng : Generator or Replay, optional
        Needed where eta > 0: one standard normal draw of the shape of x at each step.

    References
    ----------
    Equation: ancestral.ddim
    song2021ddim (arXiv 2010.02502v4), eq. 12 and 16
    """
    for t, s in pairwise(levels):
        x0, eps = denoise(x, t)
        held = t.alpha / s.alpha * s.sigma**2 / t.sigma  # what the posterior's mean holds of eps
        aim = s.alpha * x0 + np.hypot(np.sqrt(1 - eta**2) * s.sigma, eta * held) * eps
        if rng is not None and eta > 0:
            aim = aim + eta * np.sqrt(posterior(x0, x, s, t).var) * rng.standard_normal(x.shape)
        x = aim
        yield x
