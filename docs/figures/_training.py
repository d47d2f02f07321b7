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
FEW = range(10, 1001, 30)  # levels that stand for all
MOVIE = (*range(0, 50, 5), *range(50, 100, 10), *range(100, 300, 25), *range(300, 1501, 100))
KEPT = tuple(sorted({1, 10, 30, 100, 300, 1500, *MOVIE}))


class Run(NamedTuple):
    """The loss before each step, and the averaged network after some of them."""

    losses: np.ndarray
    denoisers: dict[int, Denoiser]


@cache
def run(kept: tuple[int, ...] = KEPT) -> Run:
    net, rng = MLP(2, width=64, depth=2), np.random.default_rng(0)
    state = begin(net.init(rng), optimizer=adam(5e-3), average=ema(0.995), rng=rng)
    objective = LOSS.objective(net, draws.among(CHAIN.levels()[:-1]))

    def now() -> Denoiser:
        return as_denoiser(net, trees.transform(np.copy, state.best), EPS)

    losses, denoisers = [], {0: now()}
    for record in train(objective, lambda rng: eight_gaussians(256, rng=rng, spread=SPREAD), state, steps=kept[-1]):
        losses.append(record.loss)
        if record.step in kept:
            denoisers[record.step] = now()
    return Run(np.array(losses), denoisers)


@cache
def floor(i: int) -> float:
    """The least loss that any network can have at step i."""
    return LOSS.floor(LAW, CHAIN(i))


@cache
def asked(i: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """States at step i, and the expected noise in them."""
    x = LAW.at(CHAIN(i)).sample(n, rng=np.random.default_rng(i))
    return x, LAW.denoise(x, CHAIN(i)).eps


def excess(denoise: Denoiser, i: int, n: int = 800) -> float:
    """Mean squared difference of the learned and the exact expected noise at step i, over states."""
    x, exact = asked(i, n)
    return float(np.mean((denoise(x, CHAIN(i)).eps - exact) ** 2))
