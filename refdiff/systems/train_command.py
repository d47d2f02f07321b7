"""What the command `refdiff train` does."""

import json
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import refdiff
from refdiff.core import trees
from refdiff.core.validate import choice, require
from refdiff.models import MLP, UNet
from refdiff.plotting import have_matplotlib
from refdiff.plotting.style import HOW_TO_GET_PICTURES
from refdiff.systems.own_files import told as told_of
from refdiff.systems.own_files import write_whole
from refdiff.systems.recipes import RECIPES, Recipe, changed, read_toml
from refdiff.systems.run_log import RunLog
from refdiff.systems.run_place import Place
from refdiff.systems.sample_command import draw_sheet
from refdiff.systems.sources import Source, as_input, check_fit, source
from refdiff.systems.trained import Trained, about
from refdiff.training import (
    Bands,
    Diverged,
    Record,
    State,
    accumulated,
    begin,
    describe,
    fitted_variances,
    progress,
    save,
    train,
)
from refdiff.training.loop import Batch
from refdiff.verify.zoo import find

LINES = 200  # of the log, in a run
PER_SAVE = 4  # lines of the log between two checkpoints
FITTED = 10_000  # examples, about, to which a Gaussian is fitted
ASTRAY = 100.0  # times what an untrained network loses: no batch of a run that learns is so bad


def train_command(what: str, *, config: str | None, steps: int | None, seed: int, out: str | None, sheets: int) -> int:
    """Train by a recipe: a bar, a log, sheets of samples and checkpoints; a run that was stopped goes on.

    Parameters
    ----------
    what : str
        A name in `RECIPES`, a folder of PNG files, or an `.npz` file.
    config : str, optional
        A TOML file with fields of the recipe to change.
    steps : int, optional
        Of the run, in place of the recipe's.
    seed : int
        Of all randomness.
    out : str, optional
        A folder, or an `.npz` file beside which the rest is put; `refdiff-NAME` if not given.
    sheets : int
        How many sheets of samples are drawn, at equal distances, the last at the end.

    Returns
    -------
    int
        The exit code: 0, or 1 for a run that diverged, or 130 for one that was stopped.

    Raises
    ------
    ValueError
        Before any work is done: for data, settings or files that do not fit.
    """
    recipe, found = prepare(what, config, steps)
    place = Place.of(out or f"refdiff-{Path(what).resolve().stem}")
    inside = Path(recipe.data).is_dir() and Path(recipe.data).resolve() in place.log.resolve().parents
    require(not inside, "output", "lie outside the pictures' folder", place.name, "Choose another -o.")
    told = about(recipe, found, seed)
    if place.finished(told):
        print(f"{place.weights} is this very run, finished. Draw from it: refdiff sample {shlex.quote(place.name)}")
        return 0
    rng = np.random.default_rng(seed)
    params = recipe.network.init(rng)
    state = begin(params, optimizer=recipe.optimizer, average=recipe.average, rng=rng, about=told)
    place.take(state)
    print(_opening(recipe, found, state, place), flush=True)
    try:
        return _run(recipe, found, state, place, min(sheets, recipe.steps))
    except BrokenPipeError:
        raise
    except OSError as error:  # a disk that is full, a folder that is taken away
        raise ValueError(f"{told_of(error)} {_kept(place)}, and the same command goes on.") from None


def prepare(what: str, config: str | None = None, steps: int | None = None) -> tuple[Recipe, Source]:
    """The recipe and its data, looked through: nothing is begun that cannot be done."""
    changes = read_toml(config) if config else {}
    if what in RECIPES:
        recipe = RECIPES[what]
    else:
        path, kinds = Path(what), "be a name, a folder of PNG files or an .npz file"
        if not path.exists():
            choice("data", what, RECIPES)
        require(path.is_dir() or path.suffix == ".npz", "data", kinds, what, "Put pictures into a folder.")
        recipe = own_recipe(what, size if isinstance(size := changes.get("size", 0), int) else 0)
    recipe = changed(recipe, changes, str(config))
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    find(recipe.sampler.replace("_", "-"))  # refused now, and not at the first sheet
    cut = recipe.size == 0 or Path(recipe.data).is_dir()
    require(cut, "size", "be 0 but for a folder of pictures", recipe.size, "Leave it out.")
    found = source(recipe.data, recipe.size)
    check_fit(recipe.network, found)
    return recipe, found


def own_recipe(name: str, size: int = 0) -> Recipe:
    """A recipe for somebody's own points or images: an MLP or a U-Net that fits them."""
    found = source(name, size)
    labels, shape = len(found.classes), found.shape
    if len(shape) == 1:
        return Recipe(name, MLP(shape[0], width=128, depth=3, labels=labels), steps=4000, rate=4e-3)
    colours = shape[2] if len(shape) == 3 else 1
    large, even = min(shape[:2]) >= 24, [all(side % k == 0 for side in shape[:2]) for k in (2, 4)]
    widths, patch = ((32, 64) if even[0] else (64,)), 2 if large and even[1] else 1
    return Recipe(name, UNet(colours, widths, labels=labels, patch=patch), steps=4000, batch=128, size=size)


def batches(recipe: Recipe, found: Source) -> Batch:
    """What draws a batch for the objective: samples as the network wants them, and labels if it takes them."""

    def batch(rng: np.random.Generator) -> Any:
        x, labels = found.draw(recipe.batch, rng)
        if recipe.flip and x.ndim > 2:
            x = np.where(rng.random(len(x)).reshape(-1, *[1] * (x.ndim - 1)) < 0.5, x, x[:, :, ::-1])
        x = as_input(recipe.network, x)
        return (x, labels) if recipe.network.labels else x

    return batch


