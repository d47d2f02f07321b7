"""Claims about layers, bounds on the likelihood, and distances between laws."""

from functools import partial
from typing import Any

import numpy as np

from refdiff.likelihood.elbo import expected_terms
from refdiff.losses import DenoisingLoss, min_snr, snr
from refdiff.metrics import exact_wasserstein, gaussian_w2, sliced_wasserstein
from refdiff.metrics.frechet import Moments
from refdiff.metrics.wasserstein import half_turn, wasserstein_1d
from refdiff.nn import LayerNorm, Linear, Sequential, SiLU, ema, gradient_error
from refdiff.oracles import Normal
from refdiff.process import EPS, X0, Gaussian, V, gaussian
from refdiff.schedules import VP, Chain
from refdiff.verify.claims import Check, Mutant, claim, off
from refdiff.verify.probe import scattered

TILTED = Normal([0.4, -0.2], [[0.5, 0.2], [0.2, 0.3]])


@claim(
    tol=1e-12,
    catches="a pullback that forgets a term, a transpose or a sum",
    proves=["compose.Sequential", "linear.Linear", "activation.SiLU", "norm.LayerNorm", "gradcheck.gradient_error"],
)
def backpropagation_is_the_transpose() -> float:
    """Hand-written backpropagation through a network is the transpose of its derivative, by complex steps."""
    parts: list[Any] = [Linear(3, 8), LayerNorm(8), SiLU(), Linear(8, 2)]
    net: Any = Sequential(*parts)
    rng = np.random.default_rng(0)  # of the check, not of the library: any draw must do
    params = net.init(rng, np.float64)
    return float(gradient_error(net, params, scattered((5, 3)), rng=rng))


@claim(
    tol=1e-12,
    catches="a weight that was meant for x_0 put on eps, or a floor that is no floor",
    proves=["denoising.DenoisingLoss", "denoising.DenoisingLoss.floor", "denoising.min_snr", "denoising.snr"],
)
def exact_denoiser_reaches_the_floor() -> float:
    """The loss of the exact denoiser, integrated over data and noise, is its floor, under every weight."""
    node, mass = np.polynomial.hermite_e.hermegauss(4)  # exact for squares of affine functions
    data, worst = Normal([0.4], 0.25), 0.0
    x0, eps = (v.reshape(-1, 1) for v in np.meshgrid(0.4 + 0.5 * node, node, indexing="ij"))
    both = np.outer(mass, mass).ravel() / np.sum(mass) ** 2
    for t in map(VP(), (0.1, 0.5, 0.9)):
        belief = data.denoise(t.alpha * x0 + t.sigma * eps, t)
        for kind in (EPS, X0, V):
            raw = kind.encode(belief.x0, belief.eps, t)
            for loss in (
                DenoisingLoss(kind),
                DenoisingLoss(kind, snr, on="x0"),
                DenoisingLoss(kind, min_snr(), on="x0"),
            ):
                worst = max(worst, off(both @ loss(raw, x0, eps, t)[0], loss.floor(data, t)))
    return worst


@claim(
    tol=1e-12,
    catches="a bias correction forgotten at the start",
    proves=["average.ema"],
)
def average_of_weights_has_a_closed_form() -> float:
    """The running average of the weights at step k is sum w_i p_i with the weights of its closed form."""
    power, decay, steps = 2.0, 0.9, 60
    path = scattered((steps, 3))
    running = ema(decay, power=power)
    slots, want = running.init(np.zeros(3)), np.zeros(3)
    for p in path:
        running.update(p, slots)
    left = 1.0
    for k in range(steps, 0, -1):
        w = max(1 - decay, (power + 1) / (power + k))
        want += left * w * path[k - 1]
        left *= 1 - w
    return max(off(slots["mean"], want), left)


@claim(
    tol=1e-10,
    catches="a term of the bound left out, or counted in bits",
    proves=["elbo.expected_terms", "elbo.step_term", "elbo.decoder_term", "elbo.prior_term", "elbo.Terms.total"],
)
def bound_misses_only_the_prior() -> float:
    """With the exact variance of the step back, -ELBO on Gaussian data is the entropy plus KL(x_T || prior)."""
    chain = Chain.linear(200)
    last = chain(len(chain))
    terms = expected_terms(
        partial(TILTED.denoise, spread=True), TILTED.mean, TILTED.cov, chain.levels(), variance="exact"
    )
    end = TILTED.at(last)
    var, axes = np.linalg.eigh(end.cov)
    gap = gaussian.kl(Gaussian((end.mean @ axes)[None], var), Gaussian(np.zeros((1, 2)), 1.0))
    return abs(float(terms.total[0]) - TILTED.entropy() - float(gap[0]))


