"""`check` against every sampler whose steps look several times: a right step of each passes, a wrong one is named."""

import numpy as np
import pytest

from refdiff.samplers import dpmpp_2m, heun
from refdiff.schedules import Flow, grids, linear_betas
from refdiff.schedules.level import Level
from refdiff.verify.conformance import check
from refdiff.verify.known_steps import NOT_ONE_STEP, ONE_STEP
from refdiff.verify.zoo import CASES

SIGMAS = np.append(np.geomspace(40, 0.05, 4), 0.0)
BETAS = linear_betas(9, 3e-3, 0.6)
BAR = np.cumprod(1 - BETAS)


def heun_step(x, sigma, sigma_next, model):
    d = (x - model(x, sigma)) / sigma
    y = x + (sigma_next - sigma) * d
    if sigma_next == 0:
        return y
    return x + (sigma_next - sigma) * (d + (y - model(y, sigma_next)) / sigma_next) / 2


def heun_told_the_first_time_again(x, sigma, sigma_next, model):
    d = (x - model(x, sigma)) / sigma
    y = x + (sigma_next - sigma) * d
    if sigma_next == 0:
        return y
    return x + (sigma_next - sigma) * (d + (y - model(y, sigma)) / sigma_next) / 2


def inside_step(middle):
    def step(x, sigma, sigma_next, model):
        d = (x - model(x, sigma)) / sigma
        half = middle(sigma, sigma_next)
        if half > 0:
            y = x + (half - sigma) * d
            d = (y - model(y, half)) / half
        return x + (sigma_next - sigma) * d

    return step


midpoint_step = inside_step(lambda a, b: (a + b) / 2)
dpm_2_step = inside_step(lambda a, b: np.sqrt(a * b))


def rk4_step(x, sigma, sigma_next, model, weights=(1, 2, 2, 1)):
    def slope(y, s):
        return (y - model(y, s)) / s

    h, half = sigma_next - sigma, (sigma + sigma_next) / 2
    a = slope(x, sigma)
    b = slope(x + h / 2 * a, half)
    if sigma_next == 0:
        return x + h * b
    c = slope(x + h / 2 * b, half)
    d = slope(x + h * c, sigma_next)
    return x + h * sum(w * k for w, k in zip(weights, (a, b, c, d), strict=True)) / sum(weights)


def unweighted_rk4(x, sigma, sigma_next, model):
    return rk4_step(x, sigma, sigma_next, model, weights=(1, 1, 1, 1))


def churned_step(x, sigma, sigma_next, model, noise):
    gamma = min(2.0 / 4, 2**0.5 - 1)
    hat = sigma * (1 + gamma)
    return heun_step(x + np.sqrt(hat**2 - sigma**2) * noise, hat, sigma_next, model)


def churned_after_the_look(x, sigma, sigma_next, model, noise):
    gamma = min(2.0 / 4, 2**0.5 - 1)
    return heun_step(x, sigma, sigma_next, model) + np.sqrt((sigma * (1 + gamma)) ** 2 - sigma**2) * noise


def dpm_solver_2_step(x, sigma, sigma_next, model):
    """At alpha = 1, where h = log sigma - log sigma_next and eps = (x - x0)/sigma."""
    eps = (x - model(x, sigma)) / sigma
    if sigma_next == 0:
        return x - sigma * eps
    h = np.log(sigma / sigma_next)
    half = sigma * np.exp(-h / 2)
    y = x - half * np.expm1(h / 2) * eps
    return x - sigma_next * np.expm1(h) * (y - model(y, half)) / half


def dpm_solver_3_step(x, sigma, sigma_next, model):
    eps, d = (x - model(x, sigma)) / sigma, 0.0
    if sigma_next == 0:
        return x - sigma * eps
    h = np.log(sigma / sigma_next)
    for r in (1 / 3, 2 / 3, 1.0):
        s = sigma * np.exp(-r * h)
        y = x - s * np.expm1(r * h) * eps - s * (np.expm1(r * h) / h - r) * d
        if r < 1:
            d = ((y - model(y, s)) / s - eps) / r
    return y


def of_the_lambdas(order, weight=1.0):
    """DPM-Solver++(2S) and (3S) at alpha = 1, in x0."""

    def step(x, sigma, sigma_next, model):
        x0 = model(x, sigma)
        if sigma_next == 0:
            return x0
        h = np.log(sigma / sigma_next)

        def at(r, d):
            s = sigma * np.exp(-r * h)
            return s / sigma * x - np.expm1(-r * h) * x0 + (np.expm1(-r * h) / h + r) * d, s

        if order == 2:
            inside = model(*at(0.5, 0.0))
            return sigma_next / sigma * x - np.expm1(-h) * ((1 - weight) * x0 + weight * inside)
        d = (model(*at(1 / 3, 0.0)) - x0) * 3
        d = (model(*at(2 / 3, d)) - x0) * 1.5
        return at(1.0, weight * d)[0]

    return step


