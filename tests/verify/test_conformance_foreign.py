"""`check` on code as it is found: single precision beside a mistake, plain lists, compiled functions, odd factors."""

import math
import sys
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest

from refdiff.schedules import linear_betas
from refdiff.verify.conformance import check
from refdiff.verify.dealing import dealing

BETAS = linear_betas(200, 5e-4, 0.1)
BAR = np.cumprod(1 - BETAS)
PREV = np.append(1.0, BAR[:-1])
SIGMAS = np.append(np.geomspace(40, 0.05, 8), 0.0)
DEFAULT = np.random.default_rng(5)


def posterior_step(dtype, variance=lambda tilde: tilde**0.5, x0_by=1.0, xt_by=1.0, prev=PREV):
    """Tables once, as in most classes; `..._by` multiply the coefficients of the posterior mean."""
    betas, bar = BETAS.astype(dtype), np.cumprod(1 - BETAS).astype(dtype)
    prev = prev.astype(dtype)
    on_x0 = betas * np.sqrt(prev) / (1 - bar) * x0_by
    on_xt = (1 - prev) * np.sqrt(1 - betas) / (1 - bar) * xt_by
    std = variance(betas * (1 - PREV.astype(dtype)) / (1 - bar))

    def step(x, t, eps, noise):
        x0 = (x - np.sqrt(1 - bar[t]) * eps) / np.sqrt(bar[t])
        return on_x0[t] * x0 + on_xt[t] * x + std[t] * noise

    return step


@pytest.mark.equation("conformance.check")
def test_single_precision_is_held_beside_a_mistake():
    report = check(posterior_step(np.float32, variance=lambda tilde: tilde), betas=BETAS)
    assert [row.held for row in report.rows] == [True, True, False]
    assert [f.about for f in report.findings] == ["the noise", "single precision"]
    assert "the variance in place of the standard deviation" in str(report)


@pytest.mark.equation("conformance.check")
def test_a_wrong_last_step_in_single_precision_is_wrong_there_alone():
    bar = BAR.astype(np.float32)

    def ends_at_the_first_level(x, t, eps):
        a, s = bar[t], bar[max(t - 1, 0)]
        return np.sqrt(s) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - s) * eps

    report = check(ends_at_the_first_level, like="ddim", betas=BETAS)
    assert not report.ok
    assert max(row.wrong for row in report.rows) == 1
    assert "the last step ends at the first noise level instead of the data" in report.findings[0].reason


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_a_part_of_the_mean_is_named_with_its_factor(dtype):
    report = check(posterior_step(dtype, xt_by=np.sqrt(1 - BETAS)), betas=BETAS)
    assert "the part on x_t is sqrt(alpha_t) times what is wanted; the part on x0 holds" in str(report)
    report = check(posterior_step(dtype, prev=BAR), betas=BETAS)
    assert "the part on x_t has 1 - alpha_bar_t in place of 1 - alpha_bar_s" in str(report)


@pytest.mark.equation("conformance.check")
def test_one_beta_of_a_skipped_chain_is_named():
    grid = np.arange(195, -1, -5)
    prev = dict(zip(grid.tolist(), [*grid[1:].tolist(), -1], strict=True))

    def step(x, t, eps, noise):
        a, s = BAR[t], BAR[prev[t]] if prev[t] >= 0 else 1.0
        beta = BETAS[t]  # of one step, where many are taken
        x0 = (x - np.sqrt(1 - a) * eps) / np.sqrt(a)
        return (
            np.sqrt(s) * beta / (1 - a) * x0
            + np.sqrt(1 - beta) * (1 - s) / (1 - a) * x
            + np.sqrt((1 - s) / (1 - a) * beta) * noise
        )

    report = check(step, betas=BETAS, timesteps=grid)
    assert "the part on x0 has beta_t in place of 1 - alpha_bar_t/alpha_bar_s" in str(report)
    assert "the noise: it has sqrt(beta_t) in place of sqrt(1 - alpha_bar_t/alpha_bar_s)" in str(report)


@pytest.mark.equation("conformance.check")
def test_a_slope_that_is_not_divided_by_sigma_is_named():
    def step(x, sigma, sigma_next, denoised):
        return x + (x - denoised) * (sigma_next - sigma)

    report = check(step, like="euler", sigmas=SIGMAS, predicts="x0")
    assert "what is added to x is sigma_t times what is wanted" in str(report)


