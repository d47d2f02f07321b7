"""A folder of pictures as data."""

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import count, require
from refdiff.data.images import Labelled, scaled

GREY = ("1", "L", "LA")
MODES = (*GREY, "P", "PA", "RGB", "RGBA")
LAYOUT = "Put PNG files into it, or into one subfolder for each class."


class Folder(NamedTuple):
    """The pictures of a folder, and the names of its classes.

    Parameters
    ----------
    data : Labelled
        Images, (N, H, W) if all files are grey and (N, H, W, 3) if any is in colour, float32 in [-1, 1]; and labels,
        (N,) int64, positions in `classes`.
    classes : tuple of str
        Names of the subfolders, sorted; empty, and every label 0, where the pictures lie in the folder itself.
    """

    data: Labelled
    classes: tuple[str, ...]


def png_folder(path: str | PathLike[str], size: int | None = None) -> Folder:
    """PNG files as data: those of the folder, or those of its subfolders, each a class of its own.

    A value, 0 to 255, is scaled to [-1, 1]: x / 127.5 - 1. Files come in the order of their names, first by class;
    names that start with a dot, and subfolders without a PNG, are passed over. What is transparent is laid on white.

    Parameters
    ----------
    path : path-like
        The folder.
    size : int, optional
        Cut each picture to its largest central square and scale that to `size` x `size`. Without it all must have one
        size already.

    Returns
    -------
    Folder
        `data, classes`.

    Raises
    ------
    ValueError
        If there is no such folder or no PNG in it, if there are some both in the folder and in a subfolder, if one
        cannot be read or has 16 bits a channel, if their sizes differ, or if Pillow, which reads them, is missing. The
        file is named.
    """
    size = None if size is None else count("size", size)
    require(isinstance(path, str | PathLike), "path", "be a folder's path", repr(path), LAYOUT)
    here = Path(path)
    require(here.is_dir(), "path", "be a folder", repr(path), LAYOUT)
    classes = {d.name: files for d in sorted(here.iterdir()) if _seen(d) and d.is_dir() and (files := _pngs(d))}
    loose = _pngs(here)
    files = loose or [file for found in classes.values() for file in found]
    require(bool(files), f"{path}", "hold PNG files", "none", LAYOUT)
    require(not (loose and classes), f"{path}", "hold PNG files or subfolders with some, not both", [*classes], LAYOUT)
    images = [_open(file) for file in files]
    grey = all(image.mode in GREY for image in images)
    pixels = [_pixels(image, grey, size) for image in images]
    for file, each in zip(files, pixels, strict=True):
        require(
            each.shape == pixels[0].shape, f"{file}", f"have the size {_size(pixels[0])} of {files[0].name}",
            _size(each), "Give size, as size = 32 in a --config, to cut all to squares.",
        )  # fmt: skip
    labels = [] if loose else [label for label, found in enumerate(classes.values()) for _ in found]
    data = Labelled(scaled(np.stack(pixels), 255), np.array(labels or [0] * len(files), np.int64))
    return Folder(data, () if loose else tuple(classes))


def _seen(path: Path) -> bool:
    return not path.name.startswith(".")


def _pngs(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _seen(file) and file.suffix.lower() == ".png")


def _open(file: Path) -> Any:
    """The picture, wholly read."""
    try:
        from PIL import Image
    except ImportError:
        require(False, "png_folder", "find Pillow to read pictures with", "none", 'pip install "refdiff[plot]"')
    try:
        with Image.open(file, formats=["PNG"]) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file} must be a readable PNG; got {error}. Replace it or take it away.") from None
    require(image.mode in MODES, f"{file}", "have 8 bits a channel", f"mode {image.mode}", "Convert it to 8 bits.")
    return image


def _pixels(image: Any, grey: bool, size: int | None) -> Array:
    """(H, W) or (H, W, 3) uint8, laid on white where it is transparent, the central square of it scaled if wanted."""
    from PIL import Image

    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    image = image.convert("L" if grey else "RGB")
    if size is not None:
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        square = image.crop((left, top, left + side, top + side))
        image = square.resize((size, size))  # bicubic, smoothed on the way down
    return np.asarray(image)


def _size(pixels: Array) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
