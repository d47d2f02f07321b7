"""Claims about bounds and densities: how probable data are under a model."""

from functools import partial

import numpy as np

from refdiff.core import Replay
from refdiff.likelihood import bits, continuous, decoders, elbo
from refdiff.likelihood.change_of_variables import log_prob
from refdiff.likelihood.through_noise import noised
from refdiff.oracles import Mixture, Normal
from refdiff.process import Gaussian, gaussian
from refdiff.schedules import EDM, VP, Flow, Level
from refdiff.verify.claims import Check, Mutant, claim, off
from refdiff.verify.claims_path import PATHS

LINE = Normal([2.0], 0.25)
PLANE = Normal([1.0, -0.5], [[1.0, 0.6], [0.6, 0.5]])
BUMPS = Mixture([0.3, 0.7], [[-1.0], [1.2]], [0.05, 0.1])


def entropy(law: Mixture) -> float:
    """-E log p of a law on the line, by the trapezoid rule."""
    x = np.linspace(-8, 8, 4001)[:, None]
    log_p = law.log_prob(x)
    return float(-np.exp(log_p) @ log_p * 0.004)


def at_snr(snr: float) -> Level:
    """The level of the circle with a given signal-to-noise ratio."""
    return Level(0.0, np.sqrt(snr / (1 + snr)), np.sqrt(1 / (1 + snr)))


@claim(
    tol=1e-12,
    catches="outer bins that end at the edge of the picture, or the tanh that stands for Phi in shipped code",
    proves=["decoders.discretised_log_prob", "decoders.categorical_log_prob"],
)
def decoders_are_probabilities() -> float:
    """DDPM's decoder is the integral of a Gaussian over a cell, VDM's is Bayes' rule, and both sum to one."""
    pixels, worst = decoders.end_to_end()[:, None], []
    u, weight = np.polynomial.legendre.leggauss(16)
    for mean, std in ((0.3, 0.3), (-1.1, 0.5)):
        log_p = decoders.discretised_log_prob(pixels, np.full_like(pixels, mean), std**2, pixels[:, 0])
        inside = (pixels[1:-1] + u / 255).reshape(-1, 1)
        areas = Gaussian(np.full_like(inside, mean), std**2).log_prob(inside)
        worst += [
            off(np.sum(np.exp(log_p)), 1),
            off(np.exp(log_p[1:-1]), np.exp(areas).reshape(254, 16) @ weight / 255),
        ]
    cells, t = decoders.cell_centres(16), at_snr(9.0)
    law, xt = Mixture(np.full(16, 1 / 16), cells[:, None], 0.0), np.full((16, 1), 0.2)
    bayes = np.exp(decoders.categorical_log_prob(cells[:, None], xt, t, cells))
    return float(np.max([*worst, off(np.sum(bayes), 1), off(bayes, law.responsibilities(xt[:1], t)[0])]))


@claim(
    tol=1e-10,
    catches="an offset of 7 bits for data in [0, 1], or one that is subtracted",
    proves=["bits.density_per_dim", "bits.per_dim", "bits.dequantisation_gap"],
)
def seven_or_eight_bits() -> float:
    """Bits per dimension are those of the cells, plus the gap that even noise in a cell leaves; in any units."""
    worst, (u, weight) = 0.0, np.polynomial.legendre.leggauss(32)
    for low, high in ((-1.0, 1.0), (0.0, 1.0)):
        width, scale = (high - low) / 16, (high - low) / 2
        law = Mixture([0.3, 0.7], low + scale * (1 + np.array([[-0.4], [0.3]])), scale**2 * np.array([0.03, 0.01]))
        x0 = low + width * (np.arange(16.0)[:, None] + 0.5)
        log_p = law.log_prob((x0 + width * u / 2).reshape(-1, 1)).reshape(16, 32)
        noised = bits.density_per_dim(log_p @ weight / 2, 1, width)
        cells = bits.per_dim(-np.log(np.exp(log_p) @ weight / 2 * width), 1)
        gap = bits.dequantisation_gap(law.log_prob, x0, width) / np.log(2)
        worst = float(np.max([worst, *np.abs(noised - cells - gap), *-gap]))
    return worst


@claim(
    tol=1e-5,
    catches="a rate of the SNR without its second term",
    proves=["continuous.loss_rate", "continuous.snr_rate", "continuous.diffusion_term"],
)
def the_schedule_does_not_matter() -> float:
    """Half the area under the mmse, SNR from 1e-4 to 1e4, is 3.912210 nats through the times of every schedule."""
    s, t = at_snr(1e4), at_snr(1e-4)
    areas = [continuous.diffusion_term(LINE.mmse, s, t)]
    u, weight = np.polynomial.legendre.leggauss(12)
    for path in PATHS.values():
        edges = path.time_of(np.linspace(float(s.log_snr), float(t.log_snr), 13))
        half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
        times, w = (middle[:, None] + half[:, None] * u).ravel(), (half[:, None] * weight).ravel()
        areas.append(sum(b * continuous.loss_rate(LINE.mmse, path, a) for a, b in zip(times, w, strict=True)))
    return float(np.max(np.abs(np.array(areas) - 3.912210)))


@claim(
    tol=1e-9,
    catches="the whole mmse in place of its half",
    proves=["continuous.information", "continuous.diffusion_term", "mixture.Mixture.mmse"],
)
def information_is_half_the_area() -> float:
    """What a noisy state tells of a mixture is half the area under the mmse: entropy of x_t less that of the noise."""
    t = at_snr(4.0)
    want = entropy(BUMPS.at(t)) - float(np.log(2 * np.pi * np.e * t.sigma**2)) / 2
    return abs(continuous.information(BUMPS.mmse, t) - want)


