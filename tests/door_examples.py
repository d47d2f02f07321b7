"""Arguments with which every public door opens, by the name of the parameter or the path of the door."""

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refdiff.core import probes
from refdiff.inverse import Measurement, of_oracle
from refdiff.losses import DenoisingLoss, weightings
from refdiff.metrics import frechet
from refdiff.models import MLP
from refdiff.models.conv_classifier import Classifier
from refdiff.nn import Linear, adam
from refdiff.oracles import Classes, Empirical, Mixture, Normal, Paired, paired, reverse_law
from refdiff.process import EPS, Gaussian
from refdiff.process.interpolants import STRAIGHT, TRIGONOMETRIC
from refdiff.samplers import Sampler, ddpm, invert
from refdiff.samplers.ode import ANGLE
from refdiff.schedules import Chain, Cosine, grids, linear_betas
from refdiff.training import begin

PATH, CHAIN = Cosine(), Chain(linear_betas(1000))
LATE, AFTER, BEFORE = (PATH(t) for t in (0.8, 0.6, 0.2))
LEVELS = [LATE, AFTER, BEFORE]
WALK = grids.angle(PATH, 4, 1.4)
POINTS = np.random.default_rng(5).standard_normal((6, 2))
LAW = Normal([0.5, -0.2], [[1.0, 0.3], [0.3, 0.5]])
MIXTURE = Mixture([0.4, 0.6], [[-1.0, 0.3], [1.0, 0.5]], [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.3]]])
LINE = Mixture([0.4, 0.6], [[-1.0], [1.0]], [0.1, 0.3])
DATA, FEW = Empirical(POINTS), Empirical([[-1.0], [0.5], [1.0]])
CLASSES = Classes([0.4, 0.6], [Mixture([1.0], [[-1.0, 0.0]], 0.2), Mixture([1.0], [[1.0, 0.0]], 0.3)])
PAIRED = Paired(paired.independent(MIXTURE, MIXTURE), STRAIGHT)
PAIR = Gaussian(POINTS, 1.0), Gaussian(POINTS + 1, 2.0)
MOMENTS = frechet.moments(POINTS), frechet.moments(POINTS * 1.5 + 1)
NET = MLP(2, width=4, depth=1, waves=4)
LABELLED = MLP(2, width=4, depth=1, waves=4, labels=2)
JUDGE = Classifier(2, widths=(4, 4), groups=2, waves=4)
LAYER = Linear(2, 2)
SEEN = Measurement(np.array([[1.0, 0.5]]), 0.3)
VALUES = np.linspace(-1, 1, 5)
ON_VALUES = VALUES[np.random.default_rng(6).integers(5, size=(6, 2))]
BACK = reverse_law(MIXTURE, POINTS, BEFORE, AFTER)
BELIEF = MIXTURE.denoise(POINTS, AFTER, spread=True)


def rng() -> np.random.Generator:
    """A fresh generator, the same each time."""
    return np.random.default_rng(1)


def params() -> Any:
    """Parameters of the small network."""
    return NET.init(rng())


def state() -> Any:
    """A training run of a linear layer, before its first step."""
    return begin(LAYER.init(rng()), optimizer=adam(0.1), rng=rng())


def misfit(p: Any, draw: Any, batch: Any) -> Any:
    """Mean square of a linear layer's output, and its gradient."""
    y, pull = LAYER(p, batch)
    return np.mean(y * y), pull(2 * y / y.size)[0]


