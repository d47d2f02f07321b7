"""Every public door is offered bad input: it refuses by name, or does no harm; no silent NaN, nothing overwritten.

What stands on an API page is a door, or algebra, or named below with the reason why it is neither. A door checks what
it is given. Algebra is called in loops by code that has checked, and looks for nothing; but a NaN that is put in stays
in sight. Where a door makes a function, a schedule or a layer, that is used once as well.
"""

import importlib
import inspect
import math
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import GenericAlias
from typing import Any

import door_examples as eg
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from refdiff.core.validate import finite
from refdiff.inverse import Measurement
from refdiff.likelihood import elbo
from refdiff.losses.importance import Importance
from refdiff.nn import Average, Optimizer
from refdiff.oracles import Mixture, Normal, reverse_law
from refdiff.process import Denoised, V, forward
from refdiff.process.interpolants import TRIGONOMETRIC
from refdiff.samplers import ddim, ddpm
from refdiff.schedules import (
    EDM,
    VE,
    VP,
    Chain,
    Flow,
    Laplace,
    Level,
    LinearLogSNR,
    LinearVP,
    Polynomial,
    Sigmoid,
    SNRShifted,
    SubVP,
    TimeShifted,
    ZeroTerminal,
)

PAGES = Path(__file__).parents[1] / "docs" / "api"
ROOMS = {
    "core", "schedules", "oracles", "samplers", "losses", "metrics", "likelihood", "models", "data", "nn", "process",
    "guidance", "inverse", "training", "verify", "systems",
}  # fmt: skip

ALGEBRA = (
    "core.arrays.", "core.calculus.",
    "process.forward.", "process.gaussian.", "process.predict.Denoised",
    "process.predict.Parameterization.", "process.interpolants.Interpolant.", "losses.denoising.DenoisingLoss.__call__",
    "process.tweedie.", "process.uncertainty.",
    "process.preconditioning.", "losses.score_matching.", "losses.denoising.snr", "losses.denoising.unit",
    "losses.weightings.snr_plus_one", "losses.weightings.truncated_snr", "losses.weightings.vlb_step",
    "losses.flow_matching.conditional", "losses.flow_matching.marginal", "losses.reading.same_up_to_a_factor",
    "metrics.points.square_distances", "metrics.points.blocks", "likelihood.elbo.prior_term",
    "likelihood.elbo.step_term", "likelihood.elbo.decoder_term", "likelihood.continuous.snr_rate",
    "inverse.editing.kept", "samplers.ode.slope", "samplers.flows.velocity_at",
    "samplers.multistep.transfer", "samplers.dpmpp.differences", "samplers.dpmpp.half_slope",
    "samplers.unified.change", "samplers.exponential.", "samplers.sde.sde_step", "samplers.sde.sde_noise",
    "schedules.log_snr_paths.of_log_snr", "nn.attention.attend", "nn.cross_entropy.", "nn.optim.clip_by_norm",
    "training.bands.gaussian_loss",
)  # fmt: skip

NEITHER = {
    "core.validate.": "they are the refusals themselves, and name what they are told to",
    "core.noise.Replay": "plays any tape; a draw of another shape is refused, see its tests",
    "core.trees.": "copies and views of parameters, whatever they hold",
    "core.probes.": "generators of directions, given a shape by the code that asks",
    "losses.reading.answering": "wraps a function, whatever it is",
    "samplers.sampler.Sampler": "a record, filled in by the author of an algorithm",
    "samplers.sampler.sampler": "makes such a record",
    "samplers.sampler.check_levels": "a refusal itself",
    "samplers.sampler.check_state": "a refusal itself",
    "samplers.sampler.noise_given": "a refusal itself",
    "schedules.lists.Grid": "a list",
    "process.interpolants.Interpolant": "two functions of time, given by the author of a path",
    "process.predict.Parameterization": "a row, given by the author of a parameterization",
    "nn.gradcheck.": "asks layers, and its numbers are large where they are wrong",
    "nn.layer.Fixed": "half a layer, for others to build on",
    "nn.compose.": "parts of networks; a layer is not asked whether it is one",
    "data.idx.": "reads files, see its tests",
    "data.folders.": "reads files, see its tests",
    "models.shape_walk.": "runs a network, which refuses what does not fit it in its own words",
    "training.checkpoint.": "reads and writes files, see its tests",
    "training.progress.": "prints while it hands records on",
    "training.machine.": "settings of the machine",
    "training.loop.State": "a record, made by begin",
    "systems.": "whole runs, which read and write files and are told in words: see their tests",
    "verify.orders.": "measures the samplers on problems of its own",
    "verify.truth.": "what they are measured against",
    "verify.zoo.": "the list of those that are measured",
    "verify.catalog.": "reads the source of the package",
    "verify.claims.": "records of checks, run as they are",
    "verify.dialects.": "shapes of other people's loops, as data",
}  # fmt: skip
"""Neither door nor algebra, and why."""

