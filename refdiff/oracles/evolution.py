"""How a density changes along the path: exactly, and as the Fokker-Planck equation of each equation of motion says."""

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.calculus import divergence
from refdiff.core.validate import finite
from refdiff.oracles.mixture import Mixture
from refdiff.oracles.normal import points
from refdiff.process.motion import family
from refdiff.schedules.schedule import SmoothSchedule


def density_rate(law: Mixture, schedule: SmoothSchedule, x: Array, time: float) -> Array:
    """d log p_t(x)/dt of a noised mixture, differentiated by hand: (B,), per unit of time.

    sum_k r_k (alpha' m_k . u_k + 1/2 u_k' V_k' u_k - 1/2 tr(V_k^-1 V_k')),   u_k = V_k^-1 (x - alpha m_k)

    V_k = alpha^2 C_k + sigma^2 I and V_k' = 2 alpha alpha' C_k + 2 sigma sigma' I; r_k are the responsibilities. No
    equation of motion enters.

    Parameters
    ----------
    law : Mixture
        The law of the data.
    schedule : SmoothSchedule
        The path.
    x : ndarray
        (B, D).
    time : float
        Where the noised law has a density.

    References
    ----------
    Equation: evolution.density_rate
    petersen2012, section 2
    """
    x, t, rates = points(finite("x", x), law.dim), schedule(time), schedule.rates(time)
    eye = np.eye(law.dim)
    inverse = np.linalg.inv(t.alpha**2 * law.covs + t.sigma**2 * eye)
    growth = 2 * t.alpha * rates.dalpha * law.covs + 2 * rates.sigma_dsigma * eye
    u = np.einsum("kij,bkj->bki", inverse, x[:, None] - t.alpha * law.means)
    each = rates.dalpha * np.einsum("ki,bki->bk", law.means, u)
    each = each + np.einsum("bki,kij,bkj->bk", u, growth, u) / 2
    each = each - np.einsum("kij,kji->k", inverse, growth) / 2
    return np.asarray(np.sum(law.responsibilities(x, t) * each, axis=1))


def fokker_planck(
    law: Mixture, schedule: SmoothSchedule, x: Array, time: float, lam: float = 1.0, *, forward: bool = False
) -> Array:
    """d log p_t(x)/dt as the equation `motion.family` with this lam brings it about: (B,), per unit of time.

    -div b - b . score + (+-) lam^2 g^2/2 (div score + |score|^2),   b the drift

    This is the Fokker-Planck equation dp/dt = -div(b p) +- lam^2 g^2/2 Laplacian(p), over p: plus where time runs
    towards the noise, minus towards the data. Divergences are exact, by complex steps through the denoiser and the
    score. It equals `density_rate` for every lam in both directions: that is the theorem.

    Parameters
    ----------
    law, schedule, x, time
        As in `density_rate`.
    lam, forward
        As in `motion.family`.

    References
    ----------
    Equation: evolution.fokker_planck
    song2021sde (arXiv 2011.13456v2), appendix D.1
    """
    x, noised = points(finite("x", x), law.dim), law.at(schedule(time))
    drift, noise = family(schedule, law.denoise, x, time, lam, forward=forward)
    spreading = noise**2 / 2 if forward else -(noise**2) / 2
    score = noised.score(x)
    outflow = divergence(lambda y: family(schedule, law.denoise, y, time, lam, forward=forward).drift, x)
    laplacian = divergence(noised.score, x) + np.sum(score**2, axis=1)
    return np.asarray(-outflow - np.sum(drift * score, axis=1) + spreading * laplacian)