def _run(recipe: Recipe, found: Source, state: State, place: Place, sheets: int) -> int:
    """Train to the end, or until something comes between; the exit code."""
    loss, start = recipe.loss, time.perf_counter()
    variances = fitted_variances(found.examples[:: max(1, len(found.examples) // FITTED)])
    records = train(
        accumulated(loss.objective(recipe.network, recipe.draw, told=True), recipe.parts, threads=recipe.threads),
        batches(recipe, found), state, steps=recipe.steps, clip=recipe.longest, most=ASTRAY * _untrained(recipe, found),
    )  # fmt: skip
    lately = Bands(loss, variances, keep=0.8)
    named = Path(place.name).name
    with (
        RunLog(place.log, _head(found, state), Bands(loss, variances), lately, state.step) as log,
        closing(progress(records, recipe.steps, note=lambda _: f"  data {log.bars} noise", label=named)) as bar,
        interrupts_wait() as asked_to_stop,
    ):
        try:
            for record in bar:
                _keep(record, recipe, found, state, place, log, sheets)
                if asked_to_stop() and record.step < recipe.steps:
                    raise KeyboardInterrupt
        except Diverged as error:
            print(f"diverged: {error} {_kept(place)}.", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            bar.close()
            if not state.torn:
                log.write()
                save(place.unfinished, state)
            print(f"stopped; {_kept(place)}, and the same command goes on", file=sys.stderr)
            return 130
    place.unfinished.replace(place.weights)
    print(_ending(place, recipe, lately.ratio, time.perf_counter() - start, drawn=sheets > 0 and have_matplotlib()))
    if sheets and not have_matplotlib():
        print(HOW_TO_GET_PICTURES)
    return 0


@contextmanager
def interrupts_wait() -> Iterator[Callable[[], bool]]:
    """Within the block, a first Ctrl-C is only noted, so that a step ends and is written down; a second one acts."""
    asked, before = [False], signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: object) -> None:
        if asked[0]:
            raise KeyboardInterrupt
        asked[0] = True

    mine = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if mine:
        signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: asked[0]
    finally:
        if mine:
            signal.signal(signal.SIGINT, before)


def _keep(record: Record, recipe: Recipe, found: Source, state: State, place: Place, log: RunLog, sheets: int) -> None:
    """What is written after a step: the log before the checkpoint, so that no step is missing from it."""
    log.add(record)
    every, last = max(1, recipe.steps // LINES), record.step == recipe.steps
    if last or record.step % every == 0:
        log.write()
    if last or record.step % (every * PER_SAVE) == 0:
        save(place.unfinished, state)
    if (
        sheets
        and record.step * sheets // recipe.steps > (record.step - 1) * sheets // recipe.steps
        and have_matplotlib()
    ):
        now = Trained(recipe, state.best, state.step, found.shape, found.classes if recipe.network.labels else ())
        few = None if len(found.shape) == 1 else 4 if now.classes else 16
        heading = f"{Path(recipe.data).name}, step {record.step:,}"
        write_whole(place.sheet(record.step), draw_sheet(now, n=few, seed=0, heading=heading))


def _untrained(recipe: Recipe, found: Source) -> float:
    """The loss of a network that answers 0: E (a x0 + b eps)^2 = a^2 E x0^2 + b^2 over the levels of training."""
    a, b = recipe.parameterization.row(recipe.draw(4096, rng=np.random.default_rng(0)))
    return float(np.mean(np.square(a) * np.mean(np.square(found.examples[:FITTED])) + np.square(b)))


def _head(found: Source, state: State) -> dict[str, Any]:
    """The first line of the log."""
    versions = {"refdiff": refdiff.__version__, "numpy": np.__version__}
    return {**versions, "weights": trees.size(state.params), "of": str(found), **json.loads(state.about)}


def _opening(recipe: Recipe, found: Source, state: State, place: Place) -> str:
    lines = [
        str(found),
        f"{type(recipe.network).__name__} of {trees.size(state.params):,} weights, target {recipe.target} on the path "
        f"{recipe.path}: {recipe.steps:,} steps of {recipe.batch}",
        "bars: the loss from data to noise; full is what the best linear denoiser loses",
    ]
    std = float(np.std(found.examples[:FITTED]))
    if not 0.1 < std < 10:
        lines.append(f"note: the data have a standard deviation of {std:.3g}; divide them by it, for noise has 1")
    return "\n".join([*lines, f"going on from step {state.step:,} of {place.unfinished}"] if state.step else lines)


def _ending(place: Place, recipe: Recipe, ratio: float, seconds: float, *, drawn: bool) -> str:
    told = f"the loss is {ratio:.2f} of the best linear denoiser's; " if np.isfinite(ratio) else ""
    beside = "log and sheets lie beside it" if drawn else "a log lies beside it"
    return (
        f"{place.weights}: {recipe.steps:,} steps done; {seconds:.0f} s here\n"
        f"{told}{beside}\n"
        f"draw from it: refdiff sample {shlex.quote(place.name)}"
    )


def _kept(place: Place) -> str:
    file = place.unfinished if place.unfinished.exists() else place.weights
    return f"{file} keeps step {describe(file)[1]:,}"
