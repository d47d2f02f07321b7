"""A trained network with all that is needed to draw from it."""

import json
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.guidance import cfg_scale
from refdiff.models import as_denoiser
from refdiff.process import Denoiser
from refdiff.schedules import Grid, grids
from refdiff.systems.recipes import RECIPES, Recipe, of_plain
from refdiff.systems.sources import Source, state_shape
from refdiff.training import blas_threads, checkpoint, keep_freed_memory
from refdiff.verify.zoo import find

PACKAGED = {"digits": "digits-unet.npz"}
WEIGHTS, UNFINISHED = "weights.npz", "unfinished.npz"  # in the folder of a run
SIGMA_MIN, SIGMA_MAX = 0.01, 80.0  # of sigma/alpha: well below the steps between grey values; karras2022 sec. 5


@dataclass(frozen=True)
class Trained:
    """What training made: the recipe, the parameters, and what the data looked like.

    Parameters
    ----------
    recipe : Recipe
        What was done.
    params : dict
        The averaged parameters, float32.
    step : int
        Steps done.
    shape : tuple of int
        Of one sample: (2,), (H, W) or (H, W, 3).
    classes : tuple of str
        What the labels 0, 1, ... mean; empty for a network without.
    """

    recipe: Recipe
    params: Tree
    step: int
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()

    def denoiser(self, labels: Array | int | None = None, guidance: float = 1.0) -> Denoiser:
        """What a sampler sees.

        x0' = x0_u + guidance (x0_c - x0_u),   eps' alike

        Parameters
        ----------
        labels : ndarray of int or int, optional
            Classes of the samples, (B,), or one for all; None for no label.
        guidance : float
            Scale of classifier-free guidance: 1 is none, and asks the network once in place of twice.

        Returns
        -------
        Denoiser
            Takes states as the network does: (B, D) for an MLP, (B, H, W, C) for the others.

        Raises
        ------
        ValueError
            For labels that the network does not know, or guidance without labels.
        """
        net, kind = self.recipe.network, self.recipe.parameterization
        if labels is not None:
            self._check(np.asarray(labels))
        plain = as_denoiser(net, self.params, kind, labels)
        if scalar("guidance", guidance) == 1:
            return plain
        require(labels is not None, "guidance", "be 1 without labels", guidance, "There is nothing to be guided to.")
        return cfg_scale(plain, as_denoiser(net, self.params, kind), guidance)

    def grid(self, steps: int) -> Grid:
        """The levels that `sample` visits: Karras' grid on the recipe's path, from sigma/alpha = 80 to the data."""
        return grids.karras(self.recipe.schedule, steps, SIGMA_MIN, SIGMA_MAX)

    def sample(
        self,
        n: int | None = None,
        labels: Array | None = None,
        *,
        sampler: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        rng: Rng,
    ) -> Array:
        """Draw samples.

        Parameters
        ----------
        n : int, optional
            How many, without labels.
        labels : ndarray of int, optional
            Classes of the samples, (B,).
        sampler, steps, guidance
            As in the recipe unless given.
        rng : Generator
            Of the noise.

        Returns
        -------
        ndarray
            (B, *shape) float64, not clipped.
        """
        recipe = self.recipe
        require((n is None) != (labels is None), "n", "be given if no labels are, and not beside them", n, "Leave one.")
        case, many = (
            find((sampler or recipe.sampler).replace("_", "-")),
            count("n", n if labels is None else len(labels)),
        )
        levels, path = self.grid(recipe.sample_steps if steps is None else steps), recipe.schedule
        strength = recipe.guidance if guidance is None else guidance
        denoise = self.denoiser(labels, 1.0 if labels is None and guidance is None else strength)
        x = levels[0].sigma * rng.standard_normal((many, *state_shape(recipe.network, self.shape)))
        keep_freed_memory()
        options = case.options(path, len(levels) - 1) | ({"rng": rng} if case.sampler.stochastic else {})
        with blas_threads(1):
            last = case.sampler(denoise, x, case.levels(path, levels), **options)
        return np.asarray(last.reshape(-1, *self.shape))

    def _check(self, labels: Array) -> None:
        known = self.recipe.network.labels
        require(known > 0, "labels", "be None: the network was trained without", labels, "Leave them out.")
        inside = labels.dtype.kind in "iu" and bool(np.all((labels >= 0) & (labels <= known)))
        require(inside, "labels", f"lie in 0 ... {known - 1}", labels, f"{known} stands for no label.")


def about(recipe: Recipe, found: Source, seed: int) -> str:
    """What a checkpoint says of itself, as JSON."""
    told = {"recipe": recipe.plain(), "seed": seed, "shape": list(found.shape), "classes": list(found.classes)}
    return json.dumps(told, sort_keys=True)


def load_trained(path: str | PathLike[str]) -> Trained:
    """What lies in a checkpoint that `refdiff train` wrote.

    Parameters
    ----------
    path : path-like
        A file; a folder in which a run has been finished or begun; or "digits", whose weights are in the package.

    Raises
    ------
    ValueError
        If there is nothing, or the file is cut short, foreign, or of another program.
    """
    file, told = _file(path), ""
    try:
        told, step = checkpoint.describe(file)
        said: dict[str, Any] = json.loads(told)
        recipe = of_plain(said["recipe"], f"{file}")
        shape, classes = tuple(map(int, said["shape"])), tuple(map(str, said["classes"]))
    except (json.JSONDecodeError, KeyError, TypeError):
        raise ValueError(
            f"{file} must come from refdiff train; got a checkpoint of {told or 'a run without a name'}. "
            "Read it with training.load_params."
        ) from None
    params = trees.cast(checkpoint.load_params(file), np.float32)
    same = trees.shapes(params) == trees.shapes(recipe.network.init(np.random.default_rng(0)))
    require(same, f"{file}", f"hold the weights of its {recipe.network}", "others", "Use an earlier copy.")
    return Trained(recipe, params, step, shape, classes if recipe.network.labels else ())


def _file(path: str | PathLike[str]) -> Path:
    """The checkpoint that is meant: in the package, in a folder, or itself."""
    if str(path) in PACKAGED:
        return Path(str(resources.files("refdiff.systems"))) / "weights" / PACKAGED[str(path)]
    where = Path(path)
    if where.is_dir():
        found = [where / name for name in (WEIGHTS, UNFINISHED) if (where / name).is_file()]
        require(bool(found), f"{path}", f"hold {WEIGHTS}", "a folder without", "Train first: refdiff train digits.")
        return found[0]
    near = f"It is a file, a folder or a name of the package: {', '.join(PACKAGED)}."
    if str(path) in RECIPES:
        near = f"Train it first: refdiff train {path}; then refdiff sample refdiff-{path}."
    require(where.is_file(), "checkpoint", "be one that exists", repr(str(path)), near)
    return where
