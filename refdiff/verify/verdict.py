"""The verdict on measured coefficients: which hold, which do not, and the likeliest reason."""

from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.process.forward import posterior
from refdiff.verify.factors import FIT
from refdiff.verify.likeliest import Case, likeliest
from refdiff.verify.measuring import DRAWS, LIMIT, Measured
from refdiff.verify.references import Coefficients, Walk, columns, direction
from refdiff.verify.slips import MEANS, NOISES, Quantities, Slip, directed

SINGLE = float(np.finfo(np.float32).eps)


class Row(NamedTuple):
    """A coefficient at its worst timestep: wanted, got, the relative error, at how many timesteps it is wrong."""

    coefficient: str
    t: float
    want: float
    got: float
    error: float
    wrong: int
    held: bool


class Finding(NamedTuple):
    """Something found: what it concerns, why it is so, where, by how much; whether it makes the step wrong."""

    about: str
    reason: str
    where: str
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.about}: {self.reason}{f' ({self.where})' if self.where else ''}"


def judge(
    m: Measured, want: Coefficients, *, clip: float | None, tol: float
) -> tuple[tuple[Row, ...], tuple[Finding, ...]]:
    """Rows and findings for measured coefficients."""
    got = np.column_stack([m.mean, m.noise])
    wanted = np.column_stack([want.mean, want.noise])
    q = Quantities.of(m.walk)
    error, budget = _error(got, wanted), _single(m.walk, q, wanted)
    slack = m.slack / _size(wanted)
    single = rounded_like(error - slack, budget, tol)
    allowed = slack + (budget if single else tol)
    findings: list[Finding] = []
    wrong = ~(error <= allowed)
    rows = [
        _row(m, name, wanted[:, c], got[:, c], error[:, c], wrong[:, c])
        for c, name in enumerate(("x", "the model's output", "the noise"))
    ]
    bad = ~np.all(np.isfinite(got), axis=1)
    if np.any(bad):
        reason = "the step answers with NaN or infinity"
        findings.append(Finding("not finite", reason, places(m.walk, bad)))
    every = np.ones(len(got), bool)
    mean, noise = (
        Case(got[:, c], wanted[:, c], slack[:, c], budget[:, c], every, np.any(wrong[:, c], axis=1) & ~bad)
        for c in (slice(0, 2), slice(2, 3))
    )
    if np.any(mean.wrong):
        slips = (_consequence(m), *MEANS) if m.walk.kind == "ddim" and np.any(noise.wrong) else MEANS
        findings.append(Finding("the mean", likeliest(slips, m.walk, q, mean), places(m.walk, mean.wrong)))
    findings.extend(_noise_findings(m, q, noise))
    scale = np.max(np.abs(wanted), axis=1)
    offset = np.abs(m.bias) > (FIT + slack.max(axis=1)) * scale
    if np.any(offset):
        findings.append(
            Finding("a constant is added", f"up to {np.nanmax(np.abs(m.bias)):.3g}", places(m.walk, offset))
        )
    if m.shapes:
        findings.append(Finding(
            "the noise", f"is drawn with shape {m.shapes[0]}, not the state's: entries share one number", ""
        ))  # fmt: skip
    if m.draws > 1:
        findings.append(Finding("the noise", f"is the sum of {m.draws} draws a step", "", serious=False))
    findings.extend(_bends(m, clip, bool(np.any(mean.wrong))))
    if np.any(m.slack):
        findings.append(_resolution(m, got, wanted))
    if single:
        held = ~np.any(wrong, axis=0) if not np.all(np.any(wrong, axis=0)) else ~wrong
        findings.append(_single_precision(np.where(held, error - slack, 0.0)))
    return tuple(rows), tuple(findings)


def _error(got: Array, want: Array) -> Array:
    """Relative errors, (n, 3); of a coefficient that must be 0, relative to the largest of its step."""
    return np.asarray(np.abs(got - want) / _size(want))


def _size(want: Array) -> Array:
    size, largest = np.abs(want), np.max(np.abs(want[:, :2]), axis=1, keepdims=True)
    size[:, :2] = np.maximum(size[:, :2], 1e-3 * largest)  # a coefficient that passes through 0 is not judged by itself
    return np.where(size > 0, size, largest)


