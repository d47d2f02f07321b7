"""The gradient of a batch from those of its parts: large batches in little memory, or on several cores at a time."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import reduce
from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require
from refdiff.training.loop import Objective


def accumulated(objective: Objective, parts: int, *, threads: int = 1) -> Objective:
    """The objective, worked through part by part: the same gradient, with the memory of one part.

    grads = (grads_1 + ... + grads_n)/n

    Exact, since the loss is a mean over the batch and the parts are of one size. What is drawn within the objective, as
    noise is, is drawn part by part. In several threads each part has a generator of its own, whose seed is drawn from
    the run's: so the numbers do not depend on which thread is quicker, and a run that is resumed goes on to the bit.

    Threads pay where a step is long and cores are idle: NumPy lets go of Python's lock within each product of matrices
    and each pass over an array, and BLAS is to be kept to one thread of its own, as `train` does.

    Parameters
    ----------
    objective : callable
        (params, rng, batch) to (loss, grads) or (loss, grads, detail), see `Objective`. Details must add, as lists do.
    parts : int
        In how many parts; 1 gives the objective back.
    threads : int
        How many parts are worked on at a time.

    Returns
    -------
    callable
        Takes a batch, or a tuple of arrays that belong together, of `parts` times as many samples as one part.

    Raises
    ------
    ValueError
        At the call, if the batch does not divide into parts of one size.
    """
    if max(count("parts", parts), count("threads", threads)) == 1:
        return objective
    pool = ThreadPoolExecutor(threads)

    def whole(params: Tree, rng: np.random.Generator, batch: Any) -> tuple[Any, ...]:
        arrays = batch if isinstance(batch, tuple) else (batch,)
        n = len(arrays[0])
        require(n % parts == 0, "batch", f"divide into {parts} parts", f"{n} samples", "Change one of the two.")
        pieces = [tuple(array[at] for array in arrays) for at in np.split(np.arange(n), parts)]
        pieces = pieces if isinstance(batch, tuple) else [piece[0] for piece in pieces]
        if threads == 1:
            answers = [objective(params, rng, piece) for piece in pieces]
        else:
            seeds = rng.integers(2**63, size=parts)
            jobs = [
                pool.submit(copy_context().run, objective, params, np.random.default_rng(seed), piece)
                for seed, piece in zip(seeds, pieces, strict=True)
            ]
            answers = [job.result() for job in jobs]
        losses, grads, *details = zip(*answers, strict=True)
        mean = reduce(lambda a, b: trees.transform(np.add, a, b), grads)
        return np.mean(losses), trees.transform(lambda leaf: leaf / parts, mean), *(sum(d[1:], d[0]) for d in details)

    return whole