@pytest.mark.equation("conformance.check")
def test_a_step_in_plain_python_over_lists_passes():
    def step(x, t, eps, z):
        out = [[0.0] * len(row) for row in x]
        for i, row in enumerate(x):
            for j, value in enumerate(row):
                mean = (value - BETAS[t] / math.sqrt(1 - BAR[t]) * eps[i][j]) / math.sqrt(1 - BETAS[t])
                out[i][j] = float(mean + (math.sqrt(BETAS[t]) * z[i][j] if t > 0 else 0.0))
        return out

    report = check(step, betas=BETAS, variance="large")
    assert report.ok, str(report)


def test_a_step_in_place_that_returns_nothing_is_told_so():
    def step(x, t, eps):
        x -= eps

    with pytest.raises(ValueError, match=r"returned None; a step that changes x in place must return x"):
        check(step, betas=BETAS, like="ddim")


def test_noise_reaches_into_a_compiled_function():
    rng = np.random.default_rng(0)
    compiled = lru_cache(lambda size: rng.standard_normal(size))  # its type's __call__ is no function of Python's
    with dealing(np.ones, compiled):
        assert np.array_equal(compiled(3), np.ones(3))


@pytest.mark.equation("conformance.check")
def test_a_nan_is_one_finding():
    right = posterior_step(np.float64)
    report = check(lambda x, t, eps, z: right(x, t, eps, z) * (np.nan if t == 0 else 1), betas=BETAS)
    assert [f.about for f in report.findings] == ["not finite"]


@pytest.mark.equation("conformance.check")
def test_a_chain_that_is_meant_to_end_at_its_first_noise_level():
    grid = np.arange(191, 0, -10)
    ends = np.append(BAR[grid[1:]], BAR[0])

    def step(x, t, eps):
        a, s = BAR[t], ends[list(grid).index(t)]
        return np.sqrt(s) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - s) * eps

    kept = {"like": "ddim", "betas": BETAS, "timesteps": grid}
    assert "passed as final_alpha_cumprod=" in str(check(step, **kept))
    assert check(step, **kept, final_alpha_cumprod=BAR[0]).ok
    assert not check(step, **kept, final_alpha_cumprod=(BAR[0] + 1) / 2).ok
    with pytest.raises(ValueError, match=r"final_alpha_cumprod must lie between the first alpha_bar and 1; got 0.5"):
        check(step, **kept, final_alpha_cumprod=0.5)


@pytest.mark.equation("conformance.check")
def test_names_are_read_as_people_write_them():
    def step(x, t, eps):
        a, s = BAR[t], PREV[t]
        return np.sqrt(s) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - s) * eps

    assert check(step, like="DDIM", betas=BETAS, predicts="epsilon").ok
    assert not check(step, like="DDIM", betas=BETAS, predicts="v_prediction").ok
    with pytest.raises(ValueError, match=r"got 'ddmp'. Did you mean ddpm"):
        check(step, like="ddmp", betas=BETAS)


def test_products_handed_in_as_betas_are_refused():
    with pytest.raises(ValueError, match=r"betas must be variances.*pass alphas_cumprod="):
        check(lambda x, t, eps: x, betas=BAR)


