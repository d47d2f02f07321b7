"""Large batches in little memory: the gradient of a batch from those of its parts."""

from functools import reduce
from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.training.loop import Objective


def accumulated(objective: Objective, parts: int) -> Objective:
    """The objective, worked through part by part: the same gradient, with the memory of one part.

    grads = (grads_1 + ... + grads_n)/n

    Exact, since the loss is a mean over the batch and the parts are of one size. What is drawn within the objective, as
    noise is, is drawn part by part.

    Parameters
    ----------
    objective : callable
        (params, rng, batch) to (loss, grads) or (loss, grads, detail), see `Objective`. Details must add, as lists do.
    parts : int
        In how many parts; 1 gives the objective back.

    Returns
    -------
    callable
        Takes a batch, or a tuple of arrays that belong together, of `parts` times as many samples as one part.

    Raises
    ------
    ValueError
        At the call, if the batch does not divide into parts of one size.
    """
    if count("parts", parts) == 1:
        return objective

    def whole(params: Tree, rng: np.random.Generator, batch: Any) -> tuple[Any, ...]:
        arrays = batch if isinstance(batch, tuple) else (batch,)
        n = len(arrays[0])
        require(n % parts == 0, "batch", f"divide into {parts} parts", f"{n} samples", "Change one of the two.")
        answers = []
        for at in np.split(np.arange(n), parts):
            part = tuple(array[at] for array in arrays)
            answers.append(objective(params, rng, part if isinstance(batch, tuple) else part[0]))
        losses, grads, *details = zip(*answers, strict=True)
        mean = reduce(lambda a, b: trees.transform(np.add, a, b), grads)
        return np.mean(losses), trees.transform(lambda leaf: leaf / parts, mean), *(sum(d[1:], d[0]) for d in details)

    return whole
