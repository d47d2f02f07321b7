"""An image as a row of tokens, one for each patch, and back."""

from dataclasses import dataclass

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.nn.conv import check_images
from refdiff.nn.layer import Fixed, Pull
from refdiff.nn.resample import fold, unfold


@dataclass(frozen=True)
class Patchify(Fixed):
    """An image cut into square patches, each a token of its pixels; row by row. The pullback is `Unpatchify`.

    (B, H, W, C) to (B, H W/size^2, size^2 C)

    Parameters
    ----------
    size : int
        Side of a patch; it must divide both sides of the image.
    channels : int
        C.

    References
    ----------
    Equation: patches.Patchify
    dosovitskiy2020 (arXiv 2010.11929v2), section 3.1
    """

    size: int
    channels: int

    def __post_init__(self) -> None:
        count("size", self.size), count("channels", self.channels)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Tokens (B, N, size^2 C) of images (B, H, W, C), and the pullback to ({}, dx)."""
        check_images(x, self.channels, self.size)
        y = fold(x, self.size)
        return y.reshape(len(x), -1, y.shape[-1]), lambda dy: ({}, unfold(dy.reshape(y.shape), self.size))


@dataclass(frozen=True)
class Unpatchify(Fixed):
    """Tokens laid out as the patches of an image: the inverse of `Patchify`, which is its pullback.

    (B, H W/size^2, size^2 C) to (B, H, W, C)

    Parameters
    ----------
    size : int
        Side of a patch.
    height, width : int
        Of the image, multiples of the size.

    References
    ----------
    Equation: patches.Unpatchify
    peebles2022 (arXiv 2212.09748v2), section 3.2
    """

    size: int
    height: int
    width: int

    def __post_init__(self) -> None:
        size = count("size", self.size)
        for name in ("height", "width"):
            side = count(name, getattr(self, name))
            require(side % size == 0, name, f"be a multiple of the patch size {size}", side, "Pad the images.")

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, H, W, C) of tokens (B, N, size^2 C), and the pullback to ({}, dx)."""
        grid = (self.height // self.size, self.width // self.size)
        n = grid[0] * grid[1]
        fits = x.ndim == 3 and x.shape[1] == n and x.shape[2] % self.size**2 == 0
        must = f"be (B, {n}, multiple of {self.size**2})"
        require(fits, "x", must, x.shape, "A token holds a patch's pixels and channels.")
        y = unfold(x.reshape(len(x), *grid, -1), self.size)
        return y, lambda dy: ({}, fold(dy, self.size).reshape(x.shape))
