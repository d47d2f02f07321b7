import numpy as np
import pytest

from refdiff.core import jacobian
from refdiff.oracles import Mixture, isotropic
from refdiff.schedules import EDM, VP, Flow, Level

TURN = 2 * np.pi * np.arange(8) / 8
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)
EVEN = np.full(8, 1 / 8)
WIDTHS = {"one width": 0.02, "many widths": np.geomspace(1e-3, 0.5, 8), "points": 0.0}


def longer(law, x, t):
    """Bayes' rule in extended precision: differences first, then squares, weights and averages."""
    w, m, v0, x, a, s = (np.asarray(v, np.longdouble) for v in (law.weights, law.means, law._var[:, 0], x, *t[1:]))
    v, y = a * a * v0 + s * s, x[:, None] - a * m
    log_r = np.log(w) - law.dim * np.log(v) / 2 - np.sum(y * y, axis=2) / (2 * v)
    r = np.exp(log_r - np.max(log_r, axis=1, keepdims=True))
    r = (r / np.sum(r, axis=1, keepdims=True))[..., None]
    k = y / v[:, None]
    return np.sum(r * (m + a * v0[:, None] * k), axis=1), s * np.sum(r * k, axis=1)


def is_near(law, t):
    return isotropic.near(law.means, law._var[:, 0], t)


@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("t", [VP()(0.3), Flow()(0.7), EDM()(0.05), EDM()(80.0)], ids=["vp", "flow", "edm", "edm high"])
@pytest.mark.equation("mixture.Mixture.denoise")
def test_multiplied_out_the_belief_keeps_thirteen_digits(widths, t):
    law = Mixture(EVEN, RING, widths)
    x = law.at(t).sample(300, rng=np.random.default_rng(0))
    assert is_near(law, t)
    for got, want in zip(law.denoise(x, t), longer(law, x, t), strict=True):
        np.testing.assert_allclose(got, want.astype(float), atol=1e-13)  # rounding times the 400 of |mean|^2/v


@pytest.mark.equation("mixture.Mixture.denoise")
def test_where_means_lie_thousands_of_widths_apart_differences_come_first():
    # pairs of points a width apart on a wide ring: multiplied out, log r loses the square of 6000 in digits
    t = Level(1.0, 1.0, 1.0)
    law = Mixture(np.full(16, 1 / 16), np.concatenate([6e3 * RING, 6e3 * RING + [1.0, 0.0]]), 0.0)
    x = law.at(t).sample(300, rng=np.random.default_rng(0))
    assert not is_near(law, t)
    eps, want = law.denoise(x, t).eps, longer(law, x, t)[1].astype(float)
    np.testing.assert_allclose(eps, want, atol=1e-14)
    lossy = isotropic.belief(law.weights, law.means, law._var[:, 0], x, t).eps
    assert np.max(np.abs(lossy - want)) > 1e-10  # measured: 3e-9


@pytest.mark.equation("mixture.Mixture.denoise")
def test_a_shift_of_all_means_and_states_moves_the_belief_along():
    t, law, far = Flow()(0.5), Mixture(EVEN, RING, 0.02), Mixture(EVEN, RING + 1e6, 0.02)
    x = law.at(t).sample(50, rng=np.random.default_rng(1))
    here, there = law.denoise(x, t), far.denoise(x + t.alpha * 1e6, t)
    np.testing.assert_allclose(there.x0 - 1e6, here.x0, atol=1e-8)  # the states themselves are rounded at 1e-10
    np.testing.assert_allclose(there.eps, here.eps, atol=1e-8)


@pytest.mark.equation("mixture.Mixture.denoise")
def test_the_slope_by_complex_steps_is_the_covariance_of_the_belief():
    t, law = VP()(0.3), Mixture(EVEN, RING, WIDTHS["many widths"])
    x = law.at(t).sample(5, rng=np.random.default_rng(2))
    slope = jacobian(lambda x: law.denoise(x, t).x0, x)
    np.testing.assert_allclose(slope, t.alpha / t.sigma**2 * law.denoise(x, t, spread=True).spread, atol=1e-12)


@pytest.mark.equation("mixture.Mixture.denoise")
def test_many_states_in_blocks_are_believed_as_they_are_at_once(monkeypatch):
    t, law = VP()(0.3), Mixture(EVEN, RING, 0.02)
    x = law.at(t).sample(50, rng=np.random.default_rng(3))
    whole = law.denoise(x, t)
    monkeypatch.setattr(isotropic, "BLOCK", 8 * 7)
    for a, b in zip(law.denoise(x, t), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.equation("mixture.Mixture.denoise")
def test_inputs_and_the_law_are_left_as_they_were():
    law, t = Mixture(EVEN, RING, 0.02), VP()(0.3)
    x = np.random.default_rng(4).standard_normal((5, 2))
    kept = x.copy(), law.means.copy()
    law.denoise(x, t)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(law.means, kept[1])


def test_no_states_have_no_beliefs():
    assert Mixture(EVEN, RING, 0.02).denoise(np.zeros((0, 2)), VP()(0.3)).x0.shape == (0, 2)