def rounded_like(error: Array, budget: Array, tol: float) -> bool:
    """Whether errors, (n, columns), look like single precision's, in what is right: every step of a coefficient, or
    every coefficient of a third of the steps, is within its budget, and not all of it within `tol`.
    """
    fits, off = error <= budget, error > tol
    columns = np.all(fits, axis=0) & np.any(off, axis=0)
    steps = np.all(fits, axis=1) & np.any(off, axis=1)
    return bool(np.any(columns) or 3 * np.count_nonzero(steps) >= len(steps) > 2)


def _single(w: Walk, q: Quantities, want: Array) -> Array:
    """(n, 3), the relative errors that tables in single precision explain: a few roundings of every part of a sum.

    A factor alpha = 1 - beta is off by eps/alpha, the running product by e, their root of the sum of squares;
    1 - alpha_bar by e alpha_bar/(1 - alpha_bar), and a beta recomputed as 1 - alpha_bar_t/alpha_bar_s by eps/beta.
    """
    e = rounding(w)[w.here]
    with np.errstate(divide="ignore"):
        noise = e * (1 + q.bar / (1 - q.bar) + np.where(w.last, 0.0, q.before / (1 - q.before)))
    share = 2 * SINGLE / q.beta
    x0, eps = np.abs(q.x0), np.abs(q.eps)
    if w.kind == "ddpm":
        s, t = columns(w.s), columns(w.t)
        on_x0 = np.ravel(posterior(np.ones((1, 1)), np.zeros((1, 1)), s, t).mean)
        on_xt = np.ravel(posterior(np.zeros((1, 1)), np.ones((1, 1)), s, t).mean)
        parts = (on_x0 * (noise + share))[:, None] * x0 + (on_xt * (noise + share * q.beta))[:, None] * [1.0, 0.0]
    else:
        parts = noise[:, None] * (np.asarray(w.s.alpha)[:, None] * x0 + direction(w)[:, None] * eps)
    return np.column_stack([parts, (noise + share) * want[:, 2]]) / _size(want) + 4 * SINGLE


def rounding(w: Walk) -> Array:
    """(T + 1,), the relative error of alpha_bar that single precision makes of a running product."""
    with np.errstate(divide="ignore"):
        factors = np.minimum((w.alpha[:-1] / w.alpha[1:]) ** 2, 1e4)
    return np.asarray(np.append(0.0, 2 * SINGLE * (1 + np.sqrt(np.cumsum(factors**2)))))


def _consequence(m: Measured) -> Slip:
    """DDIM's direction is what the noise leaves of sigma_s: wrong noise makes it wrong as well."""
    left = np.sqrt(np.maximum(np.asarray(m.walk.s.sigma) ** 2 - m.noise**2, 0.0))
    return Slip("it follows from the noise: sqrt(sigma_s^2 - w^2) with that w", lambda w, q: directed(w, q, left))


def _noise_findings(m: Measured, q: Quantities, case: Case) -> list[Finding]:
    found, last = [], m.walk.last
    if np.any(case.wrong & last):
        reason = f"noise on the last step, of standard deviation {m.noise[last][0]:.4g}"
        found.append(Finding("the noise", reason, places(m.walk, case.wrong & last)))
    case = case._replace(rows=~last, wrong=case.wrong & ~last)
    if np.any(case.wrong):
        silent = not np.any(m.noise[case.wrong])
        reason = "no noise" if silent else likeliest(NOISES, m.walk, q, case)
        found.append(Finding("the noise", reason, places(m.walk, case.wrong)))
    return found


