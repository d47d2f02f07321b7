"""Claims about objectives: weights, preconditioning, draws of levels, flow matching."""

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.calculus import divergence
from refdiff.likelihood.elbo import step_term
from refdiff.losses import DenoisingLoss, min_snr
from refdiff.losses.flow_matching import Velocity, conditional, euler, marginal, velocity_of
from refdiff.losses.importance import best_probabilities, estimator_variance
from refdiff.losses.reading import LossFunction, read_weight
from refdiff.losses.weightings import (
    elbo_weight,
    normal_log_ratios,
    p2,
    sigmoid,
    soft_min_snr,
    truncated_snr,
    uniform_times,
    vlb,
    vlb_rate,
)
from refdiff.oracles import Mixture
from refdiff.oracles.paired import Paired, independent, matched
from refdiff.process import EPS, SCORE, X0, Denoised, Parameterization, V, edm, preconditioning, velocity
from refdiff.process.interpolants import STRAIGHT, TRIGONOMETRIC, along
from refdiff.schedules import EDM, VP, Chain, Cosine, Flow
from refdiff.verify.claims import Check, Mutant, claim, off
from refdiff.verify.loss_identification import identify_loss
from refdiff.verify.probe import scattered

PAIRS = Mixture(np.ones(3) / 3, [[0.0, 1.0], [2.0, -1.0], [-1.0, 0.5]], 0.0)
TWO = Mixture([0.4, 0.6], [[-1.0], [1.2]], [0.1, 0.2])
DATA = Mixture([1.0], [[2.0]], 0.25)
LOG_SNR = np.linspace(-8, 8, 9)


@claim(
    tol=1e-11,
    catches="a bound's weight off by one index, by a factor of 2, or meant for another target",
    proves=["weightings.vlb", "weightings.vlb_step", "denoising.DenoisingLoss", "elbo.step_term"],
)
def bound_is_one_number_in_all_its_forms() -> float:
    """The bound's term is one number, as a divergence and as a weighted error of x0, eps, v or the score."""
    chain, worst = Chain.linear(), 0.0
    x0, eps, guess = scattered((4, 2)), 2 * scattered((4, 2)) - 0.3, scattered((4, 2))[::-1] + 0.2
    for i in (2, 10, 100, 1000):
        t = chain(i)
        xt = t.alpha * x0 + t.sigma * eps
        belief = Denoised(guess, (xt - t.alpha * guess) / t.sigma)
        want = step_term(x0, xt, belief, chain(i - 1), t)
        for kind in (X0, EPS, V, SCORE):
            error = kind.encode(belief.x0, belief.eps, t) - kind.encode(x0, eps, t)
            weight = DenoisingLoss(kind, vlb(chain), "x0").raw_weight(t)
            worst = max(worst, off(weight * np.sum(error**2, axis=1), want))
    return worst


@claim(
    tol=1e-11,
    catches="a weight without the draw it was meant for, or log-SNR in place of half of it",
    proves=["weightings.elbo_weight", "weightings.uniform_times", "weightings.normal_log_ratios",
            "weightings.vlb_rate", "weightings.sigmoid", "weightings.soft_min_snr", "weightings.p2",
            "weightings.truncated_snr"],
)  # fmt: skip
def losses_are_weights_over_log_snr() -> float:
    """With its draw each loss is one weight over log-SNR: v on a cosine path is flow matching, up to a factor."""
    cosine, lam = Cosine(0.0), LOG_SNR
    sech, bell = 1 / np.cosh(lam / 2), np.exp(-((lam - 2.4) ** 2) / (2 * 2.4**2)) / (2.4 * np.sqrt(2 * np.pi))
    table = (
        (DenoisingLoss(EPS), cosine, sech / np.pi),
        (DenoisingLoss(V), cosine, 2 / np.pi * np.exp(-lam / 2)),
        (DenoisingLoss(velocity(Flow())), Flow(), np.exp(-lam / 2)),
        (DenoisingLoss(X0, vlb_rate(cosine)), cosine, np.ones(9)),
        (DenoisingLoss(X0, p2()), cosine, sech / np.pi / (1 + np.exp(lam))),
        (DenoisingLoss(X0, truncated_snr), cosine, sech / np.pi * np.maximum(1, np.exp(-lam))),
        (DenoisingLoss(X0, sigmoid(2.0)), cosine, sech / np.pi / (1 + np.exp(lam - 2))),
        (DenoisingLoss(X0, soft_min_snr(np.exp(2.0))), cosine, sech / np.pi / (1 + np.exp(lam - 2))),
    )
    worst = 0.0
    for loss, path, want in table:
        got = elbo_weight(loss, uniform_times(path))(path.at(np.arctan(np.exp(-lam / 2))))
        worst = max(worst, float(np.max(np.abs(got / want - 1))))
    got = elbo_weight(DenoisingLoss(edm(0.5)), normal_log_ratios())(EDM()(np.exp(-lam / 2)))
    return max(worst, float(np.max(np.abs(got / (8 * bell * (np.exp(-lam) + 0.25)) - 1))))