PATHS = {
    "chain.Chain": eg.CHAIN, "zero_terminal.ZeroTerminal": ZeroTerminal(eg.CHAIN), "smooth.VP": VP(),
    "smooth.Cosine": eg.PATH, "smooth.VE": VE(), "smooth.EDM": EDM(), "smooth.Flow": Flow(),
    "alpha_paths.SubVP": SubVP(), "alpha_paths.Polynomial": Polynomial(2.0), "alpha_paths.LinearVP": LinearVP(),
    "log_snr_paths.LinearLogSNR": LinearLogSNR(), "log_snr_paths.Laplace": Laplace(),
    "log_snr_paths.Sigmoid": Sigmoid(), "shifts.TimeShifted": TimeShifted(Flow(), 3.0),
    "shifts.SNRShifted": SNRShifted(eg.PATH, 0.5),
}  # fmt: skip
METHODS = {
    **{f"schedules.{name}": {"__call__ at time_of": path} for name, path in PATHS.items()},
    "oracles.normal.Normal": {"sample at log_prob score denoise mmse flow": eg.LAW},
    "oracles.mixture.Mixture": {
        "sample sample_labelled at log_prob score denoise responsibilities": eg.MIXTURE,
        "mmse": eg.LINE,
    },
    "oracles.empirical.Empirical": {"sample at denoise": eg.DATA, "mmse": eg.FEW},
    "oracles.conditional.Classes": {"given sample_labelled log_class_prob class_score": eg.CLASSES},
    "oracles.paired.Paired": {"at ends log_prob score velocity": eg.PAIRED},
    "oracles.backward.ReverseLaw": {"log_prob": eg.BACK},
    "inverse.measurement.Measurement": {"sample posterior": eg.SEEN},
    "losses.denoising.DenoisingLoss": {"__call__ floor": eg.EXAMPLES["loss"]()},
    "process.predict.Parameterization": {"encode decode loss_weight": V},
    "process.interpolants.Interpolant": {"point velocity": TRIGONOMETRIC},
    "process.gaussian.Gaussian": {"sample log_prob entropy": eg.PAIR[0]},
}
"""Methods that are doors or algebra of their own, and an object to ask."""

KEPT = {"schedules.level.Level": "time"}
"""What is not offered: the time of a level is its name, and enters no algebra."""

MOVED = {"nn.optim.clip_by_norm": "grads", "training.loop.train": "state"}
"""What a door says it writes to."""


def public() -> Iterator[tuple[str, Any]]:
    """Path below the package and object of every public callable of the rooms, records and protocols left out."""
    for page in sorted(PAGES.glob("*.md")):
        for path in re.findall(r"^::: refdiff\.(\S+)", page.read_text(encoding="utf-8"), re.M):
            module, _, name = path.rpartition(".")
            door = getattr(importlib.import_module(f"refdiff.{module}"), name)
            if path.split(".")[0] in ROOMS and callable(door) and not _shape_only(door):
                yield path, door
            for names, owner in METHODS.get(path, {}).items():
                yield from ((f"{path}.{name}", getattr(owner, name)) for name in names.split())


