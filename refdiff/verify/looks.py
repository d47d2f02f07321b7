"""Steps that ask the model several times: where they look, and what they make of the answers.

For whatever model, such a step is affine in its state, in the model's answers and in its draws, and so are the states
that it shows to the model. Unit vectors in their places read all of this off, a step at a time.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require
from refdiff.process.predict import Denoised
from refdiff.samplers import churned
from refdiff.samplers.sampler import Sampler
from refdiff.schedules import grids
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule
from refdiff.schedules.smooth import EDM, VP, Flow
from refdiff.verify.dealing import dealing
from refdiff.verify.measuring import quiet, run_once, told_of_steps
from refdiff.verify.probe import ASIDE, scattered
from refdiff.verify.references import Walk
from refdiff.verify.subjects import Call, fit

DRY = 8  # entries of the state in the run that only counts
MIXED = 3  # mixtures of all unit vectors, near the origin and far from it: is the step affine?


class Seen(NamedTuple):
    """One step with m looks: rows 0 ... m - 1 are the states shown to the model, the last row is the result.

    Parameters
    ----------
    forms : ndarray
        (m + 1, 1 + m), what of the state and of each answer goes into them.
    noise : ndarray
        (m + 1, m + 1), the covariance of the draws in them: it does not ask which draw was made when.
    bias : ndarray
        (m + 1,), a constant in them.
    times : ndarray
        (m,), the time of which the model was told; NaN where none can be told.
    bend : float
        How far, relatively, mixtures are from that affine map.
    """

    forms: Array
    noise: Array
    bias: Array
    times: Array
    bend: float


class Dealt:
    """Answers (m, n) and draws (d, n), dealt in order, with a note of what was asked; zeros when they are used up."""

    def __init__(self, answers: Array, draws: Array) -> None:
        self.answers, self.draws = answers, draws
        self.looks: list[Array] = []
        self.times: list[float] = []
        self.drawn = 0
        self.odd: set[tuple[int, ...]] = set()

    def answer(self, x: Array, time: float) -> Array:
        """The model: notes the state, (n,), and the time, and deals the next answer."""
        self.looks.append(np.array(x, np.float64))
        self.times.append(time)
        k = len(self.looks) - 1
        return self.answers[k] if k < len(self.answers) else np.zeros(len(x))

    def draw(self, shape: tuple[int, ...]) -> Array:
        """The generator: deals the next draw."""
        if np.prod(shape, dtype=int) != self.draws.shape[1]:
            self.odd.add(tuple(shape))
            return np.zeros(shape)
        k, self.drawn = self.drawn, self.drawn + 1
        return self.draws[k].reshape(shape) if k < len(self.draws) else np.zeros(shape)

    def standard_normal(self, size: tuple[int, ...]) -> Array:
        """As a generator of the library is asked."""
        return self.draw(size)

    def random(self, size: tuple[int, ...]) -> Array:
        """No step of the library draws uniformly."""
        raise NotImplementedError


Run = Callable[[Array, Dealt], Array]
"""A step: a flat state, and what deals its answers and draws, to the flat result."""


Said = Callable[[int, Array, Array], Array]
"""What a model says at its k-th look, shown x, where a belief was dealt: the belief itself, or what stands for it."""


def see(run: Run) -> Seen:
    """Read one step off: once to count its looks and draws, once on unit vectors."""
    dry = _nothing()
    run(np.zeros(DRY), dry)
    m, units = len(dry.looks), 1 + len(dry.looks) + dry.drawn
    slots = np.zeros((4 * -(-(1 + units + 2 * MIXED) // 4), units))  # a whole number of samples with four entries
    slots[1 : 1 + units] = np.eye(units)
    mixed = scattered((2 * MIXED, units))
    slots[1 + units : 1 + units + 2 * MIXED] = np.concatenate([mixed[:MIXED], ASIDE * mixed[MIXED:]])
    dealt = Dealt(slots[:, 1 : 1 + m].T, slots[:, 1 + m :].T)
    out = run(slots[:, 0], dealt)
    y = np.stack([*dealt.looks[:m], out])
    bias, size = y[:, :1], np.max(np.abs(y), axis=1, keepdims=True) + np.finfo(float).tiny
    linear = y[:, 1 : 1 + units] - bias
    bend = float(np.max(np.abs(y - bias - linear @ slots.T) / size))
    bend = bend if len(dealt.looks) == m else np.inf  # how often it looks depends on what it is shown
    noise = linear[:, 1 + m :]
    return Seen(linear[:, : 1 + m], noise @ noise.T, bias[:, 0], np.array(dealt.times[:m]), bend)


class Subject:
    """Somebody's step as a `Run`, wherever its noise comes from; it remembers draws of odd shapes."""

    def __init__(
        self, step: Callable[..., Any], roles: Mapping[str, str], *, torch: bool, said: Said = lambda k, x, dealt: dealt
    ) -> None:
        self.step, self.roles, self.torch, self.said = step, roles, torch, said
        self.call: Call | None = None
        self.dealt = _nothing()
        self.odd: set[tuple[int, ...]] = set()

    def each(self, walk: Walk, tables: Mapping[str, Any]) -> tuple[list[Seen], bool]:
        """What it does at each timestep; and whether it has noise from elsewhere, which no probe can deal."""
        return self.over(told_of_steps(walk, tables))

    def over(self, steps: Sequence[Mapping[str, Any]]) -> tuple[list[Seen], bool]:
        """The same, told what stands in each of `steps`."""
        seen, unseen = [], False
        with dealing(lambda shape: self.dealt.draw(shape), self.step) as rng, quiet():
            for k, at in enumerate(steps):
                run = partial(self.run, {**at, "rng": rng})
                seen.append(see(run))
                if k in (0, len(steps) // 2):
                    unseen = unseen or not np.array_equal(see(run).forms, seen[-1].forms, equal_nan=True)
        return seen, unseen

    def run(self, at: Mapping[str, Any], x: Array, dealt: Dealt) -> Array:
        """One step, told what `at` holds."""
        self.call = self.call or fit(self.step, self.roles, self._given(at, x, _nothing()), torch=self.torch)
        out = run_once(self.call, self.step, self._given(at, x, dealt))
        self.odd |= dealt.odd
        return out

    def _given(self, at: Mapping[str, Any], x: Array, dealt: Dealt) -> dict[str, Any]:
        self.dealt = dealt
        noise = dealt.draw(x.shape) if "noise" in self.roles.values() else None

        def model(x: Array, time: float) -> Array:
            return self.said(len(dealt.looks), x, dealt.answer(x, time))

        return {**at, "x": x, "model": model, "noise": noise}


def _nothing() -> Dealt:
    return Dealt(np.zeros((0, DRY)), np.zeros((0, DRY)))


def of_step(sampler: Sampler, options: Mapping[str, Any], path: SmoothSchedule | None, walk: Walk, k: int) -> Seen:
    """The k-th step of the walk, by a sampler of the library."""
    return of_run(sampler, options, path, walk, [int(walk.here[k]), int(walk.there[k])])


def of_run(
    sampler: Sampler,
    options: Mapping[str, Any],
    path: SmoothSchedule | None,
    walk: Walk,
    visited: Sequence[int],
    asked_at: list[Level] | None = None,
) -> Seen:
    """A run over some levels of the walk's table, by a sampler of the library.

    `asked_at` takes the levels of its looks.
    """
    timed = path is not None and _same_times(path, walk)
    ends = [Level(walk.shown[n], walk.alpha[n], walk.sigma[n]) for n in visited]
    by = options["chart"] if options.get("chart") in ("ratio", "angle") else sampler.by
    levels = list(grids.refine(path, ends, sampler.inner, by)) if path is not None and sampler.inner else ends
    predicts, told = walk.predicts, [t.time for t in ends]

    def run(x: Array, dealt: Dealt) -> Array:
        def denoise(x: Array, t: Level) -> Denoised:
            time = float(t.time) if timed or t.time in told else np.nan
            if asked_at is not None:
                asked_at.append(t)
            return predicts.decode(dealt.answer(x[:, 0], time)[:, None], x, t)

        noise = {"rng": dealt} if sampler.stochastic else {}
        return sampler(denoise, x[:, None], levels, **options, **noise)[:, 0]

    with quiet():
        return see(run)


def settled(
    sampler: Sampler, options: Mapping[str, Any] | None, walk: Walk
) -> tuple[dict[str, Any], SmoothSchedule | None]:
    """The options of a sampler, and the path on which its inner levels lie: the walk's own where none is given.

    Raises
    ------
    ValueError
        For an option that it does not take, and where the path is needed and cannot be told.
    """
    asked = inspect.signature(sampler.algorithm).parameters
    path = (options or {}).get("path") or _path_of(walk)
    given = {k: v for k, v in taken(sampler, options or {}).items() if k != "path"}
    require(
        path is not None or not (sampler.inner or "path" in asked), "options", "hold the path of these levels",
        "none", 'Pass options={"path": schedule}: the step looks at levels between them.',
    )  # fmt: skip
    if "path" in asked:
        given["path"] = path
    if "chart" in asked:
        given.setdefault("chart", "ratio")
    if sampler is churned:
        given["churn"] = given.get("churn", 0.0) / len(walk.here)  # it divides by its steps, and is given one at a time
    return given, path


def taken(sampler: Sampler, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a sampler takes; a path, which is for levels inside a step, only where it is asked for.

    Raises
    ------
    ValueError
        For any other that it does not take.
    """
    known = [k for k in inspect.signature(sampler.algorithm).parameters if k not in ("denoise", "x", "levels", "rng")]
    unknown = [k for k in options if k not in (*known, "path")]
    require(
        not unknown, "options", f"be those of {sampler.name}", ", ".join(map(repr, unknown)),
        f"It takes {', '.join(known) or 'none'}; and path, on which inner levels lie.",
    )  # fmt: skip
    return {k: v for k, v in options.items() if k in known}


def _path_of(walk: Walk) -> SmoothSchedule | None:
    """The path on which the walk's levels lie by their norm, for levels between them; their times may differ."""
    norms: list[tuple[SmoothSchedule, Array]] = [
        (EDM(), walk.alpha),
        (VP(), np.hypot(walk.alpha, walk.sigma)),
        (Flow(), walk.alpha + walk.sigma),
    ]
    return next((path for path, norm in norms if np.max(np.abs(norm - 1)) < 1e-6), None)


def _same_times(path: SmoothSchedule, walk: Walk) -> bool:
    """Whether the walk's times are the path's, so that a level between two of them has a time to be told."""
    try:
        t = path(walk.shown)
    except ValueError:  # indices of a chain
        return False
    return bool(np.max(np.hypot(t.alpha - walk.alpha, t.sigma - walk.sigma)) < 1e-9)
