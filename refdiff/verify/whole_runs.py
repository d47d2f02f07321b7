"""A whole sampling loop beside a sampler of the library, memory and all: which of its steps is wrong, and how.

A loop is affine in its first state, in the model's beliefs and in its draws. Each state that it shows to the model is
written in the one before and in the beliefs so far,

    x_(k+1) = a x_k + b_0 belief_k + b_1 belief_(k-1) + ... + noise,

and so a solver with memory has coefficients a step as well: those of the beliefs before. A belief is the network's
output, x0 or eps, in whichever the solver's formula is shortest.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require
from refdiff.process.predict import EPS, X0, Parameterization
from refdiff.samplers import churned
from refdiff.samplers.sampler import Sampler
from refdiff.schedules.level import Level
from refdiff.verify.factors import FEW, FIT, MOST, named
from refdiff.verify.known_steps import EVERY
from refdiff.verify.local_steps import SAME, by_steps, column, names_of, off_at, rows_of, same_run
from refdiff.verify.look_verdict import TIMES
from refdiff.verify.looks import Seen, Subject, of_run, settled
from refdiff.verify.references import PREDICTS, Walk, negated
from refdiff.verify.several_looks import AFFINE, in_single
from refdiff.verify.subjects import parameters_of
from refdiff.verify.verdict import Finding, Row

MANY = 200  # looks of a run: the table of all of its coefficients grows as their square


def as_loop(loop: Callable[..., Any], roles: Mapping[str, str]) -> dict[str, str] | None:
    """The roles of a whole loop, which takes a model and no time; None for a step.

    A default of its own, such as n = 10 steps, is left to a loop.
    """
    optional = {p.name for p in parameters_of(loop) if p.default is not p.empty}
    kept = {k: role for k, role in roles.items() if role not in ("index", "t_prev") or k not in optional}
    told = {"t", "index", "t_prev", "sigma", "sigma_next", "output"}
    return kept if "model" in kept.values() and not told & set(kept.values()) else None


def compared_whole(
    loop: Callable[..., Any],
    roles: Mapping[str, str],
    walk: Walk,
    given: Mapping[str, Any],
    sampler: Sampler,
    options: Mapping[str, Any],
    *,
    torch: bool,
    tol: float,
) -> tuple[tuple[Row, ...], tuple[Finding, ...], str]:
    """Rows and findings of a whole loop, and how it was measured."""
    plain, want, levels = _wanted(sampler, options, walk)

    def said(k: int, x: Array, dealt: Array) -> Array:
        if plain.predicts is walk.predicts or k >= len(levels):
            return dealt
        x0, eps = plain.predicts.decode(dealt, x, levels[k])
        return walk.predicts.encode(x0, eps, levels[k])

    subject = Subject(loop, roles, torch=torch, said=said)
    (got,), unseen = subject.over([{**given, "t": float(walk.shown[walk.here[0]])}])
    require(
        not unseen, "step", "answer the same when its noise is the same", "another answer each time",
        "Draw the noise from NumPy's or PyTorch's generators.",
    )  # fmt: skip
    got, scaled = _unscaled(got, levels)
    how = f"a whole run of {len(want.times)} looks at the model"
    if len(got.times) != len(want.times):
        return (), (_counted(got, want, walk),), how
    try:
        rounded = by_steps(_of(sampler, options, in_single(plain))[0])
    except ValueError:
        rounded = by_steps(want)
    name = "the answer" if plain.predicts is walk.predicts else plain.predicts.name
    rows, single = rows_of(by_steps(got), by_steps(want), rounded, want, name, tol)
    findings = [*_bent(got), *_asked_at(got, want)]
    if scaled:
        reason = "is multiplied by 1/sqrt(sigma^2 + 1), as for the network's input; the step must take x without it"
        findings.append(Finding("x in each look", reason, "", serious=False))
    if not all(row.held for row in rows):
        findings.extend(_reasons(got, want, rows, sampler, options, plain, name))
    if sampler.memory and _even(walk):
        reason = "its steps are equally long in log-SNR, so that a ratio of two steps upside down does not show"
        findings.append(Finding("the grid", f"{reason}: check on another as well", "", serious=False))
    if single:
        findings.append(Finding("single precision", f"coefficients differ by up to {single:.1e}", "", serious=False))
    return rows, tuple(findings), how


def _wanted(sampler: Sampler, options: Mapping[str, Any], walk: Walk) -> tuple[Walk, Seen, list[Level]]:
    """The plainest walk and the library's run over it, refused where it is too long or has no coefficients."""
    require(
        len(walk.here) * sampler.stages <= MANY, "timesteps", f"be few, so that a run asks up to {MANY} times",
        f"{len(walk.here)} steps", "Check the loop on a short grid: its code is the same.",
    )  # fmt: skip
    plain = _plainest(sampler, options, walk)
    want, levels = _of(sampler, options, plain)
    require(
        want.bend <= AFFINE, "options", f"make {sampler.name} affine", f"a residual of {want.bend:.2g}",
        "What depends on norms has no coefficients.",
    )  # fmt: skip
    return plain, want, levels


