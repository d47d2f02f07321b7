"""The perceptrons in PyTorch, and `refdiff.models.MLP` in JAX as well, parameter for parameter."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers_torch import Pairs, Sinusoids, linear, norm
from benchmarks.plain import Plain
from refdiff.core.arrays import Array
from refdiff.core.trees import Tree
from refdiff.models import MLP


class TorchMLP(nn.Module):
    """The residual perceptron: time and input meet in the stream, blocks of norm, affine, SiLU, affine."""

    def __init__(self, like: MLP) -> None:
        super().__init__()
        width = like.width
        self.labels = self.drop = None
        self.waves = Sinusoids(like.waves, like.scale, like.max_period)
        self.time, self.mix = nn.Linear(like.waves, width), nn.Linear(width, width)
        self.first, self.last = nn.Linear(like.n_in, width), nn.Linear(width, like.n_in)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(like.depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, t: Tensor, labels: None = None) -> Tensor:
        h = self.first(x) + self.mix(F.silu(self.time(self.waves(t))))
        for block in self.blocks:
            h = h + block(h)
        return self.last(F.silu(self.norm(h)))

    def pairs(self, ours: Tree) -> Pairs:
        """Each of their parameters beside ours."""
        yield from linear(self.time, ours["time"]["1"])
        yield from linear(self.first, ours["in"])
        yield from linear(self.mix, ours["mix"]["1"])
        for i, block in enumerate(self.blocks):
            part = ours["body"][str(i)]
            yield from norm(block[0], part["0"])
            yield from linear(block[1], part["1"])
            yield from linear(block[3], part["3"])
        yield from norm(self.norm, ours["out"]["0"])
        yield from linear(self.last, ours["out"]["2"])


class TorchPlain(nn.Module):
    """The plain perceptron: input and time meet, then SiLU and an affine map again and again."""

    def __init__(self, like: Plain) -> None:
        super().__init__()
        width = like.width
        self.labels = self.drop = None
        self.waves = Sinusoids(like.waves, like.scale, like.max_period)
        self.time, self.first = nn.Linear(like.waves, width), nn.Linear(like.n_in, width)
        sizes = [*[width] * (like.depth - 1), like.n_in]
        self.hidden = nn.ModuleList(nn.Linear(width, size) for size in sizes)

    def forward(self, x: Tensor, t: Tensor, labels: None = None) -> Tensor:
        h = self.first(x) + self.time(self.waves(t))
        for layer in self.hidden:
            h = layer(F.silu(h))
        return h

    def pairs(self, ours: Tree) -> Pairs:
        """Each of their parameters beside ours."""
        yield from linear(self.time, ours["time"]["1"])
        yield from linear(self.first, ours["in"])
        for i, layer in enumerate(self.hidden):
            yield from linear(layer, ours["body"][str(2 * i + 1)])


def jax_training(net: MLP, params: Tree, data: Array, batch: int) -> Callable[[], float]:
    """The same step in JAX, all of it in one jitted function whose buffers are given away and reused."""
    import jax
    import jax.numpy as jnp

    frequencies = jnp.asarray(net.parts["time"].parts["0"].frequencies, jnp.float32)
    points = jnp.asarray(data)

    def affine(p: Any, x: Any) -> Any:
        return x @ p["w"] + p["b"]

    def layer_norm(p: Any, x: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * p["scale"] + p["shift"]

    def forward(p: Any, x: Any, t: Any) -> Any:
        phase = t[:, None] * frequencies
        e = affine(p["time"]["1"], jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], axis=1))
        h = affine(p["in"], x) + affine(p["mix"]["1"], jax.nn.silu(e))
        for i in range(net.depth):
            b = p["body"][str(i)]
            h = h + affine(b["3"], jax.nn.silu(affine(b["1"], layer_norm(b["0"], h))))
        return affine(p["out"]["2"], jax.nn.silu(layer_norm(p["out"]["0"], h)))

    def loss(p: Any, key: Any) -> Any:
        which, when, what = jax.random.split(key, 3)
        x0 = points[jax.random.randint(which, (batch,), 0, len(points))]
        angle = jnp.pi / 2 * (1 - jax.random.uniform(when, (batch,)))
        alpha, sigma = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
        eps = jax.random.normal(what, x0.shape)
        return jnp.mean((forward(p, alpha * x0 + sigma * eps, angle) - (alpha * eps - sigma * x0)) ** 2)

    def step(state: Any) -> Any:
        p, m, v, mean, k, key = state
        key, now = jax.random.split(key)
        value, g = jax.value_and_grad(loss)(p, now)
        k = k + 1
        m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
        v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
        start1, start2 = 1 - 0.9**k, 1 - 0.999**k
        p = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / start1) / (jnp.sqrt(v / start2) + 1e-8), p, m, v)
        mean = jax.tree.map(lambda e, p: e + 1e-3 * (p - e), mean, p)
        return (p, m, v, mean, k, key), value

    jitted = jax.jit(step, donate_argnums=0)
    first = jax.tree.map(jnp.array, params)
    m, v, mean = (jax.tree.map(make, params) for make in (jnp.zeros_like, jnp.zeros_like, jnp.array))
    state = (first, m, v, mean, jnp.float32(0), jax.random.key(0))

    def run() -> float:
        nonlocal state
        state, value = jitted(state)
        return float(value)

    x, t = np.random.default_rng(1).standard_normal((2, 8, net.n_in)).astype(np.float32)
    ours, theirs = net(params, x, np.abs(t[:, 0]))[0], np.asarray(forward(first, x, np.abs(t[:, 0])))
    if not np.allclose(ours, theirs, atol=1e-4):
        raise RuntimeError("JAX's network and ours differ: not the same network")
    return run
