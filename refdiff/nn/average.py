"""The average of the parameters over the course of training: what samples are drawn from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import require, scalar
from refdiff.nn.flat import blocks, toward
from refdiff.nn.optim import Slots


class Average(NamedTuple):
    """A pair of functions on flat vectors; the average itself is `slots["mean"]`.

    slots = average.init(flat)
    average.update(flat, slots)             # after each step of the optimizer
    """

    init: Callable[[Array], Slots]
    update: Callable[[Array, Slots], None]


def ema(decay: float = 0.999, *, power: float = 8.0) -> Average:
    """Exponential moving average of the parameters, with a start that forgets the beginning.

    e <- e + w_k (p - e),   w_k = max(1 - decay, (power + 1)/(power + k)),   k = 1, 2, ...

    w_1 = 1, so the weights of p_1 ... p_k always add up to one and no correction remains to be made. Until the second
    term falls below 1 - decay they grow like i^power (power 0: the plain mean; 8: nearly the ramp min(decay, (1 + k)/
    (10 + k)) that many codes use); from then on they fall like decay^(k - i). A fixed decay from step 0 would keep a
    share decay^k of the random start: after 1,000 steps at 0.999, 37 % of it.

    Parameters
    ----------
    decay : float
        Memory, in [0, 1): about 1/(1 - decay) steps.
    power : float
        How strongly the start prefers late steps, at least 0.

    References
    ----------
    Equation: average.ema
    karras2023 (arXiv 2312.02696v2), section 3.1
    """
    require(0 <= scalar("decay", decay) < 1, "decay", "lie in [0, 1)", decay, "Long runs use 0.999 or 0.9999.")
    require(scalar("power", power) >= 0, "power", "be at least 0", power, "8 is a usual start.")

    def init(params: Array) -> Slots:
        return {"mean": params.copy(), "step": np.zeros((), np.int64)}

    def update(params: Array, slots: Slots) -> None:
        slots["step"] += 1
        weight = max(1 - decay, (power + 1) / (power + int(slots["step"])))
        for block in blocks(params.size):
            toward(params[block], slots["mean"][block], weight)

    return Average(init, update)
