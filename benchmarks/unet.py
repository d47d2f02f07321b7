"""The U-Net for small images: training steps, and sampling with diffusers' scheduler on the other side."""

from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.harness import EAGER, OURS, Benchmark, Goal, Measured, optional, take_turns
from benchmarks.mlp import DIFFUSERS, ONCE, same_samples
from refdiff.core import trees
from refdiff.models import UNet


class Setting(NamedTuple):
    """A size of image, the network for it, and the batch."""

    side: int
    widths: tuple[int, ...]
    batch: int

    @property
    def net(self) -> UNet:
        """Ten classes, as digits and garments have."""
        return UNet(1, self.widths, labels=10)


SETTINGS = {8: Setting(8, (32, 64), 64), 16: Setting(16, (32, 64), 64), 28: Setting(28, (32, 64, 64), 32)}


def step(side: int, *, compiled: bool = False) -> Measured:
    """One training step; the other side also with channels last and the fused Adam, as fast as PyTorch makes it."""
    import torch

    from benchmarks import ours
    from benchmarks.peers_torch import Training, agree, load
    from benchmarks.peers_unet import TorchUNet

    setting, rng = SETTINGS[side], np.random.default_rng(0)
    net = setting.net
    params = net.init(rng)
    x, t, labels = rng.standard_normal((2, side, side, 1)), rng.random(2), np.array([3, 10])
    agree(net, TorchUNet(net), x, t, labels, to_peer=channels_first, tol=1e-10)
    data = rng.standard_normal((512, side, side, 1)).astype(np.float32)
    which = rng.integers(10, size=len(data))
    peer = partial(Training, load(TorchUNet(net), params), channels_first(data), torch.as_tensor(which), setting.batch)
    sides = {OURS: ours.training(net, params, data, which, setting.batch), EAGER: peer()}
    sides["PyTorch, channels last, fused Adam"] = peer(fused=True, channels_last=True)
    if compiled:
        sides |= optional("torch.compile", lambda: peer(fused=True, compiled=True))
    return Measured(take_turns(sides, rounds=9))


def sampling(side: int = 16, steps: int = 10) -> Measured:
    """A batch of images by DDIM, without labels."""
    from benchmarks import ours
    from benchmarks.peers_torch import Sampling, load
    from benchmarks.peers_unet import TorchUNet

    setting, rng = SETTINGS[side], np.random.default_rng(0)
    net = setting.net
    params = trees.transform(lambda a: a + 0.02 * rng.standard_normal(a.shape, np.float32), net.init(rng))
    noise = rng.standard_normal((setting.batch, side, side, 1))
    peer = partial(Sampling, load(TorchUNet(net), params), channels_first(noise).float(), ours.angles(), steps)
    sides = {OURS: ours.sampling(net, params, noise, steps), DIFFUSERS: peer(), ONCE: peer(once=True)}
    same_samples(sides[OURS](), np.moveaxis(sides[DIFFUSERS]().numpy(), 1, -1))
    return Measured(take_turns(sides, rounds=9))


def channels_first(x: np.ndarray) -> "torch.Tensor":  # noqa: F821
    """(B, H, W, C) to PyTorch's (B, C, H, W)."""
    import torch

    return torch.as_tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


BENCHMARKS = [
    *(
        Benchmark(
            (Goal(f"U-Net {side}x{side} train step, batch {SETTINGS[side].batch}", "<=", 1.15, 1.0),),
            partial(step, side, compiled=side == 8),
        )
        for side in SETTINGS
    ),
    Benchmark((Goal("U-Net 16x16 DDIM-10, 64 images", "<=", 1.25, 1.05, DIFFUSERS),), sampling),
]
