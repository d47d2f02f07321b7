"""Fashion-MNIST as a whole, from the IDX files in which it, and MNIST before it, is given away."""

import gzip
import math
import os
import zlib
from os import PathLike
from pathlib import Path

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require
from refdiff.data.images import Labelled, Split, scaled

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
EACH = {"train": 6000, "t10k": 1000}  # images of each class
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
HOW_TO_GET_FASHION = (
    "Install Debian's package (apt-get install dataset-fashion-mnist), or download the four files from "
    "https://github.com/zalandoresearch/fashion-mnist and name their folder by root= or by the environment variable "
    "REFDIFF_DATA, or use data.fashion(), a thousand of the images, which is in the package."
)


def read_idx(path: str | PathLike[str]) -> Array:
    """The array in an IDX file, plain or gzipped.

    Two bytes of zero, one for the type, one for the number of axes; then each axis' length in four bytes, the entries
    in C order, the high byte first everywhere.

    Parameters
    ----------
    path : path-like
        The file; gzip is known by its first two bytes, whatever the name.

    Returns
    -------
    ndarray
        In the machine's own byte order.

    Raises
    ------
    ValueError
        If there is no such file, or it is cut short, damaged or of another kind.
    """
    try:
        with Path(path).open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rb") as file:
            head = file.read(4)
            known = len(head) == 4 and head[:2] == b"\0\0" and head[2] in TYPES
            require(known, f"{path}", "be an IDX file", f"the first bytes {head!r}", "Download it again.")
            axes = file.read(4 * head[3])
            require(len(axes) == 4 * head[3], f"{path}", "hold its axes", "a file cut short", "Download it again.")
            shape = tuple(map(int, np.frombuffer(axes, ">u4")))
            dtype = np.dtype(TYPES[head[2]])
            size = math.prod(shape) * dtype.itemsize  # a Python number: what a foreign header says may be huge
            body = file.read()
    except (OSError, EOFError, zlib.error, TypeError) as error:  # OSError: no such file, and bad gzip
        raise ValueError(f"{path} must be a readable IDX file; got {error}. Download it again.") from None
    require(len(body) == size, f"{path}", f"hold {size} bytes for {shape}", len(body), "Download it again.")
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def fashion_full(root: str | PathLike[str] | None = None) -> Split:
    """All of Fashion-MNIST, 60,000 pictures of clothes to train and 10,000 to test, found on this machine.

    A pixel, 0 to 255, is scaled to [-1, 1]: x / 127.5 - 1, so that neighbouring grey values lie 2/255 apart. The labels
    mean `FASHION_CLASSES`. As float32 it takes 220 MB.

    Parameters
    ----------
    root : path-like, optional
        The folder with the four files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
        `t10k-labels-idx1-ubyte`, each with or without `.gz`. Without it the folder $REFDIFF_DATA is searched, then
        `fashion-mnist` in it, then where Debian's package `dataset-fashion-mnist` puts them.

    Returns
    -------
    Split
        `train, test`, each `(images, labels)`: (N, 28, 28) float32 and (N,) int64.

    Raises
    ------
    ValueError
        If the files are not found, with the ways to get them; if one is damaged; or if they are not these data.
        Those of MNIST have the same names, but their classes are not of one size.

    References
    ----------
    xiao2017 (arXiv 1708.07747v2), section 2
    """
    home = _find(_places(root))
    return Split(*(_part(home, name, each) for name, each in EACH.items()))


def _places(root: str | PathLike[str] | None) -> list[Path]:
    if root is not None:
        require(isinstance(root, str | PathLike), "root", "be a folder's path", repr(root), HOW_TO_GET_FASHION)
        return [Path(root)]
    own = os.environ.get("REFDIFF_DATA")
    return [*([Path(own), Path(own) / "fashion-mnist"] if own else []), DEBIAN]


def _find(places: list[Path]) -> Path:
    """The first place that has the training images."""
    found = [place for place in places if _file(place, "train-images-idx3-ubyte").exists()]
    where = " nor in ".join(map(str, places))
    require(bool(found), "Fashion-MNIST", "be on this machine", f"none in {where}", HOW_TO_GET_FASHION)
    return found[0]


def _file(place: Path, name: str) -> Path:
    plain = place / name
    return plain if plain.exists() else place / f"{name}.gz"


def _part(home: Path, name: str, each: int) -> Labelled:
    images, labels = (read_idx(_file(home, f"{name}-{what}-ubyte")) for what in ("images-idx3", "labels-idx1"))
    right = images.dtype == labels.dtype == np.uint8 and images.shape == (10 * each, 28, 28)
    require(
        right and labels.shape == (10 * each,) and bool(np.all(np.bincount(labels, minlength=10) == each)),
        f"{home}", f"hold Fashion-MNIST, {each} images of 28 x 28 in each of ten classes as {name}",
        f"images {images.shape} with other labels or of another type", "MNIST's files have the same names.",
    )  # fmt: skip
    return Labelled(scaled(images, 255), labels.astype(np.int64))
