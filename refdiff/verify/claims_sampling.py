"""Claims about exact laws and about samplers."""

from itertools import pairwise
from typing import Any

import numpy as np

from refdiff.core.calculus import STEP
from refdiff.oracles import Empirical, Mixture, Normal
from refdiff.samplers import Sampler, annealed, ddim, ddpm, euler, heun
from refdiff.schedules import EDM, VP, Chain, Flow, Level, SmoothSchedule, grids
from refdiff.verify.claims import Check, Mutant, claim, moments, off
from refdiff.verify.claims_path import CORNERS, TIMES
from refdiff.verify.probe import kernel, law, scattered, walk_of

LINE = Mixture([0.7, 0.3], [[-1.0], [1.5]], [0.04, 0.3])
BLOB = Normal([0.4], 0.25)
TILTED = Normal([0.4, -0.2], [[0.5, 0.2], [0.2, 0.3]])
STANDARD = Normal([0.0], 1.0)
SHORT = Chain.linear(50)


@claim(
    tol=1e-12,
    catches="a score with the wrong sign, or components weighted by their prior",
    proves=["mixture.Mixture.score", "mixture.Mixture.log_prob", "normal.Normal.score"],
)
def score_is_the_gradient() -> float:
    """The score is the gradient of the log density, by complex steps."""
    x, worst = 1.5 * scattered((7, 2)), 0.0
    for oracle in (CORNERS, TILTED):
        for t in map(VP(), TIMES):
            p = oracle.at(t)
            steps = [p.log_prob(x + 1j * STEP * e).imag / STEP for e in np.eye(2)]
            worst = max(worst, off(p.score(x), np.stack(steps, axis=-1)))
    return worst


@claim(
    tol=1e-11,
    catches="the expectation taken over the prior instead of the posterior",
    proves=["mixture.Mixture.score", "mixture.Mixture.at"],
)
def score_is_a_posterior_expectation() -> float:
    """The score of x_t is the expectation of the conditional score over x_0 given x_t, on a grid of x_0."""
    worst, x0 = 0.0, np.linspace(-9, 9, 12001)
    log_prior = LINE.log_prob(x0[:, None])
    for t in (VP()(0.2), VP()(0.6), EDM()(0.7), Flow()(0.4)):
        for x in (-1.3, 0.2, 1.7):
            log_weight = log_prior - (x - t.alpha * x0) ** 2 / (2 * t.sigma**2)
            mean, _ = moments(x0, log_weight)
            want = -(x - t.alpha * mean) / t.sigma**2
            worst = max(worst, off(LINE.at(t).score(np.array([[x]]))[0, 0], want))
    return worst


@claim(
    tol=1e-11,
    catches="Tweedie's formula without sigma squared",
    proves=["mixture.Mixture.denoise", "normal.Normal.denoise"],
)
def denoiser_is_tweedies() -> float:
    """Tweedie's formula: E[x_0 | x_t] = (x_t + sigma^2 score)/alpha and E[eps | x_t] = -sigma score."""
    x, worst = 1.5 * scattered((7, 2)), 0.0
    for oracle in (CORNERS, TILTED):
        for t in (*map(VP(), TIMES), EDM()(1.3), Flow()(0.6)):
            score = oracle.at(t).score(x)
            x0, eps = oracle.denoise(x, t)
            worst = max(worst, off(x0, (x + t.sigma**2 * score) / t.alpha), off(eps, -t.sigma * score))
    return worst


@claim(
    tol=1e-13,
    catches="a softmax over squared distances without the factor of 2",
    proves=["empirical.Empirical.denoise"],
)
def ideal_denoiser_is_a_softmax() -> float:
    """The ideal denoiser of a data set averages it by softmax(-|x - alpha x_i|^2/(2 sigma^2))."""
    data, x, worst = scattered((9, 3)), 1.5 * scattered((4, 3)), 0.0
    for t in (VP()(0.3), EDM()(0.4)):
        square = np.sum((x[:, None] - t.alpha * data) ** 2, axis=2)
        w = np.exp(-square / (2 * t.sigma**2))
        worst = max(worst, off(Empirical(data).denoise(x, t).x0, w @ data / np.sum(w, axis=1, keepdims=True)))
    return worst


@claim(
    tol=1e-9,
    catches="a spread that leaves out how far apart the components' beliefs are",
    proves=["mixture.Mixture.mmse", "normal.Normal.mmse", "mixture.Mixture.denoise"],
)
def least_error_by_two_roads() -> float:
    """The least squared error is the mean posterior variance, and is E|x_0|^2 less E|E[x_0 | x_t]|^2."""
    worst = 0.0
    x = np.linspace(-14, 14, 8001)[:, None]
    for t in (VP()(0.1), VP()(0.4), Flow()(0.7)):
        for oracle, square in ((LINE, float(LINE.cov[0, 0] + LINE.mean[0] ** 2)), (BLOB, 0.25 + 0.4**2)):
            density = np.exp(oracle.at(t).log_prob(x))
            believed = float(np.sum(density * oracle.denoise(x, t).x0[:, 0] ** 2) * 0.0035)
            worst = max(worst, off(oracle.mmse(t), square - believed))
    return worst


