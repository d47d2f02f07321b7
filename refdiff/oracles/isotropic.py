"""Round components at one level: their belief is a softmax between two products of matrices."""

import numpy as np

from refdiff.core.arrays import Array, square_norm
from refdiff.process.predict import Denoised
from refdiff.schedules.level import Level

REACH = 64.0  # in standard deviations: its square, 4096, times float64's rounding is 1e-12 in a log weight
BLOCK = 2**20  # log weights held at once, 8 MB: smaller ones gain nothing, and lose where components are many


def near(means: Array, var: Array, t: Level) -> bool:
    """Whether `belief` keeps its digits: one level, each component with width, none beyond `REACH` from their middle.

    Multiplied out, |x - alpha mean|^2 is a difference of larger numbers. So the difference comes first where means lie
    further apart than this, seen in widths: in `Mixture.denoise`.
    """
    if np.ndim(t.alpha) or np.ndim(t.sigma):
        return False
    far = t.alpha**2 * square_norm(means - np.mean(means, axis=0))
    v = t.alpha**2 * var + t.sigma**2
    return bool(np.all(v > 0) and np.all(far <= REACH**2 * v))


def belief(weights: Array, means: Array, var: Array, x: Array, t: Level) -> Denoised:
    """Both halves of the belief about x_t where x_0 ~ sum_k w_k N(mean_k, var_k I), all samples and components at once.

    p_k = r_k/v_k,   v_k = alpha^2 var_k + sigma^2
    x0 = sigma^2 sum_k p_k mean_k + alpha x sum_k p_k var_k
    eps = sigma (x sum_k p_k - alpha sum_k p_k mean_k)

    It is `Mixture.denoise` with 1 - alpha^2 var_k/v_k written as sigma^2/v_k. Log p_k is linear in x and |x|^2, so that
    it is keys times queries, and the sums over k are values times p; as attention has it. Only the differences of
    1/v_k count before |x|^2, and all is counted from the middle of the means.

    References
    ----------
    karras2024 (arXiv 2406.02507v3), appendix C
    """
    alpha, sigma, dim = t.alpha, t.sigma, means.shape[1]
    v = alpha**2 * var + sigma**2
    middle = np.mean(means, axis=0)
    n, z = means - middle, x.T - alpha * middle[:, None]
    log_w = np.log(weights) - (dim / 2 + 1) * np.log(v) - alpha**2 * square_norm(n) / (2 * v)
    keys = np.column_stack([alpha * n / v[:, None], (1 / np.max(v) - 1 / v) / 2, log_w])  # (K, D + 2)
    queries = np.vstack([z, np.sum(z * z, axis=0), np.ones(len(x))])  # (D + 2, B)
    values = np.vstack([n.T, var, np.ones(len(var))])  # (D + 2, K)
    rows = max(1, BLOCK // len(means))
    blocks = [queries[:, i : i + rows] for i in range(0, max(1, len(x)), rows)]
    sums = np.concatenate([values @ _exp(keys @ q) for q in blocks], axis=1)
    mean, own, one = sums[:dim], sums[dim], sums[dim + 1]
    total = alpha**2 * own + sigma**2 * one  # sum of p_k v_k, which is to be 1
    x0 = middle[:, None] + (sigma**2 * mean + alpha * own * z) / total
    eps = sigma / total * (one * z - alpha * mean)
    return Denoised(x0.T, eps.T)


def _exp(log_p: Array) -> Array:
    """exp(log_p) over its largest along the first axis, in its own memory; takes complex steps."""
    log_p -= np.max(log_p.real, axis=0)
    return np.asarray(np.exp(log_p, out=log_p))
