"""Where a training step's time goes, and what it costs to fetch memory anew: `python -m benchmarks --where`."""

import cProfile
import os
import pstats
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import harness, ours
from benchmarks.unet import SETTINGS
from refdiff.data import two_moons
from refdiff.losses import DenoisingLoss, draws
from refdiff.models import MLP
from refdiff.process import V
from refdiff.schedules import Cosine
from refdiff.training import accumulated

PARTS = {
    "affine maps": ("linear",),
    "convolutions": ("conv",),
    "norms": ("norm", "group_norm", "sums"),
    "SiLU": ("activation",),
    "attention": ("attention",),
    "Adam and the average": ("optim", "average"),
    "batch, noise, levels, loss": (
        "ours",
        "draws",
        "smooth",
        "level",
        "door",
        "predict",
        "denoising",
        "arrays",
        "embed",
    ),
}
REST = "skips, folds, traces, the loop"
NETS = {"MLP 128x4, batch 256": 0, "U-Net 8x8, batch 64": 8, "U-Net 16x16, batch 64": 16, "U-Net 28x28, batch 32": 28}
STEPS = {0: 40, 8: 8, 16: 4, 28: 4}  # of the perceptron, and of the U-Nets


def step_of(side: int) -> Callable[[], float]:
    """A training step of the perceptron (side 0), or of the U-Net for images of this side."""
    rng = np.random.default_rng(0)
    if not side:
        net = MLP(2, width=128, depth=2)
        return ours.training(net, net.init(rng), two_moons(4096, rng=rng).astype(np.float32), None, 256)
    setting = SETTINGS[side]
    data, labels = rng.standard_normal((512, side, side, 1)).astype(np.float32), rng.integers(10, size=512)
    return ours.training(setting.net, setting.net.init(rng), data, labels, setting.batch)


def shares(side: int) -> dict[str, float]:
    """What share of a step each kind of layer takes; NumPy's work is its caller's."""
    step, profile = step_of(side), cProfile.Profile()
    for _ in range(3):
        step()
    profile.enable()
    for _ in range(STEPS[side]):
        step()
    profile.disable()
    spent: dict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if name == "<built-in method builtins.next>":
            continue  # the way into the loop, whose time is counted within
        if _mine(file):
            spent[_part(file)] += own
            continue
        for (caller, *_), (_, _, _, whole) in callers.items():
            if _mine(caller):
                spent[_part(caller)] += whole
    total = sum(spent.values())
    return {part: spent[part] / total for part in (*PARTS, REST) if spent[part] > 0.005 * total}


def _mine(file: str) -> bool:
    return "refdiff" in Path(file).parts or "benchmarks" in Path(file).parts


def _part(file: str) -> str:
    return next((part for part, stems in PARTS.items() if Path(file).stem in stems), REST)


def faults(side: int, keep: bool) -> tuple[float, float]:
    """Minor page faults and CPU milliseconds a step, in this process; `keep` as `keep_freed_memory` has it, or not."""
    with patch("refdiff.training.loop.keep_freed_memory", (lambda: False) if not keep else _keep()):
        step = step_of(side)
        for _ in range(3):
            step()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
    for _ in range(STEPS[side]):
        step()
    spent, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return (after - before) / STEPS[side], 1e3 * spent / STEPS[side]


def threads(side: int, rounds: int = 7) -> dict[str, float]:
    """Wall milliseconds of a gradient by one thread and by two over halves of the batch, BLAS at one: medians."""
    setting = SETTINGS[side] if side else None
    net: Any = setting.net if setting else MLP(2, width=128, depth=2)
    n, shape = (setting.batch, (side, side, 1)) if setting else (256, (2,))
    rng = np.random.default_rng(0)
    params, data = net.init(rng), rng.standard_normal((n, *shape)).astype(np.float32)
    objective, took = DenoisingLoss(V).objective(net, draws.in_time(Cosine())), {}
    sides = {"1": objective, "2": accumulated(objective, 2, threads=2)}
    seen: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, f in sides.items():
            start = time.perf_counter()
            f(params, rng, data)
            seen[name].append(time.perf_counter() - start)
    for name, times in seen.items():
        took[name] = 1e3 * float(np.median(times[1:]))
    return took


def _keep() -> Callable[[], bool]:
    from refdiff.training import keep_freed_memory

    return keep_freed_memory


def measure_all(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """For each network: the shares, and faults and time with memory kept and given back, each in a fresh process."""
    rows = []
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    for name, side in NETS.items():
        row: dict[str, Any] = {"name": name, "shares": shares(side)}
        for how in ("kept", "returned"):
            command = [sys.executable, "-m", "benchmarks.where", str(side), how]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            row[how] = dict(zip(("faults", "ms"), map(float, done.stdout.split()), strict=True))
        row["threads"] = threads(side)
        rows.append(row | {"measured": harness.conditions()})
        kept, returned = row["kept"]["faults"], row["returned"]["faults"]
        say(f"{name}: {kept:.0f} page faults a step, {returned:.0f} without the setting")
    return rows


if __name__ == "__main__":
    print(*faults(int(sys.argv[1]), sys.argv[2] == "kept"))