@claim(
    tol=1e-12,
    catches="a direction of length sigma_s instead of sqrt(sigma_s^2 - w^2)",
    proves=["ancestral.ddim", "ancestral.ddpm"],
)
def ddim_with_eta_one_is_ddpm() -> float:
    """One step of DDIM with eta = 1 has the kernel of DDPM, coefficient by coefficient."""
    worst = 0.0
    for t, s in [*pairwise(SHORT.levels()), (VP()(0.9), VP()(0.2)), (Flow()(0.8), Flow()(0.1))]:
        one = kernel(walk_of(ddim, TILTED.denoise, [t, s], eta=1.0), 2)
        other = kernel(walk_of(ddpm, TILTED.denoise, [t, s]), 2)
        worst = max(worst, *(float(np.max(np.abs(a - b))) for a, b in zip(one, other, strict=True)))
    return worst


@claim(
    tol=1e-12,
    catches="beta in place of beta-tilde, which improves the samples and is still wrong",
    proves=["ancestral.ddpm", "probe.law", "probe.kernel", "probe.Affine.law"],
)
def ddpm_has_the_law_of_a_recursion() -> float:
    """DDPM's output law on Gaussian data, with both variances, is a recursion of two numbers written apart."""
    worst = 0.0
    betas = np.linspace(1e-4, 0.02, 50)
    bars = np.cumprod(1 - betas)
    for variance in ("small", "large"):
        m, v = 0.0, 1.0
        for i in range(49, -1, -1):
            bar, before, beta = bars[i], bars[i - 1] if i else 1.0, betas[i]
            gain = np.sqrt(bar) * 0.25 / (bar * 0.25 + 1 - bar)  # x0 = 0.4 + gain (x - sqrt(bar) 0.4)
            on_x0, on_x = np.sqrt(before) * beta / (1 - bar), np.sqrt(1 - beta) * (1 - before) / (1 - bar)
            noise = beta * (1 - before) / (1 - bar) if variance == "small" else beta if i else 0.0
            m = on_x * m + on_x0 * (0.4 + gain * (m - np.sqrt(bar) * 0.4))
            v = (on_x + on_x0 * gain) ** 2 * v + noise
        out = law(ddpm, BLOB.denoise, SHORT.levels(), STANDARD, variance=variance)
        worst = max(worst, off([out.mean[0], out.cov[0, 0]], [m, v]))
    return worst


@claim(
    tol=1e-12,
    catches="the sign of the direction, or a level off by one",
    proves=["ancestral.ddim", "probe.law"],
)
def ddim_has_the_law_of_a_recursion() -> float:
    """DDIM's output law on Gaussian data, for eta 0 and 1/2, is a recursion of two numbers written apart."""
    worst = 0.0
    bars = np.cumprod(1 - np.linspace(1e-4, 0.02, 50))
    for eta in (0.0, 0.5):
        m, v = 0.0, 1.0
        for i in range(49, -1, -1):
            bar, before = bars[i], bars[i - 1] if i else 1.0
            noise = eta**2 * (1 - before) / (1 - bar) * (1 - bar / before)
            score = -1 / (bar * 0.25 + 1 - bar)  # times x - sqrt(bar) 0.4
            on_x = (1 + (1 - bar) * score) / np.sqrt(bar) * np.sqrt(before)
            on_x -= np.sqrt(1 - bar) * score * np.sqrt(1 - before - noise)
            m = np.sqrt(before) * 0.4 + on_x * (m - np.sqrt(bar) * 0.4)
            v = on_x**2 * v + noise
        out = law(ddim, BLOB.denoise, SHORT.levels(), STANDARD, eta=eta)
        worst = max(worst, off([out.mean[0], out.cov[0, 0]], [m, v]))
    return worst


@claim(
    tol=1e-12,
    catches="Euler's slope divided by the wrong sigma",
    proves=["ode.euler", "ode.slope", "ancestral.ddim"],
)
def euler_is_ddim() -> float:
    """Euler's method on d(x/alpha)/d(sigma/alpha) = eps is DDIM with eta = 0, on every path."""
    x, worst = 2 * scattered((5, 2)), 0.0
    for path in (SHORT, VP(), Flow(), EDM()):
        levels = grids.karras(path, 6, 0.05, 0.8)
        one, other = euler(CORNERS.denoise, x, levels, chart="ratio"), ddim(CORNERS.denoise, x, levels)
        worst = max(worst, off(one, other))
    return worst