def _of(sampler: Sampler, options: Mapping[str, Any], walk: Walk) -> tuple[Seen, list[Level]]:
    """The same run by a sampler of the library, and the levels of its looks."""
    settings, path = settled(sampler, options, walk)
    if sampler is churned:
        settings["churn"] *= len(walk.here)
    levels: list[Level] = []
    seen = of_run(sampler, settings, path, walk, [*walk.here.tolist(), int(walk.there[-1])], levels)
    return seen, levels[: len(seen.times)]


def _plainest(sampler: Sampler, options: Mapping[str, Any], walk: Walk) -> Walk:
    """The walk with beliefs dealt as what makes the sampler's formula shortest: the network's output, or x0, or eps."""

    def terms(w: Walk) -> float:
        try:
            forms = by_steps(_of(sampler, options, w)[0]).forms
        except ValueError:  # eps says nothing of x0 at alpha = 0
            return np.inf
        return float(np.count_nonzero(np.any(np.abs(forms) > 1e-9 * np.max(np.abs(forms)), axis=0)))

    return min((_reading(walk, kind) for kind in (walk.predicts, X0, EPS)), key=terms)


def _unscaled(got: Seen, levels: list[Level]) -> tuple[Seen, bool]:
    """A run as it was before each state was scaled for the network, as `scale_model_input` does at alpha = 1."""
    if len(got.times) != len(levels) or any(abs(float(t.alpha) - 1) > FIT for t in levels):
        return got, False
    scale = np.array([*(np.hypot(1.0, t.sigma) for t in levels), 1.0])
    if abs(float(got.forms[0, 0] * scale[0]) - 1) > SAME or scale[0] < 1 + 1e3 * SAME:
        return got, False
    forms, noise = got.forms * scale[:, None], got.noise * scale[:, None] * scale
    return got._replace(forms=forms, noise=noise, bias=got.bias * scale), True


def _counted(got: Seen, want: Seen, walk: Walk) -> Finding:
    """How often the model is asked."""
    a, b = len(got.times), len(want.times)
    first = ", ".join(f"{t:g}" for t in got.times[:3])
    reason = f"{a} in the run, wanted {b}, on {len(walk.here)} steps; it is told {first} ..., wanted " + ", ".join(
        f"{t:g}" for t in want.times[:3]
    )
    return Finding("looks at the model", f"{reason} ...", "")


def _bent(got: Seen) -> Iterator[Finding]:
    if not got.bend <= 1e-5:
        yield Finding("not affine", f"residual {got.bend:.2g}: something is clipped, or depends on other entries", "")
    if np.max(np.abs(got.bias)) > FIT * np.max(np.abs(got.forms)):
        yield Finding("a constant is added", f"up to {np.max(np.abs(got.bias)):.3g}", "")


def _asked_at(got: Seen, want: Seen) -> Iterator[Finding]:
    """Another first state than the one given, and other times than the levels'."""
    first = float(got.forms[0, 0])
    if abs(first - 1) > TIMES:
        yield Finding("x in look 1", f"is {first:g} times what the loop was given: divide what you hand it by that", "")
    known = np.isfinite(got.times) & np.isfinite(want.times)
    if not np.any(known):
        return
    error = np.where(known, np.abs(got.times - want.times) / np.maximum(np.abs(want.times), TIMES), 0.0)
    off = np.flatnonzero(error > TIMES)
    if 0 < len(off) <= 2 / 3 * len(error):  # else it is another clock: indices for sigmas, time the other way
        k = int(off[0])
        yield Finding(
            "the time told",
            f"is {got.times[k]:g} in look {k + 1}, wanted {want.times[k]:g}",
            f"at {len(off)} of {len(error)} looks",
        )