@claim(
    tol=1e-9,
    catches="a bound that leaves out what x_T still knows, or its decoder",
    proves=["continuous.diffusion_term", "elbo.prior_term", "elbo.decoder_term", "elbo.expected_terms"],
)
def the_continuous_bound_is_tight() -> float:
    """Prior, area and decoder of Gaussian data add up to the entropy, and to the prior's divergence from q(x_T)."""
    worst, exact = 0.0, partial(PLANE.denoise, spread=True)
    for path in (VP(), EDM(), Flow()):
        s, t = path(0.05), path(0.9)
        steps = continuous.diffusion_term(PLANE.mmse, s, t)
        last, first = (elbo.expected_terms(exact, PLANE.mean, PLANE.cov, [end], variance="exact") for end in (s, t))
        var, axes = np.linalg.eigh(PLANE.at(t).cov)
        prior = Gaussian(np.zeros((1, 2)), t.alpha**2 + t.sigma**2)
        missed = gaussian.kl(Gaussian((PLANE.at(t).mean @ axes)[None], var), prior)[0]
        total = first.prior[0] + steps + last.decoder[0]
        worst = float(np.max([worst, abs(total - missed - PLANE.entropy())]))
    return worst


@claim(
    tol=1e-11,
    catches="the error taken at the cleaner end of each step",
    proves=["continuous.riemann", "elbo.expected_terms"],
)
def a_chain_is_a_riemann_sum() -> float:
    """With beta-tilde for its variance, the steps of a chain's bound are the sum that overshoots the area."""
    levels = [at_snr(snr) for snr in (0.01, 0.1, 1.0, 7.0, 50.0)]
    want = elbo.expected_terms(LINE.denoise, LINE.mean, LINE.cov, levels, variance="small").steps.sum()
    return off(continuous.riemann(LINE.mmse, levels), want)


@claim(
    tol=1e-9,
    catches="the expansion with the wrong sign, or the chart's scale forgotten",
    proves=["change_of_variables.log_prob", "change_of_variables.carry", "probes.axes"],
)
def densities_follow_the_flow() -> float:
    """Carried along the flow from noise, the density of a mixture is its own to nine digits, on VP, EDM and flow."""
    x, worst = np.array([[-0.9], [0.3], [2.0]]), 0.0
    for path, low, high in ((VP(), 0.3, 1.0), (EDM(), 0.5, 80.0), (Flow(), 0.3, 1.0)):
        s, t = path(low), path(high)
        got = log_prob(BUMPS.denoise, x, path, s, t, terminal=BUMPS.at(t).log_prob)
        worst = float(np.max([worst, *np.abs(got - BUMPS.at(s).log_prob(x))]))
    return worst


@claim(
    tol=1e-9,
    catches="a decoder that is not charged, or noise whose own density is not given back",
    proves=["through_noise.noised"],
)
def steps_are_charged_through_noise() -> float:
    """What coding through a noisy level costs above the information is a divergence, summed over all states."""
    values, t = np.arange(5) / 2 - 1, at_snr(4.0)
    z, weight = np.polynomial.hermite_e.hermegauss(96)
    x0, weight = values[:, None], weight / weight.sum()
    x = np.linspace(-8, 8, 8001)[:, None]
    read = [decoders.categorical_log_prob(np.full_like(x, v), x, t, values) for v in values]
    log_joint = BUMPS.at(t).log_prob(x) + np.array(read)  # of the value and the state
    log_p = np.log(np.sum(np.exp(log_joint), axis=1) * 0.002)
    log_q = np.stack([Gaussian(np.full_like(x, t.alpha * v), t.sigma**2).log_prob(x) for v in values])
    divergence = np.sum(np.exp(log_q) * (log_q - log_joint + log_p[:, None]), axis=1) * 0.002
    each = [noised(BUMPS.at(t).log_prob, x0, t, values, rng=Replay([np.full_like(x0, a)])).total for a in z]
    return float(np.max([off(np.exp(log_p).sum(), 1), off(weight @ each, divergence - log_p)]))


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("decoders.discretised_log_prob", "[[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]]",
           "[[values[0]], (values[1:] + values[:-1]) / 2, values[-1:]]", "decoders-are-probabilities"),
    Mutant("decoders._log_ndtr_between", "from scipy.special import log_ndtr", "log_ndtr = lambda v: np.log(np.maximum("
           "(1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))) / 2, 1e-12))", "decoders-are-probabilities"),
    Mutant("decoders.categorical_log_prob", "2 * t.sigma**2", "t.sigma**2", "decoders-are-probabilities"),
    Mutant("bits.density_per_dim", "- np.log2", "- 7 + 0 * np.log2", "seven-or-eight-bits"),
    Mutant("bits.dequantisation_gap", "log_p @ (weight / 2)", "log_p @ weight", "seven-or-eight-bits"),
    Mutant("continuous.snr_rate", " - t.alpha * rates.sigma_dsigma", "", "the-schedule-does-not-matter"),
    Mutant("continuous.diffusion_term", "tail + area / 2", "tail + area", "information-is-half-the-area"),
    Mutant("elbo.prior_term", "marginal(x0, t)", "Gaussian(t.alpha * x0, t.alpha**2 + t.sigma**2)",
           "the-continuous-bound-is-tight"),
    Mutant("continuous.riemann", "mmse(t) for", "mmse(s) for", "a-chain-is-a-riemann-sum"),
    Mutant("change_of_variables.log_prob", "known(way.x) + way", "known(way.x) - way", "densities-follow-the-flow"),
    Mutant("through_noise.noised", "q.log_prob(xt) - log_p", "-log_p", "steps-are-charged-through-noise"),
    Mutant("change_of_variables.carry", "-1] + grown", "-1]", "densities-follow-the-flow"),
)  # fmt: skip