def _weighed(kind: Parameterization, factor: Array, levels: list[float]) -> LossFunction:
    """A loss as others write it, a table of factors before the squared error of the raw output."""

    def loss(raw: Array, x0: Array, eps: Array, t: object) -> float:
        time = float(np.asarray(getattr(t, "time", 0.0)))
        return float(factor[levels.index(time)] * np.mean((raw - kind.encode(x0, eps, VP()(time))) ** 2))

    return loss


@claim(
    tol=1e-9,
    catches="min-SNR divided by SNR where v needs SNR + 1, a maximum for the minimum, a slipped bracket",
    proves=["reading.read_weight", "loss_identification.identify_loss", "denoising.min_snr"],
)
def slips_in_losses_are_named() -> float:
    """The weight of any loss function is read by asking it, and four shipped slips in min-SNR are named."""
    times = [0.02, 0.1, 0.2, 0.3, 0.5, 0.9]
    levels = [VP()(time) for time in times]
    ratio = np.array([float(np.exp(t.log_snr)) for t in levels])
    slips = {
        "divided by SNR where": np.minimum(ratio, 5) / ratio,
        "before the minimum": np.minimum(ratio + 1, 5) / (ratio + 1),
        "parentheses": np.minimum(ratio, 5) / ratio + 1,
        "a maximum": np.maximum(ratio, 5) / (ratio + 1),
    }
    named = [identify_loss(_weighed(V, factor, times), V, levels) for factor in slips.values()]
    missed = sum(not (found.known and slip in found.slip) for found, slip in zip(named, slips, strict=True))
    right = DenoisingLoss(V, min_snr(), "x0")
    read = read_weight(lambda *a: right(*a)[0], V, levels, size=3.0)
    return missed + max(
        off(read.x0, np.minimum(ratio, 5)), off(read.raw, [np.asarray(right.raw_weight(t)) for t in levels])
    )


@claim(
    tol=1e-12,
    catches="a c_out without the data's deviation, a skip that forgets alpha",
    proves=["preconditioning.required", "preconditioning.of", "preconditioning.target_variance", "predict.edm"],
)
def preconditioning_follows_from_its_requirements() -> float:
    """Unit variance in and out and the least amplified error leave EDM's factors, and v's on a circle."""
    worst = 0.0
    for path in (EDM(), VP(), Flow()):
        for t in map(path, (0.1, 0.5, 0.9)):
            for sd in (0.5, 1.0, 2.0):
                found, known = preconditioning.required(sd, t), preconditioning.of(edm(sd), t)
                worst = max(worst, *map(off, found, known))
            if isinstance(path, VP):
                v, f = preconditioning.of(V, t), preconditioning.required(1.0, t)
                worst = max(worst, off(v.skip, f.skip), off(-np.asarray(v.out), f.out), off(v.weight, f.weight))
    return worst


@claim(
    tol=1e-12,
    catches="levels drawn in proportion to the loss, or to its square",
    proves=["importance.best_probabilities", "importance.estimator_variance"],
)
def root_of_the_second_moment_varies_least() -> float:
    """Levels drawn by the root of the loss's second moment: the variance is at Cauchy and Schwarz' bound."""
    moments = np.geomspace(1e-4, 10, 12)
    means = np.sqrt(moments / 3)  # of the square of a Gaussian
    best = best_probabilities(moments)
    return off(estimator_variance(best, means, moments), np.mean(np.sqrt(moments)) ** 2 - np.mean(means) ** 2)


@claim(
    tol=1e-10,
    catches="a marginal velocity that is no conditional mean, a rate of the noise lost",
    proves=["flow_matching.conditional", "flow_matching.marginal", "paired.Paired.velocity",
            "interpolants.Interpolant.velocity"],
)  # fmt: skip
def conditional_flow_matching_has_the_marginal_gradient() -> float:
    """The conditional and the marginal loss of flow matching have one gradient, and differ by one constant."""
    z = np.arange(-9, 9.05, 0.1)
    mass = np.tile(np.exp(-(z**2) / 2) * 0.1 / np.sqrt(2 * np.pi), 3) / 3
    x0, x1 = (np.repeat(PAIRS.means[:, i], len(z))[:, None] for i in (0, 1))
    eps, worst = np.tile(z, 3)[:, None], 0.0
    for path in (STRAIGHT.noised(), TRIGONOMETRIC.noised(0.5)):
        law = Paired(PAIRS, path)
        for time in (0.3, 0.8):
            x = path.point(x0, x1, eps, time)
            truth, target = law.velocity(x, time), path.velocity(x0, x1, eps, time)
            features = np.hstack([x, np.ones_like(x), np.sin(x)])
            raws = [features @ np.array([[0.4], [-1.0], [0.7]]), np.zeros_like(x)]
            slopes = [(mass[:, None] * features).T @ (raws[0] - to) for to in (target, truth)]
            gaps = [mass @ (conditional(r, x0, x1, eps, path, time) - marginal(r, truth)) for r in raws]
            worst = max(worst, off(*slopes), off(*gaps))
    return worst


