"""The loss by noise level, against what a simple denoiser would lose there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from refdiff.core.arrays import Array
from refdiff.core.validate import count, finite, require
from refdiff.losses.denoising import DenoisingLoss
from refdiff.schedules.level import Level

BARS = "▁▂▃▄▅▆▇█"
WHOLE = 1024  # coordinates up to which all correlations are taken


def fitted_variances(examples: ArrayLike) -> Array:
    """The variances of the Gaussian fitted to data along its axes, (D,): eigenvalues of their covariance.

    Parameters
    ----------
    examples : ndarray
        (N, ...), at least two; flattened to (N, D). Beyond 1,024 coordinates correlations are left out, and what
        comes back are the variances of the coordinates.
    """
    x = finite("examples", examples)
    require(x.ndim >= 2 and len(x) > 1, "examples", "be (N, ...), two or more", x.shape, "Pass a sample of the data.")
    x = x.reshape(len(x), -1)
    if x.shape[1] > WHOLE:
        return np.asarray(np.var(x, axis=0))
    return np.maximum(np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T, bias=True))), 0.0)


def gaussian_loss(loss: DenoisingLoss, variances: Array, t: Level) -> Array:
    """What the best linear denoiser loses, at one level or many: the floor of the Gaussian fit.

    x0_weight(t) mean_i sigma^2 v_i/(alpha^2 v_i + sigma^2)

    It is `loss.floor(Normal(mean, cov), t)`. For data that are not Gaussian a network can do better; one that does
    worse has not yet learned mean and covariance.

    Parameters
    ----------
    loss : DenoisingLoss
        Whose weight and parameterization are used.
    variances : ndarray
        (D,), from `fitted_variances`.
    t : Level
        Levels of any shape (B,), sigma > 0.

    Returns
    -------
    ndarray
        (B,), or a number for one level.
    """
    alpha2, sigma2 = (np.square(np.asarray(v, np.float64))[..., None] for v in (t.alpha, t.sigma))
    left = sigma2 * variances / (alpha2 * variances + sigma2)
    return np.asarray(loss.x0_weight(t) * left.mean(axis=-1))


class Bands:
    """Sums of losses in bands of noise, each beside the sum of what the best linear denoiser would have lost.

    The bands are equal parts of the angle arctan2(sigma, alpha), from data (0) to noise (pi/2).

    Parameters
    ----------
    loss : DenoisingLoss
        The loss that is summed.
    variances : ndarray
        (D,), from `fitted_variances` of the data.
    bands : int
        How many.
    keep : float
        What is kept of the sums whenever more are taken in, in (0, 1]: 1 forgets nothing until `clear`.
    """

    def __init__(self, loss: DenoisingLoss, variances: Array, bands: int = 8, *, keep: float = 1.0) -> None:
        require(0 < keep <= 1, "keep", "lie in (0, 1]", keep, "0.9 looks back over about 10 times.")
        self._loss, self._variances, self._keep = loss, finite("variances", variances, ndim=1), keep
        self._sums = np.zeros((2, count("bands", bands)))

    def add(self, told: Sequence[tuple[Level, Array]]) -> None:
        """Take in levels and their losses, (B,) each, as `DenoisingLoss.objective(..., told=True)` tells them."""
        if not told:
            return
        t = Level(*(np.concatenate(values) for values in zip(*(t for t, _ in told), strict=True)))
        losses, expected = np.concatenate([loss for _, loss in told]), gaussian_loss(self._loss, self._variances, t)
        n = self._sums.shape[1]
        band = np.minimum(np.asarray(t.angle) * (2 / np.pi) * n, n - 1).astype(int)
        sums = [np.bincount(band, weights=values, minlength=n) for values in (losses, expected)]
        self._sums = self._keep * self._sums + sums

    def absorb(self, other: "Bands") -> None:
        """Take in what others of the same loss have summed, as one step."""
        self._sums = self._keep * self._sums + other._sums

    def clear(self) -> None:
        """Forget everything."""
        self._sums[:] = 0

    @property
    def ratios(self) -> Array:
        """Loss over that of the best linear denoiser, in each band; NaN where nothing was seen."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._sums[0] / self._sums[1])

    @property
    def ratio(self) -> float:
        """The same over all bands together."""
        loss, expected = self._sums.sum(axis=1)
        return float(loss / expected) if expected else float("nan")

    def __str__(self) -> str:
        """A bar for each band: full where the loss is as high as the linear denoiser's, or higher."""
        return "".join(
            "·" if np.isnan(r) else BARS[int(np.clip(np.ceil(r * len(BARS)) - 1, 0, len(BARS) - 1))]
            for r in self.ratios
        )
