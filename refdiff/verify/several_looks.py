"""A step that asks the model several times, beside one of the library: the whole comparison."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from refdiff.core.validate import require
from refdiff.process.predict import Parameterization
from refdiff.samplers.sampler import Sampler
from refdiff.schedules.schedule import SmoothSchedule
from refdiff.verify.known_steps import ONE_STEP
from refdiff.verify.look_verdict import Alternative, judge_looks, reasons
from refdiff.verify.looks import Seen, Subject, of_step, settled
from refdiff.verify.references import PREDICTS, Walk
from refdiff.verify.verdict import Finding, Row, rounding

AFFINE = 1e-9


def compared(
    step: Callable[..., Any],
    roles: Mapping[str, str],
    walk: Walk,
    given: Mapping[str, Any],
    sampler: Sampler,
    options: Mapping[str, Any],
    *,
    torch: bool,
    tol: float,
) -> tuple[tuple[Row, ...], tuple[Finding, ...], str]:
    """Rows and findings of a step with several looks, and how they were measured."""
    require(
        "model" in roles.values(), "step", f"take the model itself, for {sampler.name} asks it {sampler.stages} times",
        f"arguments for {', '.join(roles.values())}", "Name one of them model; it is called with a state and a time.",
    )  # fmt: skip
    settings, path = settled(sampler, options, walk)
    n = len(walk.here)
    want = [of_step(sampler, settings, path, walk, k) for k in range(n)]
    bend = np.max([v.bend for v in want])
    require(
        bend <= AFFINE, "options", f"make {sampler.name} affine", f"a residual of {bend:.2g}",
        'A predictor-corrector is where {"snr": None, "rate": 0.1}: a step that depends on norms has no coefficients.',
    )  # fmt: skip
    subject = Subject(step, roles, torch=torch)
    got, unseen = subject.each(walk, given)
    require(
        not unseen, "step", "answer the same when its noise is the same", "another answer each time",
        "Hand the noise in, or draw it from NumPy's or PyTorch's generators.",
    )  # fmt: skip
    judged = judge_looks(got, want, _rounded(sampler, settings, path, walk, want), walk, tol)
    findings = [*judged.findings, *reasons(got, want, judged, walk, _alternatives(sampler, settings, path, walk))]
    if subject.odd:
        shape = f"is drawn with shape {min(subject.odd)}, not the state's: entries share one number"
        findings.append(Finding("the noise", shape, ""))
    looks = max(len(v.times) for v in want)
    source = "handed in" if "noise" in roles.values() else "dealt to its generator"
    noise = f"noise {source}" if any(np.any(v.noise) for v in (*got, *want)) else "no noise drawn"
    return judged.rows, tuple(findings), f"{looks} looks a step, {noise}"


def _rounded(
    sampler: Sampler, options: Mapping[str, Any], path: SmoothSchedule | None, walk: Walk, want: list[Seen]
) -> list[Seen]:
    """The steps of a table that was made in single precision; as they are where a sampler refuses such a table."""
    off = in_single(walk)
    try:
        return [of_step(sampler, options, path, off, k) for k in range(len(walk.here))]
    except ValueError:
        return want


def in_single(walk: Walk) -> Walk:
    """The walk over a table whose running products were made in single precision, as wrong as they may be."""
    e = rounding(walk)
    bar = walk.alpha**2 / (walk.alpha**2 + walk.sigma**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = np.where(bar < 1, e * bar / (1 - bar), 0.0)
    return replace(walk, alpha=walk.alpha * (1 - e * (bar < 1)), sigma=walk.sigma * (1 + np.minimum(grown, 0.1)))


def _alternatives(
    sampler: Sampler, options: Mapping[str, Any], path: SmoothSchedule | None, walk: Walk
) -> Iterator[Alternative]:
    """What a wrong step may be instead: another sampler, or this one with another output or other levels."""
    yield from _others(walk, options)
    own = partial(of_step, sampler, options, path)
    for name, predicts in PREDICTS.items():
        if predicts is not walk.predicts:
            yield f"the output is used as {name}", partial(own, replace(walk, predicts=predicts))
    a = walk.predicts
    negative = Parameterization(a.name, lambda t: tuple(-np.asarray(v) for v in a.row(t)))  # type: ignore[arg-type, return-value]
    yield "the sign of the model's output", partial(own, replace(walk, predicts=negative))
    for here, there, name in (
        (1, 1, "level off by one: the coefficients belong to t + 1"),
        (-1, -1, "level off by one: the coefficients belong to t - 1"),
        (0, 1, "level off by one: the step goes to a level one too noisy"),
        (0, -1, "level off by one: the step goes to a level one too clean"),
    ):
        yield name, partial(own, walk.moved(here, there))


def _others(walk: Walk, options: Mapping[str, Any]) -> Iterator[Alternative]:
    """The other samplers, in each chart."""
    for name, sampler in ONE_STEP.items():
        for chart in ("ratio", "angle", "inverse"):
            try:
                settings, path = settled(sampler, {"path": options["path"]} if "path" in options else None, walk)
            except ValueError:
                break
            if "chart" in settings:
                settings["chart"] = chart
            what = f"it is {name}" + (f" in the chart {chart}" if "chart" in settings else "")
            yield what, partial(of_step, sampler, settings, path, walk)
            if "chart" not in settings:
                break
