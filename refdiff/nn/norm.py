"""Normalisation of activations."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.nn.layer import Fixed, Pull
from refdiff.nn.sums import column_sums, row_means, summed_to


@dataclass(frozen=True)
class LayerNorm:
    """Each row brought to mean 0 and variance 1 over its last axis, then scaled and shifted.

    n = (x - mean x)/sqrt(var x + tiny),   y = scale n + shift

    dn = scale dy,   dx = (dn - mean dn - n mean(dn n))/sqrt(var x + tiny)

    The variance is the mean square of what is left after the mean, taken in two passes: E[x^2] - E[x]^2 cancels in
    float32.

    Parameters
    ----------
    width : int
        Size of the last axis, at least 2 for anything to be left.
    tiny : float
        Added to the variance, at least 0.

    References
    ----------
    Equation: norm.LayerNorm
    ba2016 (arXiv 1607.06450v1), eq. 3
    """

    width: int
    tiny: float = 1e-5

    def __post_init__(self) -> None:
        count("width", self.width)
        require(scalar("tiny", self.tiny) >= 0, "tiny", "be at least 0", self.tiny, "1e-5 is usual.")

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Scale one, shift zero."""
        return {"scale": np.ones(self.width, dtype), "shift": np.zeros(self.width, dtype)}

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """The normalised rows, and their pullback to (grads, dx)."""
        scale = params["scale"]
        n = x - row_means(x)
        spread = 1 / np.sqrt(row_means(n * n) + self.tiny)
        n *= spread
        y = n * scale
        y += params["shift"]

        def pull(dy: Array) -> tuple[Tree, Array]:
            dx = dy * scale
            product = dx * n
            along = row_means(product)
            dx -= row_means(dx)
            dx -= np.multiply(n, along, out=product)
            dx *= spread
            np.multiply(dy, n, out=product)
            return {"scale": column_sums(product), "shift": column_sums(dy)}, dx

        return y, pull


@dataclass(frozen=True)
class RMSNorm:
    """Each row divided by its root mean square over the last axis, then scaled; no mean is taken off.

    n = x/sqrt(mean x^2 + tiny),   y = scale n;   dn = scale dy,   dx = (dn - n mean(dn n))/sqrt(mean x^2 + tiny)

    Parameters
    ----------
    width : int
        Size of the last axis.
    tiny : float
        Added to the mean square, at least 0.

    References
    ----------
    Equation: norm.RMSNorm
    zhang2019 (arXiv 1910.07467v1)
    """

    width: int
    tiny: float = 1e-5

    def __post_init__(self) -> None:
        count("width", self.width)
        require(scalar("tiny", self.tiny) >= 0, "tiny", "be at least 0", self.tiny, "1e-5 is usual.")

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Scale one."""
        return {"scale": np.ones(self.width, dtype)}

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """The normalised rows, and their pullback to (grads, dx)."""
        scale = params["scale"]
        spread = 1 / np.sqrt(row_means(x * x) + self.tiny)
        n = x * spread

        def pull(dy: Array) -> tuple[Tree, Array]:
            dn = dy * scale
            return {"scale": column_sums(dy * n)}, (dn - n * row_means(dn * n)) * spread

        return n * scale, pull


@dataclass(frozen=True)
class AdaptiveNorm(Fixed):
    """Each row brought to mean 0 and variance 1, then scaled and shifted as a condition says.

    n = (x - mean x)/sqrt(var x + tiny),   y = n (1 + scale) + shift,   film = [scale | shift]

    It has no parameters of its own. At film = 0 it is a plain normalisation.

    Parameters
    ----------
    width : int
        Size of the last axis, at least 2 for anything to be left.
    tiny : float
        Added to the variance, at least 0.

    References
    ----------
    Equation: norm.AdaptiveNorm
    peebles2022 (arXiv 2212.09748v2), section 3.2
    """

    width: int
    tiny: float = 1e-6

    def __post_init__(self) -> None:
        count("width", self.width)
        require(scalar("tiny", self.tiny) >= 0, "tiny", "be at least 0", self.tiny, "1e-6 is DiT's.")

    def __call__(self, params: Tree, x: Array, film: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Rows (B, N, width) under a condition (B or 1, 2 width), and the pullback to ({}, dx, dfilm)."""
        check_film(film, len(x), self.width)
        gain, shift = 1 + film[:, None, : self.width], film[:, None, self.width :]
        n = x - row_means(x)
        spread = 1 / np.sqrt(row_means(n * n) + self.tiny)
        n *= spread

        def pull(dy: Array) -> tuple[Tree, Array, Array]:
            dn = dy * gain
            dx = (dn - row_means(dn) - n * row_means(dn * n)) * spread
            dfilm = np.concatenate([np.sum(dy * n, axis=1), np.sum(dy, axis=1)], axis=1)
            return {}, dx, summed_to(dfilm, film.shape)

        return n * gain + shift, pull


def check_film(film: Array, batch: int, width: int) -> None:
    """Refuse a condition that is not a row of scales and shifts for each sample, or one row for all."""
    fits = film.shape in ((batch, 2 * width), (1, 2 * width))
    must = f"be ({batch}, {2 * width}) or (1, {2 * width})"
    require(fits, "film", must, film.shape, "It holds a scale and then a shift for each channel.")
