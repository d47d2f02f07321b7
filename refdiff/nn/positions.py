"""Where a token stands: waves that are added to it, or turns of its queries and keys."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, positive, require
from refdiff.nn.embed import Sinusoidal
from refdiff.nn.layer import Fixed, Pull


def sinusoids_2d(height: int, width: int, channels: int, *, max_period: float = 1e4) -> Array:
    """A vector for each place of a grid: waves of its row beside waves of its column.

    table[i width + j] = [waves(i) | waves(j)],   waves: `Sinusoidal` of channels/2 features, sin|cos, shift 0

    The product of two places' vectors depends on the difference of the places alone.

    Parameters
    ----------
    height, width : int
        Of the grid.
    channels : int
        Length of a vector, a multiple of 4 and at least 8.
    max_period : float
        How much slower the slowest wave is than the fastest, nearly.

    Returns
    -------
    ndarray
        (height width, channels) float64, row by row.

    References
    ----------
    Equation: positions.sinusoids_2d
    vaswani2017 (arXiv 1706.03762v7), section 3.5, for each axis
    """
    height, width, channels = count("height", height), count("width", width), count("channels", channels)
    require(channels % 4 == 0 and channels >= 8, "channels", "be a multiple of 4, at least 8", channels, "Try 64.")
    waves = Sinusoidal(channels // 2, max_period=positive("max_period", max_period), shift=0.0)
    rows, columns = (waves({}, np.arange(n, dtype=np.float64))[0] for n in (height, width))
    return np.concatenate([np.repeat(rows, width, axis=0), np.tile(columns, (height, 1))], axis=1)


@dataclass(frozen=True)
class Rotary(Fixed):
    """Pairs of entries turned by angles that grow with the token's position: rotary positions.

    y_n = R(n) x_n,   R(n) turns (x[k], x[k + K]) by n f_k,   f_k = max_period^(-k/K),   K = width/2, k < K

    dx_n = R(-n) dy_n

    Queries and keys turned so have products q R(m - n) k: only the distance counts. Entries k and k + K make a pair, as
    in the GPT-NeoX code; the paper pairs 2 k with 2 k + 1, which permutes the weights.

    Parameters
    ----------
    width : int
        Length of a query, even.
    max_period : float
        How much slower the slowest turn is than the fastest, nearly.

    References
    ----------
    Equation: positions.Rotary
    su2021 (arXiv 2104.09864v5), section 3.2.2
    """

    width: int
    max_period: float = 1e4

    def __post_init__(self) -> None:
        width = count("width", self.width)
        require(width % 2 == 0, "width", "be even", width, "Entries are turned in pairs.")
        positive("max_period", self.max_period)

    @cached_property
    def frequencies(self) -> Array:
        """Angles between neighbouring tokens, from the fastest to the slowest; float64."""
        half = self.width // 2
        return np.asarray(self.max_period ** (-np.arange(half) / half))

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Tokens (..., N, width) turned, and the pullback to ({}, dx)."""
        fits = x.ndim >= 2 and x.shape[-1] == self.width
        require(fits, "x", f"be (..., N, {self.width})", x.shape, "Split the heads first.")
        angle = np.arange(x.shape[-2])[:, None] * self.frequencies
        cos, sin = np.cos(angle).astype(x.real.dtype), np.sin(angle).astype(x.real.dtype)
        return _turned(x, cos, sin), lambda dy: ({}, _turned(dy, cos, -sin))


def _turned(x: Array, cos: Array, sin: Array) -> Array:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
