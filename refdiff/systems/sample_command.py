"""What the command `refdiff sample` does with a trained network."""

import time
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import count
from refdiff.plotting import png
from refdiff.plotting.plane import clouds
from refdiff.plotting.sheets import rows
from refdiff.systems.own_files import picture_file, write_whole
from refdiff.systems.sources import source
from refdiff.systems.trained import Trained, load_trained
from refdiff.verify.zoo import find

EACH, ALONE, POINTS = 8, 64, 2000  # samples of each class, of images without classes, and of points


def sample_command(
    what: str, *, sampler: str | None, steps: int | None, guidance: float | None, n: int | None, seed: int, out: str
) -> int:
    """Draw samples of a trained network into a PNG: images in rows, one a class; points as a cloud beside the data.

    Parameters
    ----------
    what : str
        A checkpoint, a folder of a run, or "digits".
    sampler, steps, guidance
        As in its recipe if not given.
    n : int, optional
        How many of each class, or in all where there are none.
    seed : int
        Of the noise.
    out : str
        The PNG; a file that was not drawn here is not overwritten.

    Returns
    -------
    int
        0, the exit code.

    Raises
    ------
    ValueError
        For what cannot be read, drawn or written.
    """
    file = picture_file(out)
    trained, start = load_trained(what), time.process_time()
    options: dict[str, Any] = {"sampler": sampler, "steps": steps, "guidance": guidance}
    picture = draw_sheet(trained, n=n, seed=seed, **options)
    write_whole(file, picture)
    recipe = trained.recipe
    case, taken = find((sampler or recipe.sampler).replace("_", "-")), steps or recipe.sample_steps
    strength = recipe.guidance if guidance is None else guidance
    labelled = f", guidance {strength:g}" if trained.classes else ""
    print(
        f"{file}: {what} after {trained.step:,} steps, drawn by {case.name} ({case.sampler.name}), {taken} steps"
        f"{labelled}; {time.process_time() - start:.1f} s"
    )
    return 0


def draw_sheet(trained: Trained, *, n: int | None = None, seed: int, heading: str = "", **options: Any) -> bytes:
    """Samples as a picture: rows of images, one a class; or points beside the data. The bytes of a PNG.

    Parameters
    ----------
    trained : Trained
        What is drawn from.
    n : int, optional
        How many of each class, or in all.
    seed : int
        Of the noise: the same noise for every state of a run shows what it learns.
    heading : str
        A line above.
    **options
        For `Trained.sample`.
    """
    rng, many = np.random.default_rng(seed), None if n is None else count("n", n)
    if len(trained.shape) == 1:
        x = trained.sample(many or POINTS, rng=rng, **options)
        sets = {"data": _data(trained, len(x)), "samples": x}
        shown = {title: _plane(points) for title, points in sets.items() if points is not None}
        reach = 1.15 * float(np.abs(next(iter(shown.values()))).max())
        return png(clouds(list(shown.values()), list(shown), reach=reach, heading=heading))
    if not trained.classes:
        x = trained.sample(many or ALONE, rng=rng, **options)
        columns = int(np.ceil(np.sqrt(len(x))))
        filled = np.concatenate([x, np.full((-len(x) % columns, *x.shape[1:]), np.nan)])
        return png(rows(filled.reshape(-1, columns, *x.shape[1:]), [], heading=heading))
    each = many or EACH
    labels = np.repeat(np.arange(len(trained.classes)), each)
    x = trained.sample(labels=labels, rng=rng, **options)
    return png(rows(x.reshape(-1, each, *trained.shape), list(trained.classes), heading=heading))


def _data(trained: Trained, n: int) -> Array | None:
    """Some of the data; None where they are no longer there."""
    try:
        return source(trained.recipe.data).draw(n, np.random.default_rng(0))[0]
    except ValueError:
        return None


def _plane(x: Array) -> Array:
    """The first two coordinates; of a line, its points at random heights."""
    return x[:, :2] if x.shape[1] > 1 else np.concatenate([x, np.random.default_rng(0).uniform(-1, 1, x.shape)], axis=1)