EXAMPLES: dict[str, Callable[[], Any]] = {
    "rng": rng, "params": params, "state": state, "grads": lambda: POINTS.ravel(),
    **dict.fromkeys(("x", "x0", "xt", "xs", "eps", "data", "samples", "raw", "score", "image", "known"), POINTS.copy),
    **dict.fromkeys(("y", "x1", "z", "truth"), (POINTS + 1).copy), "train": (POINTS + 0.1).copy,
    "test": (POINTS - 0.1).copy, "mean": lambda: np.zeros(2), "cov": lambda: np.array([[1.0, 0.2], [0.2, 1.0]]),
    "means": lambda: np.eye(2), "covs": lambda: np.stack([np.eye(2)] * 2), "weights": lambda: np.array([0.3, 0.7]),
    "t": lambda: AFTER, "s": lambda: BEFORE, "levels": lambda: list(LEVELS), "start": lambda: BEFORE,
    "stop": lambda: AFTER, "clean": lambda: BEFORE, "noisy": lambda: AFTER, "first": lambda: MIXTURE,
    "second": lambda: MIXTURE, "law": lambda: MIXTURE, "oracle": lambda: LAW, "classes": lambda: CLASSES,
    **dict.fromkeys(("schedule", "path"), lambda: PATH), "chain": lambda: Chain(linear_betas(20)),
    "betas": lambda: linear_betas(20), "belief": lambda: BELIEF, "net": lambda: NET, "parameterization": lambda: EPS,
    **dict.fromkeys(("denoise", "conditional", "model", "guided", "source"), lambda: MIXTURE.denoise),
    **dict.fromkeys(("unconditional", "worse", "base", "plain", "target"), lambda: LAW.denoise),
    "kind": lambda: EPS, "pairs": lambda: MIXTURE, "chart": lambda: ANGLE, "probes": lambda: probes.axes,
    "measurement": lambda: SEEN,
    "classify": lambda: CLASSES.classifier(1), "mmse": lambda: LAW.mmse, "values": VALUES.copy,
    "directions": lambda: np.eye(2), "n": lambda: 5, "m": lambda: 4, "k": lambda: 2, "dim": lambda: 2,
    "dims": lambda: 2, "steps": lambda: 4, "width": lambda: 8, "n_in": lambda: 2, "n_out": lambda: 3,
    "count": lambda: 4,
    "rate": lambda: 0.1, "data_std": lambda: 0.5, "time": lambda: 0.4, "scale": lambda: 1.5, "weight": lambda: 0.5,
    "shift": lambda: 0.3, "noise_std": lambda: 0.2, "var": lambda: 0.3, "label": lambda: 1, "lam": lambda: 0.5,
    "p": lambda: PAIR[0], "q": lambda: PAIR[1], "eta": lambda: 0.5, "a": lambda: np.eye(2), "v": POINTS.copy,
    "tree": params, "f": lambda: np.sin, "dtype": lambda: np.float32, "angle": lambda: 0.7, "log_snr": lambda: 0.3,
    "nats": lambda: POINTS[:, 0],
    "fraction": lambda: 0.3, "skip": lambda: 0.4, "noise_var": lambda: 0.3, "second_moments": lambda: np.ones(3),
    "matrix": lambda: np.array([[1.0, 0.5]]), "bandwidths": lambda: [0.5, 1.0],
    "labels": lambda: np.array([0, 1, 1, 0, 1, -1]),
    "loss": lambda: DenoisingLoss(), "optimizer": lambda: adam(0.1), "low": lambda: 0.2, "high": lambda: 0.8,
}  # fmt: skip

