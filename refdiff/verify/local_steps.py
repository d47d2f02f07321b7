"""A whole run, look by look: each state in the one before it and in the beliefs so far; and whether two runs agree."""

from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.verify.looks import Seen
from refdiff.verify.verdict import SINGLE, Row

SAME = 1e-5  # relative: one run is another's, also in single precision


class Steps(NamedTuple):
    """A run, look by look: coefficients (m, 1 + m) of the state before and of the answers, the latest first; noise."""

    forms: Array
    noise: Array


def by_steps(run: Seen) -> Steps:
    """A run in local coefficients: each state in the one before it and in the answers, the latest first."""
    m, least = len(run.times), 1e-28 * float(np.max(np.diag(run.noise)))
    forms, noise = np.zeros((m, 1 + m)), np.zeros(m)
    for k in range(m):
        old, new = run.forms[k], run.forms[k + 1]
        a = new[0] / old[0] if old[0] else 0.0
        left = new - a * old
        forms[k, 0], forms[k, 1 : 2 + k] = a, left[k + 1 : 0 : -1]
        before, both, after = a * a * run.noise[k, k], a * run.noise[k + 1, k], run.noise[k + 1, k + 1]
        added = before - 2 * both + after
        noise[k] = np.sqrt(added) if added > 1e-13 * (before + after) + least else 0.0  # what rounding leaves is none
    return Steps(forms, noise)


def rows_of(
    got: Steps, want: Steps, rounded: Steps, run: Seen, belief: str, tol: float
) -> tuple[tuple[Row, ...], float]:
    """One row a coefficient, at its worst look; and the largest error that single precision explains, or 0."""
    largest = np.max(np.abs(want.forms), axis=1)
    table = []
    for c, name in enumerate(names_of(want, belief)):
        g, w, r = (column(v, c) for v in (got, want, rounded))
        size = _size(w, largest, name == "the noise")
        error = np.nan_to_num(np.abs(g - w) / size, nan=np.inf)
        table.append((name, g, w, error, 4 * np.abs(r - w) / size + 32 * SINGLE * largest / size))
    single = float(max((np.max(e) for *_, e, budget in table if np.all(e <= budget)), default=0.0))
    rows = []
    for name, g, w, error, budget in table:
        wrong = error > (budget if single > tol else tol)
        n = int(np.count_nonzero(wrong))
        k = int(np.argmax(error if np.max(error) > tol else np.abs(w)))
        if n or np.any(np.abs(w) > 1e-12 * largest):
            rows.append(Row(name, float(run.times[k]), float(w[k]), float(g[k]), float(error[k]), n, not n))
    return tuple(rows), single if single > tol else 0.0


def names_of(steps: Steps, belief: str) -> list[str]:
    """Names of the columns, the noise last."""
    back = ["", " before", " two before", " three before"]
    back += [f" {k} before" for k in range(len(back), steps.forms.shape[1] - 1)]
    return ["x", *(f"{belief}{ago}" for ago in back[: steps.forms.shape[1] - 1]), "the noise"]


def _size(want: Array, largest: Array, noise: bool) -> Array:
    """What an error is relative to: a coefficient that passes through 0 is not judged by itself."""
    return np.where(want > 0, want, largest) if noise else np.maximum(np.abs(want), 1e-3 * largest)


def column(steps: Steps, c: int) -> Array:
    """A coefficient at every look; the noise stands after the last."""
    return steps.noise if c == steps.forms.shape[1] else np.asarray(steps.forms[:, c])


def off_at(a: Steps, b: Steps, c: int) -> Array:
    """At which looks a coefficient is off by more than single precision explains."""
    w, largest = column(b, c), np.max(np.abs(b.forms), axis=1)
    return np.asarray(np.abs(column(a, c) - w) > SAME * _size(w, largest, c == b.forms.shape[1]))


def same_run(got: Seen, run: Seen) -> bool:
    """Whether two runs have the same coefficients, as far as single precision tells."""
    a, b = by_steps(got), by_steps(run)
    size = np.max(np.abs(b.forms), axis=1, keepdims=True)
    forms = np.abs(a.forms - b.forms) <= SAME * size
    return bool(np.all(forms) and np.all(np.abs(a.noise - b.noise) <= SAME * (size[:, 0] + b.noise)))
