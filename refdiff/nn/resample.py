"""More and fewer pixels: nearest neighbours up, averages down, and squares of pixels folded into channels."""

from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.nn.conv import check_images
from refdiff.nn.layer import Fixed, Pull


@dataclass(frozen=True)
class Upsample(Fixed):
    """Each pixel repeated in a square: nearest-neighbour upsampling.

    y[i, j] = x[i // factor, j // factor],   dx[i, j] = sum of dy over its square

    Parameters
    ----------
    factor : int
        How many times as high and wide.

    References
    ----------
    Equation: resample.Upsample
    ho2020 (arXiv 2006.11239v2), appendix B, for the network that uses it
    """

    factor: int = 2

    def __post_init__(self) -> None:
        count("factor", self.factor)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, f H, f W, C) of images (B, H, W, C), and the pullback to ({}, dx)."""
        check_images(x)
        y = x.repeat(self.factor, axis=1).repeat(self.factor, axis=2)
        return y, lambda dy: ({}, np.asarray(_squares(dy, self.factor).sum(axis=(2, 4))))


@dataclass(frozen=True)
class AveragePool(Fixed):
    """The mean of each square of pixels.

    y[i, j] = mean of x over a square,   dx = dy/factor^2 at each of its pixels

    Parameters
    ----------
    factor : int
        How many times fewer pixels, up and across; it must divide both sides.

    References
    ----------
    Equation: resample.AveragePool
    dhariwal2021 (arXiv 2105.05233v4), section 3, for the network that uses it
    """

    factor: int = 2

    def __post_init__(self) -> None:
        count("factor", self.factor)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, H/f, W/f, C) of images (B, H, W, C), and the pullback to ({}, dx)."""
        f = self.factor
        check_images(x, factor=f)
        y = np.asarray(_squares(x, f).mean(axis=(2, 4)))
        return y, lambda dy: ({}, (dy / f**2).repeat(f, axis=1).repeat(f, axis=2))


@dataclass(frozen=True)
class Fold(Fixed):
    """Each square of pixels laid into the channels of one: nothing is lost, and the pullback is `Unfold`.

    y[i, j] = [x[f i, f j] | x[f i, f j + 1] | ... | x[f i + f - 1, f j + f - 1]]

    Also called space-to-depth or pixel-unshuffle. With a `Linear` after it, it is a convolution of size and stride f.

    Parameters
    ----------
    factor : int
        The side of a square, f; it must divide both sides of the image.

    References
    ----------
    Equation: resample.Fold
    shi2016 (arXiv 1609.05158v2), for its inverse with another order of channels
    """

    factor: int = 2

    def __post_init__(self) -> None:
        count("factor", self.factor)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, H/f, W/f, f^2 C) of images (B, H, W, C), and the pullback to ({}, dx)."""
        check_images(x, factor=self.factor)
        return fold(x, self.factor), lambda dy: ({}, unfold(dy, self.factor))


@dataclass(frozen=True)
class Unfold(Fixed):
    """Channels laid out as squares of pixels: the inverse of `Fold`, which is its pullback.

    Also called depth-to-space or pixel-shuffle.

    Parameters
    ----------
    factor : int
        The side of a square, f; f^2 must divide the number of channels.

    References
    ----------
    Equation: resample.Unfold
    shi2016 (arXiv 1609.05158v2), with another order of channels
    """

    factor: int = 2

    def __post_init__(self) -> None:
        count("factor", self.factor)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, f H, f W, C) of images (B, H, W, f^2 C), and the pullback to ({}, dx)."""
        check_images(x)
        square = self.factor**2
        must = f"have channels in multiples of {square}"
        require(x.shape[-1] % square == 0, "x", must, x.shape, "Put a Linear before it.")
        return unfold(x, self.factor), lambda dy: ({}, fold(dy, self.factor))


def fold(x: Array, factor: int) -> Array:
    """(B, f H, f W, C) to (B, H, W, f^2 C)."""
    squares = _squares(x, factor).swapaxes(2, 3)  # (B, H, W, f, f, C)
    return squares.reshape(*squares.shape[:3], -1)


def unfold(y: Array, factor: int) -> Array:
    """(B, H, W, f^2 C) to (B, f H, f W, C)."""
    b, height, width, _ = y.shape
    squares = y.reshape(b, height, width, factor, factor, -1).swapaxes(2, 3)
    return squares.reshape(b, factor * height, factor * width, -1)


def _squares(x: Array, factor: int) -> Array:
    """(B, f H, f W, C) seen as (B, H, f, W, f, C)."""
    b, height, width, channels = x.shape
    return x.reshape(b, height // factor, factor, width // factor, factor, channels)