def sde_step(again):
    def step(x, sigma, sigma_next, model, rng):
        """The noise of the first half goes on through the second; or, wrongly, is drawn again."""
        a, b = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
        x0 = model(x, sigma)
        if sigma_next == 0:
            return x0
        u = np.sqrt(sigma * sigma_next)

        def mean(x, x0, s, e):
            return (e / s) ** 2 * x + (1 - (e / s) ** 2) * x0

        def fresh(s, e):
            return e * np.sqrt(1 - (e / s) ** 2)

        inside = model(mean(x, x0, sigma, u) + fresh(sigma, u) * a, u)
        first = rng.standard_normal(x.shape) if again else a
        noise = (sigma_next / u) ** 2 * fresh(sigma, u) * first + fresh(u, sigma_next) * b
        return mean(x, inside, sigma, sigma_next) + noise

    return step


def corrected_step(scale=2.0):
    def step(x, sigma, sigma_next, model, rng):
        r = (sigma_next / sigma) ** 2
        x = r * x + (1 - r) * model(x, sigma) + sigma_next * np.sqrt(1 - r) * rng.standard_normal(x.shape)
        if sigma_next == 0:
            return x
        score, a = (model(x, sigma_next) - x) / sigma_next**2, 0.1 * sigma_next**2 / 2
        return x + a * score + np.sqrt(scale * a) * rng.standard_normal(x.shape)

    return step


def flow_heun_step(x, t, s, model):
    v = model(x, t)
    return x + (s - t) * (v if s == 0 else (v + model(x + (s - t) * v, s)) / 2)


def flow_midpoint_step(x, t, s, model):
    return x + (s - t) * model(x + (s - t) / 2 * model(x, t), (s + t) / 2)


def backwards(x, t, s, model):
    return x - (s - t) * model(x - (s - t) / 2 * model(x, t), (s + t) / 2)


