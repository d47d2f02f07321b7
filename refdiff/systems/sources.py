"""Where a recipe's data come from: the package's own, a folder of pictures, a file of arrays."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import choice, finite, require
from refdiff.data import FASHION_CLASSES, TOYS, Labelled, digits, fashion, fashion_full, png_folder
from refdiff.models import MLP
from refdiff.systems.recipes import Net

EXAMPLES = 10_000  # of a toy, to fit a Gaussian to


@dataclass(frozen=True)
class Source:
    """Data to learn from.

    Parameters
    ----------
    name : str
        What the recipe calls them.
    shape : tuple of int
        Of one sample: (2,) for a point, (H, W) or (H, W, 3) for an image.
    draw : callable
        (n, rng) to n samples, (n, *shape), and their labels, (n,), or None.
    examples : ndarray
        (N, *shape): all of them, or many.
    classes : tuple of str
        What the labels 0, 1, ... mean; empty for data without.
    limited : bool
        Whether `examples` are all that there are.
    """

    name: str
    shape: tuple[int, ...]
    draw: Callable[[int, Rng], tuple[Array, Array | None]]
    examples: Array
    classes: tuple[str, ...] = ()
    limited: bool = True

    def __str__(self) -> str:
        """One line: how many, of what size, in how many classes."""
        many = f"{len(self.examples):,} " if self.limited else "fresh "
        size = " x ".join(map(str, self.shape[:2]))
        what = f"images of {size}{' in colour' if len(self.shape) > 2 else ''}"
        what = what if len(self.shape) > 1 else f"points of {size} coordinates"
        return f"{self.name}: {many}{what}{f' in {len(self.classes)} classes' if self.classes else ''}"


def source(name: str, size: int = 0) -> Source:
    """The data of this name.

    Parameters
    ----------
    name : str
        "digits"; "fashion" (the 1,000 of the package); "fashion-full" (all 70,000, where they are installed); a toy's
        name; a folder of PNG files; or an `.npz` file with `data`, (N, D) points or (N, H, W) or (N, H, W, 3) images,
        and if wanted `labels`, (N,). Numbers of the type uint8, 0 to 255, are scaled to [-1, 1]; others are taken as
        they are.
    size : int
        Of the squares to which the pictures of a folder are cut; 0 leaves them as they are.

    Raises
    ------
    ValueError
        Where there is no such data, or something is wrong with them: NaN, labels that are not 0, 1, ...
    """
    if name in ("digits", "fashion", "fashion-full"):
        load = {"digits": digits, "fashion": fashion, "fashion-full": fashion_full}[name]
        return _fixed(name, load().train, tuple("0123456789") if name == "digits" else FASHION_CLASSES)
    if name in TOYS:
        toy = TOYS[name]
        examples = toy(EXAMPLES, rng=np.random.default_rng(0))
        return Source(name, (2,), lambda n, rng: (toy(n, rng=rng), None), examples, limited=False)
    if Path(name).is_dir():
        folder = png_folder(name, size or None)
        return _fixed(name, folder.data, folder.classes)
    if Path(name).suffix == ".npz":
        return _fixed(name, *_arrays(name))
    choice("data", name, {"digits", "fashion", "fashion-full", *TOYS})
    raise AssertionError


def as_input(network: Net, x: Array) -> Array:
    """Samples, (B, *shape), as the network wants them."""
    return x.reshape(len(x), *state_shape(network, x.shape[1:]))


def state_shape(network: Net, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a sample as the network wants it: a row for an MLP, else an image with its channels last."""
    if isinstance(network, MLP):
        return (math.prod(shape),)
    return (*shape, 1) if len(shape) == 2 else shape


def check_fit(network: Net, found: Source) -> None:
    """Refuse a network that cannot take the data, before any work is done.

    Raises
    ------
    ValueError
        For sides that do not divide, another number of channels or coordinates, or labels beyond the network's.
    """
    known, have = network.labels, len(found.classes)
    require(not known or bool(have), "network.labels", f"be 0, for {found.name} has no classes", known, "Set it to 0.")
    require(
        not known or have <= known, "network.labels", f"be at least {have}, the classes of {found.name}", known,
        f"Set it to {have}, or to 0 to learn without labels.",
    )  # fmt: skip
    x, label = as_input(network, found.examples[:1].astype(np.float32)), np.zeros(1, np.int64) if known else None
    try:
        network(network.init(np.random.default_rng(0)), x, np.zeros(1, np.float32), label)
    except ValueError as refusal:
        raise ValueError(f"{found.name} does not fit the network: {refusal}") from None


def _fixed(name: str, data: Labelled, classes: tuple[str, ...]) -> Source:
    require(len(data.images) > 1, name, "hold two samples or more", len(data.images), "One alone has no spread.")
    images, labels = np.asarray(data.images, np.float32), data.labels if classes else None

    def draw(n: int, rng: Any) -> tuple[Array, Array | None]:
        i = rng.integers(len(images), size=n)
        return images[i], None if labels is None else labels[i]

    return Source(name, images.shape[1:], draw, images, classes)


def _arrays(name: str) -> tuple[Labelled, tuple[str, ...]]:
    """Data and labels in a file, looked through."""
    try:
        with Path(name).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise ValueError(f"data must be a file that exists; got {name}. Check its name.") from None
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a file that is none of theirs
        raise ValueError(f"data must be an .npz file without pickle; got {name} ({error}). Use np.savez.") from None
    require("data" in found, name, "hold an array named data", sorted(found), "np.savez(file, data=x, labels=y).")
    raw = found["data"]
    x = finite(f"{name}: data", raw) / (127.5 if raw.dtype == np.uint8 else 1.0) - (raw.dtype == np.uint8)
    shaped = x.ndim in (2, 3) or (x.ndim == 4 and x.shape[-1] in (1, 3))
    require(shaped and len(x) > 1, f"{name}: data", "be (N, D), (N, H, W) or (N, H, W, 3)", x.shape, "Channels last.")
    if "labels" not in found:
        return Labelled(x, np.zeros(len(x), np.int64)), ()
    labels = found["labels"]
    whole = labels.dtype.kind in "iu" and labels.shape == (len(x),)
    got = f"{labels.dtype} {labels.shape}"
    require(whole, f"{name}: labels", f"be {len(x)} whole numbers like the data", got, "Use labels.astype(int).")
    low, high = int(labels.min()), int(labels.max())
    counted = low >= 0 and high < len(x)
    require(counted, f"{name}: labels", "count from 0", f"{low} to {high}", "Number the classes 0, 1, ...")
    return Labelled(x, labels.astype(np.int64)), tuple(map(str, range(high + 1)))
