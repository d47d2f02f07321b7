"""The verdict on steps of several looks: which of their coefficients hold, and the likeliest reason where not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.verify.factors import MOST, named, quantities
from refdiff.verify.looks import Seen
from refdiff.verify.references import Walk
from refdiff.verify.verdict import SINGLE, Finding, Row, places

CLOSE = 1e-7  # how well, relatively, a reason must explain what was measured
NEARLY = 1e-5  # the same in single precision
BENT = 1e-6  # how far from affine, relatively, is more than rounding in single precision
TIMES = 1e-5  # relative: times are often told in single precision

Alternative = tuple[str, Callable[[int], Seen]]
"""A reason, and what a step would be for it, by its place in the walk."""


class Entry(NamedTuple):
    """A coefficient of one step: its name, what was measured and is wanted, what the error is relative to."""

    name: str
    got: float
    want: float
    size: float
    least: float = 0.0

    @property
    def error(self) -> float:
        """Relative; infinite for what is not finite."""
        return float(np.nan_to_num(abs(self.got - self.want) / self.size, nan=np.inf)) if self.size else 0.0


class Judged(NamedTuple):
    """The rows of the table, what was found, and at which steps something is wrong."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    wrong: Array


def entries(got: Seen, want: Seen, timed: bool) -> Iterator[Entry]:
    """All that is compared of a step with the right number of looks: the result, then each look in turn."""
    m = len(want.times)
    for row in (m, *range(m)):
        at = "" if row == m else f" in look {row + 1}"
        least = 1e-3 * float(np.max(np.abs(want.forms[row])))  # what passes through 0 is not judged by itself
        for c in range(1 + row):
            name = f"answer {c}{at}" if c else f"x{at}"
            w = float(want.forms[row, c])
            yield Entry(name, float(got.forms[row, c]), w, max(abs(w), least))
        a, b = (float(np.sqrt(max(0.0, v.noise[row, row]))) for v in (got, want))
        yield Entry(f"the noise{at}", a, b, b or 1e3 * least)
        for i in range(row):
            size = float(np.sqrt(want.noise[row, row] * want.noise[i, i]))
            if size > 0:
                yield Entry(
                    f"its share of look {i + 1}'s{at}", got.noise[row, i] / size, want.noise[row, i] / size, 1.0
                )
        if row < m and timed and np.isfinite(want.times[row]):
            t = float(want.times[row])
            yield Entry(f"time{at}", float(got.times[row]), t, abs(t) or 1.0, TIMES)


def judge_looks(got: Sequence[Seen], want: Sequence[Seen], rounded: Sequence[Seen], walk: Walk, tol: float) -> Judged:
    """Rows and findings, without a reason yet. `rounded` is `want` for levels in single precision."""
    timed = _timed(got, want)
    fewer = np.array([len(a.times) != len(b.times) for a, b in zip(got, want, strict=True)])
    found: dict[str, list[tuple[int, Entry, float]]] = {}
    for k in np.flatnonzero(~fewer).tolist():
        pairs = zip(entries(got[k], want[k], timed), entries(rounded[k], want[k], timed), strict=True)
        for e, r in pairs:
            found.setdefault(e.name, []).append((k, e, 4 * (r.error if np.isfinite(r.error) else 0.0) + 32 * SINGLE))
    rows_of = [[(e.error, budget) for _, e, budget in cases if not e.least] for cases in found.values()]
    fits = [cases for cases in rows_of if all(error <= budget for error, budget in cases)]
    worst = max((error for cases in fits for error, _ in cases), default=0.0)
    single = worst > tol
    rows, wrong, shown = [], fewer.copy(), walk.shown[walk.here]
    for name, cases in found.items():
        off = [k for k, e, budget in cases if e.error > max(budget if single else tol, e.least)]
        wrong[off] = True
        k, e, _ = max(cases, key=lambda case: case[1].error)
        if off or not _plain(name, [case[1] for case in cases]):
            rows.append(Row(name, float(shown[k]), e.want, e.got, e.error, len(off), not off))
    findings = list(_looked(got, want, fewer, walk))
    if single:
        reason = f"coefficients differ by up to {worst:.1e}, as tables in float32 do; in float64 they would not"
        findings.append(Finding("single precision", reason, "", serious=False))
    return Judged(tuple(rows), tuple(findings), wrong)


def _timed(got: Sequence[Seen], want: Sequence[Seen]) -> bool:
    """Whether the model is told times that can be compared: a third of them at least are those that are wanted."""
    told = [
        abs(a - b) <= TIMES * abs(b)
        for u, v in zip(got, want, strict=True) if len(u.times) == len(v.times)
        for a, b in zip(u.times, v.times, strict=True) if np.isfinite(b)
    ]  # fmt: skip
    return bool(3 * sum(told) >= len(told) > 0)


def _plain(name: str, cases: list[Entry]) -> bool:
    """Rows that would only fill the table: nothing wanted and nothing there, or a first look at the state as it is."""
    return (name == "x in look 1" and all(e.want == 1 for e in cases)) or all(e.want == 0 == e.got for e in cases)


