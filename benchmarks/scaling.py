"""The cost of a training step against resolution, batch and width, beside what its products of matrices must cost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import harness, ours
from refdiff.data import two_moons
from refdiff.models import MLP, UNet
from refdiff.nn import Conv, Linear

TURNS = 9
UNET, PERCEPTRON = "U-Net", "MLP"
RUNS = {
    (UNET, "resolution"): [(side, 32, 32) for side in (8, 16, 28)],  # side, batch, first width
    (UNET, "batch"): [(8, batch, 32) for batch in (8, 16, 32, 64, 128)],
    (UNET, "width"): [(8, 32, width) for width in (8, 16, 32, 64)],
    (PERCEPTRON, "batch"): [(1, batch, 128) for batch in (32, 64, 128, 256, 512, 1024)],
    (PERCEPTRON, "width"): [(1, 256, width) for width in (16, 32, 64, 128, 256)],
}


def measure_all(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each size: CPU milliseconds, FLOPs, and the rate of products of matrices measured beside it."""
    rows = []
    for (model, against), sizes in RUNS.items():
        for side, batch, width in sizes:
            row = measure(model, side, batch, width)
            rows.append({"name": f"{model} {side}x{side} batch {batch} width {width}", "against": against, **row})
            say(f"{rows[-1]['name']}: {row['ms']:.3g} ms, its products alone {row['roofline_ms']:.3g} ms")
    return rows


def measure(model: str, side: int, batch: int, width: int) -> dict[str, Any]:
    """One size."""
    rng = np.random.default_rng(0)
    net: MLP | UNet
    if model == PERCEPTRON:
        net, data, labels = MLP(2, width=width, depth=2), two_moons(4096, rng=rng).astype(np.float32), None
    else:
        net, labels = UNet(1, (width, 2 * width), labels=10), rng.integers(10, size=512)
        data = rng.standard_normal((512, side, side, 1)).astype(np.float32)
    params = net.init(rng)
    with counted() as flops:
        net(params, data[:batch], np.full(batch, 0.5, np.float32), None if labels is None else labels[:batch])
    turns = harness.take_turns(
        {harness.OURS: ours.training(net, params, data, labels, batch), "products": product()}, rounds=TURNS
    )
    rate = 2 * SIZE**3 / median(turns["products"])
    seconds, total = median(turns[harness.OURS]), 3 * flops[0]
    return {
        "model": model, "side": side, "batch": batch, "width": width, "ms": 1e3 * seconds,
        "gflop": total / 1e9, "gemm_gflops": rate / 1e9, "roofline_ms": 1e3 * total / rate,
        "measured": harness.conditions(),
    }  # fmt: skip


SIZE = 1024


def product() -> Callable[[], Any]:
    """A square product of matrices in float32: the highest rate that a step could reach."""
    a, b = np.random.default_rng(0).standard_normal((2, SIZE, SIZE)).astype(np.float32)
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


@contextmanager
def counted() -> Iterator[list[int]]:
    """Within the block, the operations of affine maps and convolutions are added up: 2 for each weight it meets.

    Backwards there are two such products for each one forward. Attention's own products are left out: below 2 % here.
    """
    flops = [0]

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, params: Any, x: Any, **rng: Any) -> Any:
            y, pull = call(self, params, x, **rng)
            flops[0] += 2 * params["w"].size * (y.size // y.shape[-1])
            return y, pull

        return wrapped

    with (
        patch.object(Linear, "__call__", watched(Linear.__call__)),
        patch.object(Conv, "__call__", watched(Conv.__call__)),
    ):
        yield flops