IN_SIGMA = {"sigmas": SIGMAS, "predicts": "x0"}
IN_TIME = {"levels": grids.uniform(Flow(), 4, start=0.98), "predicts": "velocity"}
RATE = {"snr": None, "rate": 0.1}
STEPS = {  # name: right, wrong, words of the verdict on the wrong one, arguments
    "heun": (heun_step, heun_told_the_first_time_again, "time in look 2: the model is told", IN_SIGMA),
    "midpoint": (midpoint_step, dpm_2_step, "it is samplers.runge_kutta.dpm_2", IN_SIGMA),
    "dpm_2": (dpm_2_step, midpoint_step, "it is samplers.runge_kutta.midpoint in the chart ratio", IN_SIGMA),
    "rk4": (rk4_step, unweighted_rk4, "answer 4: off by a factor of 1.5", IN_SIGMA),
    "churned": (churned_step, churned_after_the_look, "the noise in look 1: it is left out",
                IN_SIGMA | {"options": {"churn": 2.0}}),
    "dpm_solver_2": (dpm_solver_2_step, of_the_lambdas(2), "it is samplers.singlestep.dpmpp_2s", IN_SIGMA),
    "dpm_solver_3": (dpm_solver_3_step, heun_step, "looks at the model: 2 a step, wanted 3", IN_SIGMA),
    "dpmpp_2s": (of_the_lambdas(2), of_the_lambdas(2, weight=0.5), "answer 2: off by a factor of 0.5", IN_SIGMA),
    "dpmpp_3s": (of_the_lambdas(3), of_the_lambdas(3, weight=2.0), "answer 3: off by a factor of 2", IN_SIGMA),
    "dpmpp_sde": (sde_step(again=False), sde_step(again=True), "drawn anew, it shares nothing", IN_SIGMA),
    "predictor_corrector": (corrected_step(), corrected_step(scale=1.0), "the noise: ", IN_SIGMA | {"options": RATE}),
    "flow_heun": (flow_heun_step, flow_midpoint_step, "it is samplers.flows.flow_midpoint", IN_TIME),
    "flow_midpoint": (flow_midpoint_step, backwards, "the sign of the model's output", IN_TIME),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.equation("conformance.check")
def test_a_right_step_of_several_looks_holds_and_a_wrong_one_is_told_why(name):
    right, wrong, words, given = STEPS[name]
    report = check(right, like=name, **given)
    assert report.ok, report
    report = check(wrong, like=name, **given)
    assert not report.ok
    assert words in str(report), report


def test_every_sampler_of_several_looks_was_tried_and_none_of_the_zoo_is_forgotten():
    assert {name.rpartition(".")[2] for name, s in ONE_STEP.items() if s.stages > 1} == set(STEPS)
    left = {case.sampler.name for case in CASES} - set(ONE_STEP) - set(NOT_ONE_STEP)
    assert left == {case.sampler.name for case in CASES if case.sampler.memory > 0}
    assert all(next(c.sampler for c in CASES if c.sampler.name == k).memory == 0 for k in NOT_ONE_STEP)


@pytest.mark.equation("conformance.check")
def test_names_of_the_table_bring_their_options():
    assert check(churned_step, like="edm-churn", **IN_SIGMA, options={"churn": 2.0}).ok
    assert not check(heun_step, like="heun-angle", **IN_SIGMA).ok
    assert not check(churned_step, like="heun", **IN_SIGMA).ok


@pytest.mark.equation("conformance.check")
def test_on_a_chain_the_inner_level_lies_halfway_in_log_snr():
    alpha, sigma = np.sqrt(np.append(1.0, BAR)), np.sqrt(np.append(0.0, 1 - BAR))

    def step(x, t, t_prev, model, share=0.5):
        a, s = (alpha[t + 1], sigma[t + 1]), (alpha[t_prev + 1], sigma[t_prev + 1])
        eps = model(x, t)
        if t_prev < 0:
            return (x - a[1] * eps) / a[0]
        low, high = np.log(a[0] / a[1]), np.log(s[0] / s[1])
        middle = low + share * (high - low)
        u = 1 / np.sqrt(1 + np.exp(-2 * middle)), 1 / np.sqrt(1 + np.exp(2 * middle))

        def go(eps, e, h):
            return e[0] / a[0] * x - e[1] * np.expm1(h) * eps

        inside = model(go(eps, u, middle - low), t - 0.5)
        return go(eps + (inside - eps) / (2 * share), s, high - low)

    assert check(step, like="dpm_solver_2", betas=BETAS).ok
    report = check(lambda x, t, t_prev, model: step(x, t, t_prev, model, 0.4), like="dpm_solver_2", betas=BETAS)
    assert "in look 2" in str(report), report
    assert not report


@pytest.mark.equation("conformance.check")
def test_tables_in_single_precision_explain_small_errors_and_no_large_ones():
    alpha = np.sqrt(np.append(np.float32(1), np.cumprod((1 - BETAS).astype(np.float32))))
    sigma = np.sqrt(1 - alpha**2)

    def step(x, t, t_prev, model, scale=1.0):
        tau, end = sigma[t + 1] / alpha[t + 1], sigma[t_prev + 1] / alpha[t_prev + 1]
        eps = model(x, t)
        y = alpha[t_prev + 1] * (x / alpha[t + 1] + (end - tau) * eps)
        if t_prev < 0:
            return y
        return alpha[t_prev + 1] * (x / alpha[t + 1] + scale * (end - tau) * (eps + model(y, t_prev)) / 2)

    report = check(step, like="heun", betas=BETAS)
    assert report.ok, report
    assert "single precision" in str(report)
    assert not check(lambda x, t, t_prev, model: step(x, t, t_prev, model, 1.0003), like="heun", betas=BETAS).ok


@pytest.mark.equation("conformance.check")
def test_what_is_clipped_inside_a_step_is_said_not_to_be_affine():
    report = check(lambda x, sigma, sigma_next, model: heun_step(np.clip(x, -0.5, 0.5), sigma, sigma_next, model),
                   like=heun, **IN_SIGMA)  # fmt: skip
    assert "not affine" in str(report)
    assert not report


def test_what_cannot_be_compared_is_refused_with_a_way_out():
    def step(x, sigma, sigma_next, denoised):
        return x

    with pytest.raises(ValueError, match=r"step must take the model itself, for samplers.ode.heun asks it 2 times"):
        check(step, like=heun, **IN_SIGMA)
    with pytest.raises(ValueError, match=r"like must be a sampler whose steps stand alone; got samplers.dpmpp"):
        check(step, like=dpmpp_2m, **IN_SIGMA)
    with pytest.raises(ValueError, match=r"restart, which goes back over several levels.*Known: ddpm, .*dpm_solver_3"):
        check(step, like="restart", **IN_SIGMA)
    with pytest.raises(ValueError, match=r"like must be a known name; got 'heunn'. Did you mean heun"):
        check(step, like="heunn", **IN_SIGMA)
    with pytest.raises(ValueError, match=r"options must be those of samplers.ode.heun; got 'churn'. It takes chart"):
        check(heun_step, like=heun, **IN_SIGMA, options={"churn": 1.0})
    with pytest.raises(ValueError, match=r"options must make .* affine"):
        check(corrected_step(), like="predictor_corrector", **IN_SIGMA, options={"snr": 0.16})
    with pytest.raises(ValueError, match=r"clip must be None where a step looks several times"):
        check(heun_step, like=heun, **IN_SIGMA, clip=1.0)
    with pytest.raises(ValueError, match=r"noise must be dealt"):
        check(churned_step, like="churned", **IN_SIGMA, noise="moments")
    odd = [Level(3.0, 0.9, 3.0), Level(1.0, 0.7, 1.0), Level(0.0, 0.5, 0.1)]
    with pytest.raises(ValueError, match=r"options must hold the path of these levels"):
        check(midpoint_step, like="midpoint", levels=odd, predicts="x0")
    generator = np.random.Generator(np.random.PCG64(0))
    hidden = [generator]  # in a list, where no probe looks

    def secret(x, sigma, sigma_next, model):
        return churned_step(x, sigma, sigma_next, model, hidden[0].standard_normal(x.shape))

    with pytest.raises(ValueError, match=r"step must answer the same when its noise is the same"):
        check(secret, like="churned", **IN_SIGMA, options={"churn": 2.0})
