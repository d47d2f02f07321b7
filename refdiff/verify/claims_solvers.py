"""Claims about solvers: exact for polynomials, of the order on record, one method under several names."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Replay
from refdiff.oracles import Mixture, Normal
from refdiff.process import Denoised, Denoiser
from refdiff.process.paths import on
from refdiff.samplers import (
    analytic,
    ddim,
    ddpm,
    dpm_solver_1,
    dpm_solver_3,
    dpmpp_3m,
    dpmpp_3s,
    dpmpp_sde_1,
    euler_ancestral,
    heun,
    invert,
    learned_range,
    restart,
    unadjusted,
    unipc,
)  # fmt: skip
from refdiff.samplers.exponential import clock
from refdiff.samplers.sampler import Sampler
from refdiff.schedules import EDM, VP, Flow, Level, grids
from refdiff.verify.claims import Check, Mutant, claim, off
from refdiff.verify.orders import measure_case
from refdiff.verify.probe import law, scattered
from refdiff.verify.zoo import find

LINE = Mixture([0.7, 0.3], [[-1.0], [1.5]], [0.2, 0.1])
BLOB = Normal([0.4], 0.25)
TILTED = Normal([0.4, -0.2], [[0.5, 0.2], [0.2, 0.3]])
X = 1.5 * scattered((5, 1))
PATH = VP()
UNEVEN = [PATH(time) for time in (0.9, 0.74, 0.7, 0.45, 0.3)]
CURVE = (0.6, 0.3, -0.5)


def _in_clock(degree: int, half: str) -> tuple[Denoiser, Callable[[Level], float]]:
    """A belief whose data or noise is a polynomial in half the log-SNR, whatever the state; and that polynomial."""

    def f(t: Level) -> float:
        return sum(c * clock(t) ** k for k, c in enumerate(CURVE[: degree + 1]))

    def denoise(x: Array, t: Level) -> Denoised:
        v = np.full_like(x, f(t))
        return Denoised(v, (x - t.alpha * v) / t.sigma) if half == "x0" else Denoised((x - t.sigma * v) / t.alpha, v)

    return denoise, f


def _flow(f: Callable[[Level], float], half: str, t: Level, s: Level) -> Array:
    """The probability flow under such a belief: Gauss-Legendre in sigma/alpha or in alpha/sigma, no phi-functions."""
    nodes, share = np.polynomial.legendre.leggauss(40)

    def area(a: Any, b: Any, at: Callable[[float], Level]) -> float:
        return float(
            sum(w * (b - a) / 2 * f(at((a + b) / 2 + (b - a) / 2 * r)) for r, w in zip(nodes, share, strict=True))
        )

    if half == "x0":
        gain = area(t.alpha / t.sigma, s.alpha / s.sigma, lambda w: Level(0, w, 1.0))
        return np.asarray(s.sigma * (X / t.sigma + gain))
    gain = area(t.sigma / t.alpha, s.sigma / s.alpha, lambda w: Level(0, 1.0, w))
    return np.asarray(s.alpha * (X / t.alpha + gain))


@claim(
    tol=1e-12,
    catches="a difference of differences taken for a second derivative, half of which it is",
    proves=[
        "dpmpp.dpmpp_3m", "dpmpp.differences", "singlestep.dpm_solver_3", "singlestep.dpmpp_3s", "unified.unipc",
        "exponential.phi", "exponential.noise_step", "exponential.data_step", "exponential.weights",
    ],
)  # fmt: skip
def solvers_are_exact_for_polynomials() -> float:
    """Third-order solvers are exact where the belief is a polynomial in the log-SNR, a line or a parabola."""
    worst, (t, s) = 0.0, UNEVEN[-2:]
    runs: tuple[tuple[Sampler, int, str], ...] = (
        (dpmpp_3m, 2, "x0"), (dpm_solver_3, 1, "eps"), (dpmpp_3s, 1, "x0"), (unipc, 2, "x0"),
    )  # fmt: skip
    for sampler, degree, half in runs:
        denoise, f = _in_clock(degree, half)
        before = UNEVEN[len(UNEVEN) - 2 - sampler.memory : -2]
        history = {"history": [(u, denoise(X, u)) for u in before]} if before else {}
        levels = grids.refine(PATH, [t, s], sampler.inner, sampler.by)
        worst = max(worst, off(sampler(denoise, X, levels, **history), _flow(f, half, t, s)))
    return worst


def _far(names: tuple[str, ...], steps: tuple[int, ...]) -> float:
    """How far the worst of some orders is from the one on record."""
    return max(abs(measure_case(case, steps=steps).order - case.order) for case in map(find, names))


@claim(
    tol=0.15,
    catches="a third-order method that is of second order, as it is published",
    proves=[
        "dpmpp.dpmpp_3m",
        "dpmpp.dpmpp_3m_published",
        "dpmpp.dpmpp_2m",
        "dpmpp.dpm_solver_2m",
        "orders.measure_case",
    ],
)
def third_order_3m_needs_a_factor_of_two() -> float:
    """DPM-Solver++(3M) is of order 2 as published and of order 3 with twice its D2; 2M is of order 2."""
    return _far(("dpmpp-3m", "dpmpp-3m-published", "dpmpp-2m", "dpm-solver-2m"), (64, 96))


@claim(
    tol=0.15,
    catches="weights that do not add up, slopes at the wrong level",
    proves=[
        "multistep.lms", "multistep.deis", "multistep.plms", "multistep.pndm", "multistep.transfer",
        "runge_kutta.midpoint", "runge_kutta.dpm_2", "runge_kutta.rk4", "flows.flow_midpoint", "flows.flow_heun",
        "flows.flow_euler", "flows.velocity_at",
    ],
)  # fmt: skip
def classical_methods_keep_their_orders() -> float:
    """Adams', Runge's, Heun's and Kutta's methods have on the probability flow the orders of the textbooks."""
    multistep = _far(("lms-4", "lms-2", "deis-2", "plms", "pndm"), (32, 48))
    return max(multistep, _far(("midpoint", "dpm-2", "rk4", "flow-euler", "flow-midpoint", "flow-heun"), (12, 16)))


@claim(
    tol=0.15,
    catches="a stage's share forgotten in its weight",
    proves=["singlestep.dpm_solver_1", "singlestep.dpm_solver_2", "singlestep.dpmpp_2s"],
)
def dpm_solvers_have_their_orders() -> float:
    """DPM-Solver-1, -2, -3 and DPM-Solver++(2S), (3S) are of the orders in their names."""
    return _far(("dpm-solver-1", "dpm-solver-2", "dpm-solver-3", "dpmpp-2s", "dpmpp-3s"), (16, 24))


@claim(
    tol=0.15,
    catches="a corrector that costs the order it should add",
    proves=["unified.unipc", "unified.unipc_vary", "unified.change"],
)
def unipc_gains_an_order() -> float:
    """UniPC with p beliefs is of order p + 1; with the published option vary_coeff, of order 1."""
    return _far(("unipc-1", "unipc-2", "unipc-2-vary-published"), (48, 64))


@claim(
    tol=1e-12,
    catches="one of the names with another variance",
    proves=["stochastic.euler_ancestral", "sde.dpmpp_sde_1", "sde.sde_step", "sde.sde_noise", "ancestral.ddpm"],
)
def four_names_are_one_algorithm() -> float:
    """DDPM, DDIM with eta = 1, Euler ancestral and SDE-DPM-Solver++(1) walk the same states; DPM-Solver-1 is DDIM."""
    z, worst = [scattered((k + 2, 5))[-1][:, None] for k in range(9)], 0.0
    for path in (VP(), Flow(), EDM()):
        levels = [*grids.log_snr(path, 8, -5.0, 6.0), path.at(0.0)]
        want = ddpm(LINE.denoise, X, levels, rng=Replay(z))
        worst = max(
            worst,
            off(ddim(LINE.denoise, X, levels, eta=1.0, rng=Replay(z)), want),
            off(euler_ancestral(LINE.denoise, X, levels, rng=Replay(z)), want),
            off(dpmpp_sde_1(LINE.denoise, X, levels, rng=Replay(z)), want),
            off(dpm_solver_1(LINE.denoise, X, levels), ddim(LINE.denoise, X, levels)),
        )
    return worst


@claim(
    tol=0.15,
    catches="independent noise in the two stages of a step, which makes the order 1",
    proves=["sde.dpmpp_sde", "sde.euler_maruyama", "stochastic.churned", "orders.reverse_law"],
)
def noise_keeps_the_weak_orders() -> float:
    """With noise the errors of mean and variance have their orders, against the reverse SDE in closed form."""
    return _far(("euler-maruyama-half", "dpmpp-sde", "edm-churn"), (16, 24))


@claim(
    tol=1e-12,
    catches="the posterior's variance where x_0 is not known",
    proves=["variances.analytic", "variances.learned_range"],
)
def with_the_best_variance_three_steps_are_exact() -> float:
    """With the exact spread of x_0 three steps have the exact law of Gaussian data; v = 0 and 1 are DDPM's."""
    levels, z = grids.log_snr(PATH, 3, -4.0, 4.0), [X[::-1], -X, X]
    out = law(analytic, lambda x, t: TILTED.denoise(x, t, spread=True), levels, TILTED.at(levels[0]))
    worst = off(out.cov, TILTED.at(levels[-1]).cov)
    for v, variance in ((0.0, "small"), (1.0, "large")):
        got = learned_range(LINE.denoise, X, levels, fraction=lambda x, t: np.array(v), rng=Replay(z))  # noqa: B023
        worst = max(worst, off(got, ddpm(LINE.denoise, X, levels, variance=variance, rng=Replay(z))))
    return worst


