"""One short training run on eight Gaussians, kept at some of its steps; several figures look at it."""

from functools import cache
from typing import NamedTuple

import numpy as np

from refdiff.core import trees
from refdiff.data import eight_gaussians, ring_centres
from refdiff.losses import DenoisingLoss, draws
from refdiff.models import MLP, as_denoiser
from refdiff.nn import adam, ema
from refdiff.oracles import Mixture
from refdiff.process import EPS, Denoiser
from refdiff.schedules import Chain
from refdiff.training import begin, train

SPREAD, CHAIN, LOSS = 0.25, Chain.linear(), DenoisingLoss(EPS)
LAW = Mixture(np.full(8, 1 / 8), ring_centres(8, SPREAD), SPREAD**2)
KEPT = (1, 10, 30, 100, 300, 1500)


class Run(NamedTuple):
    """The loss before each step, and the averaged network after some of them."""

    losses: np.ndarray
    denoisers: dict[int, Denoiser]


@cache
def run() -> Run:
    net, rng = MLP(2, width=64, depth=2), np.random.default_rng(0)
    state = begin(net.init(rng), optimizer=adam(5e-3), average=ema(0.995), rng=rng)
    objective = LOSS.objective(net, draws.among(CHAIN.levels()[:-1]))
    losses, kept = [], {}
    for record in train(objective, lambda rng: eight_gaussians(256, rng=rng, spread=SPREAD), state, steps=KEPT[-1]):
        losses.append(record.loss)
        if record.step in KEPT:
            kept[record.step] = as_denoiser(net, trees.transform(np.copy, state.best), EPS)
    return Run(np.array(losses), kept)


def excess(denoise: Denoiser, i: int, n: int = 800) -> float:
    """Mean squared difference of the learned and the exact expected noise at step i, over states."""
    x = LAW.at(CHAIN(i)).sample(n, rng=np.random.default_rng(i))
    return float(np.mean((denoise(x, CHAIN(i)).eps - LAW.denoise(x, CHAIN(i)).eps) ** 2))
