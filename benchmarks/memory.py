"""Peak memory of three training steps, each side in a process of its own: `python -m benchmarks.memory SIDE PIXELS`."""

import os
import resource
import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import EAGER, OURS, Benchmark, Goal, Measured
from benchmarks.unet import SETTINGS, channels_first

SIDES = {OURS: "refdiff", EAGER: "torch"}


def run(side: str, pixels: int) -> None:
    """Build the network, take three steps, print the peak in MB."""
    setting, rng = SETTINGS[pixels], np.random.default_rng(0)
    net, data = setting.net, rng.standard_normal((512, pixels, pixels, 1)).astype(np.float32)
    labels = rng.integers(10, size=len(data))
    if side == SIDES[OURS]:
        from benchmarks import ours

        step = ours.training(net, net.init(rng), data, labels, setting.batch)
    else:
        import torch

        from benchmarks.peers_torch import Training
        from benchmarks.peers_unet import TorchUNet

        torch.set_num_threads(1)
        step = Training(TorchUNet(net), channels_first(data), torch.as_tensor(labels), setting.batch)
    for _ in range(3):
        step()
    print(peak())


def peak() -> float:
    """The most memory that this process has held, in MB.

    Linux's VmHWM counts from the start of the program. `ru_maxrss` would begin with what the process held that started
    this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        held = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
        if held:
            return int(held.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def compare(pixels: int) -> Measured:
    """Three processes of each side, in turn."""
    import subprocess

    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    turns: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(3):
        for name, side in SIDES.items():
            command = [sys.executable, "-m", "benchmarks.memory", side, str(pixels)]
            done = subprocess.run(command, env=env, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{side} in a process of its own: {done.stderr.strip().splitlines()[-1]}")
            turns[name].append(float(done.stdout))
    return Measured(turns, "MB")


BENCHMARKS = [
    Benchmark((Goal(f"peak memory, U-Net {side}x{side} train step", "<=", 0.4, 0.25),), partial(compare, side))
    for side in SETTINGS
]

if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
