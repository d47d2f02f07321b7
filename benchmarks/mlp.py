"""Perceptrons for points in the plane: training steps, and sampling with diffusers' scheduler on the other side."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import EAGER, OURS, Benchmark, Goal, Measured, optional, take_turns
from benchmarks.plain import Plain
from refdiff.core import trees
from refdiff.data import two_moons
from refdiff.models import MLP

JAX, ONCE, DIFFUSERS = "JAX jit", "diffusers, time embedded once", "diffusers"
POINTS, STEPS = 10_000, 50


def network(kind: str, width: int) -> tuple[Any, Any]:
    """The library's own, of two residual blocks, or the plain one: four hidden layers each; and the peer."""
    from benchmarks.peers_mlp import TorchMLP, TorchPlain

    if kind == "MLP":
        own = MLP(2, width=width, depth=2)
        return own, partial(TorchMLP, own)
    plain = Plain(2, width=width)
    return plain, partial(TorchPlain, plain)


def step(kind: str, width: int, batch: int) -> Measured:
    """One training step."""
    import torch

    from benchmarks import ours
    from benchmarks.peers_mlp import jax_training
    from benchmarks.peers_torch import Training, agree, load

    rng = np.random.default_rng(0)
    net, theirs = network(kind, width)
    params, data = net.init(rng), two_moons(POINTS, rng=rng).astype(np.float32)
    x, t = rng.standard_normal((8, 2)), rng.random(8)
    agree(net, theirs(), x, t, None, to_peer=torch.as_tensor, tol=1e-10)
    peer = partial(Training, load(theirs(), params), torch.as_tensor(data), None, batch)
    sides = {OURS: ours.training(net, params, data, None, batch), EAGER: peer()}
    sides["PyTorch, fused Adam"] = peer(fused=True)
    sides |= optional("torch.compile", lambda: peer(fused=True, compiled=True))
    if kind == "MLP":
        sides |= optional(JAX, lambda: jax_training(net, params, data, batch))
    return Measured(take_turns(sides))


def sampling(kind: str) -> Measured:
    """10,000 points in 50 steps of DDIM."""
    import torch

    from benchmarks import ours
    from benchmarks.peers_torch import Sampling, load

    rng = np.random.default_rng(0)
    net, theirs = network(kind, 128)
    params = trees.transform(lambda a: a + 0.05 * rng.standard_normal(a.shape, np.float32), net.init(rng))
    noise = rng.standard_normal((POINTS, 2))
    start = torch.as_tensor(noise, dtype=torch.float32)
    peer = partial(Sampling, load(theirs(), params), start, ours.angles(), STEPS)
    sides = {OURS: ours.sampling(net, params, noise, STEPS), DIFFUSERS: peer(), ONCE: peer(once=True)}
    same_samples(sides[OURS](), sides[DIFFUSERS]().numpy())
    return Measured(take_turns(sides, rounds=9))


def same_samples(mine: np.ndarray, theirs: np.ndarray, tol: float = 1e-3) -> None:
    """Raise unless two runs from one noise end at the same points, to what float32 leaves after many steps."""
    worst = float(np.abs(mine - theirs).max() / np.abs(mine).max())
    if not worst < tol:
        raise RuntimeError(f"our samples and diffusers' differ by {worst:.1e}: not the same run")


BENCHMARKS = [
    Benchmark((Goal("plain MLP 128x4 train step, batch 256", ">=", 1.4, 1.6),), partial(step, "plain", 128, 256)),
    Benchmark((Goal("plain MLP 128x4 train step, batch 1024", ">=", 1.15, 1.25),), partial(step, "plain", 128, 1024)),
    Benchmark((Goal("plain MLP 64x4 train step, batch 256", ">=", 1.9, 2.4),), partial(step, "plain", 64, 256)),
    Benchmark((Goal("plain MLP DDIM-50, 10,000 points", ">=", 1.2, 1.5, DIFFUSERS),), partial(sampling, "plain")),
    Benchmark(
        (
            Goal("MLP 128x4 train step, batch 256", ">=", 1.4, 1.6),
            Goal("MLP 128x4 train step, batch 256, against JAX", ">=", 0.9, 1.0, JAX),
        ),
        partial(step, "MLP", 128, 256),
    ),
    Benchmark(
        (
            Goal("MLP 128x4 train step, batch 1024", ">=", 1.15, 1.25),
            Goal("MLP 128x4 train step, batch 1024, against JAX", ">=", 0.9, 1.0, JAX),
        ),
        partial(step, "MLP", 128, 1024),
    ),
    Benchmark((Goal("MLP 64x4 train step, batch 256", ">=", 1.9, 2.4),), partial(step, "MLP", 64, 256)),
    Benchmark((Goal("MLP DDIM-50, 10,000 points", ">=", 1.2, 1.5, DIFFUSERS),), partial(sampling, "MLP")),
]