def _shape_only(door: Any) -> bool:
    """Type aliases, protocols, exceptions and named tuples that hold results."""
    alias = isinstance(door, GenericAlias) or repr(door).startswith("collections.abc")
    a_class = inspect.isclass(door) and door is not Level
    told = a_class and (issubclass(door, tuple | Exception) or getattr(door, "_is_protocol", False))
    results = a_class and door.__module__.startswith(("refdiff.verify", "refdiff.oracles.backward"))
    return alias or told or results or hasattr(door, "parameterization")  # the last: losses that are instances


GROUPS: dict[str, list[Any]] = {"door": [], "algebra": [], "neither": []}
for _path, _door in public():
    _group = "algebra" if _path.startswith(ALGEBRA) else "neither" if _path.startswith(tuple(NEITHER)) else "door"
    GROUPS[_group].append(pytest.param(_path, _door, id=_path))


def use(path: str, made: Any) -> Any:
    """What comes of a door: a function, schedule, law or layer that it made is used once, so that a NaN comes out."""
    room, state = path.split(".")[0], eg.POINTS.ravel().copy()
    if isinstance(made, Optimizer | Average):
        slots = made.init(state)
        for _ in range(2):
            made.update(state, *([state * 0.5] if isinstance(made, Optimizer) else []), slots)
        return state, slots
    if room == "nn" and hasattr(made, "init"):
        params = made.init(eg.rng())
        y, pull = made(params, *INPUTS.get(type(made).__name__, lambda n: (_some(6, n.width),))(made))
        return y, pull(y)
    if room == "models" and hasattr(made, "init"):
        x = {"MLP": lambda n: (_some(3, n.n_in),), "Condition": lambda n: ()}.get(type(made).__name__, INPUTS["Conv"])
        return made(made.init(eg.rng()), *x(made), np.array(0.5))[0]
    if hasattr(made, "denoise"):
        return made.denoise(eg.POINTS, eg.AFTER) if made.dim == 2 else made
    if not callable(made) or inspect.isclass(made):
        return list(made) if isinstance(made, Iterator) else made
    return next(f for start, f in USES.items() if path.startswith(start))(made)


def _of_state(made: Any) -> Any:
    return made(eg.POINTS.copy(), eg.AFTER)


def _some(*shape: int) -> Any:
    return eg.rng().standard_normal(shape)


def _image(channels: int) -> tuple[Any]:
    return (_some(2, 4, 4, channels),)


INPUTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "Linear": lambda n: (_some(6, n.n_in),), **dict.fromkeys(("SiLU", "GELU"), lambda n: (_some(6, 2),)),
    "Sinusoidal": lambda n: (eg.POINTS[:, 0],), "Fourier": lambda n: (eg.POINTS,),
    "Embedding": lambda n: (np.array([0, 1]),), "Residual": lambda n: (eg.POINTS,),
    "Conv": lambda n: _image(n.n_in), "GroupNorm": lambda n: _image(n.width), "Dropout": lambda n: (eg.POINTS,),
    **dict.fromkeys(("Upsample", "AveragePool", "Fold", "Unfold"), lambda n: _image(4)),
    "Patchify": lambda n: _image(n.channels), "Unpatchify": lambda n: (_some(2, 4, 12),),
    "Rotary": lambda n: (_some(2, 4, n.width),), "SelfAttention": lambda n: (_some(2, 4, n.width),),
    "CrossAttention": lambda n: (_some(2, 4, n.width), _some(2, 3, n.n_context)),
    "ResBlock": lambda n: (*_image(n.n_in), _some(2, n.n_condition)),
    "DiTBlock": lambda n: (_some(2, 4, n.width), _some(2, n.n_condition)),
    "AdaptiveNorm": lambda n: (_some(2, 4, n.width), _some(2, 2 * n.width)),
}  # fmt: skip
"""What a layer is called with."""

