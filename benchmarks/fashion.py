"""How long it takes to learn Fashion-MNIST, every class judged by a classifier that has seen real images only."""

import time
from statistics import mean

import numpy as np

from benchmarks.harness import OURS, Benchmark, Goal, Measured
from refdiff.core.trees import Tree
from refdiff.data import FASHION_CLASSES, fashion_full
from refdiff.data.images import Labelled
from refdiff.systems.recipes import RECIPES
from refdiff.systems.results_fashion import by_class, chosen, judges, reported, tried
from refdiff.systems.trained import Trained
from refdiff.training import begin, train

RECIPE = RECIPES["fashion-full"]
RIGHT = 0.8  # the share of samples that must be read right, in every class
GOAL = Goal("Fashion 28x28, judge over 0.8 in every class", "<=", 15, 8, against=None)


def fashion_minutes() -> Measured:
    """CPU minutes of the whole recipe; infinite if a judge then reads 0.8 of some class right, or fewer.

    Two judges that share nothing have learned from a half of the real training images each: a perceptron, which chooses
    the guidance on draws of its own, and a convolutional network, which reads fresh ones. Neither their training nor
    the drawing is counted. What the second makes of real test images is printed beside: it does not read 0.8 of real
    shirts right, so that the goal asks for shirts that are plainer than real ones, and guidance makes them so. What
    that costs is in the table of the page "Small images, honestly judged".
    """
    data, rng = fashion_full(), np.random.default_rng(0)
    both = judges(data.train)
    say("real test images", by_class(both.reporting, data.test))
    start = time.process_time()
    params = learned(data.train, rng)
    seconds = time.process_time() - start
    trained = Trained(RECIPE, params, RECIPE.steps, (28, 28), FASHION_CLASSES)
    guidance = chosen(tried(trained, both.choosing))
    shares = by_class(both.reporting, reported(trained, guidance))
    say(f"samples at the guidance chosen, {guidance:g}", shares)
    return Measured({OURS: [seconds / 60 if min(shares) > RIGHT else float("inf")]}, "min")


def learned(data: Labelled, rng: np.random.Generator) -> Tree:
    """The averaged parameters after the recipe's training."""
    net, images = RECIPE.network, data.images[..., None]

    def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        i = rng.integers(len(images), size=RECIPE.batch)
        return images[i], data.labels[i]

    state = begin(net.init(rng), optimizer=RECIPE.optimizer, average=RECIPE.average, rng=rng)
    for _ in train(RECIPE.loss.objective(net, RECIPE.draw), batch, state, steps=RECIPE.steps, clip=RECIPE.longest):
        pass
    return state.best


def say(what: str, shares: tuple[float, ...]) -> None:
    """One line: the mean, and the class that is read worst."""
    worst = int(np.argmin(shares))
    print(f"    {what}: {mean(shares):.3f} read right, of {FASHION_CLASSES[worst]} {min(shares):.3f}, the least")


BENCHMARKS = [Benchmark((GOAL,), fashion_minutes)]
