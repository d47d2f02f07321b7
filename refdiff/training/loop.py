"""The training loop: a generator over a state that can be stopped, saved and resumed between any two steps."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple, Protocol

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.nn.average import Average
from refdiff.nn.optim import Optimizer, Slots, clip_by_norm
from refdiff.training.machine import blas_threads, keep_freed_memory


class Objective(Protocol):
    """What is minimised, such as `losses.DenoisingLoss(...).objective(net, draw)`."""

    def __call__(self, params: Tree, rng: np.random.Generator, batch: Any, /) -> tuple[Any, ...]:
        """(loss, grads), or (loss, grads, detail) with whatever else the record should hold.

        The loss is a number, or an array to be averaged; `grads` is the gradient of its mean, a tree like `params`.
        """
        ...


Batch = Callable[[np.random.Generator], Any]
"""Draws a batch; from the generator it is given, and from nowhere else."""


class Record(NamedTuple):
    """What happened in one step: how many are done, the loss before it, the rate, the gradient's length unclipped."""

    step: int
    loss: float
    rate: float
    norm: float
    detail: Any = None


class Diverged(ArithmeticError):
    """Raised when a loss or gradient is not finite, or a loss too great; the state is that of the last good step."""

    def __init__(self, step: int, loss: float, norm: float) -> None:
        super().__init__(
            f"loss and gradient must stay finite and in bounds; got loss {loss:g} and gradient length {norm:g} "
            f"at step {step}. "
            f"The state is that of step {step - 1}: lower the rate, warm it up, or clip the gradient."
        )
        self.step = step


@dataclass
class State:
    """All that a run needs to go on: made by `begin`, moved by `train`, kept by `checkpoint.save`.

    Parameters
    ----------
    params, flat : dict, ndarray
        The parameters, as views into the flat vector.
    optimizer, slots : Optimizer, dict
        How the vector is moved, and what is remembered for it.
    average, averaged : Average, dict
        How the parameters are averaged, and the average so far under "mean"; None and empty without one.
    rng : Generator
        The only source of randomness.
    about : str
        What is trained, for instance repr(net); a checkpoint of something else is refused.
    step : int
        Steps done.
    torn : bool
        True only while the vector is being moved: an interrupt there leaves a state that cannot be saved.
    """

    params: Tree
    flat: Array
    optimizer: Optimizer
    slots: Slots
    average: Average | None
    averaged: Slots
    rng: np.random.Generator
    about: str = ""
    step: int = 0
    torn: bool = False

    @property
    def best(self) -> Tree:
        """The parameters to draw samples with: their average, or the last ones if none is kept."""
        return trees.unflatten(self.averaged["mean"], self.params) if self.average else self.params


def begin(
    params: Tree, *, optimizer: Optimizer, average: Average | None = None, rng: np.random.Generator, about: str = ""
) -> State:
    """A state before the first step; the parameters are copied into a vector of its own.

    Parameters
    ----------
    params : dict
        From `net.init(rng)`.
    optimizer : Optimizer
        For instance `nn.adam(nn.rates.cosine(4e-3, steps))`.
    average : Average, optional
        For instance `nn.ema(0.999)`.
    rng : Generator
        Batches, noise and times are drawn from it.
    about : str
        What is trained, for instance repr(net).
    """
    flat, views = trees.flatten(params)
    require(flat.size > 0, "params", "hold the network's parameters", "an empty tree", "Pass net.init(rng).")
    require(bool(np.isfinite(flat).all()), "params", "be finite", "NaN or infinity", "Pass net.init(rng).")
    averaged = average.init(flat) if average else {}
    return State(views, flat, optimizer, optimizer.init(flat), average, averaged, rng, about)


def train(
    objective: Objective,
    batch: Batch,
    state: State,
    *,
    steps: int,
    clip: float = math.inf,
    most: float = math.inf,
    path: str | PathLike[str] | None = None,
    every: int = 1000,
    threads: int | None = 1,
) -> Iterator[Record]:
    """Train until `steps` steps are done, yielding a record after each; stop by not asking for more.

    loss, grads = objective(params, rng, batch(rng));   clip;   optimizer;   average

    Whatever interrupts a step before it moves the parameters leaves the state, the generator of randomness included, as
    it was between steps.

    Parameters
    ----------
    objective : callable
        (params, rng, batch) to (loss, grads), see `Objective`.
    batch : callable
        rng to a batch, for instance `lambda rng: data[rng.integers(len(data), size=256)]`.
    state : State
        From `begin`; changed in place.
    steps : int
        How many steps the run has in all: a resumed state goes on to the same total.
    clip : float
        Greatest length of the gradient.
    most : float
        Greatest loss that counts as training: with a clipped gradient a run can go astray and stay finite.
    path : path-like, optional
        Where checkpoints go: every `every` steps, and at the end.
    every : int
        Steps between two checkpoints.
    threads : int, optional
        Threads for products of matrices during a step, see `machine.blas_threads`; None leaves them alone. One is best
        for the networks of this library. The same number gives the same bits.

    Yields
    ------
    Record
        After each step.

    Raises
    ------
    Diverged
        When the loss or the gradient is not finite, or the loss above `most`; neither the state nor the checkpoint is
        touched by that step.
    """
    count("steps", steps, least=0), count("every", every)
    require(clip > 0, "clip", "be above zero", clip, "inf, the default, clips nothing.")
    require(most > 0, "most", "be above zero", most, "inf, the default, takes every finite loss.")
    if threads is not None:
        count("threads", threads)
    keep_freed_memory()
    return _steps(objective, batch, state, steps, clip, most, path, every, threads)


def _steps(
    objective: Objective,
    batch: Batch,
    state: State,
    steps: int,
    clip: float,
    most: float,
    path: str | PathLike[str] | None,
    every: int,
    threads: int | None,
) -> Iterator[Record]:
    from refdiff.training.checkpoint import save

    grads = np.empty_like(state.flat)
    while state.step < steps:
        with blas_threads(threads):
            record = _step(objective, batch, state, clip, most, grads)
        if path is not None and (state.step % every == 0 or state.step == steps):
            save(path, state)
        yield record


def _step(objective: Objective, batch: Batch, state: State, clip: float, most: float, grads: Array) -> Record:
    before = state.rng.bit_generator.state
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # seen below, and told of with the step
            losses, tree, *detail = objective(state.params, state.rng, batch(state.rng))
            loss = float(np.mean(losses))
            norm = clip_by_norm(trees.ravel(tree, out=grads), clip)
        if not (math.isfinite(loss) and loss <= most and math.isfinite(norm)):
            raise Diverged(state.step + 1, loss, norm)
    except BaseException:
        state.rng.bit_generator.state = before
        raise
    state.torn = True
    state.optimizer.update(state.flat, grads, state.slots)
    if state.average:
        state.average.update(state.flat, state.averaged)
    state.step += 1
    state.torn = False
    return Record(state.step, loss, state.optimizer.rate(state.step - 1), norm, *detail)