@claim(
    tol=1e-10,
    catches="inversion by the belief at the level below, or at the state below",
    proves=["inversion.invert", "paths.on", "stochastic.restart"],
)
def walks_up_and_over_come_back() -> float:
    """DDIM undoes its exact inverse; a model of VP samples alike on EDM; restart walks by two kernels."""
    levels = grids.log_snr(PATH, 6, -3.0, 3.0)
    worst = off(ddim(LINE.denoise, invert(LINE.denoise, X, levels, at="exact"), levels), X)
    twins = [EDM().at(float(t.angle)) for t in levels]
    got = heun(on(PATH, LINE.denoise), X / levels[0].alpha, twins)
    worst = max(worst, off(got * levels[-1].alpha, heun(LINE.denoise, X, levels)))
    out = law(restart, BLOB.denoise, levels, BLOB.at(levels[0]), whole=True, intervals=[(4, 1, 2)])
    m, v = BLOB.at(levels[0]).mean[0], BLOB.at(levels[0]).cov[0, 0]

    def down(m: float, v: float, a: int, b: int) -> tuple[float, float]:
        ends = heun(BLOB.denoise, np.array([[m], [m + 1.0]]), levels[a : b + 1])[:, 0]
        return float(ends[0]), float((ends[1] - ends[0]) ** 2 * v)

    m, v = down(m, v, 0, 4)
    for _ in range(2):
        r = float(levels[1].alpha / levels[4].alpha)
        m, v = down(r * m, r**2 * v + float(levels[1].sigma ** 2 - r**2 * levels[4].sigma ** 2), 1, 4)
    m, v = down(m, v, 4, 6)
    return max(worst, off([out.mean[0], out.cov[0, 0]], [m, v]))


