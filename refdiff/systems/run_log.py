"""The log of a training run: one JSON object a line, the first about the run, the others about stretches of steps."""

import json
import math
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from refdiff.systems.own_files import write_whole
from refdiff.training import Bands, Record

Line = dict[str, Any]


class RunLog:
    """Writes means over stretches of steps; what a killed run left behind is mended before more is written.

    A line says `step` (the last of its stretch), `steps` (how many), `loss`, `ratio` and `bands` (the loss over that of
    the best linear denoiser, in all and by noise level), `rate`, `norm` (mean length of the gradient, unclipped) and
    `seconds` since the run began, pauses left out.

    Parameters
    ----------
    path : Path
        Where to.
    head : dict
        The first line of a new log.
    bands : Bands
        Takes in the records' details; cleared after each line.
    lately : Bands
        Absorbs them line by line; what it shows stands in `bars`.
    step : int
        Steps done before: later lines, and what is no whole line, are dropped.
    """

    def __init__(self, path: Path, head: Line, bands: Bands, lately: Bands, step: int = 0) -> None:
        first, *rest = _whole_lines(path) or [head]
        kept = [first, *(line for line in rest if line.get("step", math.inf) <= step)]
        write_whole(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._bands, self._lately, self._seen, self.bars = bands, lately, list[Record](), str(lately)
        self._start = time.perf_counter() - float(kept[-1].get("seconds", 0.0))
        self._file = path.open("a", encoding="utf-8")

    def add(self, record: Record) -> None:
        """Take in a step."""
        self._seen.append(record)

    def write(self) -> None:
        """A line about the steps since the last one; nothing if there were none."""
        if not self._seen:
            return
        last = self._seen[-1]
        self._bands.add([told for record in self._seen for told in record.detail])
        self._lately.absorb(self._bands)
        self.bars = str(self._lately)
        line = {
            "step": last.step,
            "steps": len(self._seen),
            "loss": _short(np.mean([r.loss for r in self._seen])),
            "ratio": _short(self._bands.ratio),
            "bands": [_short(r) for r in self._bands.ratios],
            "rate": _short(last.rate),
            "norm": _short(np.mean([r.norm for r in self._seen])),
            "seconds": round(time.perf_counter() - self._start, 2),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._seen.clear()
        self._bands.clear()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_log(path: Path) -> list[Line]:
    """The objects in a log, whether or not its last line is whole."""
    return _whole_lines(path)


def _whole_lines(path: Path) -> list[Line]:
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def _short(value: Any) -> float | None:
    """Six digits; None where JSON knows no number."""
    return float(f"{float(value):.6g}") if math.isfinite(value) else None
