"""By which factor is a coefficient off? Named in the quantities of its schedule, it points at a line of code."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.verify.references import Walk, X

FIT = 1e-7  # how well, relatively, a named factor must be met
MOST = 0.9  # at which share of the timesteps: the ends of a table may differ
FEW = 4  # steps, below which anything fits
POWERS = {0.5: "sqrt({})", 1.0: "{}", 2.0: "{}^2"}
PLAIN = {1.0: "", -1.0: "-", 2.0: "2 ", 0.5: "1/2 ", -2.0: "-2 ", -0.5: "-1/2 "}


class Factor(NamedTuple):
    """A factor in words, such as "sqrt(alpha_t)", its values, (n,), and how many quantities it needs."""

    name: str
    value: Array
    parts: int


def quantities(w: Walk) -> dict[str, Array]:
    """What the levels of a walk are made of, (n,) each, under the names that code on such a path gives them."""
    alpha_t, sigma_t, alpha_s, sigma_s = (np.asarray(v) for v in (w.t.alpha, w.t.sigma, w.s.alpha, w.s.sigma))
    if np.allclose(np.hypot(w.alpha, w.sigma), 1):
        own = (alpha_t / w.alpha[w.here - 1]) ** 2
        many = (alpha_t / alpha_s) ** 2
        skipped = {"alpha_bar_t/alpha_bar_s": many, "1 - alpha_bar_t/alpha_bar_s": 1 - many}
        return {
            "alpha_t": own,
            "beta_t": 1 - own,
            **({} if np.all(w.there == w.here - 1) else skipped),
            "alpha_bar_t": alpha_t**2,
            "alpha_bar_s": alpha_s**2,
            "1 - alpha_bar_t": sigma_t**2,
            "1 - alpha_bar_s": sigma_s**2,
        }
    ends = {"sigma_t": sigma_t, "sigma_s": sigma_s, "sigma_t - sigma_s": sigma_t - sigma_s}
    if np.allclose(w.alpha, 1):
        return {**ends, "sigma_t^2 - sigma_s^2": sigma_t**2 - sigma_s**2, "sigma_t^2 + 1": sigma_t**2 + 1}
    return {**ends, "alpha_t": alpha_t, "alpha_s": alpha_s}


def factors(known: Mapping[str, Array]) -> Iterator[Factor]:
    """Single quantities and then quotients and products of two, to usual powers."""
    logs = {k: np.log(v) for k, v in known.items()}
    single = [
        (sign * p, POWERS[p].format(f"({k})" if p == 2 and " " in k else k), k)
        for k in logs for p in POWERS for sign in (1, -1)
    ]  # fmt: skip
    for p, name, k in single:
        yield Factor(name if p > 0 else f"1/{_closed(name)}", np.exp(p * logs[k]), 1)
    for (p, a, k), (r, b, j) in combinations(single, 2):
        if k != j and (p > 0 or r > 0):
            value = np.exp(p * logs[k] + r * logs[j])
            if p > 0 and r > 0:
                yield Factor(f"{_closed(a)} {_closed(b)}", value, 2)
            else:
                over, under = (a, b) if p > 0 else (b, a)
                same = abs(p) == abs(r)
                yield Factor(f"{over} in place of {under}" if same else f"{_closed(over)}/{_closed(under)}", value, 2)


def _closed(name: str) -> str:
    """In brackets where a sum would come apart."""
    return f"({name})" if " " in name and not name.endswith(")") else name


def named(ratio: Array, w: Walk, allowed: Array | float = FIT, also: Mapping[str, Array] | None = None) -> str:
    """What a ratio of coefficients, (n,), is in words: "is sqrt(alpha_t) times what is wanted"; empty if nothing fits.

    `allowed` is the relative error that each entry may have; `also` are quantities to take in place of the walk's own.
    """
    known = np.isfinite(ratio) & (ratio != 0)
    if np.count_nonzero(known) < max(FEW, MOST * len(ratio) - 1):
        return ""
    near = np.broadcast_to(allowed, known.shape)[known]
    with np.errstate(all="ignore"):
        for f in factors(also if also is not None else quantities(w)):
            left = (ratio / f.value)[known]
            middle = left[len(left) // 2]
            times = next((c for c in PLAIN if abs(middle / c - 1) < 0.1), None)
            if times is None or not np.mean(np.abs(left / times - 1) <= near) >= MOST:
                continue
            if " in place of " in f.name:
                return f"has {f.name}" + (f", times {times:g}" if times != 1 else "")
            return f"is {PLAIN[times]}{f.name} times what is wanted"
    return ""


def read_parts(got: Array, want: Array, w: Walk, allowed: Array) -> str:
    """Which part of a wrong mean is off and by what factor, (n, 2) coefficients of x and of the output; or empty.

    A mean is written in several ways: in x0 and x_t as the posterior's, in x0 and eps as DDIM's, as x and a step. The
    first way in which each part holds or is off by a factor with a name is told.
    """
    x0, eps = w.belief()
    ways = (("x", "the output", X, np.array([0.0, 1.0])), ("x0", "x_t", x0, X), ("x0", "eps", x0, eps))
    found: list[tuple[int, str]] = []
    for first, second, u, v in ways:
        basis = np.stack([np.broadcast_to(u, x0.shape), np.broadcast_to(v, x0.shape)], axis=2)
        if np.all(np.abs(np.linalg.det(basis)) > 1e-12):
            parts = [np.linalg.solve(basis, c[:, :, None])[:, :, 0] for c in (got, want)]
            grown = allowed * np.sum(np.abs(basis * parts[1][:, None, :]), axis=(1, 2))
            found += _told(parts[0], parts[1], (first, second), w, grown)
    with np.errstate(all="ignore"):
        ratio = (got - X) / (want - X)
    moved = np.abs(ratio[:, 0] / ratio[:, 1] - 1) <= 1e3 * allowed
    if np.mean(moved) >= MOST:
        name = named(ratio[:, 1], w, 1e3 * allowed)
        found += [(1, f"what is added to x {name}")] if name else []
    return min(found, default=(0, ""), key=lambda each: each[0])[1]


def _told(got: Array, want: Array, names: tuple[str, str], w: Walk, grown: Array) -> list[tuple[int, str]]:
    """Both parts in words, if both can be told, and how many of them are off."""
    words, off = [], 0
    for c, name in enumerate(names):
        size = np.maximum(np.abs(want[:, c]), 1e-300)
        allowed = FIT + grown / size
        with np.errstate(all="ignore"):
            ratio = got[:, c] / want[:, c]
        if np.mean(np.abs(got[:, c] - want[:, c]) <= allowed * size) >= MOST:
            words.append(f"the part on {name} holds")
            continue
        off += 1
        reason = "is left out" if not np.any(got[:, c]) else named(ratio, w, allowed)
        if not reason:
            return []
        words.append(f"the part on {name} {reason}")
    return [(off, "; ".join(sorted(words, key=lambda s: s.endswith("holds"))))] if off else []
