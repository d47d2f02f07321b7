"""Right steps are let pass in whatever form they come, wrong ones are called by their name."""

import sys
from functools import partial
from itertools import pairwise
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.random import standard_normal

import refdiff
from refdiff.process import V
from refdiff.samplers import ddim, euler
from refdiff.schedules import VP, Chain, Flow, cosine_betas, grids, scaled_linear_betas
from refdiff.verify.conformance import check
from refdiff.verify.wrong_steps import BAR, BETAS, PREV, TILDE, WRONG_STEPS, _mean

DEFAULT = np.random.default_rng(5)


def ddpm_step(x, t, eps, noise):
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * noise


def drawn_by_randn(x, t, eps):
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * np.random.randn(*x.shape)  # noqa: NPY002


def drawn_by_normal(x, t, eps):
    return np.random.normal(_mean(x, t, eps), np.sqrt(TILDE[t]))  # noqa: NPY002


def drawn_by_a_generator_of_the_module(x, t, eps):
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * DEFAULT.standard_normal(x.shape)


def drawn_by_a_function_imported_by_name(x, t, eps):
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * standard_normal(x.shape)  # noqa: NPY002


def drawn_by_a_new_generator(x, t, eps):
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * np.random.default_rng(t).normal(size=x.shape)


def drawn_by_an_argument(x, t, eps, *, rng):
    assert isinstance(rng, np.random.Generator)
    return _mean(x, t, eps) + np.sqrt(TILDE[t]) * rng.standard_normal(size=x.shape)


def drawn_by_a_closure():
    rng = np.random.default_rng(0)

    def step(x_t, t, model_output):
        return _mean(x_t, t, model_output) + np.sqrt(TILDE[t]) * rng.standard_normal(x_t.shape)

    return step


class Scheduler:
    """As diffusers does it: step(model_output, timestep, sample) -> an object with prev_sample."""

    def __init__(self):
        self.rng = np.random.RandomState(0)

    def step(self, model_output, timestep, sample, return_dict=True):
        z = self.rng.randn(*sample.shape)
        return SimpleNamespace(prev_sample=_mean(sample, timestep, model_output) + np.sqrt(TILDE[timestep]) * z)

    def __call__(self, x, t, eps):
        return self.step(eps, t, x).prev_sample, "x0 would be here"


def with_a_model(model, x, t):
    return ddpm_step(x, t, model(x, t), np.random.standard_normal(x.shape))  # noqa: NPY002


def on_images_with_a_batch_of_times(img, t, noise_pred, z):
    def extract(table):
        return np.take(table, t).reshape(len(img), 1, 1, 1)

    mean = (img - extract(BETAS) / np.sqrt(1 - extract(BAR)) * noise_pred) / np.sqrt(1 - extract(BETAS))
    return {"prev_sample": mean + np.sqrt(extract(TILDE)) * z}


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize(
    "step",
    [
        ddpm_step,
        drawn_by_randn,
        drawn_by_normal,
        drawn_by_a_generator_of_the_module,
        drawn_by_a_function_imported_by_name,
        drawn_by_a_new_generator,
        drawn_by_an_argument,
        drawn_by_a_closure(),
        Scheduler().step,
        Scheduler(),
        with_a_model,
        on_images_with_a_batch_of_times,
        partial(drawn_by_an_argument, rng=np.random.default_rng(1)),
    ],
    ids=lambda s: getattr(s, "__name__", type(s).__name__),
)
def test_a_right_step_of_ddpm_passes_in_every_form(step):
    report = check(step, betas=BETAS)
    assert report.ok, str(report)
    assert bool(report)
    assert max(row.error for row in report.rows) < 1e-11
    assert not report.findings


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("wrong", WRONG_STEPS, ids=lambda w: w.id)
def test_a_wrong_step_is_called_by_its_name(wrong):
    report = check(wrong.step, **wrong.options)
    assert not report.ok
    assert wrong.reason in str(report), str(report)


def test_at_least_ten_mistakes_prove_the_check():
    assert len({w.id for w in WRONG_STEPS}) >= 10


