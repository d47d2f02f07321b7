"""Why a coefficient is wrong: the usual slip that explains it, or else the factor by which it is off."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.verify.factors import FIT, MOST, named, read_parts
from refdiff.verify.references import Walk, negated
from refdiff.verify.slips import Quantities, Slip


class Case(NamedTuple):
    """Some coefficients, (n, k): measured and wanted, the errors allowed them, the steps that count, the wrong ones."""

    got: Array
    want: Array
    slack: Array
    budget: Array
    rows: Array
    wrong: Array


def likeliest(slips: tuple[Slip, ...], w: Walk, q: Quantities, case: Case) -> str:
    """The first slip that explains the most of the wrong timesteps, to rounding or else to single precision.

    It must explain nearly all of the others as well.
    """

    def error(value: Array) -> Array:
        size = np.maximum(np.abs(value), 1e-3 * np.max(np.abs(value), axis=1, keepdims=True))
        return np.asarray(np.abs(case.got - value) / np.where(size > 0, size, 1.0))

    for allowed in (FIT + case.slack, FIT + case.slack + case.budget):
        best, reason = 0.0, ""
        for slip in slips:
            try:
                with np.errstate(all="ignore"):
                    value = np.reshape(slip.value(w, q), case.got.shape)
                    off = error(value)
            except ValueError:  # a slip that is impossible here: eps says nothing of x0 at alpha = 0
                continue
            if np.all(np.abs(value - case.want)[case.wrong] <= 1e-12):  # no slip here
                continue
            explained = np.all(off <= allowed, axis=1)
            share = min(float(np.mean(explained[case.rows])), float(np.mean(explained[case.wrong])))
            if share >= MOST and share > best:
                fit = float(np.max(off[case.rows & explained]))
                said = slip.name + negated(w) * ("sign of the model" in slip.name)
                best, reason = share, f"{said}; this explains it to {max(fit, 1e-16):.0e}"
        if reason:
            return reason
    return _by_factor(w, case) or _by_ratio(case.got[case.rows], case.want[case.rows])


def _by_factor(w: Walk, case: Case) -> str:
    """A factor with a name, for what no slip explains."""
    w = replace(w, here=w.here[case.rows], there=w.there[case.rows])
    got, want = case.got[case.rows], case.want[case.rows]
    if not np.all(np.isfinite(got)):
        return ""
    for budget in (np.zeros(len(got)), np.max(case.budget[case.rows], axis=1) / 4):
        allowed = FIT + np.max(case.slack[case.rows], axis=1) + budget
        if got.shape[1] == 2:
            told = read_parts(got, want, w, allowed)
        else:
            with np.errstate(all="ignore"):
                told = named(got[:, 0] / want[:, 0], w, allowed)
            told = f"it {told}" if told else ""
        if told:
            return told
    return ""


def _by_ratio(got: Array, want: Array) -> str:
    """In words, for what no slip explains."""
    with np.errstate(all="ignore"):
        ratio = got / want
    for c in range(ratio.shape[1]):
        r = ratio[np.isfinite(ratio[:, c]), c]
        if len(r) and np.ptp(r) <= 1e-6 * abs(r[0]) and abs(r[0] - 1) > 1e-6:
            return f"off by a factor of {r[0]:.6g} at every timestep"
    return f"none of the usual slips explains it; the largest ratio to what is wanted is {np.nanmax(np.abs(ratio)):.4g}"
