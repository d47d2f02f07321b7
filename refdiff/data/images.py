"""Small real images that travel with the package."""

from importlib import resources
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array

EVERY = 6  # of each class, the 6th, 12th, ... image is a test image


class Labelled(NamedTuple):
    """Images and what they show.

    Parameters
    ----------
    images : ndarray
        (N, H, W) float32 in [-1, 1], for digits and clothes -1 is paper and 1 is ink; (N, H, W, 3) if in colour.
    labels : ndarray
        (N,) int64.
    """

    images: Array
    labels: Array

    @property
    def flat(self) -> Array:
        """The images as rows: (N, H W), or (N, 3 H W)."""
        return self.images.reshape(len(self.images), -1)


class Split(NamedTuple):
    """What is learned from, and what is kept back to judge by."""

    train: Labelled
    test: Labelled


def digits() -> Split:
    """1,797 handwritten digits of 8 x 8 pixels, on a fixed split of 1,501 to train and 296 to test.

    Each pixel counts ink from 0 to 16 and is scaled to [-1, 1]: x / 8 - 1, exact in float32. Neighbouring grey
    values so lie 2/16 = 0.125 apart (`DIGITS_WIDTH`), the width of the uniform noise that dequantises them, on
    which bits per dimension depend.

    The split draws nothing at random: within each class, in the order of the file, every sixth image is a test
    image. So both parts hold each class in equal shares, to one image, and the hands of the same 13 writers: a test
    image is as fresh as one more draw from the training law, not as a new writer.

    Returns
    -------
    Split
        `train, test`, each `(images, labels)`: (N, 8, 8) float32 and (N,) int64. New arrays at each call.

    References
    ----------
    alpaydin1998 (Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, DOI 10.24432/C50P49;
    CC BY 4.0), test part, re-encoded
    """
    return _packaged("digits8.npz", 16)


DIGITS_WIDTH = 2 / 16
"""The step between neighbouring grey values of `digits`, in the scaled units: the dequantisation width."""


def fashion() -> Split:
    """1,000 pictures of clothes of 28 x 28 pixels, a hundred a class: 840 to train and 160 to test.

    They are the first hundred of each class in the training part of Fashion-MNIST, in the order of that file and with
    16 grey values in place of 256. A pixel, 0 to 15, is scaled to [-1, 1]: x / 7.5 - 1. Neighbouring grey values lie
    2/15 apart (`FASHION_WIDTH`). `FASHION_CLASSES` names the labels.

    Split as `digits`: every sixth image of a class is a test image. Since all thousand are from the training part, what
    was trained on `fashion_full().train` has seen these test images: judge it by `fashion_full().test`.

    Returns
    -------
    Split
        `train, test`, each `(images, labels)`: (N, 28, 28) float32 and (N,) int64. New arrays at each call.

    References
    ----------
    xiao2017 (arXiv 1708.07747v2), section 2; MIT licence, (c) 2017 Zalando SE
    """
    return _packaged("fashion_mini28_4bit.npz", 15)


FASHION_WIDTH = 2 / 15
"""The step between neighbouring grey values of `fashion`, in the scaled units: the dequantisation width."""

FASHION_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
"""What the labels 0 to 9 of Fashion-MNIST mean."""


def _packaged(name: str, most: int) -> Split:
    """A file of the package as a split: its pixels, 0 to `most`, scaled to [-1, 1]."""
    path = resources.files("refdiff.data") / name
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"].astype(np.int64)
    images, test = scaled(images, most), _rank_in_class(labels) % EVERY == EVERY - 1
    return Split(*(Labelled(images[part], labels[part]) for part in (~test, test)))


def scaled(pixels: Array, most: int) -> Array:
    """Whole numbers 0 ... most as float32 in [-1, 1], without a second copy."""
    x = pixels.astype(np.float32)
    x /= np.float32(most / 2)
    x -= 1
    return x


def _rank_in_class(labels: Array) -> Array:
    """How many earlier entries carry the same label."""
    same = labels[:, None] == np.unique(labels)  # (N, classes)
    return np.asarray((np.cumsum(same, axis=0) - 1)[same])
