"""The tour learns real images: handwritten digits of eight by eight pixels, class by class."""

from functools import partial
from pathlib import Path

import numpy as np

from refdiff.core.arrays import Array
from refdiff.data import Labelled, Split, digits
from refdiff.losses import DenoisingLoss, draws
from refdiff.metrics import memorisation_ratio, nearest
from refdiff.models import MLP, as_denoiser
from refdiff.plotting import beside, have_matplotlib, png, sheet
from refdiff.plotting.terminal import SHADES
from refdiff.process import V
from refdiff.samplers import ddim
from refdiff.schedules import Cosine, grids
from refdiff.systems.judge import train_judge
from refdiff.systems.page import Chapter, Picture, Table
from refdiff.systems.study import study

PATH = Cosine()
CLASSES, EACH, SHOWN = 10, 30, 6


def learn_digits(out: Path, *, fast: bool, rng: np.random.Generator) -> Chapter:
    """Train class-conditionally on real digits, draw a sheet of ten classes, and let others judge it."""
    data, net = digits(), MLP(64, width=128, depth=3, labels=CLASSES, drop=0.0)
    run = study(
        "learning handwritten digits",
        net,
        DenoisingLoss(V).objective(net, draws.in_time(PATH, even=True)),
        partial(_batch, data.train),
        steps=300 if fast else 2400,
        floor=None,
        path=out / "digits.npz",
        rng=rng,
    )
    asked = np.repeat(np.arange(CLASSES), EACH)
    denoise = as_denoiser(net, run.params, V, asked)
    samples = ddim(denoise, rng.standard_normal((len(asked), 64)), grids.angle(PATH, 50))
    grid = samples.reshape(CLASSES, EACH, 8, 8)
    which, _ = nearest(samples, data.train.flat)
    rows, words = _judged(samples, asked, data, rng=rng)
    return Chapter(
        "It learns real handwriting",
        [
            f"{len(data.train.images):,} scanned digits, {run.steps:,} steps, and a network of {run.size:,} weights "
            "that is told which digit to draw. The sheet is yours: another --seed draws another.",
            words,
        ],
        _picture(grid, data.train.images[which].reshape(CLASSES, EACH, 8, 8)),
        [Table(["what", "measured", "would be"], rows)],
        drawing="\n\n".join(
            beside(*(_characters(grid[c, 0]) for c in some), gap=" ") for some in np.split(np.arange(CLASSES), 2)
        ),
    )


def _judged(samples: Array, asked: Array, data: Split, *, rng: np.random.Generator) -> tuple[list[list[str]], str]:
    """What others say of the samples: a judge that has seen real digits only, and the distances to the data."""
    judge = train_judge(data.train, rng=rng)
    right = float(np.mean(judge(samples) == asked))
    skill = float(np.mean(judge(data.test.flat) == data.test.labels))
    ratio = memorisation_ratio(samples, data.train.flat, data.test.flat)
    rows = [
        ["samples read as the class asked for", f"{right:.3f}", "at least 0.90"],
        ["real test images read right by the same judge", f"{skill:.3f}", "1"],
        ["distance to training data, samples over test images", f"{ratio:.2f}", "0 if memorised"],
    ]
    words = (
        f"A judge that has seen real digits only (right on {skill:.1%} of the test images) reads "
        f"{right:.1%} of {len(asked)} samples as the digit that was asked for. Were the network only repeating its "
        "training images, the samples would lie much nearer to them than fresh test images do."
    )
    return rows, words


def _picture(grid: Array, twins: Array) -> list[Picture]:
    """Samples beside their nearest training images, a row for each class; nothing without Matplotlib."""
    if not have_matplotlib():
        return []
    heading = "Learned digits (blue), each beside its nearest training image (grey)"
    names = [str(c) for c in range(CLASSES)]
    figure = sheet(grid[:, :SHOWN], twins[:, :SHOWN], names, heading=heading)
    alt = "Ten rows of handwritten digits from 0 to 9 in blue, each with a similar but different one in grey"
    return [Picture("7-digits", alt, png(figure))]


def _batch(data: Labelled, rng: np.random.Generator) -> tuple[Array, Array]:
    i = rng.integers(len(data.images), size=256)
    return data.flat[i], data.labels[i]


def _characters(image: Array) -> list[str]:
    """An image as rows of shaded blocks, two pixels of each column's pair in a row of the terminal."""
    ink = np.clip((image[0::2] + image[1::2]) / 4 + 0.5, 0, 1)
    return ["".join(SHADES[i] for i in row) for row in np.rint(ink * (len(SHADES) - 1)).astype(int)]
