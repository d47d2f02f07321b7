import numpy as np
import pytest

from refdiff.losses import DenoisingLoss
from refdiff.oracles import Mixture, Normal
from refdiff.process import EPS, X0, V, edm
from refdiff.schedules import Cosine, Flow, Level
from refdiff.training import Bands, bands, fitted_variances, gaussian_loss

RNG = np.random.default_rng
X = RNG(0).standard_normal((50, 3)) @ np.array([[1.0, 0.4, 0], [0, 0.7, -0.3], [0, 0, 0.2]]) + 1


@pytest.mark.parametrize("path", [Cosine(), Flow()])
@pytest.mark.parametrize("kind", [EPS, X0, V, edm(0.5)])
def test_the_best_linear_loss_is_the_floor_of_the_fitted_gaussian(kind, path):
    loss, fit = DenoisingLoss(kind), Normal(X.mean(axis=0), np.cov(X.T, bias=True))
    times = np.array([0.05, 0.4, 0.9])
    expected = [loss.floor(fit, path(t)) for t in times]
    np.testing.assert_allclose(gaussian_loss(loss, fitted_variances(X), path(times)), expected, rtol=1e-12)


def test_no_linear_denoiser_does_better_than_that_on_data_that_are_not_gaussian():
    # the least squares fit of x0 by x_t and 1, from moments of a mixture known exactly
    law, t = Mixture([0.3, 0.7], [[-2.0], [1.0]], 0.04), Cosine()(0.5)
    mean, var = -0.6 + 0.7, 0.04 + 0.3 * (2.1) ** 2 + 0.7 * (0.9) ** 2
    slope = t.alpha * var / (t.alpha**2 * var + t.sigma**2)
    x0 = law.sample(200_000, rng=RNG(1))
    xt = t.alpha * x0 + t.sigma * RNG(2).standard_normal(x0.shape)
    errors = (mean + slope * (xt - t.alpha * mean) - x0) ** 2
    claim = gaussian_loss(DenoisingLoss(X0), np.array([var]), t)
    assert abs(errors.mean() - claim) < 4 * errors.std() / np.sqrt(errors.size)
    assert DenoisingLoss(X0).floor(law, t) < 0.8 * claim  # and what is not linear does better


def test_bands_are_full_for_a_linear_denoiser_and_hold_each_level_where_it_belongs():
    path, loss = Cosine(0.0), DenoisingLoss(V)
    seen = Bands(loss, np.array([0.5, 2.0]), 4)
    t = path(np.array([0.01, 0.26, 0.30, 0.99]))  # of which the path's angle is 0.01, 0.26, ... of a right angle
    usual = gaussian_loss(loss, np.array([0.5, 2.0]), t)
    seen.add([(Level(*(v[:2] for v in t)), usual[:2]), (Level(*(v[2:] for v in t)), usual[2:] / 2)])
    np.testing.assert_allclose(seen.ratios[[0, 3]], [1, 0.5], rtol=1e-14)
    np.testing.assert_allclose(seen.ratios[1], (usual[1] + usual[2] / 2) / (usual[1] + usual[2]), rtol=1e-14)
    assert np.isnan(seen.ratios[2])
    assert str(seen)[0] == "█"
    assert str(seen)[2:] == "·▄"
    seen.clear()
    assert str(seen) == "····"
    assert np.isnan(seen.ratio)


def test_old_steps_fade():
    t, loss = Cosine()(np.array([0.5])), DenoisingLoss(V)
    usual = gaussian_loss(loss, np.ones(2), t)
    seen = Bands(loss, np.ones(2), 1, keep=0.5)
    seen.add([(t, 4 * usual)])
    seen.add([(t, usual)])
    assert seen.ratio == pytest.approx((0.5 * 4 + 1) / 1.5)
    lately = Bands(loss, np.ones(2), 1, keep=0.5)
    lately.absorb(seen)
    lately.absorb(seen)
    seen.add([])
    assert lately.ratio == seen.ratio == pytest.approx((0.5 * 4 + 1) / 1.5)


def test_many_coordinates_are_fitted_one_by_one(monkeypatch):
    monkeypatch.setattr(bands, "WHOLE", 2)
    np.testing.assert_allclose(fitted_variances(X), X.var(axis=0))