@pytest.mark.equation("conformance.check")
def test_the_report_says_which_coefficient_where_and_by_how_much():
    report = check(WRONG_STEPS[0].step, betas=BETAS)
    x, output, noise = report.rows
    assert x.held
    assert output.held
    assert (noise.wrong, noise.t) == (999, 1)
    np.testing.assert_allclose([noise.want, noise.got], [np.sqrt(TILDE[1]), np.sqrt(BETAS[1])], rtol=1e-12)
    np.testing.assert_allclose(noise.error, np.sqrt(BETAS[1] / TILDE[1]) - 1, rtol=1e-9)
    told = str(report)
    assert "999 of 1000 timesteps, t from 1 to 999" in told
    assert told.splitlines()[-1] == "Not the same sampler."
    assert "beta_for_beta_tilde as samplers.ancestral.ddpm" in repr(report)


def test_two_mistakes_are_two_findings():
    def step(x, t, eps, noise):
        return (x - BETAS[t] / np.sqrt(BETAS[t]) * eps) / np.sqrt(1 - BETAS[t]) + TILDE[t] * noise

    reasons = [f.reason for f in check(step, betas=BETAS).findings]
    assert any("alpha for alpha-bar" in r for r in reasons)
    assert any("the variance in place of" in r for r in reasons)


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("predicts", ["eps", "x0", "v", "score"])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_a_right_step_of_ddim_passes_for_every_parameterization(predicts, eta):
    bar = np.cumprod(1 - scaled_linear_betas())

    def step(x, t, t_prev, output, noise, eta):
        a, s = np.sqrt(bar[t]), np.sqrt(1 - bar[t])
        before = bar[t_prev] if t_prev >= 0 else 1.0
        if predicts == "eps":
            eps, x0 = output, (x - s * output) / a
        elif predicts == "x0":
            x0, eps = output, (x - a * output) / s
        elif predicts == "v":
            x0, eps = a * x - s * output, s * x + a * output
        else:
            eps, x0 = -s * output, (x + s**2 * output) / a
        w2 = eta**2 * (1 - before) / (1 - bar[t]) * (1 - bar[t] / before)
        return np.sqrt(before) * x0 + np.sqrt(1 - before - w2) * eps + np.sqrt(w2) * noise

    every = check(step, like="ddim", alphas_cumprod=bar, predicts=predicts, eta=eta)
    assert every.ok, str(every)
    some = check(
        step, like=ddim, alphas_cumprod=bar, predicts=predicts, eta=eta, timesteps=np.arange(1, 1000, 37)[::-1]
    )
    assert some.ok, str(some)


@pytest.mark.equation("conformance.check")
def test_eulers_step_passes_on_sigmas_on_the_straight_path_and_on_a_chain():
    def in_sigma(x, i, denoised, sigmas):
        return x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])

    assert check(in_sigma, like=euler, sigmas=np.append(np.geomspace(80, 0.002, 12), 0), predicts="x0").ok

    def of_flow(x, t, t_next, velocity):
        return x + (t_next - t) * velocity

    straight = grids.uniform(Flow(), 10, 1.0)
    assert check(of_flow, like="euler", levels=straight, predicts="velocity").ok
    assert not check(lambda x, t, s, v: x - (s - t) * v, like="euler", levels=straight, predicts="velocity").ok

    chain = Chain.linear(20)

    def on_a_chain(x, i, eps, alphas_cumprod):
        now, then = alphas_cumprod[i], alphas_cumprod[i - 1] if i else 1.0
        u = x / np.sqrt(now) + (np.sqrt((1 - then) / then) - np.sqrt((1 - now) / now)) * eps
        return np.sqrt(then) * u

    assert check(on_a_chain, like="euler", betas=chain.betas).ok


@pytest.mark.equation("conformance.check")
def test_ddpm_on_any_levels_and_with_the_large_variance():
    levels = grids.uniform(VP(), 9, 1.0)
    table = {float(t.time): (t, s) for t, s in pairwise(levels)}

    def step(x, t, v, noise):
        here, there = table[t]
        x0, _ = V.decode(v, x, here)
        law = refdiff.process.posterior(x0, x, there, here)
        var = here.sigma**2 - (here.alpha / there.alpha * there.sigma) ** 2 if there.sigma > 0 else 0.0
        return law.mean + np.sqrt(var) * noise

    assert check(step, levels=levels, predicts="v", variance="large").ok
    assert not check(step, levels=levels, predicts="v", variance="small").ok


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("exact", [BETAS, scaled_linear_betas(), cosine_betas(), cosine_betas(50)])
def test_single_precision_is_recognised_and_said(exact):
    betas = exact.astype(np.float32)
    bar = np.cumprod(1 - betas)
    before = np.append(np.float32(1), bar[:-1])

    def step(x, t, eps, noise):
        beta = 1 - bar[t] / before[t]
        x0 = (x - np.sqrt(1 - bar[t]) * eps) / np.sqrt(bar[t])
        mean = np.sqrt(before[t]) * beta * x0 + np.sqrt(1 - beta) * (1 - before[t]) * x
        return mean / (1 - bar[t]) + np.sqrt(beta * (1 - before[t]) / (1 - bar[t])) * noise

    report = check(step, betas=exact)
    assert report.ok, str(report)
    assert [f.about for f in report.findings] == ["single precision"]
    assert 1e-6 < max(r.error for r in report.rows) < 1e-3


