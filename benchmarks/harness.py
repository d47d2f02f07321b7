"""Sides that take turns, medians of what they took, and the row that is written down."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import refdiff

OURS, EAGER = "refdiff", "PyTorch eager"
ROUNDS = 11  # turns of each side, of which the median is taken
SAMPLE = 0.04  # seconds that a turn lasts at least: a step of a small network is repeated until then


@dataclass(frozen=True)
class Goal:
    """What a measurement should come to.

    Parameters
    ----------
    name : str
        What is done.
    sense : {">=", "<="}
        Whether the ratio should be large (theirs over ours: how many times as fast) or small (ours over theirs: the
        share of time or memory; without a peer, what we take).
    goal, stretch : float
        What must be reached, and what would be better still.
    against : str, optional
        Whose time is compared; None where there is no peer.
    """

    name: str
    sense: str
    goal: float
    stretch: float
    against: str | None = EAGER


class Measured(NamedTuple):
    """What each side took, turn by turn, and in which unit."""

    turns: dict[str, list[float]]
    unit: str = "s"


class Benchmark(NamedTuple):
    """A measurement and the goals that it serves: each of them becomes a row."""

    goals: tuple[Goal, ...]
    measure: Callable[[], Measured]


def take_turns(
    sides: dict[str, Callable[[], Any]],
    *,
    rounds: int = ROUNDS,
    sample: float = SAMPLE,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """CPU seconds a call of each side, one entry a round; another side begins each round.

    All sides are called before any is timed. How often a side is called in its turn is fixed beforehand, so that a turn
    lasts `sample` seconds or one call, whichever is longer.
    """

    def timed(side: Callable[[], Any], calls: int) -> float:
        start = clock()
        for _ in range(calls):
            side()
        return (clock() - start) / calls

    calls = {}
    for name, side in sides.items():
        side()
        once = timed(side, 1)
        once = timed(side, 1) if once < 10 * sample else once  # a second call may still be one of preparation
        calls[name] = max(1, round(sample / max(once, 1e-9)))
    turns: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for _ in range(rounds):
        for name in order:
            turns[name].append(timed(sides[name], calls[name]))
        order = order[1:] + order[:1]
    return turns


def rows(benchmark: Benchmark, measured: Measured, conditions: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """One row for each goal whose peer was there."""
    return [
        row(goal, measured, conditions or {})
        for goal in benchmark.goals
        if goal.against is None or goal.against in measured.turns
    ]


def row(goal: Goal, measured: Measured, conditions: dict[str, Any]) -> dict[str, Any]:
    """Medians, their ratio, and whether the goal was met; beside it what the other sides took.

    `spread` holds the quartiles of the ratio turn by turn: how far a busy machine could have moved it.
    """
    ours = measured.turns[OURS]
    theirs = measured.turns[goal.against] if goal.against else None
    middle = median(ours), median(theirs) if theirs else None
    ratio = _ratio(goal.sense, *middle)
    each = [_ratio(goal.sense, a, b) for a, b in zip(ours, theirs or [None] * len(ours), strict=True)]
    return {
        "name": goal.name,
        "ours_s": middle[0],
        "theirs_s": middle[1],
        "ratio": ratio,
        "sense": goal.sense,
        "goal": goal.goal,
        "stretch": goal.stretch,
        "met": _met(goal.sense, ratio, goal.goal),
        "stretch_met": _met(goal.sense, ratio, goal.stretch),
        "unit": measured.unit,
        "against": goal.against,
        "others": {n: median(t) for n, t in measured.turns.items() if n not in (OURS, goal.against)},
        "spread": quantiles(each, n=4)[::2] if len(each) > 1 else [ratio, ratio],
        "turns": len(ours),
        "measured": conditions,
    }


def _ratio(sense: str, ours: float, theirs: float | None) -> float:
    if theirs is None:
        return ours
    return theirs / ours if sense == ">=" else ours / theirs


def _met(sense: str, ratio: float, goal: float) -> bool:
    return ratio >= goal if sense == ">=" else ratio <= goal


def conditions() -> dict[str, Any]:
    """When and where: the date, the load, the processor, and the versions of all sides."""
    from importlib import metadata

    versions = {"refdiff": refdiff.__version__, "python": platform.python_version()}
    for name in ("numpy", "torch", "diffusers", "jax"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "load": load,
        "cores": os.cpu_count(),
        "machine": _processor(),
        "versions": versions,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        facts = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        facts = {key.strip(): value.strip() for key, value in facts.items()}
        wide = "AVX-512" if "avx512f" in facts.get("flags", "") else "AVX2" if "avx2" in facts.get("flags", "") else ""
        return " ".join(filter(None, (facts.get("model name", platform.machine()), wide)))
    return platform.processor() or platform.machine()


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The rows of a file, none if there is no such file; `ValueError` if it holds something else."""
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"--json must name a file in a folder that exists; got {path}. Make the folder first.")
    if not file.exists() or not file.stat().st_size:
        return []
    try:
        found = json.loads(file.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, list) or not all(isinstance(r, dict) and "name" in r for r in found):
        raise ValueError(f"--json must name a new file, or rows written earlier; got {path}. Choose another name.")
    return found


def write(path: str | os.PathLike[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows, whole or not at all."""
    file = Path(path)
    new = file.with_name(file.name + ".new")
    new.write_text(json.dumps(list(rows), indent=1) + "\n", "utf-8")
    new.replace(file)


def merge(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Old rows with those of the same name replaced, and new ones after them."""
    fresh = {r["name"]: r for r in new}
    kept = [fresh.pop(r["name"], r) for r in old]
    return kept + list(fresh.values())


def optional(name: str, make: Callable[[], Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    """A side that may be missing on this machine: empty, and a line of why, if it cannot be made or does not run."""
    try:
        side = make()
        side()
    except Exception as error:
        first = (str(error).strip() or "no reason given").splitlines()[0]
        print(f"    without {name}: {type(error).__name__}: {first[:100]}", file=sys.stderr)
        return {}
    return {name: side}