def _looked(got: Sequence[Seen], want: Sequence[Seen], fewer: Array, walk: Walk) -> Iterator[Finding]:
    """How often it looks, and what keeps it from being affine."""
    if np.any(fewer):
        k = int(np.flatnonzero(fewer)[0])
        counts = f"{len(got[k].times)} a step, wanted {len(want[k].times)}"
        yield Finding("looks at the model", counts, places(walk, fewer))
    bent = np.array([not v.bend <= BENT for v in got])
    if np.any(bent):
        reason = "something is clipped, or depends on other entries or on what the model answers"
        yield Finding("not affine", f"residual {max(v.bend for v in got):.2g}: {reason}", places(walk, bent))
    offset = np.array([np.max(np.abs(v.bias)) > CLOSE * np.max(np.abs(v.forms)) for v in got])
    if np.any(offset):
        most = max(float(np.max(np.abs(v.bias))) for v in got)
        yield Finding("a constant is added", f"up to {most:.3g}", places(walk, offset))


def reasons(
    got: Sequence[Seen], want: Sequence[Seen], judged: Judged, walk: Walk, alternatives: Iterable[Alternative]
) -> tuple[Finding, ...]:
    """Why it is wrong: another step that it is, wholly; or else what can be said of the first coefficients off."""
    if not np.any(judged.wrong):
        return ()
    where = places(walk, judged.wrong)
    only_told = all(row.held or row.coefficient.startswith("time") for row in judged.rows) and not judged.findings
    for name, step in () if only_told else alternatives:
        if _explains(got, want, judged.wrong, step):
            return (Finding("the step", name, where),)
    wrong = [row for row in judged.rows if not row.held]
    first = min((_look(row) for row in wrong), default="")
    added = _added(first, got, want, walk)
    if added:
        return (Finding(f"what is added to x{'' if first == 'the result' else f' in {first}'}", added, where),)
    return tuple(Finding(row.coefficient, _alone(row, got, want), "") for row in wrong if _look(row) == first)


def _added(look: str, got: Sequence[Seen], want: Sequence[Seen], walk: Walk) -> str:
    """By which factor all that is added to x is off, in one look or in the result; empty where it is no one factor."""
    ratio = np.full(len(got), np.nan)
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        row = len(b.times) if look == "the result" else int(look.split()[-1]) - 1
        if len(a.times) == len(b.times) and row <= len(b.times):
            g, w = (np.append(v.forms[row, 0] - 1, v.forms[row, 1:]) for v in (a, b))
            with np.errstate(all="ignore"):
                factor = float(g @ w / (w @ w))
            ratio[k] = factor if np.max(np.abs(g - factor * w)) <= NEARLY * np.max(np.abs(g)) else np.nan
    hat = {"sigma_hat": np.array([b.times[0] if len(b.times) else np.nan for b in want])}
    ends = quantities(walk)
    if np.allclose(walk.alpha, 1) and not np.allclose(hat["sigma_hat"], ends["sigma_t"]):  # raised by churn
        ends |= hat | {"sigma_hat - sigma_s": hat["sigma_hat"] - ends["sigma_s"]}
    return "" if np.allclose(ratio, 1, atol=NEARLY, equal_nan=True) else named(ratio, walk, NEARLY, ends)


def _look(row: Row) -> str:
    """Where a coefficient stands: the first wrong look is the cause, later ones and the result may follow from it."""
    return row.coefficient.partition(" in ")[2] or "the result"


def _explains(got: Sequence[Seen], want: Sequence[Seen], wrong: Array, step: Callable[[int], Seen]) -> bool:
    """Whether the wrong steps, nearly all of them, are those of an alternative: one in the middle is tried first."""
    places = np.flatnonzero(wrong)
    try:
        if not _same(got[places[len(places) // 2]], step(int(places[len(places) // 2]))):
            return False
        return float(np.mean([_same(got[k], step(k)) for k in places.tolist()])) >= MOST
    except ValueError:  # an alternative that is impossible here
        return False


def _same(a: Seen, b: Seen) -> bool:
    return len(a.times) == len(b.times) and all(e.error <= CLOSE for e in entries(a, b, timed=False))


def _alone(row: Row, got: Sequence[Seen], want: Sequence[Seen]) -> str:
    """What can be said of one coefficient by itself."""
    if row.coefficient.startswith("time"):
        which = ", at which the step began," if row.got == row.t else ""
        return f"the model is told {row.got:g}{which} where {row.want:g} is wanted"
    pairs = [
        (e.got, e.want)
        for a, b in zip(got, want, strict=True) if len(a.times) == len(b.times)
        for e in entries(a, b, timed=False) if e.name == row.coefficient and e.want != 0
    ]  # fmt: skip
    ratio = np.array([a / b for a, b in pairs])
    if len(ratio) and np.all(ratio == 0):
        return "it is left out" if "share" not in row.coefficient else "drawn anew, it shares nothing"
    if len(ratio) and np.ptp(ratio) <= 1e-6 * abs(ratio[0]) and abs(ratio[0] - 1) > 1e-6:
        return f"off by a factor of {ratio[0]:.6g} at every timestep"
    return "none of the usual slips explains it"
