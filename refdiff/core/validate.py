"""Refusals at the doors: name the argument, say what must hold, what came, and a way out."""

from typing import Any

import numpy as np

from refdiff.core.arrays import Array

LISTED = 60  # names that a refusal lists, of the many that may be known


def require(holds: bool | np.bool_ | Array, name: str, must: str, got: object, way_out: str) -> None:
    """Raise `ValueError` "NAME must MUST; got GOT. WAY OUT" unless the condition holds."""
    if not holds:
        raise ValueError(f"{name} must {must}; got {got}. {way_out}")


def finite(name: str, value: Any, *, ndim: int | None = None) -> Array:
    """A float64 copy with no NaN or infinity, of the given number of axes; else `ValueError`."""
    try:
        x = np.asarray(value)
    except ValueError:  # rows of unequal length
        x = np.asarray(None)
    require(
        x.dtype.kind in "biuf", name, "be an array of real numbers", type(value).__name__,
        "Pass numbers or a NumPy array, its rows of equal length.",
    )  # fmt: skip
    x = x.astype(np.float64)
    if ndim is not None:
        require(
            x.ndim == ndim,
            name,
            f"have {ndim} axes",
            f"shape {x.shape}",
            "Reshape it, or add an axis with [None].",
        )
    bad = x.size - np.count_nonzero(np.isfinite(x))
    require(bad == 0, name, "be finite", f"{bad} of {x.size} entries NaN or infinite", "Look where they arose.")
    return x


def positive(name: str, value: Any) -> float:
    """A float above zero; else `ValueError`."""
    x = scalar(name, value)
    require(x > 0, name, "be above zero", f"{x:g}", "Use a small positive number.")
    return x


def scalar(name: str, value: Any) -> float:
    """A finite float; else `ValueError`."""
    x = finite(name, value)
    require(x.ndim == 0, name, "be one number", f"an array of shape {x.shape}", "Pass a single value.")
    return float(x)


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`; else `ValueError`."""
    x = scalar(name, value)
    require(
        x == int(x) and x >= least,
        name,
        f"be a whole number of at least {least}",
        f"{x:g}",
        f"Try {name}={least}.",
    )
    return int(x)


def choice(name: str, value: object, known: Any) -> None:
    """Raise `ValueError` with the nearest known names unless `value` is one of them."""
    names = sorted(map(str, known))
    if value not in names:
        from difflib import get_close_matches

        near = get_close_matches(str(value), names, n=3)
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        require(
            False,
            name,
            "be a known name",
            repr(value),
            f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names[:LISTED])}{more}.",
        )
