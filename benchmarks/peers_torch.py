"""A training step and a sampling run as a PyTorch user writes them, around any network of refdiff's shape."""

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.trees import Tree

Pairs = Iterable[tuple[Tensor, Array]]
"""A parameter of theirs, and ours in its shape."""


class Sinusoids(nn.Module):
    """The sines and cosines of `refdiff.nn.Sinusoidal`."""

    def __init__(self, waves: int, scale: float, max_period: float) -> None:
        super().__init__()
        half = waves // 2
        self.register_buffer("f", scale * max_period ** (-torch.arange(half, dtype=torch.float64) / (half - 1)))

    def forward(self, t: Tensor) -> Tensor:
        phase = t[:, None] * self.f.to(t.dtype)
        return torch.cat([phase.sin(), phase.cos()], dim=1)


def linear(layer: nn.Linear, ours: Tree) -> Pairs:
    """An affine map's parameters."""
    return [(layer.weight, ours["w"].T), (layer.bias, ours["b"])]


def norm(layer: nn.LayerNorm | nn.GroupNorm, ours: Tree) -> Pairs:
    """A norm's parameters."""
    return [(layer.weight, ours["scale"]), (layer.bias, ours["shift"])]


def load(net: nn.Module, params: Tree) -> nn.Module:
    """Our parameters put into theirs."""
    pairs = list(net.pairs(params))
    if sum(p.numel() for p in net.parameters()) != trees.size(params) or len(pairs) != len(list(net.parameters())):
        raise RuntimeError("the two networks differ in size, so that a race between them would say nothing")
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(torch.as_tensor(np.ascontiguousarray(ours)))
    return net


def agree(net: Any, peer: nn.Module, x: Array, t: Array, labels: Array | None, *, to_peer: Any, tol: float) -> None:
    """Raise unless outputs and all gradients agree in float64 to `tol` of their largest entry."""
    rng = np.random.default_rng(11)
    params = trees.transform(lambda leaf: leaf + 0.1 * rng.standard_normal(leaf.shape), net.init(rng, np.float64))
    peer = load(copy.deepcopy(peer).double(), params)
    y, pull = net(params, x, t, labels)
    dy = rng.standard_normal(y.shape)
    out = peer(to_peer(x), torch.as_tensor(t), None if labels is None else torch.as_tensor(labels))
    out.backward(to_peer(dy))
    pairs = [(out.detach(), to_peer(y).numpy()), *((p.grad, g) for p, g in peer.pairs(pull(dy)[0]))]
    worst = max(float(np.abs(a.numpy() - b).max() / max(np.abs(b).max(), 1e-30)) for a, b in pairs)
    if not worst < tol:
        raise RuntimeError(f"PyTorch's network and ours differ by {worst:.1e} in float64: not the same network")


class Training:
    """One step as often as it is called: batch, noise, forward, backward, Adam, moving average, loss as a number.

    The target is v on the cosine path, with times uniform, as on our side. `fused` takes PyTorch's fused Adam in place
    of the one that works through all parameters at once (`foreach`); `compiled` puts noise, network and loss through
    `torch.compile`.
    """

    def __init__(
        self,
        net: nn.Module,
        data: Tensor,
        labels: Tensor | None,
        batch: int,
        *,
        fused: bool = False,
        compiled: bool = False,
        channels_last: bool = False,
    ) -> None:
        self.net = copy.deepcopy(net)
        if channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
            data = data.contiguous(memory_format=torch.channels_last)
        self.data, self.labels, self.batch = data, labels, batch
        self.params = list(self.net.parameters())
        self.mean = [p.detach().clone() for p in self.params]
        self.optimizer = torch.optim.Adam(self.params, 1e-3, **({"fused": True} if fused else {"foreach": True}))
        self.loss: Callable[..., Tensor] = torch.compile(self._loss) if compiled else self._loss

    def _loss(self, x0: Tensor, labels: Tensor | None) -> Tensor:
        angle = math.pi / 2 * (1 - torch.rand(len(x0)))
        eps = torch.randn_like(x0)
        shape = (-1,) + (1,) * (x0.ndim - 1)
        alpha, sigma = angle.cos().view(shape), angle.sin().view(shape)
        if labels is not None:
            labels = torch.where(torch.rand(len(x0)) < self.net.drop, self.net.labels, labels)
        raw = self.net(alpha * x0 + sigma * eps, angle, labels)
        return F.mse_loss(raw, alpha * eps - sigma * x0)

    def __call__(self) -> float:
        i = torch.randint(len(self.data), (self.batch,))
        loss = self.loss(self.data[i], None if self.labels is None else self.labels[i])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        torch._foreach_lerp_(self.mean, self.params, 1e-3)
        return loss.item()


class Sampling:
    """DDIM by diffusers' scheduler around a network that predicts v: `steps` trailing timesteps of a linear chain.

    `once` embeds the time once for the whole batch; diffusers' own networks are handed it for each sample.
    """

    def __init__(self, net: nn.Module, noise: Tensor, angles: Array, steps: int, *, once: bool = False) -> None:
        from diffusers import DDIMScheduler

        self.net, self.noise, self.once, self.steps = copy.deepcopy(net).eval(), noise, once, steps
        self.angles = torch.as_tensor(angles, dtype=noise.dtype)
        self.scheduler = DDIMScheduler(
            beta_schedule="linear", clip_sample=False, prediction_type="v_prediction", timestep_spacing="trailing"
        )

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        self.scheduler.set_timesteps(self.steps)
        x = self.noise
        for i in self.scheduler.timesteps:
            t = self.angles[i + 1]
            raw = self.net(x, t.expand(1 if self.once else len(x)))
            x = self.scheduler.step(raw, i, x).prev_sample
        return x
