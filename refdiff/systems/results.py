"""Honest results: a trained model on images that it has not seen, each number beside what simple baselines reach."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require
from refdiff.data import DIGITS_WIDTH, Split, digits
from refdiff.likelihood.through_noise import noised
from refdiff.metrics import precision_recall
from refdiff.metrics.neighbours import Nearest
from refdiff.models import as_denoiser, as_differentiable
from refdiff.oracles import Empirical, Mixture
from refdiff.plotting import table
from refdiff.schedules import Cosine, Level
from refdiff.systems.judge import Judge, train_judge
from refdiff.systems.results_bits import bound, flow_log_prob, per_dim
from refdiff.systems.results_fits import FITS, choose
from refdiff.systems.trained import Trained, load_trained

PATH = Cosine()
VALUES = np.arange(17) * DIGITS_WIDTH - 1
RATIOS = (0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5)  # sigma/alpha of the level through which images are coded
NEAR = (0.02, 0.025, 0.03, 0.035, 0.04)  # the same for the network, which knows where the steps are
GUIDANCE = (1.0, 1.5, 2.0, 3.0)
STEPS, DRAWS, FLOWN, RESAMPLED = 18, 24, 3, 200  # of DDIM; of the bound; every third image; of the bootstrap


PACKAGED = Path(__file__).parent / "weights" / "digits-results.json"
"""What `refdiff results digits` measured of the weights in the package, with seed 0."""


class Told(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Row:
    """What is known of one source of images; None where a question has no answer.

    Parameters
    ----------
    name : str
        The source.
    accuracy : Told, optional
        Share of images that the judge reads as the class that was asked for.
    precision, recall : Told, optional
        By `metrics.precision_recall` with k = 3, against the test images, by as many images.
    ratio : Told, optional
        `metrics.memorisation_ratio`: 0 for copies, 1 for images like the test images.
    bound, flow : Told, optional
        Bits per dimension of the test images by the variational bound and by the probability flow. A law in closed form
        has its exact denoiser, for which both are its own bits.
    level : float, optional
        sigma/alpha of the level through which they were coded.
    """

    name: str
    accuracy: Told | None = None
    precision: Told | None = None
    recall: Told | None = None
    ratio: Told | None = None
    bound: Told | None = None
    flow: Told | None = None
    level: float | None = None


@dataclass(frozen=True)
class Bench:
    """What all rows share: the data, and their judge."""

    data: Split
    judge: Judge

    @cached_property
    def usual(self) -> Array:
        """How far the test images lie from the nearest training image."""
        return nearest_of_many(self.data.test.flat, self.data.train.flat).distance

    def looks(self, name: str, images: Array, asked: Array | None, *, rng: np.random.Generator) -> Row:
        """How images look: what the judge reads, and how they lie among the training and the test images."""
        flat = images.reshape(len(images), -1)
        read = None if asked is None else share(self.judge(flat) == asked)
        precision, recall = precision_recall(self.data.test.flat, flat)
        n, m = len(flat), len(self.data.test.labels)
        shares = Told(precision, _binomial(precision, n)), Told(recall, _binomial(recall, m))
        return Row(name, read, *shares, self.ratio(flat, rng=rng))

    def ratio(self, flat: Array, *, rng: np.random.Generator) -> Told:
        """`metrics.memorisation_ratio`, and its error by resampling both sets of distances."""
        far, usual = nearest_of_many(flat, self.data.train.flat).distance, self.usual
        draws = [_redrawn(far, rng) / _redrawn(usual, rng) for _ in range(RESAMPLED)]
        return Told(float(np.median(far) / np.median(usual)), float(np.std(draws, ddof=1)))


def nearest_of_many(x: Array, train: Array, *, few: int = 10) -> Nearest:
    """`metrics.nearest` for large sets: only the few that a product of matrices calls nearest are measured exactly.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, whose rounding may confuse points that lie within 1e-6 or so of each other.
    """
    y, few = train.astype(np.float64), min(few, len(train))
    found = []
    for part in np.array_split(x.astype(np.float64), range(100, len(x), 100)):
        rough = np.sum(np.square(y), axis=1) - 2 * part @ y.T
        which = np.sort(np.argpartition(rough, few - 1, axis=1)[:, :few], axis=1)
        far = np.linalg.norm(part[:, None] - y[which], axis=2)
        best = np.argmin(far, axis=1)[:, None]
        found.append([np.take_along_axis(a, best, axis=1)[:, 0] for a in (which, far)])
    return Nearest(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def share(right: Array) -> Told:
    """The share of true answers, and its binomial standard error."""
    p = float(np.mean(right))
    return Told(p, _binomial(p, len(right)))


def at_ratio(ratio: float) -> Level:
    """The level of the cosine path with a given sigma/alpha."""
    return PATH.at(np.arctan(ratio))


def makers(trained: Trained, *, seed: int = 0) -> dict[str, Callable[[], Row]]:
    """The rows of the table by name, each made when called and with randomness of its own.

    Parameters
    ----------
    trained : Trained
        A network for the digits, with labels.
    seed : int
        Of all randomness.
    """
    data = digits()
    bench = Bench(data, train_judge(data.train, rng=np.random.default_rng([seed, 0])))
    made: dict[str, Callable[[], Row]] = {"real images": partial(_real, bench, rng=np.random.default_rng([seed, 1]))}
    for i, scale in enumerate(GUIDANCE):
        own = np.random.default_rng([seed, 2, i])
        made[f"U-Net, guidance {scale:g}"] = partial(_drawn, trained, bench, scale, rng=own)
    for i, name in enumerate(FITS):
        made[name] = partial(_fitted, name, bench, rng=np.random.default_rng([seed, 3, i]))
    return made


def _real(bench: Bench, *, rng: np.random.Generator) -> Row:
    """Training images in the place of samples, read against the test images; and the judge on the test images."""
    test, train = bench.data.test, bench.data.train
    some = train.flat[:: len(train.labels) // len(test.labels)][: len(test.labels)]
    row = bench.looks("real images", some, None, rng=rng)
    read, ratio = share(bench.judge(test.flat) == test.labels), bench.ratio(test.flat, rng=rng)
    return replace(row, accuracy=read, ratio=ratio)


def _drawn(trained: Trained, bench: Bench, scale: float, *, rng: np.random.Generator) -> Row:
    """The network's samples; and without guidance its bits, for guidance has no law to code by."""
    asked = bench.data.test.labels
    images = trained.sample(labels=asked, sampler="ddim", steps=STEPS, guidance=scale, rng=rng)
    row = bench.looks(f"U-Net, guidance {scale:g}", images, asked, rng=rng)
    return coded(row, trained, bench.data, rng=rng) if scale == 1 else row