USES: dict[str, Callable[[Any], Any]] = {
    "schedules.chain": lambda made: [made(1.0), made.at(0.2)],
    "schedules.zero": lambda made: [made(1.0), made.at(0.2)],
    "schedules.": lambda made: [made(0.4), made.at(0.7)],
    "losses.draws.": lambda made: made(4, rng=eg.rng()),
    "losses.importance.": lambda made: made(4, rng=eg.rng()),
    "losses.weightings.vlb_rate": lambda made: made(eg.AFTER),
    "losses.weightings.vlb": lambda made: made(eg.EXAMPLES["chain"]()(3)),
    "losses.weightings.": lambda made: made(eg.AFTER),
    "losses.denoising.min_snr": lambda made: made(eg.AFTER),
    "losses.denoising.DenoisingLoss": lambda made: made(eg.POINTS, eg.POINTS, eg.POINTS + 1, eg.AFTER)[0],
    "losses.flow_matching.velocity_of": lambda made: made(eg.POINTS, 0.4),
    "losses.score_training.score_of": lambda made: made(eg.params(), eg.POINTS, eg.AFTER)[0],
    "losses.score_training.": lambda made: made(eg.LAYER.init(eg.rng()), eg.rng(), eg.POINTS),
    "likelihood.spreads": lambda made: made(eg.BELIEF, eg.AFTER),
    "likelihood.decoders": lambda made: made(eg.ON_VALUES, eg.POINTS, eg.BELIEF, eg.AFTER),
    "training.accumulate": lambda made: made(eg.LAYER.init(eg.rng()), eg.rng(), eg.POINTS),
    "process.predict": lambda made: made.encode(eg.POINTS, eg.POINTS + 1, eg.AFTER),
    "process.interpolants": lambda made: made.point(eg.POINTS, eg.POINTS, 0.0, 0.4),
    "guidance.classifier.of_logits": lambda made: made(eg.POINTS, eg.AFTER)[0],
    "inverse.differentiable": lambda made: _of_state(made)[0],
    "inverse.measurement": lambda made: made(eg.POINTS)[0],
    "models.conv_classifier.at_level": lambda made: made(*_image(1), eg.AFTER)[0],
    "models.transposed": lambda made: _of_state(made)[0],
    "data.toys": lambda made: made(4, rng=eg.rng()),
    "nn.rates": lambda made: made(2),
    "oracles.paired": lambda made: made.at(0.4) if hasattr(made, "at") else made,
    "": _of_state,
}  # fmt: skip


BAD_NUMBERS = (math.nan, math.nan, math.inf, -math.inf, -1, -0.5, 0, 0.5, 1.5, np.float64("nan"), np.ones(2))
BAD_OTHERS = (None, "nonsense", [], [[1.0, 2.0], [3.0]], {}, object(), 1j, np.array(["a"]), lambda *a: None)
BAD_LEVELS = (*(Level(*v) for v in ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0), np.ones((3, 4)))), 0.5, None)
KINDS = ("nan", "nan", "inf", "all", "flat", "axis", "empty", "wide", "scalar", "complex", "negative", "one", "uneven")


def bad_array(x: Any, chance: random.Random) -> Any:
    """An array with something wrong: entries that are no numbers, or a shape that does not fit."""
    x = np.array(x, dtype=np.float64)
    kind = chance.choice(KINDS)
    if kind in ("nan", "inf") and x.size:
        x.flat[chance.randrange(x.size)] = {"nan": np.nan, "inf": np.inf}[kind]
        return x
    return {
        "flat": x.ravel(), "axis": x[..., None, None], "empty": x[:0], "scalar": x.ravel()[:1].sum(), "complex": x + 1j,
        "wide": np.concatenate([x, x, x], axis=-1), "negative": -np.abs(x) - 1, "one": x[:1],
        "uneven": x + np.arange(x.size).reshape(x.shape),
    }.get(kind, x * np.nan)  # fmt: skip


def bad_levels(good: list[Level], chance: random.Random) -> Any:
    """A list of levels with something wrong."""
    i = chance.randrange(len(good))
    both_zero, many = [*good[:i], Level(0.0, 0.0, 0.0), *good[i:]], [Level(*np.ones((3, 4))), *good]
    return chance.choice((good[::-1], [*good[:i], *good[i - 1 :]], good[:1], both_zero, many, [], good[i], [0.1], None))


