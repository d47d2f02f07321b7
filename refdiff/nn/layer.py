"""What a layer is: a function that returns its output and its pullback."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree

Pull = Callable[[Array], tuple[Any, ...]]
"""Cotangent of the output in; gradient of the parameters and one cotangent for each input out."""


@runtime_checkable
class Layer(Protocol):
    """A function of parameters and inputs that also knows how a change travels back through it.

    y, pull = layer(params, *inputs)
    grads, *dinputs = pull(dy)        # (dy . J_params, dy . J_inputs)

    `pull` is linear in `dy` and may be called again: it writes neither to `dy` nor to what it closed over. Nobody
    writes to an array that he did not make, so a layer may keep its inputs and its output.

    One code has three lives: float32 trains, float64 verifies, complex128 differentiates. The output has the dtype of
    the parameters and inputs, and every operation is analytic: transposes without conjugates, squares without moduli.
    `refdiff.nn.gradcheck` puts a number on all of this.
    """

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Fresh parameters: a nested dict of arrays, empty for a layer that has none."""
        ...

    def __call__(self, params: Tree, *inputs: Any, **rng: Any) -> tuple[Array, Pull]:
        """The output and its pullback: `layer(params, *inputs, rng=None)`.

        An `rng` trains (labels may be dropped), None evaluates: there is no mode to set.
        """
        ...


class Fixed:
    """A layer without parameters."""

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Nothing to learn."""
        return {}
