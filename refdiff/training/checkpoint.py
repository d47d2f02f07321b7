"""Checkpoints: `.npz` files without pickle, written whole or not at all, from which a run goes on bit for bit.

Inside: the flat parameters, what the optimizer and the average remember, and one JSON text with the number of steps,
the state of the random generator, the shape of every parameter and what was trained.
"""

import json
import os
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.trees import Tree
from refdiff.core.validate import require
from refdiff.training.loop import State

FORMAT = "refdiff checkpoint 1"


def save(path: str | PathLike[str], state: State) -> None:
    """Write a checkpoint beside its place and move it there: at any moment the path holds a whole file, old or new.

    Parameters
    ----------
    path : path-like
        Where to; usually ends in `.npz`. A file PATH.part may be left by a run killed while writing.
    state : State
        Between two steps.

    Raises
    ------
    ValueError
        If the state was interrupted while its parameters were being moved.
    """
    require(
        not state.torn, "state", "stand between two steps", "one interrupted in the middle of an update",
        "Load the last checkpoint.",
    )  # fmt: skip
    meta = {
        "format": FORMAT,
        "about": state.about,
        "step": state.step,
        "shapes": trees.transform(lambda leaf: list(leaf.shape), state.params),
        "rng": _plain(state.rng.bit_generator.state),
    }
    _write(path, meta, _arrays(state))


def export(path: str | PathLike[str], state: State, dtype: Any = np.float16) -> None:
    """Write the best parameters alone, to draw samples with: a small file, from which no run can go on.

    Half precision keeps 11 bits of a number: enough for weights that are cast to float32 before they are used.

    Parameters
    ----------
    path : path-like
        Where to; read it with `load_params`.
    state : State
        Of a run; its average is written if it keeps one.
    dtype : dtype
        In which precision.

    Raises
    ------
    ValueError
        If a parameter is too large for the precision.
    """
    with np.errstate(over="ignore"):
        flat = trees.ravel(state.best).astype(dtype)
    require(bool(np.isfinite(flat).all()), "state", f"fit into {np.dtype(dtype)}", "larger numbers", "Use float32.")
    meta = {
        "format": FORMAT,
        "about": state.about,
        "step": state.step,
        "shapes": trees.transform(lambda leaf: list(leaf.shape), state.params),
        "rng": {},
    }
    _write(path, meta, {"flat": flat})


def describe(path: str | PathLike[str]) -> tuple[str, int]:
    """What a checkpoint says was trained, and how many steps were done.

    Raises
    ------
    ValueError, FileNotFoundError
        As for `load`.
    """
    meta, _ = _read(path)
    return meta["about"], meta["step"]


def load(path: str | PathLike[str], state: State) -> State:
    """Bring a fresh state of the same run to where a checkpoint was written; nothing is changed if it does not fit.

    Parameters
    ----------
    path : path-like
        A file that `save` wrote.
    state : State
        From `begin`, with the same network, optimizer, average and kind of generator. It is changed in place.

    Returns
    -------
    State
        The same object.

    Raises
    ------
    ValueError
        If the file is cut short, damaged, foreign, or of another architecture or optimizer; it says which.
    FileNotFoundError
        If there is none.
    """
    meta, arrays = _read(path)
    _fits(path, meta, state)
    expected = _arrays(state)
    for name in sorted(expected.keys() | arrays.keys()):
        got, want = (f"{a[name].dtype} {a[name].shape}" if name in a else "nothing" for a in (arrays, expected))
        require(
            got == want, f"{path}", f"hold {want} as {name}", got, "Begin with the optimizer, average and dtype it had."
        )
    try:
        state.rng.bit_generator.state = meta["rng"]
    except (ValueError, TypeError, KeyError):
        require(
            False, f"{path}", f"hold the state of a {type(state.rng.bit_generator).__name__} generator",
            repr(meta["rng"].get("bit_generator")), "Begin with the kind of generator it had.",
        )  # fmt: skip
    for name, array in expected.items():
        array[...] = arrays[name]
    state.step, state.torn = meta["step"], False
    return state


def load_params(path: str | PathLike[str], *, average: bool = True) -> Tree:
    """The parameters in a checkpoint, to draw samples with; without the state of a run.

    Parameters
    ----------
    path : path-like
        A file that `save` wrote.
    average : bool
        Their average if one was kept; else the last ones.

    Raises
    ------
    ValueError, FileNotFoundError
        As for `load`.
    """
    meta, arrays = _read(path)
    flat = arrays["average/mean"] if average and "average/mean" in arrays else arrays["flat"]
    return trees.unflatten(flat, trees.transform(lambda shape: np.broadcast_to(0.0, shape), meta["shapes"]))


def _write(path: str | PathLike[str], meta: dict[str, Any], arrays: dict[str, Array]) -> None:
    path, part = Path(path), Path(f"{os.fspath(path)}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:  # a full disk gets back what the part took
        part.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def _arrays(state: State) -> dict[str, Array]:
    """The arrays of a state under their names in the file; no copies."""
    return {
        "flat": state.flat,
        **{f"optimizer/{name}": array for name, array in state.slots.items()},
        **{f"average/{name}": array for name, array in state.averaged.items()},
    }


def _read(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    foreign = f"{path} must be a refdiff checkpoint; got "
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
    except (FileNotFoundError, PermissionError):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{foreign}a file cut short or damaged ({error}). Use an earlier copy.") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(f"{foreign}some other file. Pass what training.save wrote.") from None
    known = isinstance(meta, dict) and meta.get("format") == FORMAT
    if not known:
        found = meta.get("format") if isinstance(meta, dict) else None
        raise ValueError(
            f"{foreign}the format {found!r} instead of {FORMAT!r}. Read it with the version that wrote it."
        )
    return meta, arrays


def _fits(path: str | PathLike[str], meta: dict[str, Any], state: State) -> None:
    found = {name: tuple(shape) for name, shape in trees.named(meta["shapes"])}
    wanted = trees.shapes(state.params)
    for name in sorted(found.keys() | wanted.keys()):
        got, want = (shapes.get(name, "no such parameter") for shapes in (found, wanted))
        require(
            got == want, f"{path}", f"be of the same architecture, with {name}: {want}", f"{got}",
            f"It was written for {meta['about'] or 'another network'}.",
        )  # fmt: skip
    require(
        meta["about"] == state.about, f"{path}", f"be of {state.about or 'a run without a name'}",
        f"{meta['about'] or 'a run without a name'}", "Give begin(about=...) what it had.",
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """The state of a bit generator in numbers that JSON knows; some keep arrays."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
