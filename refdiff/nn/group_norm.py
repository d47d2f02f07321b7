"""Normalisation of images in groups of channels, with room for a condition."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.nn.layer import Pull
from refdiff.nn.norm import check_film
from refdiff.nn.sums import summed_to


@dataclass(frozen=True)
class GroupNorm:
    """Each group of channels brought to mean 0 and variance 1 over an image, then scaled and shifted; FiLM if wanted.

    n = (x - mean x)/sqrt(var x + tiny),   y = a n + b

    a = scale (1 + s),   b = shift (1 + s) + t,   film = [s | t]

    dn = a dy,   dx = (dn - mean dn - n mean(dn n))/sqrt(var x + tiny)   (means over pixels and the group's channels)

    What a condition says of a whole channel (FiLM: feature-wise linear modulation) is one more scale and shift; so
    that after the two passes for mean and variance a single multiplication and addition remain.

    Parameters
    ----------
    width : int
        Channels, the last axis.
    groups : int
        How many groups they form, a divisor of the width; neighbouring channels share one.
    tiny : float
        Added to the variance, at least 0.

    References
    ----------
    Equation: group_norm.GroupNorm
    wu2018 (arXiv 1803.08494v3), section 3.1
    perez2017 (arXiv 1709.07871v2), for FiLM
    """

    width: int
    groups: int = 8
    tiny: float = 1e-5

    def __post_init__(self) -> None:
        width, groups = count("width", self.width), count("groups", self.groups)
        require(width % groups == 0, "groups", f"divide the width {width}", groups, "1 always does.")
        require(scalar("tiny", self.tiny) >= 0, "tiny", "be at least 0", self.tiny, "1e-5 is usual.")

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Scale one, shift zero."""
        return {"scale": np.ones(self.width, dtype), "shift": np.zeros(self.width, dtype)}

    def __call__(
        self, params: Tree, x: Array, film: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """The normalised images, and their pullback to (grads, dx), or to (grads, dx, dfilm).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, ..., width).
        film : ndarray, optional
            (B, 2 width), a scale and a shift for each channel, or (1, 2 width) for all samples.
        rng : Generator, optional
            Not used.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        fits = x.ndim >= 3 and x.shape[-1] == self.width
        require(fits, "x", f"be (B, ..., {self.width})", x.shape, "Channels come last: use np.moveaxis(x, 1, -1).")
        if film is not None:
            check_film(film, len(x), self.width)
        scale, shift = params["scale"], params["shift"]
        more = 1 + film[:, : self.width] if film is not None else np.ones((1, self.width), x.dtype)
        a, b = scale * more, shift * more + (film[:, self.width :] if film is not None else 0)

        shape, side, pixels = x.shape, x.shape[-2], x[:1].size // self.width
        rows = x.reshape(len(x), -1, side * self.width)  # (B, H, W C)

        def sums(rows: Array) -> Array:  # over pixels, as a product with ones
            return np.asarray(np.ones(pixels, rows.dtype) @ rows.reshape(-1, pixels, self.width))

        def mean(sums: Array) -> Array:  # over pixels, and over the channels of a group
            size = self.width // self.groups
            return np.repeat(sums.reshape(-1, self.groups, size).sum(axis=2) / (size * pixels), size, axis=1)

        def each(values: Array) -> Array:  # (B, C) for each pixel of a row: long runs of numbers go faster
            return np.tile(values, side)[:, None]

        n = rows - each(mean(sums(rows)))
        spread = 1 / np.sqrt(mean(sums(n * n)) + self.tiny)
        y = n * each(a * spread)
        y += each(b)

        def pull(dy: Array) -> tuple[Any, ...]:
            d = dy.reshape(n.shape)  # x itself is let go: n is all that is kept
            db, da = sums(d), sums(d * n) * spread
            past = n * each(mean(a * da) * spread**2)
            past += each(mean(a * db) * spread)
            dx = d * each(a * spread)
            dx -= past
            grads = {"scale": np.sum(da * more, axis=0), "shift": np.sum(db * more, axis=0)}
            if film is None:
                return grads, dx.reshape(shape)
            dfilm = np.concatenate([da * scale + db * shift, db], axis=1)
            return grads, dx.reshape(shape), summed_to(dfilm, film.shape)

        return y.reshape(shape), pull
