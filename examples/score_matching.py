"""Score matching and annealed Langevin dynamics, as in Song and Ermon 2019 (arXiv 1907.05600v3).

No chain and no posterior: learn the score, the gradient of the log density, of the data at several levels of noise, by
denoising score matching; then let noise drift uphill and shake, at each level in turn, the noisiest first.

    python examples/score_matching.py               in the plane, about a minute
    python examples/score_matching.py --loss sliced the same without ever using the noise: no target, only data
    python examples/score_matching.py --digits      handwritten digits, about two
    python examples/score_matching.py --fast        a few seconds; with --loss sliced some more
"""

import argparse
from collections import deque
from pathlib import Path

import numpy as np

from refdiff.core import probes
from refdiff.data import digits, ring_centres
from refdiff.losses import draws, score_training
from refdiff.metrics import exact_wasserstein, frechet_distance, memorisation_ratio, nearest
from refdiff.models import MLP, as_denoiser
from refdiff.nn import adam, ema, rates
from refdiff.oracles import Mixture
from refdiff.plotting import have_matplotlib, png, sheet, strip
from refdiff.process import Parameterization
from refdiff.samplers import annealed
from refdiff.schedules import VE, grids
from refdiff.training import begin, progress, train

# A score is about 1/sigma in size. The paper therefore weighs its square error by sigma^2, which makes it the square
# error of sigma s + eps: so let the network say sigma s, of size one at every level (Song and Ermon 2020, technique 3).
SCALED_SCORE = Parameterization("sigma s", row=lambda t: (0.0, -1.0), scale_in=lambda t: 1 / np.hypot(1, t.sigma))


LOSSES = {  # all have one minimiser; only the first two are taught, the others read the network's own derivative
    "denoising": lambda score, levels: score_training.denoising(score, levels),
    "explicit": lambda score, levels: score_training.explicit(score, LAW, levels),
    "implicit": lambda score, levels: score_training.implicit(score, probes.rademacher(), levels),
    "sliced": lambda score, levels: score_training.sliced(score, probes.rademacher(), levels),
}
LAW = Mixture(np.full(8, 1 / 8), ring_centres(8, 0.15), 0.15**2)  # eight Gaussians in the plane


def learn(net, batch, levels, steps, rng, loss="denoising"):
    """Score matching at all levels at once (eq. 6), by Adam; the averaged network as a denoiser."""
    objective = LOSSES[loss](score_training.score_of(net, SCALED_SCORE), draws.among(levels))
    state = begin(net.init(rng), optimizer=adam(rates.cosine(3e-3, steps)), average=ema(0.998), rng=rng)
    deque(progress(train(objective, batch, state, steps=steps), steps, label="scores"), maxlen=0)
    return as_denoiser(net, state.best, SCALED_SCORE)


def plane(steps=3000, rounds=100, n=1000, seed=0, loss="denoising", out="score_matching_2d.png"):
    """Eight Gaussians. What is learned can be compared with the exact score."""
    rng, law = np.random.default_rng(seed), LAW
    levels = grids.uniform(VE(0.05, 3.0), 9)  # ten levels: a geometric sequence from 3 down to 0.05
    learned = learn(MLP(2, width=128, depth=2), lambda rng: law.sample(256, rng=rng), levels, steps, rng, loss)

    start = levels[0].sigma * rng.standard_normal((n, 2))
    states = [start, *annealed.steps(learned, start, levels, rounds=rounds, rate=0.1, rng=rng)]

    # What remains at the end is the law of the last level, data with a little noise: that is what to compare with.
    last = levels[-1]
    truth = law.at(last)
    data = truth.sample(n, rng=rng)
    clouds = {
        "learned": states[-1],
        "exact score": annealed(law.denoise, start, levels, rounds=rounds, rate=0.1, rng=rng),
        "fresh data": truth.sample(n, rng=rng),
        "start": start,
    }
    result = {}
    for name, x in clouds.items():
        result[name] = exact_wasserstein(data, x)
        print(f"{name:<12} W2 to data {result[name]:.3f}")
    for t in levels[::3]:
        x = law.at(t).sample(n, rng=rng)
        wrong = np.mean((learned(x, t).eps - law.denoise(x, t).eps) ** 2) / np.mean(law.denoise(x, t).eps ** 2)
        result[f"error {t.time:.2f}"] = wrong
        print(f"sigma {t.sigma:.3f}: the learned score is off by {np.sqrt(wrong):.1%} of its size")
    if have_matplotlib():
        titles = ["start", *(f"sigma = {t.sigma:.2f}" for t in levels)]
        figure = strip(states[::2], titles[::2], heading="Annealed Langevin dynamics")
        Path(out).write_bytes(png(figure))
        print(f"see {out}")
    return result


def handwriting(steps=3000, rounds=60, n=200, seed=0, loss="denoising", out="score_matching_digits.png"):
    """Real digits, 8 x 8 pixels in [-1, 1], as points in 64 dimensions."""
    rng = np.random.default_rng(seed)
    train_set, test_set = (part.flat.astype(np.float64) for part in digits())
    levels = grids.uniform(VE(0.1, 6.0), 11)
    net = MLP(64, width=192, depth=3)
    learned = learn(net, lambda rng: train_set[rng.integers(len(train_set), size=256)], levels, steps, rng, loss)

    start = levels[0].sigma * rng.standard_normal((n, 64))
    x = annealed(learned, start, levels, rounds=rounds, rate=0.1, rng=rng)
    x = learned(x, levels[-1]).x0  # a last step without noise takes away what the last level left

    real = train_set[rng.choice(len(train_set), size=n, replace=False)]
    result = {
        "learned": frechet_distance(test_set, x),
        "real digits": frechet_distance(test_set, real),
        "start": frechet_distance(test_set, start),
        "memorisation": memorisation_ratio(x, train_set, test_set),
    }
    for name in ("learned", "real digits", "start"):
        print(f"{name:<12} Frechet distance to test digits {result[name]:.2f}")
    print(f"as far from the training digits as test digits are, times {result['memorisation']:.2f}; 0 were repetition")
    if have_matplotlib():
        which, _ = nearest(x[:64], train_set)
        images = [part.reshape(8, 8, 8, 8) for part in (x[:64], train_set[which])]
        heading = "Samples (blue), each beside its nearest training digit (grey)"
        Path(out).write_bytes(png(sheet(*images, [""] * 8, heading=heading)))
        print(f"see {out}")
    return result


def main(on_digits=False, **options):
    return handwriting(**options) if on_digits else plane(**options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digits", action="store_true", help="real images instead of points in the plane")
    parser.add_argument("--loss", choices=LOSSES, default="denoising", help="explicit only in the plane")
    parser.add_argument("--fast", action="store_true", help="fewer steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="where the picture goes")
    given = parser.parse_args()
    short = {"steps": 600, "rounds": 30} if given.fast else {}
    main(given.digits, seed=given.seed, loss=given.loss, **short, **({"out": given.out} if given.out else {}))