def test_single_precision_does_not_hide_a_mistake():
    betas = BETAS.astype(np.float32)
    bar = np.cumprod(1 - betas)

    def step(x, t, eps, noise):
        mean = (x - betas[t] / np.sqrt(1 - bar[t]) * eps) / np.sqrt(1 - betas[t])
        return mean + (t > 0) * np.sqrt(betas[t]) * noise

    report = check(step, betas=BETAS)
    assert not report.ok
    assert "beta in place of beta-tilde" in str(report)


def test_clipping_that_is_meant_is_checked_and_else_reported():
    def step(x, t, eps):
        s, a = np.sqrt(1 - BAR[t]), np.sqrt(BAR[t])
        x0 = np.clip((x - s * eps) / a, -1, 1)
        return np.sqrt(PREV[t]) * x0 + np.sqrt(1 - PREV[t]) * (x - a * x0) / s

    assert check(step, like="ddim", betas=BETAS, clip=1.0).ok
    report = check(step, like="ddim", betas=BETAS)
    assert "x0 is clipped to [-1, 1]; pass clip=1 if that is meant" in str(report)
    assert "not clipped to [-1, 1]" in str(check(ddpm_step, betas=BETAS, clip=1.0))
    posterior = partial(clipped_posterior, bound=1.0)
    assert check(posterior, betas=BETAS, clip=1.0).ok
    assert "far from the origin" in str(check(partial(clipped_posterior, bound=0.7), betas=BETAS))


def clipped_posterior(x, t, eps, noise, *, bound):
    x0 = np.clip((x - np.sqrt(1 - BAR[t]) * eps) / np.sqrt(BAR[t]), -bound, bound)
    mean = np.sqrt(PREV[t]) * BETAS[t] * x0 + np.sqrt(1 - BETAS[t]) * (1 - PREV[t]) * x
    return mean / (1 - BAR[t]) + np.sqrt(TILDE[t]) * noise


def test_samples_that_depend_on_one_another_are_not_affine():
    report = check(lambda x, t, eps, noise: ddpm_step(x, t, eps, noise) / (1 + np.std(x)), betas=BETAS)
    assert any(f.about == "not affine" for f in report.findings)


def test_a_mean_that_only_follows_from_the_noise_is_said_to():
    wrong = next(w for w in WRONG_STEPS if w.id == "variance-of-x-t")
    mean, noise = check(wrong.step, **wrong.options).findings
    assert mean.reason.startswith("it follows from the noise")
    assert noise.reason.startswith("eta^2 (1 - alpha_bar_t) as the variance")


def test_right_values_are_never_the_reason():
    """A slip that makes no difference here (eps taken for eps) explains nothing."""
    wiggle = 1 + 1e-2 * np.sin(np.arange(1000.0) ** 2)
    report = check(lambda x, t, eps, noise: wiggle[t] * _mean(x, t, eps) + np.sqrt(TILDE[t]) * noise, betas=BETAS)
    assert not report.ok
    assert "none of the usual slips explains it" in str(report)


def test_a_constant_and_a_nan_are_found():
    assert "a constant is added: up to 0.1" in str(
        check(lambda x, t, eps, noise: ddpm_step(x, t, eps, noise) + 0.1 * (t == 3), betas=BETAS)
    )
    report = check(lambda x, t, eps, noise: ddpm_step(x, t, eps, noise) * (np.nan if t == 7 else 1), betas=BETAS)
    assert "not finite: the step answers with NaN or infinity (at t = 7)" in str(report)


def test_a_factor_that_no_slip_explains_is_said_as_a_factor():
    report = check(lambda x, t, eps, noise: _mean(x, t, eps) + 0.9 * np.sqrt(TILDE[t]) * noise, betas=BETAS)
    assert "off by a factor of 0.9 at every timestep" in str(report)