def _bends(m: Measured, clip: float | None, mean_is_wrong: bool) -> list[Finding]:
    """Clipping and other departures from an affine map, far from the origin and near it."""
    near = m.near > 1e-4
    if np.any(near):
        reason = f"residual {np.nanmax(m.near):.2g}: entries depend on one another, or are changed by a function"
        return [Finding("not affine", reason, places(m.walk, near))]
    if not np.any(m.far_in) or (clip is not None and mean_is_wrong):  # first the mean, then its clipping
        return []
    affine = np.einsum("nki,ni->nk", m.far_in, np.column_stack([m.mean, m.noise]))
    scale = np.max(np.abs(affine), axis=1)
    bent = np.max(np.abs(m.far_out - affine), axis=1) > 1e-4 * scale
    if not np.any(bent):
        return [] if clip is None else [Finding("clipping", f"x0 is not clipped to [-{clip:g}, {clip:g}]", "")]
    residual = float(np.nanmax(np.max(np.abs(m.far_out - affine), axis=1) / scale))
    reason, about = f"residual {residual:.2g} far from the origin: clipped or thresholded", "not affine"
    bound = 1.0 if clip is None else clip
    for kept in () if mean_is_wrong else (False, True):
        miss = np.max(np.abs(m.far_out - _clipped(m, bound, kept)), axis=1)
        if np.all(miss <= 1e-3 * scale):
            if clip is not None and not kept:
                return []
            about = "clipping"
            reason = f"x0 is clipped to [-{bound:g}, {bound:g}]" + (
                ", but eps is not re-derived from it: the two no longer make x_t"
                if kept
                else f"; pass clip={bound:g} if that is meant"
            )
            break
    return [Finding(about, reason, places(m.walk, bent))]


def _clipped(m: Measured, bound: float, kept: bool) -> Array:
    """What the step answers at the far mixtures with x0 clipped; with the old eps kept, or one made to fit."""
    w = m.walk
    form_x0, form_eps = w.belief()
    x, output, z = np.moveaxis(m.far_in, -1, 0)
    x0 = np.clip(form_x0[:, :1] * x + form_x0[:, 1:] * output, -bound, bound)
    eps = form_eps[:, :1] * x + form_eps[:, 1:] * output
    t, s = columns(w.t), columns(w.s)
    if w.kind == "ddpm":
        if kept:
            return np.full_like(x, np.inf)  # its posterior takes x_t, not eps
        mean = posterior(x0, x, s, t).mean
    else:
        mean = s.alpha * x0 + direction(w)[:, None] * (eps if kept else (x - t.alpha * x0) / t.sigma)
    return np.asarray(mean + m.noise[:, None] * z)


def _single_precision(error: Array) -> Finding:
    return Finding(
        "single precision",
        f"coefficients differ by up to {np.max(error):.1e}, as tables in float32 do; in float64 they would not",
        "", serious=False,
    )  # fmt: skip


def _resolution(m: Measured, got: Array, want: Array) -> Finding:
    with np.errstate(all="ignore"):
        z = np.abs(got - want) / m.slack * LIMIT
    z = z[np.isfinite(z)]
    return Finding(
        "moments", f"the largest of {z.size} z-scores is {np.max(z, initial=0):.1f}, the limit {LIMIT:g}; "
        f"standard deviations that are less than {100 * LIMIT / (8 * DRAWS) ** 0.5:.1f} % off cannot be told", "",
        serious=False,
    )  # fmt: skip


def _row(m: Measured, name: str, want: Array, got: Array, error: Array, wrong: Array) -> Row:
    k = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
    t = float(m.walk.shown[m.walk.here[k]])
    return Row(name, t, float(want[k]), float(got[k]), float(error[k]), int(np.sum(wrong)), not np.any(wrong))


def places(walk: Walk, wrong: Array) -> str:
    """At which timesteps of a walk, in words."""
    t = walk.shown[walk.here][wrong]
    if len(t) == len(wrong) > 1:
        return f"at all {len(t)} timesteps"
    if len(t) <= 3:
        return f"at t = {', '.join(f'{v:g}' for v in t)}"
    return f"at {len(t)} of {len(wrong)} timesteps, t from {t.min():g} to {t.max():g}"


def told(title: str, rows: tuple[Row, ...], findings: tuple[Finding, ...], ok: bool) -> str:
    """The report as it prints in a terminal."""
    wide = max([18, *(len(r.coefficient) for r in rows)])
    table = [
        f"  {r.coefficient:{wide}}  {r.t:>8.6g}  {r.want:>12.6g}  {r.got:>12.6g}  {r.error:>8.1e}  "
        f"{'held' if r.held else f'WRONG at {r.wrong}'}"
        for r in rows
    ]
    head = f"  {'coefficient of':{wide}}  {'worst t':>8}  {'want':>12}  {'got':>12}  {'error':>8}"
    ending = "Every coefficient holds." if ok else "Not the same sampler."
    return "\n".join([title, "", head, *table, "", *(f"  {f}." for f in findings), ending])