def coded(row: Row, trained: Trained, data: Split, *, ratio: float | None = None, rng: np.random.Generator) -> Row:
    """The row with the network's bits for test images, at the level at which training images cost it the fewest."""
    net, params, kind = trained.recipe.network, trained.params, trained.recipe.parameterization
    plain, both = as_denoiser(net, params, kind), as_differentiable(net, params, kind)
    some, test = data.train.images[::6, ..., None], data.test.images[..., None]
    if ratio is None:
        costs = {r: np.mean(bound(plain, some, at_ratio(r), VALUES, draws=2, rng=rng)) for r in NEAR}
        ratio = min(costs, key=lambda r: costs[r])
    t = at_ratio(ratio)
    area = bound(plain, test, t, VALUES, draws=DRAWS, rng=rng)
    flow = partial(flow_log_prob, both, path=PATH, t=t, steps=12, rng=rng)
    flown = noised(flow, test[::FLOWN], t, VALUES, rng=rng).total
    return replace(row, bound=Told(*per_dim(area)), flow=Told(*per_dim(flown)), level=ratio)


def _fitted(name: str, bench: Bench, *, rng: np.random.Generator) -> Row:
    """A law in closed form: its draws, and its bits."""
    train, test = bench.data.train, bench.data.test
    fit = choose(name, train, map(at_ratio, RATIOS), VALUES, rng=rng)
    n, asked = len(test.labels), None
    if isinstance(fit.law, Mixture):
        images, asked = fit.law.sample_labelled(n, rng=rng)
    elif isinstance(fit.law, Empirical):
        i = rng.integers(len(train.labels), size=n)
        images, asked = train.flat[i], train.labels[i]
    else:
        images = fit.law.sample(n, rng=rng)
    law, draws = fit.law.at(fit.level), DRAWS if fit.settings else 1
    each = [noised(law.log_prob, test.flat, fit.level, VALUES, rng=rng).total for _ in range(draws)]
    told, level = Told(*per_dim(np.mean(each, axis=0))), round(float(fit.level.sigma / fit.level.alpha), 6)
    return replace(bench.looks(name, images, asked, rng=rng), bound=told, flow=told, level=level)


