"""How the weights in the package were made: train as `refdiff train digits` does, keep the average in half precision.

    python examples/digits_weights.py                 about seven CPU-minutes; digits-unet.npz and its log, here
    python examples/digits_weights.py --steps 150     half a minute, to see it work

A run that was stopped goes on; one that `refdiff train digits` has finished is taken as it is. The judge has seen real
digits only. The ratio compares the median distances to the nearest training image, of samples over that of test
images: far below 1 would mean that training images are repeated.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from refdiff.data import digits
from refdiff.metrics import memorisation_ratio
from refdiff.systems.judge import train_judge
from refdiff.systems.run_place import Place, resume
from refdiff.systems.train_command import prepare, train_command
from refdiff.systems.trained import about, load_trained
from refdiff.training import begin, export


def main(steps=None, run="refdiff-digits", out=".", each=30, config=None):
    train_command("digits", config=config, steps=steps, seed=0, out=run, sheets=0)
    recipe, found = prepare("digits", config, steps)
    rng, place = np.random.default_rng(0), Place.of(run)
    state = begin(
        recipe.network.init(rng),
        optimizer=recipe.optimizer,
        average=recipe.average,
        rng=rng,
        about=about(recipe, found, 0),
    )
    weights = Path(out, "digits-unet.npz")
    export(weights, resume(place.weights, state))
    shutil.copy(place.log, weights.with_suffix(".jsonl"))

    trained, data = load_trained(weights), digits()
    judge, labels = train_judge(data.train, rng=np.random.default_rng(1)), np.repeat(np.arange(10), each)
    result = {
        "kB": weights.stat().st_size / 1000,
        "test images read right": read(judge, data.test.flat, data.test.labels),
    }
    for guidance in (1.0, 1.5, 2.0):
        x = trained.sample(labels=labels, guidance=guidance, rng=np.random.default_rng(2)).reshape(len(labels), -1)
        result[f"guidance {guidance:g}: read right"] = read(judge, x, labels)
        result[f"guidance {guidance:g}: ratio"] = memorisation_ratio(x, data.train.flat, data.test.flat)
    for name, value in result.items():
        print(f"{name:28} {value:7.3f}")
    return result


def read(judge, x, labels):
    return float(np.mean(judge(x) == labels))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="of the run, in place of the recipe's")
    parser.add_argument("--run", default="refdiff-digits", help="folder of the run (default: %(default)s)")
    parser.add_argument("--out", default=".", help="folder for the weights (default: here)")
    options = parser.parse_args()
    main(options.steps, options.run, options.out)
