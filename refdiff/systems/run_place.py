"""Where the files of a training run lie, and whether they may be touched."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refdiff.core.validate import require
from refdiff.systems.trained import UNFINISHED, WEIGHTS
from refdiff.training import State, describe, load, save

DRAWING = {"sampler", "sample_steps", "guidance"}  # fields of a recipe that training does not read


@dataclass(frozen=True)
class Place:
    """Where the files of a run lie: in a folder of its own, or beside an `.npz` file, under its name."""

    name: str
    weights: Path
    unfinished: Path
    log: Path
    prefix: str

    @classmethod
    def of(cls, out: str) -> "Place":
        """The place that is meant by a path."""
        path = Path(out)
        if path.suffix == ".npz":
            require(path.parent.is_dir(), "output", "be in a folder that exists", str(path.parent), "Make it first.")
            stem = path.stem
            return cls(out, path, path.with_name(f"{stem}-{UNFINISHED}"), path.with_suffix(".jsonl"), f"{stem}-sheet-")
        free = path.is_dir() or not path.exists()
        require(free, "output", "be a folder or an .npz file", out, "Choose another -o.")
        return cls(out, path / WEIGHTS, path / UNFINISHED, path / "log.jsonl", "sheet-")

    def sheet(self, step: int) -> Path:
        """The file of a sheet of samples."""
        return self.weights.with_name(f"{self.prefix}{step:06d}.png")

    def finished(self, told: str) -> bool:
        """Whether this very run is finished here; a `ValueError` if another is, or what is here is no checkpoint."""
        if not self.weights.exists():
            return False
        same_run(self.weights, told)
        return True

    def take(self, state: State) -> None:
        """Bring the state to where an unfinished run stood, or begin here, if nobody's files are in the way."""
        if self.unfinished.exists():
            resume(self.unfinished, state)
            return
        folder = self.weights.parent
        there = [self.log, *folder.glob(f"{self.prefix}*.png")] if folder.is_dir() else []
        there = [file for file in there if file.exists()]
        first = there[0] if there else ""
        require(not there, "output", "hold no other run", first, "It is left as it is: choose another -o.")
        folder.mkdir(parents=True, exist_ok=True)
        save(self.unfinished, state)


def resume(file: Path, state: State) -> State:
    """The state as a checkpoint of the same run has it; how samples are to be drawn may have changed since."""
    same_run(file, state.about)
    now, state.about = state.about, describe(file)[0]
    try:
        return load(file, state)
    finally:
        state.about = now


def same_run(file: Path, told: str) -> None:
    """Refuse a checkpoint of another run, saying in what it differs, and what is none."""
    try:
        theirs, _ = describe(file)
    except ValueError as refusal:
        raise ValueError(f"{refusal} It is left as it is: choose another -o.") from None
    was, now = _fields(theirs), _fields(told)
    odd = [key for key in sorted({*was, *now} - DRAWING) if was.get(key) != now.get(key)]
    if not odd:
        return
    listed = "; ".join(f"{key} {was.get(key)} there, {now.get(key)} here" for key in odd[:3])
    more = f"; and {len(odd) - 3} more" if len(odd) > 3 else ""
    require(
        False, f"{file}", "be of the same run", f"another: {listed}{more}", "It is left as it is: choose another -o."
    )


def _fields(told: str) -> dict[str, Any]:
    """What a checkpoint says of itself, with the fields of its network, as one dict."""
    try:
        plain = dict(json.loads(told))
        recipe = dict(plain.pop("recipe"))
        return plain | {f"network.{k}": v for k, v in recipe.pop("network").items()} | recipe
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return {"run": told or "without a name"}
