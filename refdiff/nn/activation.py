"""Functions of one number, applied to every entry."""

import math
from dataclasses import dataclass

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.nn.layer import Fixed, Pull


@dataclass(frozen=True)
class SiLU(Fixed):
    """The sigmoid-weighted linear unit, also called swish.

    y = x s,   s = sigmoid(x) = 1/2 + 1/2 tanh(x/2),   dy/dx = s + y (1 - s)

    By way of tanh, with h = x/2, it is h tanh(h) + h: no overflow, and a sixth of the time of SciPy's `expit`.

    References
    ----------
    Equation: activation.SiLU
    elfwing2017 (arXiv 1702.03118v3)
    """

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """x sigmoid(x), and its pullback to ({}, dx)."""
        s = 0.5 * x
        np.tanh(s, out=s)
        s *= 0.5
        s += 0.5
        y = x * s

        def pull(dy: Array) -> tuple[Tree, Array]:
            slope = 1 - s
            slope *= y
            slope += s
            return {}, slope * dy

        return y, pull


@dataclass(frozen=True)
class GELU(Fixed):
    """The Gaussian error linear unit in its tanh form: x times nearly the normal distribution function.

    y = x s,   s = sigmoid(2 u) = 1/2 + 1/2 tanh(u),   u = sqrt(2/pi) (x + 0.044715 x^3)

    dy/dx = s + 2 y (1 - s) du/dx

    The form with erf, x Phi(x), differs from it by less than 5e-4 everywhere. It is not this one: NumPy has no erf, and
    SciPy's takes 50 times as long as tanh. PyTorch's name for this form is `approximate="tanh"`.

    References
    ----------
    Equation: activation.GELU
    hendrycks2016 (arXiv 1606.08415v5), section 2
    """

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """x Phi(x), nearly, and its pullback to ({}, dx)."""
        square = x * x
        s = 0.5 + 0.5 * np.tanh(x * (ROOT + CUBIC * square))
        y = x * s

        def pull(dy: Array) -> tuple[Tree, Array]:
            return {}, (s + 2 * y * (1 - s) * (ROOT + 3 * CUBIC * square)) * dy

        return y, pull


ROOT = (2 / math.pi) ** 0.5  # the slope of u at 0, which gives s the slope of the normal distribution function
CUBIC = 0.044715 * ROOT  # hendrycks2016 sec. 2