def _reasons(
    got: Seen,
    want: Seen,
    rows: tuple[Row, ...],
    sampler: Sampler,
    options: Mapping[str, Any],
    walk: Walk,
    belief: str,
) -> Iterator[Finding]:
    """Another sampler that it is, another output; or where it goes wrong first, and by which factor."""
    for name, other, over, how in _alternatives(sampler, options, walk):
        try:
            run, _ = _of(other, over, how)
        except ValueError:
            continue
        if run.forms.shape == got.forms.shape and same_run(got, run) and not same_run(want, run):
            yield Finding("the run", name, "")
            return
    a, b = by_steps(got), by_steps(want)
    wrong = {
        name: c for c, name in enumerate(names_of(b, belief)) if any(r.coefficient == name and not r.held for r in rows)
    }
    firsts = [np.flatnonzero(off_at(a, b, c)) for c in wrong.values()]
    k = min((int(v[0]) for v in firsts if len(v)), default=0)
    yield Finding("the run", f"goes wrong first in step {k + 1}, from {want.times[k]:g}", "")
    for name, c in wrong.items():
        g, w = column(a, c), column(b, c)
        used = np.abs(w) > 1e-12
        with np.errstate(all="ignore"):
            ratio = g[used] / w[used]
        reason = "is wanted nowhere" if not np.any(used) else _factor(ratio, used, walk) if np.any(g) else "is left out"
        if reason:
            yield Finding(name, reason, "")


def _factor(ratio: Array, used: Array, walk: Walk) -> str:
    """The factor by which a coefficient is off, where there is one."""
    if len(ratio) < FEW:
        return ""
    middle = float(np.median(ratio))
    if np.mean(np.abs(ratio - middle) <= 1e-6 * abs(middle)) >= MOST:
        return f"is {middle:.6g} times what is wanted" if abs(middle - 1) > 1e-3 else ""
    if len(used) != len(walk.here):
        return ""
    h = _lengths(walk)
    steps = {"h": h[used], "h_before": np.append(np.nan, h[:-1])[used]}
    part = Walk(walk.alpha, walk.sigma, walk.here[used], walk.there[used], walk.shown, "", walk.predicts)
    said = (named(ratio, part, allowed, also) for allowed in (FIT, SAME) for also in (None, steps))
    return next(filter(None, said), "")


def _lengths(walk: Walk) -> Array:
    """(n,), h of each step: its length in lambda = log(alpha/sigma), in which exponential solvers count."""
    with np.errstate(divide="ignore"):
        clock = np.log(walk.alpha) - np.log(walk.sigma)
    return np.asarray(clock[walk.there] - clock[walk.here])


def _even(walk: Walk) -> bool:
    h = _lengths(walk)
    h = h[np.isfinite(h)]
    return len(h) > 1 and bool(np.ptp(h) <= 1e-3 * np.max(h))


def _alternatives(
    sampler: Sampler, options: Mapping[str, Any], walk: Walk
) -> Iterator[tuple[str, Sampler, Mapping[str, Any], Walk]]:
    """What a wrong run may be instead."""
    path = {"path": options["path"]} if "path" in options else {}
    for name, other in EVERY.items():
        if other is not sampler:
            yield f"it is {name}", other, path, walk
    for name, predicts in PREDICTS.items():
        if predicts is not walk.predicts:
            yield f"the output is used as {name}", sampler, options, _reading(walk, predicts)
    own = walk.predicts
    negative = Parameterization(own.name, lambda t: tuple(-np.asarray(v) for v in own.row(t)))  # type: ignore[arg-type, return-value]
    yield f"the sign of the model's output{negated(walk)}", sampler, options, _reading(walk, negative)


def _reading(walk: Walk, predicts: Parameterization) -> Walk:
    return Walk(walk.alpha, walk.sigma, walk.here, walk.there, walk.shown, "", predicts)
