"""A whole loop, memory and all: right ones pass as they are written, in a wrong one the step and the term are named."""

from inspect import signature
from itertools import pairwise

import numpy as np
import pytest

from refdiff.process.predict import EPS
from refdiff.schedules import VP, Flow, linear_betas
from refdiff.verify.conformance import check
from refdiff.verify.known_steps import EVERY

SIGMAS = np.append(40 * np.cumprod([1, 0.5, 0.3, 0.6, 0.2, 0.7, 0.4]), 0.0)
BETAS = linear_betas(40, 3e-3, 0.3)
BAR = np.cumprod(1 - BETAS)
GRID = np.arange(35, -1, -5)


def two_m(model, x, sigmas, *, ratio=lambda last, h: last / h, weight=0.5):
    """DPM-Solver++(2M) at alpha = 1, as a loop over its sigmas."""
    before = None
    for i in range(len(sigmas) - 1):
        x0 = model(x, sigmas[i] * np.ones(len(x)))
        if sigmas[i + 1] == 0:
            return x0
        h = np.log(sigmas[i] / sigmas[i + 1])
        d = x0
        if before is not None:
            r = ratio(np.log(sigmas[i - 1] / sigmas[i]), h)
            d = x0 + (x0 - before) * weight / r
        x, before = sigmas[i + 1] / sigmas[i] * x - np.expm1(-h) * d, x0
    return x


def ddim_loop(x, model):
    """On a chain, in eps."""
    for t, s in zip(GRID, [*GRID[1:], -1], strict=True):
        eps = model(x, np.full(len(x), t))
        a, b = BAR[t], BAR[s] if s >= 0 else 1.0
        x = np.sqrt(b) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - b) * eps
    return x


class Multistep:
    """DPM-Solver++(2M) on a chain, as a scheduler that remembers: step(model_output, timestep, sample)."""

    def __init__(self, forgets=False):
        self.forgets = forgets
        self.before = None

    def step(self, model_output, timestep, sample):
        k = int(np.flatnonzero(timestep == GRID)[0])
        last, t, s = (1.0 if j < 0 else BAR[j] for j in (GRID[k - 1], timestep, [*GRID[1:], -1][k]))
        x0 = (sample - np.sqrt(1 - t) * model_output) / np.sqrt(t)
        d = x0
        if k and s < 1 and not self.forgets:
            r = (clock(t) - clock(last)) / (clock(s) - clock(t))
            d = x0 + (x0 - self.before) / (2 * r)
        self.before = x0
        h = clock(s) - clock(t) if s < 1 else np.inf
        return np.sqrt((1 - s) / (1 - t)) * sample - np.sqrt(s) * np.expm1(-h) * d


def clock(bar):
    return 0.5 * np.log(bar / (1 - bar))


def scheduled(scheduler):
    def loop(x, model):
        for t in GRID:
            x = scheduler.step(model(x, t), t, x)
        return x

    return loop


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize(
    ("loop", "options"),
    [
        (two_m, {"like": "DPM++ 2M", "sigmas": SIGMAS, "predicts": "x0"}),
        (ddim_loop, {"like": "ddim", "betas": BETAS, "timesteps": GRID}),
        (scheduled(Multistep()), {"like": "dpmpp_2m", "betas": BETAS, "timesteps": GRID}),
    ],
    ids=["a loop over sigmas", "a loop of its own", "a scheduler that remembers"],
)
def test_a_right_loop_passes(loop, options):
    report = check(loop, **options)
    assert report.ok, str(report)
    assert not report.findings
    assert max(row.error for row in report.rows) < 1e-11


def test_a_solver_that_believes_in_x0_is_read_in_x0_whatever_the_network_predicts():
    report = check(scheduled(Multistep()), like="dpmpp_2m", betas=BETAS, timesteps=GRID)
    assert [row.coefficient for row in report.rows] == ["x", "x0", "x0 before"]


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize(
    ("loop", "says"),
    [
        (lambda model, x, sigmas: two_m(model, x, sigmas, weight=1.0), "the answer before: is 2 times what is wanted"),
        (
            lambda model, x, sigmas: two_m(model, np.copy(x), sigmas, ratio=lambda last, h: h / last),
            "the answer before: has h_before^2 in place of h^2",
        ),
        (
            lambda model, x, sigmas: two_m(lambda y, s: -model(y, s), x, sigmas),
            "the run: the sign of the model's output",
        ),
        (lambda model, x, sigmas: two_m(model, 40 * x, sigmas), "x in look 1: is 40 times what the loop was given"),
        (
            lambda model, x, sigmas: two_m(lambda y, s: model(y, np.where(s < 1, 1.5, 1) * s), x, sigmas),
            "the time told: is",
        ),
        (lambda model, x, sigmas: two_m(model, x, sigmas[1:]), "looks at the model: 6 in the run, wanted 7"),
        (lambda model, x, sigmas: two_m(model, np.clip(x, -1, 1), sigmas), "not affine"),
        (lambda model, x, sigmas: two_m(model, x, sigmas) + 0.5, "a constant is added: up to 0.5"),
    ],
    ids=["half", "ratio", "sign", "scaled start", "time", "a sigma left out", "clipped", "constant"],
)
def test_a_wrong_loop_is_told_where_and_why(loop, says):
    report = check(loop, like="dpmpp_2m", sigmas=SIGMAS, predicts="x0")
    assert not report.ok
    assert says in str(report), str(report)


REMEMBERS = {name: sampler for name, sampler in EVERY.items() if sampler.memory}
FALLING = [VP()(time) for time in (0.95, 0.7, 0.5, 0.33, 0.2, 0.1)]


