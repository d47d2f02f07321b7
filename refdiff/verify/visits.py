"""The steps that a subject is to make, from the table of noise levels that its user has."""

from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import count, finite, require
from refdiff.schedules.chain import Chain
from refdiff.verify.references import PREDICTS, Walk


def walk_over(
    betas: Any, alphas_cumprod: Any, sigmas: Any, levels: Any, timesteps: Any, first: int, final: float = 1.0
) -> tuple[Walk, dict[str, Any]]:
    """The walk over the one table of noise levels that was given, and the arrays that a subject may ask for."""
    given = {"betas": betas, "alphas_cumprod": alphas_cumprod, "sigmas": sigmas, "levels": levels}
    named = [k for k, v in given.items() if v is not None]
    require(
        len(named) == 1, "levels", "be told by exactly one of betas, alphas_cumprod, sigmas, levels",
        " and ".join(named) or "none", "Pass betas=, for instance refdiff.schedules.linear_betas().",
    )  # fmt: skip
    if betas is not None or alphas_cumprod is not None:
        return _down_a_chain(betas, alphas_cumprod, timesteps, first, final)
    require(
        timesteps is None, "timesteps", "come with a chain", f"{named[0]}", "Leave out levels that are not visited."
    )
    return _down_a_list(named[0], given[named[0]])


def _down_a_list(name: str, listed: Any) -> tuple[Walk, dict[str, Any]]:
    """Falling levels, or sigmas with alpha = 1, each visited in turn."""
    if name == "sigmas":
        sigma = finite("sigmas", listed, ndim=1)
        alpha, shown = np.ones_like(sigma), sigma
    else:
        shown, alpha, sigma = np.array([tuple(map(float, t)) for t in listed], dtype=np.float64).T
    angle = np.arctan2(sigma, alpha)
    require(
        len(sigma) >= 2 and bool(np.all(np.diff(angle) < 0)) and bool(np.all(sigma >= 0)), name,
        "fall from noise to data", f"{len(sigma)} values from {sigma[0]:g} to {sigma[-1]:g}",
        "Sort them, noisiest first, and drop repeated ones.",
    )  # fmt: skip
    here = np.arange(len(sigma) - 1, 0, -1)
    return Walk(alpha[::-1], sigma[::-1], here, here - 1, shown[::-1], "", PREDICTS["eps"]), {"sigmas": sigma}


def _down_a_chain(
    betas: Any, alphas_cumprod: Any, timesteps: Any, first: int, final: float
) -> tuple[Walk, dict[str, Any]]:
    """A chain's timesteps, all or some of them, and at last the data, or what its library ends at."""
    alpha, sigma = _chain(betas, alphas_cumprod)
    require(
        alpha[1] ** 2 - 1e-6 <= final <= 1, "final_alpha_cumprod", "lie between the first alpha_bar and 1",
        f"{final:g}", "It is diffusers' attribute of this name: 1, or alphas_cumprod[0].",
    )  # fmt: skip
    alpha[0], sigma[0] = np.sqrt(final), np.sqrt(1 - final)
    top = len(alpha) - 1
    here = np.arange(top, 0, -1) if timesteps is None else _visited(timesteps, top, first)
    bars = alpha[1:] ** 2
    ratio = np.append(bars[0], bars[1:] / bars[:-1])
    tables = {"alphas_cumprod": bars, "alphas": ratio, "betas": 1 - ratio if betas is None else Chain(betas).betas}
    shown = np.arange(top + 1.0) - 1 + first
    return Walk(alpha, sigma, here, np.append(here[1:], 0), shown, "", PREDICTS["eps"]), tables


def _chain(betas: Any, alphas_cumprod: Any) -> tuple[Array, Array]:
    if betas is not None:
        chain = Chain(betas)
        first, last = float(chain.betas[0]), float(chain.betas[-1])
        require(
            first <= 0.5 or not np.all(np.diff(chain.betas) < 0) or len(chain.betas) < 2, "betas",
            "be variances, such as 1e-4 ... 0.02", f"{first:g} ... {last:g}, falling",
            "These look like products: pass alphas_cumprod=. refdiff.identify says what an array is.",
        )  # fmt: skip
        return np.array(chain.alpha), np.array(chain.sigma)
    bar = finite("alphas_cumprod", alphas_cumprod, ndim=1)
    require(
        bool(np.all((bar >= 0) & (bar < 1)) and np.all(np.diff(bar) < 0)), "alphas_cumprod",
        "fall within [0, 1), the first noise level first", f"{bar[0]:g} to {bar[-1]:g}",
        "refdiff.identify says what an array is.",
    )  # fmt: skip
    return np.sqrt([1.0, *bar]), np.sqrt([0.0, *(1 - bar)])


def _visited(timesteps: Any, top: int, first: int) -> Array:
    """Falling timesteps as indices into the chain's table, the data being 0."""
    asked = finite("timesteps", timesteps, ndim=1)
    here = np.array([count("timesteps", t, least=0) for t in asked]) + 1 - first
    require(
        len(here) > 0 and bool(np.all(np.diff(here) < 0)) and here[0] <= top and here[-1] >= 1, "timesteps",
        f"fall within {first} ... {top - 1 + first}", f"{asked[:3]} ...",
        "np.arange(0, T, stride)[::-1] is diffusers' leading.",
    )  # fmt: skip
    return here
