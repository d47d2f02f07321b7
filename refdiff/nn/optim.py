"""Optimizers: pairs (init, update) that move one flat vector of parameters in place."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import finite, positive, require, scalar
from refdiff.nn.flat import blocks, toward
from refdiff.nn.rates import Rate, constant

Slots = dict[str, Array]
"""What an optimizer remembers: arrays by name, `step` among them. All of it goes into a checkpoint."""


class Optimizer(NamedTuple):
    """A pair of functions.

    slots = optimizer.init(flat)
    optimizer.update(flat, grads, slots)    # moves `flat` and `slots` in place

    Parameters
    ----------
    init : callable
        Flat parameters to slots.
    update : callable
        Flat parameters, flat gradient and slots to None; the gradient is left as it is.
    rate : callable
        The learning rate at a step.
    """

    init: Callable[[Array], Slots]
    update: Callable[[Array, Array, Slots], None]
    rate: Rate


def adam(rate: float | Rate, beta1: float = 0.9, beta2: float = 0.999, tiny: float = 1e-8) -> Optimizer:
    """Adam: each parameter moves by its mean gradient over the root of its mean squared gradient.

    m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
    p <- p - rate (m/(1 - beta1^k)) / (sqrt(v/(1 - beta2^k)) + tiny)

    The divisions by 1 - beta^k (k from 1) correct for m and v having started at zero; they are exact, not folded into
    `tiny`. For differentiation, g^2 is a square and not a modulus.

    Parameters
    ----------
    rate : float or callable
        Learning rate, or a function of the step (counted from 0), see `refdiff.nn.rates`.
    beta1, beta2 : float
        Memories of the two means, in [0, 1).
    tiny : float
        The paper's epsilon.

    References
    ----------
    Equation: optim.adam
    kingma2014adam (arXiv 1412.6980v9), algorithm 1
    """
    return adamw(rate, beta1, beta2, tiny, decay=0.0)


def adamw(
    rate: float | Rate,
    beta1: float = 0.9,
    beta2: float = 0.999,
    tiny: float = 1e-8,
    *,
    decay: float = 0.01,
    mask: Array | None = None,
) -> Optimizer:
    """Adam with a weight decay that does not pass through its means.

    p <- p - rate decay p,   then a step of Adam

    An L2 penalty on the loss is not the same: its gradient would be divided by sqrt(v). As in PyTorch the decay is
    multiplied by the rate; the paper multiplies by the rate over its top value.

    Parameters
    ----------
    rate, beta1, beta2, tiny
        As for `adam`.
    decay : float
        Weight decay, at least 0.
    mask : ndarray, optional
        (size,), factors on the decay: 0 keeps a bias or a scale from decaying.

    References
    ----------
    Equation: optim.adamw
    loshchilov2019 (arXiv 1711.05101v3), algorithm 2
    """
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        require(0 <= scalar(name, beta) < 1, name, "lie in [0, 1)", beta, "The paper uses 0.9 and 0.999.")
    require(scalar("tiny", tiny) >= 0, "tiny", "be at least 0", tiny, "The paper uses 1e-8.")
    if mask is not None:
        finite("mask", mask, ndim=1)
    require(scalar("decay", decay) >= 0, "decay", "be at least 0", decay, "Adam without decay is adam(rate).")
    at = rate if callable(rate) else constant(positive("rate", rate))

    def init(params: Array) -> Slots:
        return {"m": np.zeros_like(params), "v": np.zeros_like(params), "step": np.zeros((), np.int64)}

    def update(params: Array, grads: Array, slots: Slots) -> None:
        lr = at(int(slots["step"]))
        slots["step"] += 1
        k = int(slots["step"])
        start1, start2 = 1 - beta1**k, 1 - beta2**k
        for block in blocks(params.size):
            p, g, m, v = params[block], grads[block], slots["m"][block], slots["v"][block]
            if decay:
                p -= lr * decay * (p if mask is None else p * mask[block])
            toward(g, m, 1 - beta1)
            toward(g * g, v, 1 - beta2)
            root = v / start2
            np.sqrt(root, out=root)
            root += tiny
            move = m / start1
            move *= lr
            move /= root
            p -= move

    return Optimizer(init, update, at)


def clip_by_norm(grads: Array, limit: float) -> float:
    """Shorten a flat gradient in place to a greatest length, and return the length that it had.

    g <- g min(1, limit/|g|)

    Parameters
    ----------
    grads : ndarray
        (size,), changed in place.
    limit : float
        Greatest length allowed, above zero; inf only measures.

    References
    ----------
    Equation: optim.clip_by_norm
    pascanu2012 (arXiv 1211.5063v2), algorithm 1
    """
    require(limit > 0, "limit", "be above zero", limit, "inf only measures.")
    norm = np.sqrt(grads @ grads)
    if norm.real > limit:
        grads *= limit / norm
    return float(norm.real)
