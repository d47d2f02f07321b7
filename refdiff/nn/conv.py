"""Convolutions of images (B, H, W, C): channels last, so that a pixel's channels lie side by side for the GEMM."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.nn.layer import Pull
from refdiff.nn.sums import column_sums

CHUNK = 1 << 17  # numbers in a buffer: half a megabyte in float32, so that what is written is read from the cache
SMALL = 1_000_000  # multiplications: larger products OpenBLAS repacks first, and loses a quarter of its speed
Back = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Conv:
    """A convolution with a square window around each pixel, or each second one; zeros beyond the border.

    y[i, j] = b + sum_kl x[stride i + k - r, stride j + l - r] w[k, l],   r = (size - 1)/2

    dw[k, l] = sum_ij x[stride i + k - r, ...]^T dy[i, j],   dx[stride i + k - r, ...] += dy[i, j] w[k, l]^T

    As everywhere in networks it is a cross-correlation: the window is not turned round. A 3 x 3 window at stride 1 is
    taken row by row: with each pixel laid beside its left and right neighbours, three matrix products make the nine.

    Parameters
    ----------
    n_in, n_out : int
        Channels: x is (B, H, W, n_in), w is (size, size, n_in, n_out).
    size : int
        1 or 3.
    stride : int
        1 keeps H and W; 2 halves them, and then both must be even.
    gain : float
        w starts as gain/(size sqrt(n_in)) times standard normal draws; at 0 the layer starts as the constant 0.

    References
    ----------
    Equation: conv.Conv
    dumoulin2016 (arXiv 1603.07285v2), chapter 2
    """

    n_in: int
    n_out: int
    size: int = 3
    stride: int = 1
    gain: float = 1.0

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out", "size", "stride"):
            count(name, getattr(self, name))
        require(self.size in (1, 3), "size", "be 1 or 3", self.size, "Wider windows are stacks of 3 x 3.")
        require(self.stride in (1, 2), "stride", "be 1 or 2", self.stride, "Use two layers for 4.")
        scalar("gain", self.gain)

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Normal weights and a bias of zero."""
        shape = (self.size, self.size, self.n_in, self.n_out)
        w = rng.standard_normal(shape) * (self.gain / (self.size * self.n_in**0.5))
        return {"w": w.astype(dtype), "b": np.zeros(self.n_out, dtype)}

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """The filtered images, and their pullback to (grads, dx).

        Raises
        ------
        ValueError
            If x is not (B, H, W, n_in), or H or W is not a multiple of the stride.
        """
        check_images(x, self.n_in, self.stride)
        w = params["w"]
        way = {(3, 1): _rows, (1, 1): _pixels}.get((self.size, self.stride), _taps)
        y, back = way(x, w, self.stride)
        y += params["b"]

        def pull(dy: Array) -> tuple[Tree, Array]:
            dw, dx = back(dy)
            return {"w": dw, "b": column_sums(dy)}, dx

        return y, pull


def check_images(x: Array, channels: int | None = None, factor: int = 1) -> None:
    """Refuse what is not a batch of images (B, H, W, channels) whose sides are multiples of a factor."""
    way_out = "Channels come last: use images[..., None] for one channel, np.moveaxis(x, 1, -1) from (B, C, H, W)."
    fits = x.ndim == 4 and channels in (None, x.shape[-1])
    require(fits, "x", f"be (B, H, W, {channels or 'C'})", x.shape, way_out)
    fits = x.shape[1] % factor == 0 and x.shape[2] % factor == 0
    require(fits, "x", f"have sides that are multiples of {factor}", x.shape, "Pad or crop the images.")