Example = dict[str, Callable[[], Any]]
FACTORS: Example = {"p": lambda: MOMENTS[0], "q": lambda: MOMENTS[1]}
NEAR: Example = {
    "denoise": lambda: LAW.denoise, "rtol": lambda: 1e-2, "x": POINTS[:2].copy, "noisy": lambda: PATH(0.25),
    "stop": lambda: PATH(0.25),
}  # fmt: skip
SMALL: Example = {"n_in": lambda: 1, "waves": lambda: 4, "heads": lambda: 2, "labels": lambda: 2}
TOLD: Example = {
    "net": lambda: LABELLED, "params": lambda: LABELLED.init(rng()), "labels": lambda: np.array([0, 1, 2, 0, 1, 2]),
}  # fmt: skip
SPANS: Example = {"start": lambda: 1.2, "end": lambda: 0.2}
SCORES: Example = {"score": lambda: LAYER, "law": lambda: LAW, "probes": lambda: probes.axes}
OWN: dict[str, Example] = {
    "data.toys.toy": {"name": lambda: "two_moons"},
    "data.shapes.shape": {"name": lambda: "heart"},
    "schedules.names.find": {"name": lambda: "cosine"},
    "schedules.level.Level": {"time": lambda: 0.4, "alpha": lambda: 0.8, "sigma": lambda: np.array([0.6, 0.5])},
    "schedules.shifts.shifted_time": {"shift": lambda: 3.0},
    "schedules.shifts.shift_for_size": {"pixels": lambda: 64.0, "reference": lambda: 32.0},
    "schedules.betas.rescaled_betas": {"betas": lambda: linear_betas(20), "made_for": lambda: 40},
    "schedules.betas.betas_along": {"path": lambda: PATH, "steps": lambda: 4},
    "schedules.grids.uniform": {"start": lambda: 0.9, "end": lambda: 0.1},
    "schedules.grids.angle": SPANS,
    "schedules.grids.log_snr": {"start": lambda: -2.0, "end": lambda: 3.0},
    "schedules.lists.listed": {"times": lambda: np.array([0.9, 0.5, 0.1])},
    "schedules.lists.timesteps": {"timesteps": lambda: [15, 7, 0]},
    "schedules.lists.ratios": {"sigmas": lambda: np.array([3.0, 1.0, 0.0])},
    "metrics.wasserstein.gaussian_w2": FACTORS,
    "metrics.wasserstein.gaussian_sliced_w2": FACTORS,
    "metrics.frechet.gaussian_frechet": FACTORS,
    "metrics.frechet.two_laws": FACTORS,
    "metrics.frechet.frechet_bias": {"n": lambda: 50},
    "metrics.frechet.frechet_infinity": {"sizes": lambda: [3, 4, 6]},
    "metrics.mmd.mmd_squared": {"bandwidths": lambda: [0.5, 1.0]},
    "metrics.mmd.gaussian_mmd_squared": FACTORS,
    "metrics.mmd.null_variance": {"law": POINTS.copy},
    "metrics.neighbours.expected_coverage": {"n": lambda: 20, "m": lambda: 10},
    "metrics.wasserstein.wasserstein_1d": {"x": POINTS[:, 0].copy, "y": POINTS[:, 1].copy},
    "metrics.inception.class_score": {"probabilities": lambda: np.array([[0.3, 0.7], [0.6, 0.4]])},
    "metrics.points.point_set": {"name": lambda: "x", "value": POINTS.copy},
    "losses.importance.Importance": {"p": lambda: np.array([0.2, 0.3, 0.5])},
    "losses.importance.estimator_variance": {"p": lambda: np.array([0.2, 0.3, 0.5]), "means": lambda: np.ones(3) / 2},
    "losses.reading.read_weight": {"loss": lambda: lambda raw, x0, eps, t: np.mean((raw - eps) ** 2)},
    "losses.reading.answering": {"loss": lambda: lambda model, x0, eps, t: np.mean((model(x0, t) - eps) ** 2)},
    "losses.reading.same_up_to_a_factor": {"weights": lambda: np.ones(3), "others": lambda: np.array([2.0, 2.0, 2.1])},
    "losses.flow_matching.conditional": {"path": lambda: TRIGONOMETRIC},
    "losses.flow_matching.euler": {"velocity": lambda: lambda x, t: -x, "times": lambda: np.array([1.0, 0.5, 0.0])},
    "losses.draws.log_normal_density": {"ratio": lambda: 0.7},
    "losses.draws.in_angle": {"low": lambda: 0.2, "high": lambda: 1.2},
    "losses.score_matching.implicit": {"score": lambda: LAW.score},
    "losses.score_training.score_of": {"net": lambda: NET},
    **{f"losses.score_training.{name}": SCORES for name in ("explicit", "implicit", "sliced")},
    "losses.score_training.denoising": SCORES | {"noise": lambda: AFTER},
    "losses.weightings.vlb": {"chain": lambda: Chain(linear_betas(20))},
    "losses.weightings.elbo_weight": {"density": lambda: weightings.uniform_times(PATH)},
    "likelihood.spreads.spread_named": {"name": lambda: "variance", "value": lambda: "large"},
    "likelihood.decoders.discretised_log_prob": {"x0": ON_VALUES.copy, "mean": POINTS.copy},
    "likelihood.decoders.categorical_log_prob": {"x0": ON_VALUES.copy},
    "likelihood.elbo.decoder_term": {"spread": lambda: 0.1},
    "likelihood.elbo.terms": {"prior_var": lambda: 1.0},
    "likelihood.elbo.expected_terms": {"denoise": lambda: LAW.denoise, "prior_var": lambda: 1.0},
    "likelihood.bits.density_per_dim": {"log_prob": lambda: POINTS[:, 0], "width": lambda: 0.1},
    "likelihood.bits.dequantise": {"width": lambda: 0.1},
    "likelihood.bits.dequantisation_gap": {
        "log_prob": lambda: LINE.log_prob, "x0": POINTS[:, :1].copy, "width": lambda: 0.1, "nodes": lambda: 4,
    },
    "likelihood.through_noise.noised": {"log_prob": lambda: LAW.log_prob, "x0": ON_VALUES.copy},
    "likelihood.change_of_variables.carry": NEAR,
    "likelihood.change_of_variables.log_prob": NEAR | {"prior_var": lambda: 1.0},
    "guidance.free.convert": {"value": lambda: 1.5, "source": lambda: "scale", "target": lambda: "weight"},
    "guidance.free.compose": {"terms": lambda: [(MIXTURE.denoise, 0.7)]},
    "guidance.classifier.of_logits": {"classify": lambda: logits},
    **{f"guidance.outcome.{name}": {"conditional": lambda: PAIR[0], "unconditional": lambda: PAIR[1]}
       for name in ("tilted", "by_flow", "by_sde")},
    **{f"inverse.likelihoods.{name}": {"denoise": lambda: of_oracle(MIXTURE), "y": lambda: np.array([0.3])}
       for name in ("by_plugin", "by_pigdm", "by_moments")},
    "inverse.dps.dps": {"denoise": lambda: of_oracle(MIXTURE), "measure": lambda: SEEN, "y": lambda: np.array([0.3])},
    **{f"inverse.inpainting.{name}": {"seen": lambda: np.array([True, False]), "times": lambda: 2}
       for name in ("replacement", "repaint")},
    "inverse.inpainting.jumps": {"length": lambda: 2, "times": lambda: 2},
    "inverse.editing.sdedit": {"denoise": lambda: MIXTURE.denoise, "strength": lambda: 0.6},
    "inverse.editing.edit": {"source": lambda: MIXTURE.denoise, "rise": lambda: partial(invert, at="target")},
    "inverse.measurement.Measurement.posterior": {"y": lambda: np.array([0.3])},
    "inverse.editing.kept": {"data_var": lambda: np.array([0.5, 2.0])},
    "nn.conv.Conv": {"n_in": lambda: 2, "size": lambda: 3},
    "nn.group_norm.GroupNorm": {"groups": lambda: 2},
    "nn.patches.Patchify": {"size": lambda: 2, "channels": lambda: 3},
    "nn.patches.Unpatchify": {"size": lambda: 2, "height": lambda: 4, "width": lambda: 4},
    "nn.positions.sinusoids_2d": {"height": lambda: 2, "width": lambda: 3, "channels": lambda: 8},
    "nn.attention.attend": {name: lambda: rng().standard_normal((2, 4, 3)) for name in "qkv"},
    **{f"nn.attention.{name}": {"heads": lambda: 2, "n_context": lambda: 3}
       for name in ("SelfAttention", "CrossAttention")},
    "nn.blocks.ResBlock": {"n_in": lambda: 2, "n_out": lambda: 4, "n_condition": lambda: 3, "groups": lambda: 2},
    "nn.blocks.DiTBlock": {"n_condition": lambda: 3, "heads": lambda: 2, "ratio": lambda: 2},
    "nn.cross_entropy.cross_entropy": {"logits": POINTS.copy, "labels": lambda: np.array([0, 1, 1, 0, 1, 0])},
    "nn.embed.Fourier": {"frequencies": lambda: ((0.5, 1.0), (2.0, 0.3))},
    "nn.optim.clip_by_norm": {"grads": lambda: POINTS.ravel().copy(), "limit": lambda: 0.5},
    "nn.rates.cosine": {"warmup": lambda: 1},
    "nn.compose.Residual": {"layer": lambda: LAYER},
    "models.mlp.MLP": {"width": lambda: 4, "depth": lambda: 1, "waves": lambda: 4, "labels": lambda: 2},
    "models.unet.UNet": SMALL | {"widths": lambda: (4, 4), "groups": lambda: 2},
    "models.transformer.DiT": SMALL | {"height": lambda: 4, "width": lambda: 4, "dim": lambda: 8, "depth": lambda: 1},
    "models.conditioning.Condition": SMALL,
    "models.conv_classifier.Classifier": SMALL | {
        "widths": lambda: (4, 4), "groups": lambda: 2, "classes": lambda: 2, "n_in": lambda: 1,
    },
    "models.conv_classifier.at_level": {
        "net": lambda: JUDGE, "params": lambda: JUDGE.init(rng()), "feature": lambda: lambda t: t.angle,
    },
    "models.denoiser.as_denoiser": TOLD,
    "models.transposed.as_differentiable": TOLD,
    "oracles.conditional.Classes": {"laws": lambda: list(CLASSES.laws)},
    "oracles.conditional.observed": {"y": lambda: np.array([0.3])},
    "oracles.paired.matched": {"scale": lambda: 2.0},
    "oracles.paired.Paired": {"pairs": lambda: PAIRED.pairs, "path": lambda: STRAIGHT},
    **{f"oracles.backward.{name}": {"law": lambda: LINE, "spacing": lambda: 0.5}
       for name in ("misfit", "skewness_misfit")},
    "oracles.memory.attended": {"weights": lambda: np.array([[0.3, 0.7], [0.5, 0.5]])},
    "oracles.memory.collapse": {"data_vars": lambda: np.array([0.5, 2.0])},
    "process.uncertainty.reverse_covariance": {"spread": lambda: BELIEF.spread},
    "process.uncertainty.largest_spread": {"half_range": lambda: 1.0},
    "process.tweedie.spread": {"slope": lambda: -np.stack([np.eye(2)] * 6)},
    "process.tweedie.score_by_bayes": {"weights": lambda: np.ones(6)},
    **{f"samplers.{name}": {"history": lambda: [(t, MIXTURE.denoise(POINTS, t)) for t in (PATH(0.97), PATH(0.93))]}
       for name in ("multistep.lms", "multistep.deis", "multistep.plms", "dpmpp.dpm_solver_2m", "dpmpp.dpmpp_2m",
                    "dpmpp.dpmpp_3m", "dpmpp.dpmpp_3m_published", "unified.unipc", "unified.unipc_vary",
                    "sde.dpmpp_2m_sde", "sde.dpmpp_3m_sde")},
    "samplers.stochastic.restart": {"intervals": lambda: [(2, 1, 1)]},
    "samplers.ancestral.ddim": {"eta": lambda: 0.5, "rng": rng},
    "samplers.variances.analytic": {"denoise": lambda: partial(MIXTURE.denoise, spread=True)},
    "samplers.variances.learned_range": {"fraction": lambda: lambda x, t: np.full(x.shape, 0.5)},
    "samplers.inversion.invert": {"at": lambda: "exact", "levels": lambda: [LATE, AFTER, BEFORE]},
    "samplers.multistep.pndm": {"levels": lambda: [*grids.refine(PATH, WALK)[:-1], WALK[-1]]},
    "samplers.langevin.unadjusted": {"rounds": lambda: 3, "levels": lambda: WALK[:-1]},
    "samplers.langevin.annealed": {"rounds": lambda: 2, "levels": lambda: WALK[:-1]},
    "samplers.dpmpp.differences": {"past": lambda: [(t, t.alpha * POINTS) for t in LEVELS], "h": lambda: 0.7},
    "samplers.dpmpp.half_slope": {"past": lambda: [(LATE, POINTS), (AFTER, POINTS * 2)]},
    "samplers.unified.change": {
        "nodes": lambda: [(LATE, POINTS)], "here": lambda: (AFTER, POINTS * 2), "h": lambda: 0.7,
    },
    "samplers.exponential.phi": {"z": lambda: 0.7},
    **{f"samplers.exponential.{name}": {"eps": lambda: [POINTS, POINTS], "x0": lambda: [POINTS, POINTS]}
       for name in ("noise_step", "data_step")},
    "samplers.exponential.weights": {"nodes": lambda: [0.0, -1.0], "moments": lambda: [1.0, 0.5]},
    "training.accumulate.accumulated": {"objective": lambda: misfit, "parts": lambda: 2},
    "training.bands.Bands": {"variances": lambda: np.array([0.5, 2.0])},
    "training.bands.gaussian_loss": {"variances": lambda: np.array([0.5, 2.0])},
    "training.bands.fitted_variances": {"examples": POINTS.copy},
    "training.loop.begin": {"params": lambda: LAYER.init(rng())},
    "training.loop.train": {"objective": lambda: misfit, "batch": lambda: lambda draw: POINTS, "clip": lambda: 1.0},
    "verify.conformance.check": {
        "step": lambda: ddpm_step, "betas": lambda: linear_betas(4),
    },
    "verify.identification.identify": {"alphas_cumprod": lambda: Chain(linear_betas(50)).alpha[1:] ** 2},
    "verify.loss_identification.identify_loss": {"loss": lambda: lambda raw, x0, eps, t: np.mean((raw - eps) ** 2),
                                                "levels": lambda: [PATH(u) for u in np.linspace(0.9, 0.1, 9)]},
    "verify.probe.kernel": {"step": lambda: lambda x, rng: x + rng.standard_normal(x.shape)},
    "verify.probe.count_draws": {"step": lambda: lambda x, rng: x + rng.standard_normal(x.shape)},
    "verify.probe.law": {"sampler": lambda: ddpm, "denoise": lambda: LAW.denoise, "start": lambda: LAW},
    "verify.dialects.law": {"data": lambda: LAW},
}  # fmt: skip
"""Where a parameter's name does not say enough, or a default shall not be left alone."""


