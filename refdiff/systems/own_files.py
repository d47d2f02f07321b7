"""Files that a command leaves behind: written whole or not at all, and never over what somebody else made."""

import errno
import os
from pathlib import Path

from refdiff.core.validate import require
from refdiff.plotting import have_matplotlib

PICTURE = b"tEXtSoftware\x00refdiff"  # what `plotting.png` writes into its pictures
HEAD = 4096  # bytes of a file within which its mark stands


def picture_file(out: str) -> Path:
    """Where a picture is to lie, looked at before anything is drawn.

    Raises
    ------
    ValueError
        If Matplotlib is missing, if the name does not end in .png, and as for `own_file`.
    """
    require(have_matplotlib(), "output", "be drawn by Matplotlib", "none installed", 'pip install "refdiff[plot]"')
    way_out = f"Pictures here are PNG: choose -o {Path(out).stem or 'picture'}.png."
    require(Path(out).suffix.lower() == ".png", "output", "be named .png", out, way_out)
    return own_file("output", out, PICTURE, "-o")


def own_file(name: str, out: str, mark: bytes, option: str) -> Path:
    """Where a file is to lie: a new one, or one with this package's mark near its beginning.

    Parameters
    ----------
    name : str
        What a refusal calls it.
    out : str
        The path.
    mark : bytes
        What stands near the beginning of files of this kind that were made here.
    option : str
        The option by which another is chosen.

    Raises
    ------
    ValueError
        If its folder does not exist, or if something lies there that was not made here.
    """
    file = Path(out)
    require(file.parent.is_dir(), name, "be in a folder that exists", str(file.parent), "Make it first.")
    free = not file.exists() or (file.is_file() and mark in _head(file))
    require(free, name, "not be somebody's file", out, f"It was not made here and stays: choose another {option}.")
    return file


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there: at any moment it is the old one or the new one, and whole.

    Raises
    ------
    OSError
        With the file's name, where it cannot be written; no part of it is left.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def told(error: OSError) -> str:
    """What the system refused, in one line, with a way out."""
    where = f"{error.filename}: " if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    way_out = "Make room and give the same command again." if full else "Look who may use it, or choose another place."
    return f"{where}{error.strerror or error}. {way_out}"


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD)