def _taps(x: Array, w: Array, stride: int) -> tuple[Array, Back]:
    """One matrix product for each entry of the window, whatever its size and stride."""
    size, _, n_in, n_out = w.shape
    r = size // 2
    b, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (r, r), (r, r), (0, 0)))
    seen = {(k, l): _each(padded, k, l, height, width, stride) for k in range(size) for l in range(size)}
    y = np.zeros((b, height // stride, width // stride, n_out), np.result_type(x, w))
    for at, part in seen.items():
        y += (part.reshape(-1, n_in) @ w[at]).reshape(y.shape)

    def back(dy: Array) -> tuple[Array, Array]:
        dw = np.empty_like(w, np.result_type(x, dy))
        dpadded = np.zeros(padded.shape, np.result_type(w, dy))
        rows = dy.reshape(-1, n_out)
        for at, part in seen.items():
            dw[at] = part.reshape(-1, n_in).T @ rows
            there = _each(dpadded, *at, height, width, stride)
            there += (rows @ w[at].T).reshape(part.shape)
        return dw, dpadded[:, r : r + height, r : r + width]

    return y, back


def _each(padded: Array, k: int, l: int, height: int, width: int, stride: int) -> Array:
    """What the window's entry (k, l) sees from each output pixel: a view."""
    return padded[:, k : k + height : stride, l : l + width : stride]


def _pixels(x: Array, w: Array, stride: int) -> tuple[Array, Back]:
    """1 x 1 at stride 1: each pixel by itself. A product for each row of pixels is a small one, see SMALL."""
    matrix = w[0, 0]

    def back(dy: Array) -> tuple[Array, Array]:
        dw = x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
        return dw[None, None], dy @ np.ascontiguousarray(matrix.T)

    return x @ matrix, back


def _rows(x: Array, w: Array, stride: int) -> tuple[Array, Back]:
    """3 x 3 at stride 1: three products with rows of the window; chunks of images that fit the cache.

    The way back lays dy out as the way there lays out x, and takes from it dx, and dw with the window turned round:
    dw[k, l] is also the sum over all pixels of x[i, j]^T dy[i - k + 1, j - l + 1].
    """
    height, width, n_in, n_out = *x.shape[1:], w.shape[-1]
    tiles = _tiles(height, width * 3 * n_in * n_out)
    y = np.empty((*x.shape[:3], n_out), np.result_type(x, w))
    out = _tiled(y, tiles)
    for part, seen in _beside(x, tiles):
        _filter(seen, w, out[part])

    def back(dy: Array) -> tuple[Array, Array]:
        turned = np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))
        dx, dw = np.empty(x.shape, np.result_type(dy, w)), np.zeros((3, n_in, 3 * n_out), np.result_type(x, dy))
        dout, here = _tiled(dx, tiles), _tiled(x, tiles).swapaxes(2, 3)
        for part, seen in _beside(dy, tiles):
            _filter(seen, turned, dout[part])
            for k in range(3):
                dw[k] += (here[part] @ seen[k]).sum(axis=(0, 1))
        return np.ascontiguousarray(dw.reshape(3, n_in, 3, n_out)[::-1, :, ::-1].swapaxes(1, 2)), dx

    return y, back


def _filter(seen: list[Array], w: Array, out: Array) -> None:
    """The sum over the window's rows of what each sees times its weights."""
    above, at, below = w.reshape(3, -1, w.shape[-1])
    np.matmul(seen[0], above, out=out)
    out += seen[1] @ at
    out += seen[2] @ below


def _beside(x: Array, tiles: int) -> Iterator[tuple[slice, list[Array]]]:
    """Chunks of images; of each, what the window's three rows see: matrices (images, tiles, pixels of a tile, 3 C).

    Each pixel is laid beside its left and right neighbours, with a row of zeros above and below the image. What the
    window's row k sees are then the rows from k on: no copy. The memory is used again by the next chunk.
    """
    b, height, width, n_in = x.shape
    n = max(1, CHUNK // max(1, 3 * x[:1].size))
    rows = np.zeros((min(n, b), height + 2, width, 3, n_in), x.dtype)
    for start in range(0, b, n):
        part = x[start : start + n]
        laid = rows[: len(part)]
        laid[:, 1:-1, 1:, 0] = part[:, :, :-1]
        laid[:, 1:-1, :, 1] = part
        laid[:, 1:-1, :-1, 2] = part[:, :, 1:]
        shape = len(part), tiles, height // tiles * width, 3 * n_in
        yield slice(start, start + n), [laid[:, k : k + height].reshape(shape) for k in range(3)]


def _tiled(x: Array, tiles: int) -> Array:
    """Images as matrices (images, tiles, pixels of a tile, C)."""
    return x.reshape(len(x), tiles, x.shape[1] // tiles * x.shape[2], x.shape[3])


def _tiles(height: int, cost: int) -> int:
    """Into how many tiles of whole rows an image is cut, so that a product costs at most SMALL; a row costs `cost`."""
    return next(n for n in range(1, height + 1) if height % n == 0 and (height // n * cost <= SMALL or n == height))
