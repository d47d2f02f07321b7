"""Sampling with an exact denoiser: a mixture's own belief, in every formulation that PyTorch offers for it."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Benchmark, Goal, Measured, take_turns
from refdiff.core.arrays import Array
from refdiff.oracles import Mixture
from refdiff.samplers import ddim
from refdiff.schedules import Cosine, grids

POINTS, STEPS, VAR = 10_000, 50, 0.02
TURN = 2 * np.pi * np.arange(8) / 8
MEANS = 1.3 * np.stack([np.cos(TURN), np.sin(TURN)], axis=1)
SOFTMAX, BEST = "PyTorch, products of matrices", "PyTorch, its best formulation"


def sampling(last: bool) -> Measured:
    """10,000 points in 50 steps of DDIM, from eight round components; states (B, D), or stored samples last."""
    law, levels = Mixture(np.full(8, 1 / 8), MEANS, VAR), grids.angle(Cosine(), STEPS)
    noise = np.random.default_rng(0).standard_normal((POINTS, 2))
    noise = np.asfortranarray(noise) if last else noise
    sides: dict[str, Callable[[], Array]] = {OURS: lambda: ddim(law.denoise, noise, levels)}
    sides |= {f"PyTorch, {name}": partial(run, levels, noise, last) for name, run in FORMULATIONS.items()}
    ours = sides[OURS]()
    for name, side in sides.items():
        worst = float(np.max(np.abs(side() - ours)))
        if not worst < 1e-11:
            raise RuntimeError(f"the samples of {name} are off ours by {worst:.1e}: not the same run")
    turns = take_turns(sides)
    turns[BEST] = min((turns[name] for name in sides if name != OURS), key=median)
    return Measured(turns)


def by_differences(levels: list[Any], noise: Array, last: bool) -> Array:
    """Each x less each mean, then squares, as the formula is written."""
    import torch

    means, x, log_w, k = _tensors(noise, last)
    means = means[..., None] if last else means
    with torch.inference_mode():
        for t, s in pairwise(levels):
            a, sigma, v = _numbers(t)
            y = (x if last else x[:, None]) - a * means
            r = torch.softmax(log_w - (y * y).sum(1 if last else 2) / (2 * v), k)
            pull = (r[:, None] * y).sum(0) / v if last else (r[..., None] * y).sum(1) / v
            mean = _average(r, last)
            x = float(s.alpha) * (mean + a * VAR * pull) + float(s.sigma) * sigma * pull
    return np.asarray(x.numpy().T if last else x.numpy())


def by_products(levels: list[Any], noise: Array, last: bool, *, softmax: bool = True) -> Array:
    """The square multiplied out, |x|^2 dropped: products of matrices around a softmax."""
    import torch

    means, x, log_w, k = _tensors(noise, last)
    square = (means**2).sum(1)
    square = square[:, None] if last else square
    with torch.inference_mode():
        for t, s in pairwise(levels):
            a, sigma, v = _numbers(t)
            bias = log_w - a * a * square / (2 * v)
            left, right = (means, x) if last else (x, means.T)
            logits = torch.addmm(bias, left, right, alpha=a / v)
            if softmax:
                mean = _average(torch.softmax(logits, k), last)
            else:  # normalised after the average, which is over fewer numbers
                p = logits.sub_(logits.amax(k, keepdim=True)).exp_()
                mean = _average(p, last) / p.sum(k, keepdim=True)
            x0 = mean + (a * VAR / v) * (x - a * mean)
            x = float(s.alpha) * x0 + float(s.sigma) / sigma * (x - a * x0)
    return np.asarray(x.numpy().T if last else x.numpy())


FORMULATIONS = {
    "differences": by_differences,
    "products of matrices": by_products,
    "products, normalised last": partial(by_products, softmax=False),
}


def _tensors(noise: Array, last: bool) -> tuple[Any, Any, float, int]:
    """Means (K, D), states in their layout, the log weight, and the axis of components in what is weighed."""
    import torch

    x = torch.tensor(np.ascontiguousarray(noise.T if last else noise))
    return torch.tensor(MEANS), x, float(np.log(1 / 8)), 0 if last else 1


def _average(r: Any, last: bool) -> Any:
    import torch

    means = torch.tensor(MEANS)
    return means.T @ r if last else r @ means


def _numbers(t: Any) -> tuple[float, float, float]:
    a, sigma = float(t.alpha), float(t.sigma)
    return a, sigma, a * a * VAR + sigma * sigma


BENCHMARKS = [
    Benchmark(
        (
            Goal("exact mixture DDIM-50, 10,000 points, against torch.softmax", ">=", 3.0, 4.0, SOFTMAX),
            Goal("exact mixture DDIM-50, 10,000 points", ">=", 3.0, 4.0, BEST),
        ),
        partial(sampling, False),
    ),
    Benchmark(
        (Goal("exact mixture DDIM-50, 10,000 points, samples last", ">=", 3.0, 4.0, BEST),), partial(sampling, True)
    ),
]