@pytest.mark.equation("conformance.check")
def test_noise_from_nobody_knows_where_is_tested_by_its_moments():
    hidden = {"where nobody looks": np.random.default_rng(3)}

    def step(x, t, eps, variance=TILDE):
        return _mean(x, t, eps) + np.sqrt(variance[t]) * hidden["where nobody looks"].standard_normal(x.shape)

    report = check(step, betas=BETAS)
    assert report.ok, str(report)
    assert "by the moments of 80,000 draws" in report.title
    assert any("z-scores" in f.reason for f in report.findings)
    wrong = check(lambda x, t, eps: step(x, t, eps, BETAS), betas=BETAS, noise="moments")
    assert not wrong.ok
    assert "beta in place of beta-tilde" in str(wrong)


def test_generators_are_put_back_also_after_an_error():
    before = np.random.randn, np.random.normal, np.random.standard_normal, np.random.default_rng, DEFAULT
    check(drawn_by_a_generator_of_the_module, betas=BETAS)

    def fails(x, t, eps):
        np.random.randn(*x.shape)  # noqa: NPY002
        if t == 500:
            raise RuntimeError("halfway")
        return x

    with pytest.raises(ValueError, match=r"step must run at every timestep; got RuntimeError: halfway at t = 500"):
        check(fails, betas=BETAS)
    after = np.random.randn, np.random.normal, np.random.standard_normal, np.random.default_rng, DEFAULT
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert type(DEFAULT) is np.random.Generator