def bad(value: Any, chance: random.Random) -> Any:
    """What might be passed in place of a good value."""
    if isinstance(value, Level):
        return chance.choice(BAD_LEVELS)
    if isinstance(value, list) and value and isinstance(value[0], Level):
        return bad_levels(value, chance)
    if isinstance(value, list) and value and isinstance(value[0], int | float) and chance.random() < 0.7:
        return np.asarray(bad_array(value, chance)).tolist()
    if isinstance(value, list | tuple | dict) and chance.random() < 0.7:
        wrong = chance.choice((np.nan, np.inf))
        size = poison(value, wrong, -1)[1]
        return poison(value, wrong, chance.randrange(size))[0] if size else None
    if isinstance(value, np.ndarray) and value.ndim and value.dtype != bool and chance.random() < 0.7:
        return bad_array(value, chance)
    if isinstance(value, int | float | np.ndarray) and chance.random() < 0.7:
        return chance.choice(BAD_NUMBERS)
    return chance.choice(BAD_OTHERS)


def alike(wanted: Any, got: Any) -> bool:
    """Whether a bad value is of the kind that was wanted, so that its being wrong is for `ValueError` to say."""
    if isinstance(wanted, Level | str | bool):
        return isinstance(got, type(wanted))
    if isinstance(wanted, np.ndarray):
        return isinstance(got, np.ndarray) and got.dtype.kind == "f"
    if isinstance(wanted, int | float):
        return isinstance(got, int | float)
    if hasattr(wanted, "_fields"):
        return isinstance(got, type(wanted))
    return (
        isinstance(wanted, list)
        and isinstance(got, list)
        and any(all(isinstance(t, kind) for t in [*wanted, *got]) for kind in (Level, int | float))
    )


def arrays(value: Any, depth: int = 4) -> Iterator[Any]:
    """Every array and number in a value: in lists, dicts, objects of the package, and what methods are bound to."""
    if isinstance(value, np.ndarray | float | complex):
        yield np.asarray(value)
    elif isinstance(value, dict | list | tuple) and depth:
        for part in value.values() if isinstance(value, dict) else value:
            yield from arrays(part, depth - 1)
    elif depth and inspect.ismethod(value):
        yield from arrays(value.__self__, depth - 1)
    elif depth and type(value).__module__.startswith("refdiff"):
        yield from arrays(getattr(value, "__dict__", {}), depth - 1)


def broken(result: Any, test: Callable[[Any], Any] = np.isnan) -> bool:
    """Whether there is a NaN, or what is looked for, anywhere in what came back."""
    return any(bool(np.any(test(a))) for a in arrays(result) if a.dtype.kind in "fc")


def held_of(path: str, args: dict[str, Any]) -> list[tuple[Any, bytes]]:
    """The arrays of the arguments and what they hold now, but for what the door says it writes to."""
    return [(a, a.tobytes()) for k, v in args.items() if k != MOVED.get(path) for a in arrays(v) if a.ndim]


PASSED_ON = "x x0 xt image t s time angle log_snr alpha sigma levels label covs means betas"
"""What one door hands to another, under the other's name."""


def by_name(told: str, args: dict[str, Any]) -> bool:
    """Whether a refusal reads "NAME must ...; got ... . A way out." with the name of an argument."""
    said = re.match(r"(\w+)(\[\d+\]|\.\w+)? must .+; got .+\. .+", told, re.S)
    return bool(said) and said[1] in (*args, *PASSED_ON.split())


def offer(path: str, door: Callable[..., Any], args: dict[str, Any], name: str, wrong: Any) -> None:
    """Pass one bad value; complain unless it is refused by name or does no harm, or if anything was overwritten."""
    given_args, wanted = {**args, name: wrong}, alike(args[name], wrong)
    if "rng" in args and name != "rng":
        given_args["rng"] = eg.rng()
    held = held_of(path, given_args)
    complaint = ""
    try:
        result = use(path, door(**given_args))
        if broken(result):
            complaint = "a silent NaN"
        elif wanted and broken(wrong):
            complaint = "a NaN was taken, and is seen nowhere"
    except ValueError as error:
        if wanted and not by_name(str(error), args):
            complaint = f"refused without a name: {error}"
    except (TypeError, AttributeError, IndexError, KeyError) as error:
        complaint = f"{type(error).__name__}: {error}" if wanted else ""
    except np.exceptions.ComplexWarning as warning:  # loud enough where complex numbers are none of the kind
        complaint = f"{type(warning).__name__}: {warning}" if wanted else ""
    except Warning as warning:
        complaint = f"{type(warning).__name__}: {warning}"
    if any(a.tobytes() != was for a, was in held):
        complaint = "an argument was overwritten"
    assert not complaint, f"{name}={wrong!r}: {complaint}"