@pytest.mark.equation("conformance.check")
def test_an_eta_that_is_not_ddims_keeps_the_default_of_the_step():
    def ancestral(x, sigma, sigma_next, denoised, noise, eta=1.0):
        up = min(sigma_next, eta * np.sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
        down = np.sqrt(sigma_next**2 - up**2)
        return x + (x - denoised) / sigma * (down - sigma) + up * noise

    asked = {"like": "euler_ancestral", "sigmas": SIGMAS, "predicts": "x0"}
    assert check(ancestral, **asked).ok
    assert check(ancestral, **asked, options={"eta": 0.5}).ok


def _noise(shape, source=DEFAULT):
    return source.standard_normal(shape)


@pytest.mark.equation("conformance.check")
def test_noise_is_dealt_to_defaults_and_to_functions_that_are_called():
    right = posterior_step(np.float64)

    def step(x, t, eps):
        return right(x, t, eps, _noise(x.shape))

    report = check(step, betas=BETAS)
    assert report.ok, str(report)
    assert "dealt" in report.title
    assert _noise.__defaults__ == (DEFAULT,)


@pytest.fixture
def fake_jax(monkeypatch):
    """As much of JAX as a step may use; inside `disable_jit` alone may a compiled function be replaced."""
    compiled = [True]

    @contextmanager
    def disable_jit():
        compiled[0] = False
        yield
        compiled[0] = True

    def normal(key, shape=(), dtype=None):
        raise AssertionError("drawn, not dealt")

    random = SimpleNamespace(normal=normal, key=lambda seed: ("key", seed), split=lambda key: (key, key))
    jax = SimpleNamespace(random=random, disable_jit=disable_jit, numpy=np, compiled=compiled)
    monkeypatch.setitem(sys.modules, "jax", jax)
    return jax


@pytest.mark.equation("conformance.check")
def test_a_step_that_takes_a_key_of_jax_is_dealt_its_noise(fake_jax):
    right, wrong = posterior_step(np.float32), posterior_step(np.float32, variance=lambda tilde: tilde)

    def keyed(step):
        def p_sample(key, x, t, eps):
            assert not fake_jax.compiled[0]
            key, sub = fake_jax.random.split(key)
            return step(x, t, eps, fake_jax.random.normal(sub, x.shape))

        return p_sample

    report = check(keyed(right), betas=BETAS)
    assert report.ok, str(report)
    assert "noise dealt to its generator" in report.title
    assert "the variance in place of the standard deviation" in str(check(keyed(wrong), betas=BETAS))
    assert fake_jax.compiled[0]
    with pytest.raises(AssertionError, match="drawn, not dealt"):
        fake_jax.random.normal(None)


@pytest.mark.equation("conformance.check")
def test_single_precision_is_held_beside_a_mistake_in_a_step_of_several_looks():
    def heun(x, sigma, sigma_next, model):
        sigma, sigma_next = np.float32(sigma), np.float32(sigma_next)
        slope = (x - model(x, sigma)) / sigma
        end = x + (sigma_next - sigma) * slope
        if sigma_next == 0:
            return end
        return x + (sigma_next - sigma) * (slope + (x - model(end, sigma_next)) / sigma_next) / 2  # x for end

    report = check(heun, like="heun", sigmas=SIGMAS * (1 + 1e-5), predicts="x0")
    held = {row.coefficient: row.held for row in report.rows}
    assert held["answer 2"], str(report)
    assert held["x in look 2"]
    assert not held["x"]


def test_a_method_whose_object_holds_the_network_is_told_how_to_be_handed_over():
    class Diffusion:
        def p_sample(self, x, t, x_self_cond=None):
            return x

    with pytest.raises(ValueError, match=r"def step\(x, t, model\): it.model = model; return it.p_sample\(x, t\)"):
        check(Diffusion().p_sample, betas=BETAS)


@pytest.mark.equation("conformance.check")
def test_a_churned_step_that_starts_from_the_sigma_before_the_churn_is_told_so():
    def step(x, sigma, sigma_next, model, noise, *, right):
        hat = sigma * 1.25
        x = x + np.sqrt(hat**2 - sigma**2) * noise
        slope = (x - model(x, hat)) / hat
        end = x + (sigma_next - (hat if right else sigma)) * slope
        if sigma_next == 0:
            return end
        return x + (sigma_next - hat) * (slope + (end - model(end, sigma_next)) / sigma_next) / 2

    asked = {"like": "churned", "sigmas": SIGMAS, "predicts": "x0", "options": {"churn": 0.25 * (len(SIGMAS) - 1)}}
    assert check(
        lambda x, sigma, sigma_next, model, noise: step(x, sigma, sigma_next, model, noise, right=True), **asked
    )
    report = check(
        lambda x, sigma, sigma_next, model, noise: step(x, sigma, sigma_next, model, noise, right=False), **asked
    )
    assert "what is added to x in look 2: has sigma_t - sigma_s in place of sigma_hat - sigma_s" in str(report), str(
        report
    )


@pytest.mark.equation("conformance.check")
def test_an_ancestral_step_that_does_not_make_room_for_its_noise_is_told_so():
    def step(x, sigma, sigma_next, denoised, noise):
        up = sigma_next * np.sqrt(1 - sigma_next**2 / sigma**2)
        return x + (x - denoised) / sigma * (sigma_next - sigma) + up * noise

    report = check(step, like="euler_ancestral", sigmas=SIGMAS, predicts="x0")
    assert "in sigmas, it goes to sigma_next instead of sigma_down" in str(report), str(report)