def test_the_global_state_of_numpy_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    check(drawn_by_randn, betas=BETAS)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check(lambda a, b: a, betas=BETAS), r"step must have arguments whose names tell their roles"),
        (lambda: check(lambda x, t: x, betas=BETAS), "no argument for output"),
        (lambda: check(ddpm_step), "told by exactly one of betas, alphas_cumprod, sigmas, levels; got none"),
        (lambda: check(ddpm_step, betas=BETAS, sigmas=[1, 0]), "got betas and sigmas"),
        (lambda: check(ddpm_step, betas=BETAS, like="dpm"), "like must be a known name; got 'dpm'"),
        (lambda: check(ddpm_step, betas=BETAS, predicts="epss"), "Did you mean eps"),
        (lambda: check(ddpm_step, betas=BETAS, noise="jax"), "noise must be a known name"),
        (lambda: check(drawn_by_randn, betas=BETAS, noise="argument"), "noise must be an argument of the step"),
        (lambda: check(ddpm_step, betas=BETAS, arguments=("x", "time", "output")), "arguments must be roles"),
        (lambda: check(ddpm_step, sigmas=[0.1, 1.0]), "sigmas must fall from noise to data"),
        (lambda: check(ddpm_step, alphas_cumprod=BAR[::-1]), "alphas_cumprod must fall within"),
        (lambda: check(ddpm_step, betas=BETAS, timesteps=[0, 5]), "timesteps must fall within"),
        (lambda: check(lambda x, t, eps: x.sum(), betas=BETAS), "answer with an array of its state's shape"),
        (lambda: check(ddpm_step, betas=BETAS, eta=2), "eta must lie in"),
        (lambda: check(ddpm_step, betas=BETAS, clip=-1), "clip must be above zero"),
    ],
)
def test_what_cannot_be_understood_is_refused_kindly(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_arguments_may_be_told_by_position():
    assert check(lambda a, b, c, d: ddpm_step(a, b, c, d), betas=BETAS, arguments=("x", "t", "output", "noise")).ok


@pytest.mark.equation("conformance.check")
def test_timesteps_may_count_from_one():
    def step(x, t, eps, noise):
        return ddpm_step(x, t - 1, eps, noise)

    assert check(step, betas=BETAS, first=1).ok
    assert check(step, betas=BETAS, first=1, timesteps=np.arange(1, 1001)[::-1]).ok
    assert "level off by one: the coefficients belong to t - 1" in str(check(step, betas=BETAS))


def test_times_may_be_arrays_without_axes():
    def step(x, t, eps, noise):
        return ddpm_step(x, t.item(), eps, noise)

    assert check(step, betas=BETAS).ok


def test_the_package_opens_the_door():
    assert refdiff.check is check


class FakeTensor(np.ndarray):
    """As much of a tensor as a sampler's step touches."""

    def detach(self):
        return self

    cpu = clone = detach

    def numpy(self):
        return np.asarray(self)

    def normal_(self, mean=0.0, std=1.0):
        raise AssertionError("the true generator was asked")

    def copy_(self, other):
        self[...] = other
        return self


@pytest.fixture
def fake_torch(monkeypatch):
    """A module with PyTorch's names for random numbers, made of NumPy, so that the patching is always tested."""

    def refuse(*args, **kwargs):
        raise AssertionError("the true generator was asked")

    torch = ModuleType("torch")
    torch.Tensor, torch.float32 = FakeTensor, np.float32
    torch.get_default_dtype = lambda: np.float32
    torch.as_tensor = lambda x, dtype=None: np.asarray(x, dtype).view(FakeTensor)
    torch.Generator = lambda: None
    torch.randn = torch.randn_like = torch.normal = refuse
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("how", ["randn", "randn_like", "normal", "normal_"])
def test_pytorchs_names_are_replaced_and_put_back(fake_torch, how):
    torch, true = fake_torch, {n: getattr(fake_torch, n) for n in ("randn", "randn_like", "normal")}

    def step(x, t, eps, generator=None):
        draw = {
            "randn": lambda: torch.randn(*x.shape, generator=generator, dtype=x.dtype),
            "randn_like": lambda: torch.randn_like(x),
            "normal": lambda: torch.normal(0.0, 1.0, x.shape, generator=generator, dtype=x.dtype),
            "normal_": lambda: x.copy().normal_(),
        }
        return _mean(x, t, eps) + np.sqrt(TILDE[t]) * draw[how]()

    report = check(step, betas=BETAS, noise="torch")
    assert report.ok, str(report)
    assert "noise dealt" in report.title
    assert {n: getattr(torch, n) for n in true} == true
    with pytest.raises(AssertionError):
        FakeTensor((2,)).normal_()


def test_noise_torch_without_pytorch_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match='got "torch", which cannot be imported'):
        check(drawn_by_randn, betas=BETAS, noise="torch")


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("how", ["randn", "randn_like", "normal", "normal_", "empty_like"])
def test_a_right_step_in_pytorch_passes(how):
    torch = pytest.importorskip("torch")
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    bar = torch.cumprod(1 - betas, 0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), bar[:-1]])

    def extract(a, t, x):
        return a.gather(0, t).reshape(len(t), *[1] * (x.ndim - 1))

    def p_sample(model, x, t):
        eps = model(x, t)
        beta, ab, prev = (extract(a, t, x) for a in (betas, bar, before))
        z = {
            "randn": lambda: torch.randn(x.shape, dtype=x.dtype),
            "randn_like": lambda: torch.randn_like(x),
            "normal": lambda: torch.normal(torch.zeros_like(x), 1.0),
            "normal_": lambda: torch.zeros_like(x).normal_(),
            "empty_like": lambda: torch.empty_like(x).normal_(generator=None),
        }[how]()
        mask = (t > 0).double().reshape(len(t), *[1] * (x.ndim - 1))
        mean = (x - beta / (1 - ab).sqrt() * eps) / (1 - beta).sqrt()
        return mean + mask * (beta * (1 - prev) / (1 - ab)).sqrt() * z

    true = torch.randn, torch.randn_like, torch.normal, torch.Tensor.normal_
    report = check(p_sample, betas=betas, noise="torch")
    assert report.ok, str(report)
    assert max(r.error for r in report.rows) < 1e-9
    assert (torch.randn, torch.randn_like, torch.normal, torch.Tensor.normal_) == true
    assert "normal_" not in vars(torch.Tensor)


def test_single_precision_and_a_mistake_in_pytorch():
    torch = pytest.importorskip("torch")
    betas = torch.linspace(1e-4, 0.02, 1000)
    bar = torch.cumprod(1 - betas, 0)

    def step(x, t, noise_pred, variance=None):
        z = torch.randn_like(x) if t > 0 else torch.zeros_like(x)
        mean = (x - betas[t] / torch.sqrt(1 - bar[t]) * noise_pred) / torch.sqrt(1 - betas[t])
        return mean + torch.sqrt(betas[t]) * z

    right = check(step, betas=BETAS, variance="large", noise="torch")
    assert right.ok, str(right)
    assert right.findings[0].about == "single precision"
    assert "beta in place of beta-tilde" in str(check(step, betas=BETAS, noise="torch"))