@claim(
    tol=1e-12,
    catches="a Langevin step without the half of its drift",
    proves=["langevin.unadjusted", "langevin.predictor_corrector"],
)
def uncorrected_langevin_settles_off_the_law() -> float:
    """Unadjusted Langevin settles at variance v/(1 - a/(4 v)); a corrector adds one such step to each of DDPM's."""
    t, rate = Level(0.4, 1.0, 0.6), 0.5
    a, v = rate * t.sigma**2, 0.25 + t.sigma**2
    out = law(unadjusted, BLOB.denoise, [PATH.at(1.5), t], Normal([0.4], v / (1 - a / (4 * v))), whole=True, rate=rate,
              rounds=5)  # fmt: skip
    case, levels = find("predictor-corrector"), [EDM()(2.0), t]
    both = law(case.sampler, BLOB.denoise, levels, BLOB.at(levels[0]), whole=True, snr=None, rate=rate)
    mid = law(ddpm, BLOB.denoise, levels, BLOB.at(levels[0]))
    want = (1 - a / (2 * v)) ** 2 * mid.cov[0, 0] + a
    return max(off(out.cov, v / (1 - a / (4 * v))), off(both.cov, want))


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("dpmpp.dpmpp_3m", "phi(3, -h) * 2 * d2", "phi(3, -h) * d2", "solvers-are-exact-for-polynomials"),
    Mutant("dpmpp.differences", "slopes[1] + r0 * second", "slopes[1]", "solvers-are-exact-for-polynomials"),
    Mutant("exponential.phi", "term * z / (j + k)", "term * z / (j + k + 1)", "solvers-are-exact-for-polynomials"),
    Mutant("exponential.noise_step", "phi(k + 1, h)", "phi(k + 1, -h)", "solvers-are-exact-for-polynomials"),
    Mutant("exponential.data_step", "h ** (k + 1) * phi", "h ** k * phi", "solvers-are-exact-for-polynomials"),
    Mutant("singlestep.dpm_solver_3", "[eps, d2], t, s", "[eps, d1], t, s", "dpm-solvers-have-their-orders"),
    Mutant("singlestep.dpmpp_3s", "[x0, d1], t, v", "[x0], t, v", "dpm-solvers-have-their-orders"),
    Mutant("unified.change", "h * f * phi(k + 2, -h)", "h * phi(k + 2, -h)", "solvers-are-exact-for-polynomials"),
    Mutant("dpmpp.dpmpp_3m_published", "phi(3, -h) * d2", "phi(3, -h) * 2 * d2",
           "third-order-3m-needs-a-factor-of-two"),
    Mutant("dpmpp.half_slope", "(2 * r)", "r", "third-order-3m-needs-a-factor-of-two"),
    Mutant("multistep.lms", "1 / (k + 1)", "1 / (k + 2)", "classical-methods-keep-their-orders"),
    Mutant("multistep.deis", "(inside - t.time) / span", "(inside - s.time) / span",
           "classical-methods-keep-their-orders"),
    Mutant("multistep.plms", "past[::-1]", "past", "classical-methods-keep-their-orders"),
    Mutant("multistep.pndm", "past[::-1]", "past", "classical-methods-keep-their-orders"),
    Mutant("multistep.transfer", "+ s.sigma * eps", "+ t.sigma * eps", "classical-methods-keep-their-orders"),
    Mutant("runge_kutta.midpoint", "(2 * r)", "r", "classical-methods-keep-their-orders"),
    Mutant("runge_kutta.dpm_2", "c.tau(u) - c.tau(t)", "c.tau(s) - c.tau(t)", "classical-methods-keep-their-orders"),
    Mutant("runge_kutta.rk4", "(k1 + 2 * k2 + 2 * k3 + k4) / 6", "(k1 + k2 + k3 + k4) / 4",
           "classical-methods-keep-their-orders"),
    Mutant("flows.flow_heun", "velocity_at(denoise, y, s, path)", "velocity_at(denoise, y, t, path)",
           "classical-methods-keep-their-orders"),
    Mutant("flows.flow_midpoint", "velocity_at(denoise, inside, u, path)", "velocity_at(denoise, inside, t, path)",
           "classical-methods-keep-their-orders"),
    Mutant("singlestep.dpm_solver_2", "(2 * r)", "2", "dpm-solvers-have-their-orders"),
    Mutant("singlestep.dpmpp_2s", "(1 - 1 / (2 * r)) * x0", "(1 - 1 / r) * x0", "dpm-solvers-have-their-orders"),
    Mutant("unified.unipc", "[*past[:-1], (s, there)]", "past[:-1]", "unipc-gains-an-order"),
    Mutant("unified.unipc_vary", "h * phi(n + 1, -h) * a[row, -1]", "h * phi(row + 2, -h) * a[row, -1]",
           "unipc-gains-an-order"),
    Mutant("stochastic.euler_ancestral", "eta * end / tau", "0.0", "four-names-are-one-algorithm"),
    Mutant("sde.sde_step", "r ** (1 + eta)", "r ** eta", "four-names-are-one-algorithm"),
    Mutant("sde.sde_noise", "-2 * eta", "-eta", "four-names-are-one-algorithm"),
    Mutant("singlestep.dpm_solver_1", "s.sigma > 0", "s.sigma < 0", "four-names-are-one-algorithm"),
    Mutant("sde.dpmpp_sde", "sde_step(noise, np.zeros_like(x), u, s, eta=eta)", "sde_noise(t, u, eta=eta) * second",
           "noise-keeps-the-weak-orders"),
    Mutant("sde.euler_maruyama", "spread * np.sqrt(h)", "spread * h", "noise-keeps-the-weak-orders"),
    Mutant("stochastic.churned", "x, t = law.mean + inflate * np.sqrt(law.var) * z, up",
           "x = law.mean + inflate * np.sqrt(law.var) * z", "noise-keeps-the-weak-orders"),
    Mutant("variances.analytic", "np.sqrt(axes[0])", "axes[0]", "with-the-best-variance-three-steps-are-exact"),
    Mutant("variances.learned_range", "large**v * small ** (1 - v)", "large ** (1 - v) * small**v",
           "with-the-best-variance-three-steps-are-exact"),
    Mutant("inversion.invert", "t.sigma - t.alpha * s.sigma / s.alpha", "t.sigma - s.sigma",
           "walks-up-and-over-come-back"),
    Mutant("paths.on", "np.hypot(u.alpha, u.sigma) / np.hypot(t.alpha, t.sigma)", "1.0", "walks-up-and-over-come-back"),
    Mutant("stochastic.restart", "transition(x, s, levels[top])", "transition(x, levels[top], s)",
           "walks-up-and-over-come-back"),
    Mutant("langevin.unadjusted", "x - a / 2 *", "x - a *", "uncorrected-langevin-settles-off-the-law"),
    Mutant("langevin.predictor_corrector", "np.sqrt(2 * a) * z", "np.sqrt(a) * z",
           "uncorrected-langevin-settles-off-the-law"),
)  # fmt: skip