def library_loop(sampler):
    def loop(x, model, rng=None, n=6):
        def denoise(y, t):
            return EPS.decode(model(y, t.time), y, t)

        options = {"rng": rng} if sampler.stochastic else {}
        asked = signature(sampler.algorithm).parameters
        options |= {k: v for k, v in {"chart": "ratio", "path": VP()}.items() if k in asked}
        return sampler(denoise, x, FALLING[:n], **options)

    return loop


@pytest.mark.equation("conformance.check")
@pytest.mark.parametrize("name", REMEMBERS)
def test_every_sampler_with_memory_can_be_asked_for(name):
    report = check(library_loop(REMEMBERS[name]), like=name, levels=FALLING)
    assert report.ok, str(report)
    assert max(row.error for row in report.rows) < 1e-9


@pytest.mark.equation("conformance.check")
def test_on_steps_of_one_length_the_report_says_what_it_cannot_see():
    def upside_down(model, x, sigmas):
        return two_m(model, x, sigmas, ratio=lambda last, h: h / last)

    even = np.append(np.geomspace(40, 0.05, 7), 0.0)
    report = check(upside_down, like="dpmpp_2m", sigmas=even, predicts="x0")
    assert report.ok
    assert "a ratio of two steps upside down does not show" in str(report)
    assert not check(upside_down, like="dpmpp_2m", sigmas=SIGMAS, predicts="x0").ok


@pytest.mark.equation("conformance.check")
def test_a_loop_that_is_another_sampler_is_told_which():
    report = check(scheduled(Multistep(forgets=True)), like="dpmpp_2m", betas=BETAS, timesteps=GRID)
    assert "the run: it is samplers.ancestral.ddim" in str(report)


@pytest.mark.equation("conformance.check")
def test_a_loop_over_sigmas_without_memory_is_checked_step_by_step():
    def sample_euler_ancestral(model, x, sigmas, eta=1.0, rng=None):
        for a, b in pairwise(sigmas):
            up = min(b, eta * np.sqrt(b**2 * (a**2 - b**2) / a**2))
            x = x + (x - model(x, a)) / a * (np.sqrt(b**2 - up**2) - a) + up * rng.standard_normal(x.shape)
        return x

    report = check(sample_euler_ancestral, like="Euler a", sigmas=SIGMAS, predicts="x0")
    assert report.ok, str(report)
    assert "7 steps" in report.title


@pytest.mark.equation("conformance.check")
def test_a_flow_whose_time_runs_the_other_way_passes_with_its_velocity_negated():
    def sample(model, x, n=8):  # a number of steps, with a default, is no time
        for i in range(n):
            x = x + model(x, i / n) / n
        return x

    levels = [Flow()(time) for time in np.linspace(1, 0, 9)]
    known = {"like": "flow_euler", "levels": levels, "predicts": "velocity"}
    assert "handed over as -velocity" in str(check(sample, **known))
    assert check(lambda model, x: sample(lambda y, t: -model(y, t), x), **known).ok


def test_a_long_loop_is_asked_to_be_short():
    with pytest.raises(ValueError, match=r"timesteps must be few.*Check the loop on a short grid"):
        check(ddim_loop, like="ddim", betas=linear_betas(300))


def test_a_step_like_a_solver_with_memory_is_told_to_come_as_a_loop():
    with pytest.raises(ValueError, match=r"Hand over the whole loop instead of a step"):
        check(lambda x, t, eps: x, like="dpmpp_2m", betas=BETAS)


@pytest.mark.equation("conformance.check")
def test_a_state_scaled_for_the_network_must_not_be_stepped_from():
    def sample(x, model, *, keeps):
        for a, b in pairwise(SIGMAS):
            shown = x / np.sqrt(a**2 + 1)
            x = (x if keeps else shown) + (b - a) * model(shown, a)
        return x

    right = check(lambda x, model: sample(x, model, keeps=True), like="euler", sigmas=SIGMAS)
    assert right.ok, str(right)
    assert "as for the network's input" in str(right)
    wrong = check(lambda x, model: sample(x, model, keeps=False), like="euler", sigmas=SIGMAS)
    assert "x: is 1/sqrt(sigma_t^2 + 1) times what is wanted" in str(wrong), str(wrong)


@pytest.mark.equation("conformance.check")
def test_an_option_that_a_sampler_does_not_take_is_refused_by_name():
    known = {"betas": BETAS, "timesteps": GRID, "like": "ddim"}
    assert check(ddim_loop, **known, options={"path": VP()}).ok
    with pytest.raises(ValueError, match=r"options must be those of samplers.ancestral.ddim; got 'churn'"):
        check(lambda x, t, eps: x, **known, options={"churn": 1})


@pytest.mark.equation("conformance.check")
def test_the_noise_of_a_step_is_told_apart_from_what_came_before():
    def loop(x, model, rng, *, much=1.0):
        for a, b in pairwise(SIGMAS):
            up = b * np.sqrt(1 - b**2 / a**2)
            z = rng.standard_normal(x.shape) * (much if a == SIGMAS[2] else 1.0)
            x = x + (x - model(x, a)) / a * (np.sqrt(b**2 - up**2) - a) + up * z
        return x

    asked = {"like": "euler_ancestral", "sigmas": SIGMAS, "predicts": "x0"}
    report = check(loop, **asked)
    assert report.ok, str(report)
    a, b = SIGMAS[:2]
    assert report.rows[-1].coefficient == "the noise"
    assert report.rows[-1].want == pytest.approx(b * np.sqrt(1 - b**2 / a**2), rel=1e-12)
    less = check(lambda x, model, rng: loop(x, model, rng, much=0.9), **asked)
    assert [row.wrong for row in less.rows] == [0, 0, 1]
    assert "goes wrong first in step 3" in str(less)