@claim(tol=0.15, catches="a first-order method sold as a second-order one, and the reverse", proves=["ancestral.ddim"])
def ddim_is_of_first_order() -> float:
    """DDIM's error falls with the first power of the step on VP, EDM and flow, between log-SNR -2 and 4."""
    return max(abs(order(ddim, path) - ddim.order) for path in (VP(), EDM(), Flow()))


@claim(
    tol=0.15,
    catches="a second slope evaluated at the old level",
    proves=["ode.heun", "ode.slope", "normal.Normal.flow"],
)
def heun_is_of_second_order() -> float:
    """Heun's error falls with the square of the step on VP, EDM and flow, between log-SNR -2 and 4."""
    return max(abs(order(heun, path) - heun.order) for path in (VP(), EDM(), Flow()))


def order(sampler: Sampler, path: SmoothSchedule, **options: Any) -> float:
    """The measured order: the slope of log error over log step, 32 steps to 64, against the exact flow."""
    x = 1.5 * scattered((6, 2))

    def error(steps: int) -> float:
        levels = grids.log_snr(path, steps, -2.0, 4.0)
        return off(sampler(TILTED.denoise, x, levels, **options), TILTED.flow(x, levels[0], levels[-1]))

    return float(np.log2(error(32) / error(64)))


@claim(
    tol=1e-12,
    catches="Langevin noise of the step's variance instead of its root",
    proves=["langevin.annealed", "probe.law"],
)
def langevin_is_an_autoregression() -> float:
    """Annealed Langevin on Gaussian data contracts by 1 - a/(2 v) a round and adds variance a, level by level."""
    sigmas = (3.0, 1.0, 0.4)
    m, v = 1.0, 4.0
    for sigma in sigmas:
        a, total = 0.1 * sigma**2, 0.25 + sigma**2
        for _ in range(7):
            m = 0.4 + (1 - a / (2 * total)) * (m - 0.4)
            v = (1 - a / (2 * total)) ** 2 * v + a
    levels = [Level(sigma, 1.0, sigma) for sigma in sigmas]
    out = law(annealed, BLOB.denoise, levels, Normal([1.0], 4.0), whole=True, rounds=7, rate=0.1)
    return off([out.mean[0], out.cov[0, 0]], [m, v])


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("mixture.Mixture.score", "return -_average(", "return _average(", "score-is-the-gradient"),
    Mutant("mixture.Mixture.score", "softmax(self._log_joint(y, var), axis=0)", "self.weights[:, None] + 0 * y[:, 0]",
           "score-is-a-posterior-expectation"),
    Mutant("normal.Normal.denoise", "(t.sigma / var * y)", "(t.sigma**2 / var * y)", "denoiser-is-tweedies"),
    Mutant("mixture.Mixture._log_joint", "/ 2", "/ 1", "score-is-the-gradient"),
    Mutant("isotropic.belief", "(2 * v)", "v", "ideal-denoiser-is-a-softmax"),
    Mutant("isotropic.belief", "(1 / np.max(v) - 1 / v) / 2", "0 * v", "denoiser-is-tweedies"),
    Mutant("mixture.Mixture._total_variance", " + np.sum(off * off, axis=1)", "", "least-error-by-two-roads"),
    Mutant("ancestral.ddim", "eta * held", "0.0", "ddim-with-eta-one-is-ddpm"),
    Mutant("ancestral.ddpm", 'variance == "large" and s.sigma > 0', 'variance == "large"',
           "ddpm-has-the-law-of-a-recursion"),
    Mutant("ancestral.ddpm", "else 0.0", "else unit_spread(t)", "ddpm-has-the-law-of-a-recursion"),
    Mutant("ancestral.ddpm", "unit_spread(t) if", "t.sigma if", "ddpm-has-the-law-of-a-recursion"),
    Mutant("probe.Affine.law", " + self.noise_cov", "", "ddpm-has-the-law-of-a-recursion"),
    Mutant("ancestral.ddim", "s.alpha * x0 + np.hypot", "s.alpha * x0 - np.hypot", "ddim-has-the-law-of-a-recursion"),
    Mutant("ode.euler", "c.tau(s) - c.tau(t)", "c.tau(t) - c.tau(s)", "euler-is-ddim"),
    Mutant("ode.heun", "slope(denoise, x, s, c)", "slope(denoise, x, t, c)", "heun-is-of-second-order"),
    Mutant("normal.Normal.flow", "np.sqrt(ratio)", "ratio", "ddim-is-of-first-order"),
    Mutant("langevin.annealed", "np.sqrt(a) * rng", "a * rng", "langevin-is-an-autoregression"),
)  # fmt: skip