@claim(
    tol=0.0,
    catches="a bound that is below what it bounds",
    proves=["elbo.expected_terms"],
)
def bound_is_a_bound() -> float:
    """With DDPM's two fixed variances -ELBO stays above the entropy of the data."""
    levels = Chain.linear(200).levels()
    denoise = partial(TILTED.denoise, spread=True)
    bounds = [
        expected_terms(denoise, TILTED.mean, TILTED.cov, levels, variance=kind).total[0] for kind in ("small", "large")
    ]
    return max(0.0, TILTED.entropy() - min(map(float, bounds)))


@claim(
    tol=1e-12,
    catches="a distance that is squared, or not",
    proves=["wasserstein.exact_wasserstein", "wasserstein.sliced_wasserstein"],
)
def moved_points_are_as_far_as_they_moved() -> float:
    """Points moved by a vector are its length away in Wasserstein distance, and 1/sqrt(2) of it in slices."""
    x, shift = scattered((60, 2)), np.array([0.3, -0.4])
    return max(
        off(exact_wasserstein(x, x + shift), 0.5),
        off(sliced_wasserstein(x, x + shift, half_turn(64)), 0.5 / np.sqrt(2)),
    )


@claim(
    tol=1e-12,
    catches="covariances subtracted where their roots should be",
    proves=["wasserstein.gaussian_w2", "frechet.gaussian_frechet"],
)
def gaussians_are_as_far_as_their_roots() -> float:
    """Gaussians with commuting covariances are as far apart as their means and standard deviations."""
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    p, q = np.array([1.5, 0.2]), np.array([0.1, 0.7])
    got = gaussian_w2(
        Moments(np.array([0.3, 0.0]), turn * p @ turn.T), Moments(np.array([0.0, -0.4]), turn * q @ turn.T)
    )
    return off(got**2, 0.25 + np.sum((np.sqrt(p) - np.sqrt(q)) ** 2))


@claim(
    tol=1e-6,
    catches="samples of unequal size paired wrongly",
    proves=["wasserstein.wasserstein_1d"],
)
def quantiles_of_two_uniforms() -> float:
    """1,000 even points of [0, 1] and 1,500 of [0, 2] are 1/sqrt(3) apart in W_2, as the uniform laws are."""
    x, y = ((np.arange(n) + 0.5) / n for n in (1000, 1500))
    return off(wasserstein_1d(x, 2 * y), 1 / np.sqrt(3))


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("linear.Linear.__call__", "(d @ w.T)", "(d @ w.T / 2)", "backpropagation-is-the-transpose"),
    Mutant("norm.LayerNorm.__call__", "dx -= np.multiply(n, along, out=product)", "dx -= 0",
           "backpropagation-is-the-transpose"),
    Mutant("activation.SiLU.__call__", "slope += s", "slope += 0.5", "backpropagation-is-the-transpose"),
    Mutant("average.ema", "(power + 1) / (power + int", "power / (power + int", "average-of-weights-has-a-closed-form"),
    Mutant("denoising.DenoisingLoss.raw_weight", "self.weight(t) / (", "self.weight(t) * (",
           "exact-denoiser-reaches-the-floor"),
    Mutant("elbo.prior_term", "t.alpha**2 + t.sigma**2", "t.sigma**2", "bound-misses-only-the-prior"),
    Mutant("elbo.Terms.total", "self.steps.sum(axis=0) + ", "", "bound-is-a-bound"),
    Mutant("wasserstein.exact_wasserstein", "** (1 / p)", "", "moved-points-are-as-far-as-they-moved"),
    Mutant("frechet.gaussian_frechet", "np.sum((mean_p - mean_q) ** 2) + ", "", "gaussians-are-as-far-as-their-roots"),
    Mutant("wasserstein._quantile_cost", "np.diff(cuts, prepend=0)", "np.diff(cuts, append=n * m)",
           "quantiles-of-two-uniforms"),
)  # fmt: skip
