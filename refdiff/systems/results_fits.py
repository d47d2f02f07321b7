"""What a model of images must beat: laws fitted in closed form, their few settings chosen on held-back data."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.data import Labelled
from refdiff.likelihood.through_noise import noised
from refdiff.oracles import Empirical, Mixture, Normal
from refdiff.schedules import Level

EVERY = 5  # of the training images, every fifth chooses the settings
RIDGES, SHARES = (1e-5, 1e-4, 1e-3, 1e-2), (0.05, 0.1, 0.2, 0.4)


class Fit(NamedTuple):
    """A law of clean images, the settings it was fitted with, and the level through which it costs least."""

    law: Normal | Mixture | Empirical
    settings: dict[str, float]
    level: Level


def gaussian(data: Labelled, ridge: float) -> Normal:
    """One Gaussian: mean and covariance of the images, a share of it made round.

    cov = (1 - ridge) C + ridge Tr(C)/D I
    """
    x = data.flat.astype(np.float64)
    return Normal(x.mean(axis=0), _ridged(np.cov(x.T, bias=True), ridge))


def class_gaussians(data: Labelled, ridge: float, share: float) -> Mixture:
    """A Gaussian for each class, its covariance shrunk towards the mean covariance within classes, and that as above.

    cov_k = (1 - ridge) ((1 - share) C_k + share sum_j w_j C_j) + ridge v I
    """
    x, classes = data.flat.astype(np.float64), np.unique(data.labels)
    parts = [x[data.labels == c] for c in classes]
    weights = np.array([len(p) for p in parts]) / len(x)
    own = np.stack([np.cov(p.T, bias=True) for p in parts])
    pooled = np.einsum("k,kij->ij", weights, own)
    covs = [_ridged((1 - share) * c + share * pooled, ridge) for c in own]
    return Mixture(weights, np.stack([p.mean(axis=0) for p in parts]), np.stack(covs))


FITS: dict[str, tuple[Callable[..., Normal | Mixture | Empirical], dict[str, tuple[float, ...]]]] = {
    "one Gaussian": (gaussian, {"ridge": RIDGES}),
    "ten Gaussians": (class_gaussians, {"ridge": RIDGES, "share": SHARES}),
    "training images": (lambda data: Empirical(data.flat), {}),
}
"""How each law is made, and what may be set."""


def choose(name: str, data: Labelled, levels: Iterable[Level], values: Array, *, rng: Rng) -> Fit:
    """A fit with the settings and the level at which held-back training images cost the fewest bits."""
    fit, grid = FITS[name]
    back = np.arange(len(data.labels)) % EVERY == EVERY - 1
    most, held = (Labelled(data.images[part], data.labels[part]) for part in (~back, back))
    some = held.flat[:: 1 if grid else 3]  # a law with a component an image is slow
    levels, costs = list(levels), {}
    for settings in product(*grid.values()):
        law = fit(most, *settings)
        for i, t in enumerate(levels):
            costs[settings, i] = float(noised(law.at(t).log_prob, some, t, values, rng=rng).total.mean())
    settings, i = min(costs, key=lambda key: costs[key])
    return Fit(fit(data, *settings), dict(zip(grid, settings, strict=True)), levels[i])


def _ridged(cov: Array, ridge: float) -> Array:
    """A covariance, a share of it made round."""
    return np.asarray((1 - ridge) * (cov + cov.T) / 2 + ridge * np.trace(cov) / len(cov) * np.eye(len(cov)))
