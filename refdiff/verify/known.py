"""The schedules that are in use, as alphas_cumprod by number of steps, and the usual slips in handing them on."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.schedules.alpha_paths import LinearVP
from refdiff.schedules.betas import betas_along, exponential_betas, quadratic_betas, rescaled_betas, sigmoid_betas
from refdiff.schedules.chain import cosine_betas, linear_betas, scaled_linear_betas
from refdiff.schedules.log_snr_paths import Laplace, Sigmoid
from refdiff.schedules.schedule import Schedule
from refdiff.schedules.smooth import VP, Cosine

Bars = Callable[[int], Array | None]
"""A number of steps T to alphas_cumprod, (T,), index 0 being the first noise level; None where there is no such."""


class Known(NamedTuple):
    """A schedule: its name, what is special about it, and its alphas_cumprod."""

    name: str
    slip: str
    bars: Bars


def _of(betas: Array) -> Array:
    return np.asarray(np.exp(np.cumsum(np.log1p(-betas))))


def _rescaled(steps: int) -> Array | None:
    return _of(rescaled_betas(linear_betas(steps))) if steps > 20 else None  # with fewer a beta reaches 1


def _sampled(path: Schedule, first: float | None = None) -> Bars:
    """A smooth path at i/T, i = 1 ... T; or at T points from `first` to 1."""

    def bars(steps: int) -> Array:
        t = np.arange(1, steps + 1) / steps if first is None else np.linspace(first, 1, steps)
        return np.asarray(path(t).alpha) ** 2

    return bars


def _undivided(steps: int) -> Array:
    return np.sin(np.pi / 2 / 1.008 * (1 - np.arange(1, steps + 1) / steps)) ** 2


def _halved(log_snr: Array) -> Array:
    """alpha where alpha_bar was meant: the square root of 1/(1 + 1/SNR)."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -log_snr) / 2))


def _diffusers_laplace(steps: int) -> Array:
    """`betas_for_alpha_bar("laplace")`: the root of alpha_bar, not divided by its value at 0, the log held off 0."""
    t = np.arange(steps + 1) / steps
    tail = -0.5 * np.where(t <= 0.5, 1.0, -1.0) * np.log(1 - 2 * np.abs(0.5 - t) + 1e-6)
    bars = _halved(tail)
    return np.cumprod(1 - np.minimum(1 - bars[1:] / bars[:-1], 0.999))


HO, COSINE, SONG = "linear (Ho et al.)", "cosine (Nichol & Dhariwal)", "VP (Song et al.)"
SIGMOID, LAPLACE = "sigmoid of alpha_bar (Chen)", "Laplace (Hang et al.)"
UNCAPPED = "its last beta not capped at 0.999"

KNOWN: tuple[Known, ...] = (
    Known(HO, "", lambda n: _of(linear_betas(n)) if n == 1000 else None),
    Known(HO, "rescaled by 1000/T", lambda n: None if n == 1000 else _rescaled(n)),
    Known(HO, "not rescaled with T", lambda n: None if n == 1000 else _of(linear_betas(n))),
    Known("scaled linear (Stable Diffusion)", "", lambda n: _of(scaled_linear_betas(n)) if n == 1000 else None),
    Known(
        "scaled linear (Stable Diffusion)", "not rescaled with T",
        lambda n: None if n == 1000 else _of(scaled_linear_betas(n)),
    ),
    Known("quadratic (Ho et al.)", "", lambda n: _of(quadratic_betas(n)) if n == 1000 else None),
    Known("quadratic (Ho et al.)", "not rescaled with T", lambda n: None if n == 1000 else _of(quadratic_betas(n))),
    Known("sigmoid of beta (Xu et al.)", "", lambda n: _of(sigmoid_betas(n)) if n == 1000 else None),
    Known("sigmoid of beta (Xu et al.)", "not rescaled with T", lambda n: None if n == 1000 else _of(sigmoid_betas(n))),
    Known(SIGMOID, "", lambda n: _of(betas_along(Sigmoid(), n))),
    Known(SIGMOID, UNCAPPED, _sampled(Sigmoid())),
    Known(LAPLACE, "", lambda n: _of(betas_along(Laplace(), n))),
    Known(LAPLACE, UNCAPPED, _sampled(Laplace())),
    Known(LAPLACE, "a square root too many: alpha in place of alpha_bar, as in diffusers", _diffusers_laplace),
    Known("exponential (diffusers)", "", lambda n: _of(exponential_betas(n))),
    Known("alpha linear in time (flow_matching)", "", _sampled(LinearVP())),
    Known(COSINE, "", lambda n: _of(cosine_betas(n))),
    Known(COSINE, UNCAPPED, _sampled(Cosine())),
    Known(COSINE, "not divided by its value at 0", _undivided),
    Known("cosine without offset", "", lambda n: _of(cosine_betas(n, offset=0.0))),
    Known("cosine without offset", UNCAPPED, _sampled(Cosine(0.0))),
    Known(SONG, "continuous, at t = i/T", _sampled(VP())),
    Known(SONG, "continuous, from t = 0 to 1", _sampled(VP(), 0.0)),
    Known(SONG, "continuous, from t = 0.001 to 1", _sampled(VP(), 1e-3)),
    Known(SONG, "continuous, from t = 0.00001 to 1", _sampled(VP(), 1e-5)),
)  # fmt: skip