def _spreading(u: Velocity, x: Array, time: float) -> Array:
    """Divergence of a velocity at one time."""
    return divergence(lambda y: u(y, time), x)


@claim(
    tol=1e-8,
    catches="sigma sigma' taken for sigma', or a velocity of the wrong sign",
    proves=["flow_matching.velocity_of", "paired.Paired.velocity", "interpolants.along", "paired.independent"],
)
def velocity_moves_the_density() -> float:
    """The marginal velocity moves the density: d log q/dt + div u + u . score = 0, on three paths."""
    x, h, c = np.linspace(-2, 2, 9)[:, None], 1e-3, np.array([-1, 9, -45, 45, -9, 1]) / 60
    worst = 0.0
    for path in (VP(), Cosine(), Flow()):
        u = velocity_of(TWO.denoise, path)
        both = Paired(independent(TWO, Mixture([1.0], [[0.0]], 1.0)), along(path))
        for time in (0.3, 0.7):
            steps = zip(c, (-3, -2, -1, 1, 2, 3), strict=True)
            rate = sum(w * TWO.at(path(time + k * h)).log_prob(x) for w, k in steps) / h
            flux = np.sum(u(x, time) * TWO.at(path(time)).score(x), axis=1)
            left = rate + _spreading(u, x, time) + flux
            worst = max(worst, float(np.max(np.abs(left))), off(both.velocity(x, time), u(x, time)))
    return worst


@claim(
    tol=1e-12,
    catches="a walk in the wrong direction of time, or a belief that one step of a rectified flow must be right",
    proves=["flow_matching.euler", "flow_matching.velocity_of", "paired.matched", "interpolants.STRAIGHT"],
)
def one_step_is_exact_where_lines_do_not_cross() -> float:
    """One Euler step is exact for the monotone coupling; for the independent one it ends in the mean of the data."""
    start = np.array([[-2.0], [0.0], [1.0]])
    straight = euler(Paired(matched(DATA, 2.0, -4.0), STRAIGHT).velocity, start, np.array([1.0, 0.0]))
    curved = euler(velocity_of(DATA.denoise, Flow()), start, np.array([1.0, 0.0]))
    return max(off(straight, 2 + start / 2), off(curved, np.full((3, 1), 2.0)))


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("weightings.vlb", "np.asarray(t.time) - 1", "np.asarray(t.time) - 2",
           "bound-is-one-number-in-all-its-forms"),
    Mutant("weightings.vlb_step", "(snr(s) - snr(t)) / 2", "snr(s) - snr(t)",
           "bound-is-one-number-in-all-its-forms"),
    Mutant("weightings.uniform_times", "(2 * (t.alpha", "((t.alpha", "losses-are-weights-over-log-snr"),
    Mutant("weightings.normal_log_ratios", "ratio / 2 * log", "ratio * log",
           "losses-are-weights-over-log-snr"),
    Mutant("weightings.truncated_snr", "np.maximum", "np.minimum", "losses-are-weights-over-log-snr"),
    Mutant("weightings.p2", "snr(t) / (k", "1 / (k", "losses-are-weights-over-log-snr"),
    Mutant("denoising.min_snr", "np.minimum", "np.maximum", "slips-in-losses-are-named"),
    Mutant("reading._factor", "ahead / size**2", "ahead / size", "slips-in-losses-are-named"),
    Mutant("reading.read_weight", 'reduction == "mean"', 'reduction != "mean"', "slips-in-losses-are-named"),
    Mutant("loss_identification._slips", "np.minimum(ratio + 1, most)", "np.minimum(ratio, most + 1)",
           "slips-in-losses-are-named"),
    Mutant("preconditioning.target_variance", "(1 - skip * t.alpha) ** 2", "(1 - skip) ** 2",
           "preconditioning-follows-from-its-requirements"),
    Mutant("preconditioning.of", "-t.sigma / d", "-t.sigma * d", "preconditioning-follows-from-its-requirements"),
    Mutant("predict.edm", "return t.sigma / (sd * n)", "return t.sigma / n",
           "preconditioning-follows-from-its-requirements"),
    Mutant("importance.best_probabilities", "np.sqrt(m) / np.sum(np.sqrt(m))", "m / np.sum(m)",
           "root-of-the-second-moment-varies-least"),
    Mutant("importance.estimator_variance", "/ len(m) ** 2", "/ len(m)", "root-of-the-second-moment-varies-least"),
    Mutant("paired.Paired.velocity", "- cdc * self.score", "+ cdc * self.score",
           "conditional-flow-matching-has-the-marginal-gradient"),
    Mutant("interpolants.Interpolant.velocity", "db * x1", "da * x1",
           "conditional-flow-matching-has-the-marginal-gradient"),
    Mutant("motion.family", "+ fresh) / t.sigma", "+ fresh)", "velocity-moves-the-density"),
    Mutant("flow_matching.euler", "(s - t) * velocity", "(t - s) * velocity",
           "one-step-is-exact-where-lines-do-not-cross"),
    Mutant("paired.matched", "scale * np.eye(d)", "np.eye(d)", "one-step-is-exact-where-lines-do-not-cross"),
)  # fmt: skip
