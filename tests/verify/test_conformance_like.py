"""`check` against every sampler that asks once a step."""

import numpy as np
import pytest

from refdiff.samplers import (
    analytic,
    dpm_solver_1,
    dpmpp_sde_1,
    euler,
    euler_ancestral,
    euler_maruyama,
    flow_euler,
    learned_range,
)  # fmt: skip
from refdiff.schedules import VP, Flow, grids, linear_betas
from refdiff.verify.conformance import check

BETAS = linear_betas(30, 3e-3, 0.6)
BAR = np.cumprod(1 - BETAS)
PREV = np.append(1.0, BAR[:-1])
SIGMAS = np.append(np.geomspace(80, 0.002, 18), 0.0)


def ancestral_step(x, sigma, sigma_next, denoised, noise):
    """Euler ancestral in sigmas with eta = 0.6."""
    up = min(sigma_next, 0.6 * np.sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    down = np.sqrt(sigma_next**2 - up**2)
    return x + (x - denoised) / sigma * (down - sigma) + up * noise


def exponential_step(x, sigma, sigma_next, denoised, noise):
    """SDE-DPM-Solver++(1) in sigmas with eta = 0.6."""
    r = sigma_next / sigma
    fresh = sigma_next * np.sqrt(1 - r**1.2)
    return r**1.6 * x + (1 - r**1.6) * denoised + fresh * noise


@pytest.mark.equation("conformance.check")
def test_the_two_meanings_of_eta_are_told_apart():
    options = {"eta": 0.6}
    assert check(ancestral_step, like=euler_ancestral, sigmas=SIGMAS, predicts="x0", options=options, tol=1e-7).ok
    assert check(exponential_step, like=dpmpp_sde_1, sigmas=SIGMAS, predicts="x0", options=options).ok
    assert not check(exponential_step, like=euler_ancestral, sigmas=SIGMAS, predicts="x0", options=options).ok
    assert not check(ancestral_step, like="dpmpp_sde_1", sigmas=SIGMAS, predicts="x0", options=options).ok


@pytest.mark.equation("conformance.check")
def test_a_step_of_ddim_is_one_of_dpm_solver_1_and_not_of_euler_in_the_angle():
    def step(x, t, eps):
        x0 = (x - np.sqrt(1 - BAR[t]) * eps) / np.sqrt(BAR[t])
        return np.sqrt(PREV[t]) * x0 + np.sqrt(1 - PREV[t]) * eps

    assert check(step, like=dpm_solver_1, betas=BETAS).ok
    assert check(step, like=euler, betas=BETAS, options={"chart": "ratio"}).ok

    def in_sigma(x, sigma, sigma_next, denoised):
        return x + (sigma_next - sigma) * (x - denoised) / sigma

    # on a long chain the charts differ by so little that single precision would explain it
    assert check(in_sigma, like=euler, sigmas=SIGMAS, predicts="x0").ok
    assert not check(in_sigma, like=euler, sigmas=SIGMAS, predicts="x0", options={"chart": "angle"}).ok


@pytest.mark.equation("conformance.check")
def test_a_learned_variance_and_an_optimal_one():
    tilde = BETAS * (1 - PREV) / (1 - BAR)

    def mean(x, t, eps):
        return (x - BETAS[t] / np.sqrt(1 - BAR[t]) * eps) / np.sqrt(1 - BETAS[t])

    def learned(x, t, eps, noise):
        return (
            mean(x, t, eps)
            + (t > 0) * np.exp(0.3 * np.log(BETAS[t]) + 0.7 * np.log(max(tilde[t], 1e-20))) ** 0.5 * noise
        )

    def optimal(x, t, eps, noise):
        extra = PREV[t] * (BETAS[t] / (1 - BAR[t])) ** 2 * 0.2
        return mean(x, t, eps) + (t > 0) * np.sqrt(tilde[t] + extra) * noise

    assert check(learned, like=learned_range, betas=BETAS, options={"fraction": lambda x, t: 0.3}).ok
    assert check(optimal, like=analytic, betas=BETAS, options={"spread": lambda t: 0.2}).ok
    assert not check(optimal, like=analytic, betas=BETAS, options={"spread": lambda t: 0.0}).ok


@pytest.mark.equation("conformance.check")
def test_steps_in_a_schedules_time():
    path = VP()
    levels = grids.uniform(path, 12, end=0.02)

    def flow(x, t, t_prev, velocity):
        return x + (t_prev - t) * velocity

    def maruyama(x, t, t_prev, score, noise):
        beta, h = path.beta(t), t - t_prev
        return x + h * (beta / 2 * x + beta * score) + np.sqrt(beta * h) * noise

    straight = grids.uniform(Flow(), 12, start=0.99)
    assert check(flow, like=flow_euler, levels=straight, predicts="velocity", options={"path": Flow()}).ok
    assert check(maruyama, like=euler_maruyama, levels=levels, predicts="score", options={"path": path}).ok

    def forgot(x, t, t_prev, score, noise):
        beta, h = path.beta(t), t - t_prev
        return x + h * (beta / 2 * x + beta / 2 * score) + np.sqrt(beta * h) * noise

    assert not check(forgot, like=euler_maruyama, levels=levels, predicts="score", options={"path": path}).ok
