"""How long it takes to learn handwritten digits, judged by a classifier that has seen real images only."""

import time

import numpy as np

from benchmarks.harness import OURS, Benchmark, Goal, Measured
from refdiff.data import digits
from refdiff.guidance import cfg_scale
from refdiff.models import UNet, as_denoiser
from refdiff.samplers import ddim
from refdiff.schedules import grids
from refdiff.systems.judge import train_judge
from refdiff.systems.recipes import Recipe
from refdiff.training import begin, train

RECIPE = Recipe(
    "digits", UNet(1, (16, 32), labels=10), steps=150, batch=64, rate=4e-3, warmup=15, ema=0.99, guidance=1.5
)
EVERY, EACH, RIGHT = 25, 30, 0.95  # steps between two looks, samples of each class, the share to be read right


def seconds(seed: int) -> float:
    """CPU seconds of training until 300 guided samples are read right; infinite if the recipe ends before.

    The samples are drawn from the averaged parameters every 25 steps. Neither they nor the judge are counted.
    """
    data, rng = digits(), np.random.default_rng(seed)
    judge = train_judge(data.train, rng=np.random.default_rng(1))
    net, images = RECIPE.network, data.train.images[..., None]
    asked, levels = np.repeat(np.arange(10), EACH), grids.angle(RECIPE.schedule, 12)

    def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        i = rng.integers(len(images), size=RECIPE.batch)
        return images[i], data.train.labels[i]

    state = begin(net.init(rng), optimizer=RECIPE.optimizer, average=RECIPE.average, rng=rng)
    run = train(RECIPE.loss.objective(net, RECIPE.draw), batch, state, steps=RECIPE.steps, clip=RECIPE.longest)
    spent, start = 0.0, time.process_time()
    for record in run:
        if record.step % EVERY:
            continue
        spent += time.process_time() - start
        told, untold = (as_denoiser(net, state.best, RECIPE.parameterization, c) for c in (asked, None))
        noise = np.random.default_rng(seed + 1).standard_normal((len(asked), 8, 8, 1))
        samples = ddim(cfg_scale(told, untold, RECIPE.guidance), noise, levels)
        if np.mean(judge(samples.reshape(len(asked), -1)) == asked) >= RIGHT:
            return spent
        start = time.process_time()
    return float("inf")


BENCHMARKS = [
    Benchmark(
        (Goal("digits 8x8 to 0.95 class accuracy", "<=", 60, 30, against=None),),
        lambda: Measured({OURS: [seconds(seed) for seed in range(3)]}),
    )
]
