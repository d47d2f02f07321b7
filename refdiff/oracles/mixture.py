"""Mixtures of Gaussians: many modes, and still everything in closed form."""

import numpy as np
from numpy.typing import ArrayLike

from refdiff.core.arrays import Array, logsumexp, softmax
from refdiff.core.validate import count, finite, require
from refdiff.oracles import isotropic
from refdiff.oracles.normal import covariance_matrix, points
from refdiff.process.predict import Denoised
from refdiff.schedules.level import Level, single

BLOCK = 2**15  # numbers held at once, 256 kB: what a core keeps near


class Mixture:
    """sum_k w_k N(mean_k, cov_k).

    Parameters
    ----------
    weights : array_like
        (K,), above zero, summing to one.
    means : array_like
        (K, D).
    covs : array_like
        (K, D, D) matrices, or (K,) variances v_k standing for v_k I, or one variance for all. Zero is allowed: a
        component may be a point.

    References
    ----------
    Equation: mixture.Mixture
    bishop2006, eq. 2.188
    """

    def __init__(self, weights: ArrayLike, means: ArrayLike, covs: ArrayLike) -> None:
        self.weights = finite("weights", weights, ndim=1)
        self.means = finite("means", means, ndim=2)
        k, dim = self.means.shape
        require(self.weights.shape == (k,), "weights", f"be ({k},), one a mean", self.weights.shape, "Count them.")
        require(
            bool(np.all(self.weights > 0)) and abs(self.weights.sum() - 1) < 1e-9, "weights",
            "be above zero and sum to one", f"least {self.weights.min():.3g}, sum {self.weights.sum():.6g}",
            "Divide them by their sum.",
        )  # fmt: skip
        covs = finite("covs", covs)
        self._axes: Array | None = None  # (K, D, D), eigenvectors in columns; None where all are round
        if covs.ndim < 2:
            require(
                covs.shape in ((), (k,)), "covs", f"be one variance, ({k},) or ({k}, {dim}, {dim})", covs.shape,
                "One variance or matrix a mean.",
            )  # fmt: skip
            require(bool(np.all(covs >= 0)), "covs", "be at least 0", f"{np.min(covs):.3g}", "They are variances.")
            self._var = np.broadcast_to(np.broadcast_to(covs, (k,))[:, None], (k, dim))
        else:
            require(covs.shape == (k, dim, dim), "covs", f"be ({k}, {dim}, {dim})", covs.shape, "One matrix a mean.")
            full = np.stack([covariance_matrix(f"covs[{i}]", c, dim) for i, c in enumerate(covs)])
            var, self._axes = np.linalg.eigh(full)
            self._var = np.maximum(var, 0.0)

    @property
    def dim(self) -> int:
        """D, the dimension of the data."""
        return int(self.means.shape[1])

    @property
    def covs(self) -> Array:
        """(K, D, D), the covariances of the components."""
        axes = np.eye(self.dim)[None] if self._axes is None else self._axes
        return np.asarray((axes * self._var[:, None, :]) @ np.swapaxes(axes, 1, 2))

    @property
    def mean(self) -> Array:
        """(D,), the mean of the whole law."""
        return np.asarray(self.weights @ self.means)

    @property
    def cov(self) -> Array:
        """(D, D), the covariance of the whole law: within components plus between them.

        References
        ----------
        Equation: mixture.Mixture.cov
        bishop2006, eq. 9.50
        """
        off = self.means - self.mean
        return np.asarray(np.einsum("k,kij->ij", self.weights, self.covs) + (self.weights * off.T) @ off)

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """`n` independent draws, (n, D)."""
        return self.sample_labelled(n, rng=rng)[0]

    def sample_labelled(self, n: int, *, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` independent draws, (n, D), and the components they came from, (n,)."""
        n = count("n", n, least=0)
        k = rng.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        y = rng.standard_normal((n, self.dim)) * np.sqrt(self._var[k])
        if self._axes is not None:
            y = np.einsum("nij,nj->ni", self._axes[k], y)
        return self.means[k] + y, k

    def log_prob(self, x: Array) -> Array:
        """Log density, (B, D) to (B,), in nats.

        References
        ----------
        Equation: mixture.Mixture.log_prob
        bishop2006, eq. 2.188
        """
        return logsumexp(self._log_joint(*self._coordinates(points(x, self.dim), CLEAN)), axis=0)

    def score(self, x: Array) -> Array:
        """Gradient of the log density: components' scores averaged by their responsibilities, (B, D).

        References
        ----------
        Equation: mixture.Mixture.score
        karras2024 (arXiv 2406.02507v3), appendix C
        """
        y, var = self._coordinates(points(x, self.dim), CLEAN)
        r = softmax(self._log_joint(y, var), axis=0)
        return -_average(r, self._rotate(y / var))

    def at(self, t: Level) -> "Mixture":
        """The law of x_t: every component noised, the weights unchanged.

        References
        ----------
        Equation: mixture.Mixture.at
        bishop2006, eq. 2.115
        """
        single("t", t)
        if self._axes is None:
            return Mixture(self.weights, t.alpha * self.means, t.alpha**2 * self._var[:, 0] + t.sigma**2)
        return Mixture(self.weights, t.alpha * self.means, t.alpha**2 * self.covs + t.sigma**2 * np.eye(self.dim))

    def responsibilities(self, x: Array, t: Level) -> Array:
        """Probability of each component given x_t = x: (B, K), rows summing to one.

        References
        ----------
        Equation: mixture.Mixture.responsibilities
        bishop2006, eq. 2.192
        """
        return softmax(self._log_joint(*self._coordinates(points(x, self.dim, t), t)), axis=0).T

    def denoise(self, x: Array, t: Level, *, spread: bool = False) -> Denoised:
        """Both halves of the belief about x_t: each component's belief, averaged by its responsibility r_k.

        k_k = V_k^-1 (x - alpha mean_k),   V_k = alpha^2 cov_k + sigma^2 I
        x0 = sum_k r_k (mean_k + alpha cov_k k_k),   eps = sigma sum_k r_k k_k

        Parameters
        ----------
        x : ndarray
            (B, D), states at t.
        t : Level
            One level, or one a sample.
        spread : bool
            Ask for Cov(x_0 | x_t) as well, (B, D, D): within components plus between them.

        References
        ----------
        Equation: mixture.Mixture.denoise
        karras2024 (arXiv 2406.02507v3), appendix C
        """
        x = points(x, self.dim, t)
        if not spread and self._axes is None and isotropic.near(self.means, self._var[:, 0], t):
            return isotropic.belief(self.weights, self.means, self._var[:, 0], x, t)  # the same, several times faster
        cuts = self._cuts(len(x))
        if len(cuts) > 1:
            each = [np.broadcast_to(v, len(x)) for v in t]
            parts = [self.denoise(x[c], Level(*(v[c] for v in each)), spread=spread) for c in cuts]
            whole = np.concatenate([p.spread for p in parts if p.spread is not None]) if spread else None
            return Denoised(np.concatenate([p.x0 for p in parts]), np.concatenate([p.eps for p in parts]), whole)
        alpha, sigma = t.alpha, t.sigma
        y, var = self._coordinates(x, t)
        r = softmax(self._log_joint(y, var), axis=0)  # (K, B)
        k = y / var
        x0_k = self.means[..., None] + self._rotate(alpha * self._var[..., None] * k)  # (K, D, B)
        x0, eps = _average(r, x0_k), _average(r, self._rotate(sigma * k))
        if not spread:
            return Denoised(x0, eps)
        off = x0_k - x0.T
        between = np.einsum("kb,kib,kjb->bij", r, off, off, optimize=True)
        left = np.broadcast_to(sigma**2 * self._var[..., None] / var, y.shape)
        axes = np.broadcast_to(np.eye(self.dim), (len(self.weights), self.dim, self.dim))
        axes = axes if self._axes is None else self._axes
        within = np.einsum("kb,kid,kdb,kjd->bij", r, axes, left, axes, optimize=True)
        return Denoised(x0, eps, within + between)

    def mmse(self, t: Level) -> float:
        """E |x_0 - E[x_0 | x_t]|^2, the least squared error of any denoiser, summed over coordinates.

        The expectation over each noised component is a trapezoidal sum on a grid in its own standard coordinates. The
        integrand is analytic and decays like a Gaussian, so halving the spacing about squares the error: when it
        changes the sum by less than 1e-9 of itself, what is left is near rounding.

        Parameters
        ----------
        t : Level
            A level of scalars, sigma > 0.

        Raises
        ------
        ValueError
            In more than two dimensions, where such a grid is too large.

        References
        ----------
        Equation: mixture.Mixture.mmse
        guo2005 (arXiv cs/0412108v1)
        """
        single("t", t)
        require(
            self.dim <= 2, "mixture", "have at most 2 dimensions for an exact mmse", self.dim,
            "Average the trace of denoise(x, t, spread=True).spread over x = at(t).sample(n, rng=rng).",
        )  # fmt: skip
        coarse, fine, spacing = np.inf, self._mean_variance(t, 0.5), 0.5
        while abs(fine - coarse) > 1e-9 * fine and spacing > 0.02:
            spacing /= 2
            coarse, fine = fine, self._mean_variance(t, spacing)
        return fine

    def _mean_variance(self, t: Level, spacing: float) -> float:
        """E tr Cov(x_0 | x_t) by a trapezoidal sum over each component, out to nine standard deviations."""
        axis = np.arange(-9.0, 9.0 + spacing / 2, spacing)
        z = np.stack(np.meshgrid(*[axis] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)
        z = z[np.sum(z * z, axis=1) <= 81.0]
        mass = np.exp(-np.sum(z * z, axis=1) / 2) * (spacing / np.sqrt(2 * np.pi)) ** self.dim
        total = 0.0
        for k, w in enumerate(self.weights):
            y = z * np.sqrt(t.alpha**2 * self._var[k] + t.sigma**2)
            x = t.alpha * self.means[k] + (y if self._axes is None else y @ self._axes[k].T)
            total += w * sum(float(mass[c] @ self._total_variance(x[c], t)) for c in self._cuts(len(x)))
        return total

    def _total_variance(self, x: Array, t: Level) -> Array:
        """Trace of Cov(x_0 | x_t = x), (B,): within components plus between them."""
        y, var = self._coordinates(x, t)
        r = softmax(self._log_joint(y, var), axis=0)
        x0_k = self.means[..., None] + self._rotate(t.alpha * self._var[..., None] / var * y)
        off = x0_k - _average(r, x0_k).T
        left = t.sigma**2 * self._var[..., None] / var
        return np.asarray(np.sum(r * (np.sum(left, axis=1) + np.sum(off * off, axis=1)), axis=0))

    def _cuts(self, n: int) -> list[slice]:
        """Slices of n samples, each small enough for its components to stay near the core."""
        rows = max(1, BLOCK // self.means.size)
        return [slice(i, i + rows) for i in range(0, n, rows)]

    def _coordinates(self, x: Array, t: Level) -> tuple[Array, Array]:
        """x from each component's centre in its own axes, (K, D, B); the variances there, (K, D, 1 or B).

        Samples come last: with two or three coordinates last, NumPy's inner loops would be two or three long.
        """
        x = x.astype(np.float64, copy=False) if np.isrealobj(x) else x
        y = x.T - t.alpha * self.means[..., None]
        if self._axes is not None:
            y = np.swapaxes(self._axes, 1, 2) @ y
        var = t.alpha**2 * self._var[..., None] + t.sigma**2
        require(
            bool(np.all(var > 0)), "covs", "be positive definite where sigma = 0", "a component without width",
            "A point has a density only once it is noised: ask at sigma > 0.",
        )  # fmt: skip
        return y, var

    def _rotate(self, y: Array) -> Array:
        return y if self._axes is None else np.asarray(self._axes @ y)

    def _log_joint(self, y: Array, var: Array) -> Array:
        """log w_k N(x; component k), (K, B)."""
        log_det = np.sum(np.log(2 * np.pi * var), axis=1)
        return np.asarray(np.log(self.weights)[:, None] - (np.sum(y * y / var, axis=1) + log_det) / 2)


def _average(r: Array, y: Array) -> Array:
    """sum_k r_k y_k: (K, B) and (K, D, B) to (B, D)."""
    return np.asarray(np.einsum("kb,kdb->bd", r, y))


CLEAN = Level(0.0, 1.0, 0.0)