def ddpm_step(x: Any, t: Any, eps: Any, noise: Any) -> Any:
    """DDPM's step as somebody may have written it."""
    betas = linear_betas(4)
    bars = np.cumprod(1 - betas)
    before = bars[t - 1] if t > 0 else 1.0
    mean = (x - betas[t] / np.sqrt(1 - bars[t]) * eps) / np.sqrt(1 - betas[t])
    return mean + np.sqrt((1 - before) / (1 - bars[t]) * betas[t]) * noise


def logits(x: Any, t: Any) -> Any:
    """A linear classifier and its transpose."""
    return x * 2.0, lambda d: d * 2.0


def example(path: str, door: Any) -> dict[str, Any]:
    """Arguments with which the door opens."""
    own, args = OWN.get(path, {}), {}
    for name, p in inspect.signature(getattr(door, "algorithm", door)).parameters.items():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if name in own or (p.default is p.empty and name in EXAMPLES):
            args[name] = own.get(name, EXAMPLES.get(name))()
        elif p.default is not p.empty and p.default is not None:
            args[name] = copy.deepcopy(p.default)
    if isinstance(door, Sampler) and "levels" not in own:
        args["levels"] = list(grids.refine(PATH, WALK, door.inner, door.by) if door.inner else WALK)
    return args