def poison(value: Any, poison_with: float, where: int) -> tuple[Any, int]:
    """A copy with one entry of its arrays replaced (by NaN: also of its numbers), and how many there are."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = value.copy()
        if 0 <= where < value.size:
            value.flat[where] = poison_with
        return value, value.size
    if isinstance(value, float) and np.isnan(poison_with):
        return (poison_with if where == 0 else value), 1
    if isinstance(value, list | tuple) and not isinstance(value, Level):
        parts, seen = [], 0
        for part in value:
            new, size = poison(part, poison_with, where - seen)
            parts.append(new)
            seen += size
        return (type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)), seen
    if isinstance(value, Denoised):
        x0, seen = poison(value.x0, poison_with, where)
        return replace(value, x0=x0), seen
    if isinstance(value, dict):
        parts, seen = poison(list(value.values()), poison_with, where)
        return dict(zip(value, parts, strict=True)), seen
    return value, 0


def test_every_public_callable_is_a_door_or_algebra_or_named_with_its_reason():
    paths = [p.id for group in GROUPS.values() for p in group]
    assert len(paths) == len(set(paths))
    for start in (*ALGEBRA, *NEITHER):
        assert any(path.startswith(start) for path in paths), f"{start} names nothing that is public"


@pytest.mark.parametrize(("path", "door"), GROUPS["door"])
def test_the_example_opens_the_door(path, door):
    args = eg.example(path, door)
    assert args or path in NO_ARGUMENTS
    assert not broken(use(path, door(**args)))


NO_ARGUMENTS = {
    "schedules.smooth.EDM", "schedules.smooth.Flow", "schedules.alpha_paths.LinearVP", "nn.activation.SiLU",
    "nn.activation.GELU", "data.images.digits", "data.images.fashion",
}  # fmt: skip


@pytest.mark.parametrize(("path", "door"), [p for p in GROUPS["door"] if p.id not in NO_ARGUMENTS])
@settings(phases=(Phase.generate,), max_examples=settings().max_examples // 5)
@given(seed=st.integers(0, 2**32 - 1))
def test_two_hundred_bad_inputs_are_refused_by_name_or_do_no_harm(path, door, seed):
    """Forty for each of 5 examples: one argument at a time, drawn by a generator that Hypothesis seeds."""
    chance, args = random.Random(seed), eg.example(path, door)
    for _ in range(40):
        name = chance.choice(sorted(args.keys() - {KEPT.get(path)}))
        offer(path, door, args, name, bad(args[name], chance))


def keeps_in_sight(path: str, door: Callable[..., Any]) -> None:
    """Put a NaN, and an infinity, in every place; complain if the result is finite or anything was overwritten."""
    args = eg.example(path, door)
    for name, value in args.items():
        for wrong in (np.nan, np.inf):
            for i in range(poison(value, wrong, -1)[1]):
                given_args = {**args, name: poison(value, wrong, i)[0]}
                held = held_of(path, given_args)
                try:
                    with np.errstate(all="ignore"):
                        result = use(path, door(**given_args))
                except (ValueError, ArithmeticError):
                    continue
                assert broken(result, lambda a: ~np.isfinite(a)), f"{name}: {wrong} was swallowed"
                assert all(a.tobytes() == was for a, was in held), f"{name} was overwritten"


@pytest.mark.parametrize(("path", "door"), GROUPS["algebra"])
def test_algebra_keeps_a_nan_in_sight_and_overwrites_nothing(path, door):
    keeps_in_sight(path, door)


X, S, T = eg.POINTS, eg.BEFORE, eg.AFTER
REFUSED = {
    "betas must lie in (0, 1)": lambda: Chain([0.1, 1.0]),
    "betas must be finite": lambda: Chain([0.1, np.nan]),
    "betas must have 1 axes": lambda: Chain([[0.1, 0.2]]),
    "sigma must be finite and at least 0": lambda: Level(0.5, 0.8, -0.6),
    "alpha must be finite and at least 0": lambda: Level(0.5, np.nan, 0.6),
    "s must be a level below t": lambda: forward.transition(X, T, S),
    "s must be a level below t, sigma": lambda: forward.posterior(X, X, T, S),
    "s must be a level below t, sigma/alpha": lambda: forward.reverse(X, X, T, S),
    "s must be a cleaner level than t": lambda: reverse_law(eg.MIXTURE, X, T, S),
    "levels must fall": lambda: ddim(eg.LAW.denoise, X, [S, T]),
    "levels must fall from noise": lambda: ddpm(eg.LAW.denoise, X, [T, T, S], rng=eg.rng()),
    "levels must be one or more levels of scalars": lambda: elbo.terms(eg.LAW.denoise, X, [S, T], rng=eg.rng()),
    "x must be finite": lambda: eg.LAW.score(X * np.nan),
    "x must be (B, 2)": lambda: eg.MIXTURE.denoise(X[0], T),
    "x must be (B, 2) like": lambda: eg.DATA.denoise(X.reshape(4, 3), T),
    "cov must be positive semi-definite": lambda: Normal([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]),
    "cov must be symmetric": lambda: Normal([0.0, 0.0], [[1.0, 0.2], [0.0, 1.0]]),
    "covs[1] must be positive semi-definite": lambda: Mixture([0.5, 0.5], np.eye(2), [np.eye(2), -np.eye(2)]),
    "weights must be above zero and sum to one": lambda: Mixture([0.5, 0.6], np.eye(2), 1.0),
    "weights must be above zero and sum": lambda: Mixture([1.5, -0.5], np.eye(2), 1.0),
    "p must be above zero and sum to one": lambda: Importance([T, S], [0.5, 0.4]),
    "noise_std must be at least 0": lambda: Measurement(np.eye(2), -0.1),
    "sigma_max must be above sigma_min": lambda: VE(1.0, 0.5),
    "time must lie in [0, 1]": lambda: eg.PATH(1.2),
}  # fmt: skip


@pytest.mark.parametrize("told", REFUSED)
def test_what_a_reader_is_likely_to_get_wrong_is_refused_with_what_came_and_a_way_out(told):
    with pytest.raises(ValueError, match=re.escape(told) + r".*; got .+\. .+"):
        REFUSED[told]()


def _unchecked(x):
    return x * 2.0


def _swallows(x):
    return np.nan_to_num(x)


def _overwrites(x):
    finite("x", x)
    x += 1.0
    return x * 0.0


def _nameless(x):
    if not np.all(np.isfinite(x)):
        raise ValueError("operands could not be broadcast")
    return x


def _checked(x):
    return finite("x", x) * 2.0


@pytest.mark.parametrize(
    ("door", "complaint"),
    [
        (_unchecked, "a silent NaN"),
        (_swallows, "a NaN was taken, and is seen nowhere"),
        (_overwrites, "an argument was overwritten"),
        (_nameless, "refused without a name"),
    ],
)
def test_a_door_that_fails_is_found_out(door, complaint):
    def all_of_them():
        chance = random.Random(0)
        for _ in range(200):
            offer("", door, {"x": X.copy()}, "x", bad(X, chance))

    with pytest.raises(AssertionError, match=complaint):
        all_of_them()


def test_a_door_that_checks_passes():
    chance = random.Random(0)
    for _ in range(200):
        offer("", _checked, {"x": X.copy()}, "x", bad(X, chance))


def test_algebra_that_fails_is_found_out():
    with pytest.raises(AssertionError, match="x: nan was swallowed"):
        keeps_in_sight("", _swallows)
    with pytest.raises(AssertionError, match="x was overwritten"):
        keeps_in_sight("", lambda x: np.add(x, 1.0, out=x))
