"""Honest results for Fashion-MNIST: two judges that share nothing, one to choose the guidance, one to report."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refdiff.data import Labelled
from refdiff.systems.judge import Judge, train_conv_judge, train_judge
from refdiff.systems.results import Bench, Row, row_of, share
from refdiff.systems.results_fits import gaussian
from refdiff.systems.trained import Trained

CLASSES = 10
GUIDANCE = (1.0, 2.0, 3.0, 4.0)
EACH, TRIED = 50, 25  # samples of each class that are reported on, and of those by which the guidance is chosen
RIDGE = 1e-3  # of the Gaussians; with 6,000 images a class there is little to choose


class Judges(NamedTuple):
    """A perceptron that chooses, and a convolutional network that reports."""

    choosing: Judge
    reporting: Judge


@dataclass(frozen=True)
class Looks:
    """How images of known classes look.

    Parameters
    ----------
    row : Row
        As for the digits, without bits; read by the judge that reports.
    reporting, choosing : tuple of float
        The share of each class that either judge reads right.
    """

    row: Row
    reporting: tuple[float, ...]
    choosing: tuple[float, ...]

    @property
    def worst(self) -> int:
        """The class that the reporting judge reads worst."""
        return int(np.argmin(self.reporting))


def judges(train: Labelled, *, seed: int = 0) -> Judges:
    """Two judges of different kinds, each from a half of the training images and with randomness of its own."""
    even, odd = (Labelled(train.images[k::2], train.labels[k::2]) for k in (0, 1))
    choosing = train_judge(even, steps=3000, rng=np.random.default_rng([seed, 0]))
    return Judges(choosing, train_conv_judge(odd, rng=np.random.default_rng([seed, 1])))


def by_class(judge: Judge, data: Labelled) -> tuple[float, ...]:
    """The share of each class that a judge reads right."""
    right = judge(data.flat) == data.labels
    return tuple(float(np.mean(right[data.labels == c])) for c in range(CLASSES))


def drawn(trained: Trained, guidance: float, each: int, *, rng: np.random.Generator) -> Labelled:
    """Samples of every class in turn, as the recipe draws them, clipped to [-1, 1] as pictures are."""
    asked = np.tile(np.arange(CLASSES), each)
    return Labelled(np.clip(trained.sample(labels=asked, guidance=guidance, rng=rng), -1, 1), asked)


def tried(trained: Trained, judge: Judge, *, seed: int = 0) -> dict[float, tuple[float, ...]]:
    """By guidance, the share of each class that a judge reads right."""
    rngs = [np.random.default_rng([seed, 2, i]) for i in range(len(GUIDANCE))]
    return {w: by_class(judge, drawn(trained, w, TRIED, rng=rng)) for w, rng in zip(GUIDANCE, rngs, strict=True)}


def chosen(tried: Mapping[float, Sequence[float]]) -> float:
    """The guidance whose worst class was read best: the least of several."""
    return max(sorted(tried), key=lambda w: min(tried[w]))


def reported(trained: Trained, guidance: float, *, seed: int = 0) -> Labelled:
    """The samples that are reported on: none of those by which the guidance was chosen."""
    return drawn(trained, guidance, EACH, rng=np.random.default_rng([seed, 3, GUIDANCE.index(guidance)]))


def some_of(data: Labelled, each: int, first: int = 0) -> Labelled:
    """As many images of every class in turn, from the `first` of each on."""
    rows = [np.flatnonzero(data.labels == c)[first : first + each] for c in range(CLASSES)]
    i = np.stack(rows, axis=1).ravel()
    return Labelled(data.images[i], data.labels[i])


def ten_gaussians(train: Labelled, each: int, *, rng: np.random.Generator) -> Labelled:
    """Draws of a Gaussian with the mean and covariance of each class, clipped as samples are."""
    classes = [Labelled(train.images[of], train.labels[of]) for of in train.labels == np.arange(CLASSES)[:, None]]
    draws = np.stack([gaussian(one, RIDGE).sample(each, rng=rng) for one in classes], axis=1)
    return Labelled(np.clip(draws, -1, 1).reshape(-1, *train.images.shape[1:]), np.tile(np.arange(CLASSES), each))


def sources(trained: Trained, train: Labelled, test: Labelled, *, seed: int = 0) -> dict[str, Callable[[], Labelled]]:
    """What is looked at, by name and drawn when called: the network at each guidance, and what it stands beside.

    Parameters
    ----------
    trained : Trained
        A network for clothes, with labels.
    train, test : Labelled
        What it has learned from; and the test part, whose second fifty of each class are the row of real images.
    seed : int
        Of all randomness.
    """
    rng = np.random.default_rng([seed, 4])
    return {
        "real images": partial(some_of, test, EACH, first=EACH),
        **{f"U-Net, guidance {w:g}": partial(reported, trained, w, seed=seed) for w in GUIDANCE},
        "ten Gaussians": partial(ten_gaussians, train, EACH, rng=rng),
        "training images": partial(some_of, train, EACH),
    }


def looks(name: str, data: Labelled, bench: Bench, choosing: Judge, *, read: Labelled | None = None) -> Looks:
    """How images of known classes look; the judges may `read` more images of the same source."""
    row = bench.looks(name, data.images, None, rng=np.random.default_rng(0))
    read = data if read is None else read
    right = share(bench.judge(read.flat) == read.labels)
    return Looks(replace(row, accuracy=right), by_class(bench.judge, read), by_class(choosing, read))


class Report(NamedTuple):
    """What has been measured of models of clothes.

    Parameters
    ----------
    looks : dict
        By model, its rows.
    tried : dict
        By guidance, the share of each class that the choosing judge read right, of samples that no row is about.
    minutes : dict
        By model, the CPU minutes of its training.
    """

    looks: dict[str, list[Looks]]
    tried: dict[float, tuple[float, ...]]
    minutes: dict[str, float]


def write(path: str | Path, report: Report) -> None:
    """A report as JSON."""
    looks = {model: [asdict(one) for one in rows] for model, rows in report.looks.items()}
    Path(path).write_text(json.dumps({**report._asdict(), "looks": looks}, indent=1) + "\n", encoding="utf-8")


def read(path: str | Path) -> Report:
    """The report in a file that `write` wrote."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    looks = {
        model: [Looks(row_of(one["row"]), tuple(one["reporting"]), tuple(one["choosing"])) for one in rows]
        for model, rows in told["looks"].items()
    }
    tried = {float(w): tuple(shares) for w, shares in told["tried"].items()}  # JSON makes every key a word
    return Report(looks, tried, told["minutes"])