class Reading(NamedTuple):
    """What the values might be: the slip's words, what turns them into alphas_cumprod, if that subtracts from 1."""

    slip: str
    bars: Callable[[Array], Array]
    complement: bool = False


READINGS: tuple[Reading, ...] = (
    Reading("", lambda v: v),
    Reading("square root: these are alpha, the roots of alphas_cumprod", lambda v: v**2),
    Reading("squared: these are the squares of alphas_cumprod", np.sqrt),
    Reading("these are the alphas, 1 - beta, not their running product", np.cumprod),
    Reading("these are the betas, not alphas_cumprod", lambda v: np.cumprod(1 - v)),
    Reading("these are 1 - alphas_cumprod", lambda v: 1 - v, True),
    Reading("these are sigma = sqrt(1 - alphas_cumprod)", lambda v: (1 - v) * (1 + v), True),
    Reading("these are sigma/alpha, k-diffusion's sigmas", lambda v: 1 / (1 + v**2), True),
    Reading("these are 1/sqrt(alphas_cumprod)", lambda v: v**-2.0),
    Reading("these are the signal-to-noise ratios", lambda v: v / (1 + v)),
    Reading("these are log signal-to-noise ratios, log(alpha^2/sigma^2)", lambda v: np.exp(-np.logaddexp(0, -v))),
    Reading("these are log(alpha/sigma), DPM-Solver's lambda", lambda v: np.exp(-np.logaddexp(0, -2 * v))),
)


@cache
def table(known: Known, steps: int) -> Array | None:
    """A schedule's alphas_cumprod for a number of steps, computed once."""
    bars = known.bars(steps)
    if bars is not None:
        bars.flags.writeable = False
    return bars


def variants(known: Known, u: Array) -> Iterator[tuple[str, Array]]:
    """The slips that may have changed a schedule on its way to `u`, with what it is after each."""
    n = len(u)
    here, shorter, longer = (table(known, k) for k in (n, n - 1, n + 1))
    if here is not None:
        yield "", here
        yield "shifted by one index: entry 0 is the data", np.append(1.0, here[:-1])
        yield "shifted by one index: the last entry is 0", np.append(here[1:], 0.0)
        root = np.sqrt(here)
        if root[0] > root[-1]:
            yield (
                "rescaled to zero terminal SNR (Lin et al.)",
                ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2,
            )
        yield from _clipped(here, u)
    if shorter is not None:
        yield "shifted by one index: the data stand before its first level", np.append(1.0, shorter)
    if longer is not None:
        yield "shifted by one index: its first level is missing", longer[1:]


def _clipped(here: Array, u: Array) -> Iterator[tuple[str, Array]]:
    """Betas or alphas_cumprod held within the range that is seen."""
    with np.errstate(all="ignore"):
        seen, betas = (1 - x / np.append(1.0, x[:-1]) for x in (u, here))
    if np.all((seen >= 0) & (seen < 1)):
        yield from _held("betas", betas, seen, lambda b: np.cumprod(1 - b))
    yield from _held("alphas_cumprod", here, u, lambda b: b)


def _held(what: str, free: Array, seen: Array, bars: Callable[[Array], Array]) -> Iterator[tuple[str, Array]]:
    low, high = float(np.min(seen)), float(np.max(seen))
    sides = [
        (np.any(free < low * (1 - 1e-6)), f"{low:.4g} below"),
        (np.any(free > high * (1 + 1e-6)), f"{high:.4g} above"),
    ]
    if low < high and any(active for active, _ in sides):
        yield (
            f"{what} clipped at {' and '.join(side for active, side in sides if active)}",
            bars(np.clip(free, low, high)),
        )
