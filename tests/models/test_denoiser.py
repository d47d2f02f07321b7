import numpy as np
import pytest

from refdiff.core import trees
from refdiff.core.calculus import divergence
from refdiff.models import MLP, as_denoiser
from refdiff.models.denoiser import PART
from refdiff.process import EPS, X0, Denoised, V, edm
from refdiff.schedules import EDM, VP, Cosine, Level

RNG = np.random.default_rng
NET = MLP(3, width=8, depth=1, labels=4, waves=6)
X = RNG(0).standard_normal((5, 3))


def shaken(dtype=np.float32):
    rng = RNG(3)
    params = trees.transform(lambda leaf: leaf + 0.3 * rng.standard_normal(leaf.shape), NET.init(RNG(2), np.float64))
    return trees.cast(params, dtype)


@pytest.mark.equation("denoiser.as_denoiser")
@pytest.mark.parametrize("parameterization", [EPS, X0, V, edm(0.5)], ids=lambda p: p.name)
@pytest.mark.parametrize("time", [0.4, np.linspace(0.1, 0.9, 5)])
def test_the_two_halves_of_a_denoiser_make_up_the_state(parameterization, time):
    t = VP()(time)
    x0, eps = as_denoiser(NET, shaken(), parameterization)(X, t)
    rebuilt = t.like(X).alpha * x0 + t.like(X).sigma * eps
    np.testing.assert_allclose(rebuilt, X, atol=1e-13)


@pytest.mark.equation("denoiser.as_denoiser")
def test_a_denoiser_encodes_back_to_what_the_network_said():
    t, params = EDM()(np.linspace(0.1, 3, 5)), shaken(np.float64)
    F = edm(0.5)
    x0, eps = as_denoiser(NET, params, F, labels=2)(X, t)
    scale = 1 / np.hypot(t.sigma, 0.5)[:, None]
    raw = NET(params, X * scale, np.log(t.sigma) / 4, np.asarray(2))[0]
    np.testing.assert_allclose(F.encode(x0, eps, t), raw, rtol=1e-11, atol=1e-13)


def test_the_network_runs_in_its_own_precision_and_the_state_keeps_its():
    seen = []

    def spy(params, x, t, labels=None, *, rng=None):
        seen.append((x.dtype, t.dtype))
        return NET(params, x, t, labels)

    for dtype in (np.float32, np.float64):
        out = as_denoiser(spy, shaken(), V)(X.astype(dtype), Cosine()(0.5))
        assert isinstance(out, Denoised)
        assert out.x0.dtype == out.eps.dtype == dtype
    assert seen == [(np.float32, np.float32)] * 2
    assert as_denoiser(NET, shaken(np.float64), V)(X.astype(np.float32), Cosine()(0.5)).x0.dtype == np.float32


def test_float32_and_float64_networks_agree_to_single_precision():
    t = Cosine()(0.5)
    single, double = (as_denoiser(NET, shaken(dtype), V)(X, t) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(single.x0, double.x0, atol=1e-5)


def test_labels_reach_the_network_and_may_be_one_for_all():
    t, params = Cosine()(0.5), shaken()
    one = as_denoiser(NET, params, V, labels=1)(X, t).x0
    np.testing.assert_allclose(as_denoiser(NET, params, V, labels=np.ones(5, int))(X, t).x0, one, atol=1e-6)
    assert np.abs(as_denoiser(NET, params, V)(X, t).x0 - one).max() > 0.01


def test_a_denoiser_can_be_differentiated_by_complex_steps():
    t = Cosine()(0.5)
    denoise = as_denoiser(NET, shaken(np.float64), V)
    h = 1e-6
    slopes = [(denoise(X + h * e, t).x0 - denoise(X - h * e, t).x0) / (2 * h) for e in np.eye(3)]
    trace = sum(slope[:, i] for i, slope in enumerate(slopes))
    np.testing.assert_allclose(divergence(lambda x: denoise(x, t).x0, X), trace, rtol=1e-7)


def test_complex_parameters_pass_through_as_well():
    params = trees.cast(shaken(np.float64), np.complex128)
    assert as_denoiser(NET, params, V)(X, Cosine()(0.5)).x0.dtype == np.complex128


def test_an_empty_tree_is_refused():
    with pytest.raises(ValueError, match="params must hold the network's parameters"):
        as_denoiser(NET, {}, V)


def test_many_points_are_denoised_a_part_at_a_time_and_each_as_if_alone():
    rng = np.random.default_rng(3)
    net, n = MLP(2, width=8, depth=1, labels=3, waves=4), 2 * PART + 5
    params = trees.transform(lambda leaf: leaf + 0.3 * rng.standard_normal(leaf.shape), net.init(rng, np.float64))
    x, labels, times = rng.standard_normal((n, 2)), rng.integers(3, size=n), rng.uniform(0.2, 0.9, n)
    each, some = Cosine()(times), [0, PART - 1, PART, n - 1]
    whole = as_denoiser(net, params, V, labels)(x, each)
    alone = as_denoiser(net, params, V, labels[some])(x[some], Level(*(v[some] for v in each)))
    np.testing.assert_allclose(whole.x0[some], alone.x0, rtol=1e-12, atol=1e-13)
    with pytest.raises(ValueError, match="labels must"):
        as_denoiser(net, params, V, labels[:-1])(x, each)