def _redrawn(distances: Array, rng: np.random.Generator) -> float:
    return float(np.median(distances[(len(distances) * rng.random((len(distances),))).astype(int)]))


def _binomial(p: float, n: int) -> float:
    """The standard error of a share, after two successes and two failures more: so that 296 of 296 has one as well."""
    q = (n * p + 2) / (n + 4)
    return float(np.sqrt(q * (1 - q) / n))


COLUMNS = {
    "accuracy": "read right", "precision": "precision", "recall": "recall", "ratio": "distance", "bound": "bits, bound",
    "flow": "bits, flow",
}  # fmt: skip


def tabulate(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table for people: each number with its standard error, to the digits that it leaves."""
    cells = [[row.name, *(_cell(getattr(row, name)) for name in COLUMNS)] for row in rows]
    return ["", *COLUMNS.values()], cells


def _cell(told: Told | None) -> str:
    if told is None:
        return "-"
    digits_kept = 1 if abs(told.value) >= 10 else 3
    return f"{told.value:.{digits_kept}f} ± {told.error:.{digits_kept}f}"


def write(path: str | Path, rows: list[Row], *, weights: str) -> None:
    """The rows as JSON."""
    told = {"weights": weights, "rows": [asdict(row) for row in rows]}
    Path(path).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def read(path: str | Path) -> list[Row]:
    """The rows of a file that `write` wrote."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
    return [row_of(row) for row in told]


def row_of(plain: dict[str, Any]) -> Row:
    """A row from what JSON makes of it."""
    parts: dict[str, Any] = {k: Told(*v) if isinstance(v, list) else v for k, v in plain.items()}
    return Row(**parts)


def results_command(what: str, *, seed: int, out: str | None) -> int:
    """Measure a model of the digits beside its baselines, print the table, and write it if asked to.

    Parameters
    ----------
    what : str
        "digits", the weights of the package; or a checkpoint that `refdiff train digits` wrote.
    seed : int
        Of all randomness.
    out : str, optional
        A file for the rows, as JSON.

    Raises
    ------
    ValueError
        For a checkpoint of other data, or without labels.
    """
    trained = load_trained(what)
    fits = trained.recipe.data == "digits" and trained.recipe.network.labels == 10
    require(
        fits, "checkpoint", "be of the digits, with labels", trained.recipe.data, "Train one: refdiff train digits."
    )
    print("Samples are drawn, read by a judge, and compared; test images are coded. About two CPU-minutes.\n")
    rows = [make() for make in makers(trained, seed=seed).values()]
    print(table(*tabulate(rows)))
    if out:
        write(out, rows, weights=f"{what}, step {trained.step}")
        print(f"\nWritten: {out}")
    return 0
