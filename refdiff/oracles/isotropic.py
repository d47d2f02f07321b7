"""Round components at one level: their belief is a softmax between two products of matrices."""

import numpy as np

from refdiff.core.arrays import Array, square_norm
from refdiff.process.predict import Denoised
from refdiff.schedules.level import Level

REACH = 64.0  # in standard deviations: its square, 4096, times float64's rounding is 1e-12 in a log weight
SAFE = 600.0  # exp of it and of its negative are finite and normal, and so are sums
BLOCK = 2**20  # log weights held at once, 8 MB: smaller ones gain nothing, and lose where components are many


def near(means: Array, var: Array, t: Level) -> bool:
    """Whether `belief` keeps its digits: one level, each component with width, none beyond `REACH` from their middle.

    Multiplied out, |x - alpha mean|^2 is a difference of larger numbers. So the difference comes first where means lie
    further apart than this, seen in widths: in `Mixture.denoise`.
    """
    if np.ndim(t.alpha) or np.ndim(t.sigma):
        return False
    far = t.alpha**2 * square_norm(means - _middle(means))
    v = t.alpha**2 * var + t.sigma**2
    return bool((v > 0).all() and (far <= REACH**2 * v).all())


def belief(weights: Array, means: Array, var: Array, x: Array, t: Level) -> Denoised:
    """Both halves of the belief about x_t where x_0 ~ sum_k w_k N(mean_k, var_k I), all samples and components at once.

    p_k = r_k/v_k,   v_k = alpha^2 var_k + sigma^2
    x0 = sigma^2 sum_k p_k mean_k + alpha x sum_k p_k var_k
    eps = sigma (x sum_k p_k - alpha sum_k p_k mean_k)

    It is `Mixture.denoise` with 1 - alpha^2 var_k/v_k written as sigma^2/v_k. Log p_k is linear in x and |x|^2, so that
    it is keys times queries, and the sums over k are values times p; as attention has it. All is counted from the
    middle of the means, and of |x|^2 only by how much 1/v_k is above the least of them: the rest is common.

    References
    ----------
    karras2024 (arXiv 2406.02507v3), appendix C
    """
    alpha, sigma, dim = t.alpha, t.sigma, means.shape[1]
    v, middle = alpha**2 * var + sigma**2, _middle(means)
    n, z = means - middle, x.T - alpha * middle[:, None]
    log_w = np.log(weights) - (dim / 2 + 1) * np.log(v) - alpha**2 * square_norm(n) / (2 * v)
    keys = np.column_stack([alpha * n / v[:, None], (1 / np.max(v) - 1 / v) / 2, log_w])
    values = np.vstack([sigma**2 * means.T, alpha * var, alpha * sigma * n.T, np.full(len(v), sigma), v])
    rows = max(1, BLOCK // len(means))
    parts = [values @ _weigh(keys, z[:, i : i + rows]) for i in range(0, max(1, len(x)), rows)]
    sums = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    data, own, noise, (one, total) = sums[:dim], sums[dim], sums[dim + 1 : -2], sums[-2:]
    return Denoised(((data + own * x.T) / total).T, ((one * z - noise) / total).T)


def _middle(means: Array) -> Array:
    return np.asarray(means.sum(axis=0) / len(means))


def _weigh(keys: Array, z: Array) -> Array:
    """exp(keys (z, |z|^2, 1)), (K, B); over each sample's largest unless none can leave the range of floats."""
    dim = len(z)
    queries = np.empty((dim + 2, z.shape[1]), z.dtype)
    queries[:dim], queries[dim], queries[dim + 1] = z, np.einsum("db,db->b", z, z), 1.0
    log_p = keys @ queries
    far = float(np.max(np.abs(queries[dim]), initial=0.0))
    most = np.sqrt(square_norm(keys[:, :dim]) * far) - keys[:, dim] * far + np.abs(keys[:, dim + 1])
    if not np.max(most) < SAFE:
        log_p -= np.max(log_p.real, axis=0)
    return np.asarray(np.exp(log_p, out=log_p))
