"""refdiff's side: the library's own loop and sampler, as a user runs them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.trees import Tree
from refdiff.losses import DenoisingLoss, draws
from refdiff.models import as_denoiser
from refdiff.nn import adam, ema
from refdiff.process import V
from refdiff.samplers import ddim
from refdiff.schedules import Chain, Cosine, grids
from refdiff.schedules.chain import linear_betas
from refdiff.training import begin, train

CHAIN = Chain(linear_betas())


def training(net: Any, params: Tree, data: Array, labels: Array | None, batch: int) -> Callable[[], float]:
    """One step as often as it is called, by `training.train`: batch, noise, forward, backward, Adam, moving average."""
    state = begin(params, optimizer=adam(1e-3), average=ema(0.999), rng=np.random.default_rng(0))

    def drawn(rng: np.random.Generator) -> Any:
        i = rng.integers(len(data), size=batch)
        return data[i] if labels is None else (data[i], labels[i])

    run = train(DenoisingLoss(V).objective(net, draws.in_time(Cosine())), drawn, state, steps=10**9)
    return lambda: next(run).loss


def sampling(net: Any, params: Tree, noise: Array, steps: int) -> Callable[[], Array]:
    """DDIM over trailing levels of the linear chain."""
    denoise, levels = as_denoiser(net, params, V), grids.trailing(CHAIN, steps)
    return lambda: ddim(denoise, noise, levels)


def angles() -> Array:
    """What the network is told at each index of the chain."""
    return np.arctan2(CHAIN.sigma, CHAIN.alpha)
