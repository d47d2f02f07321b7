"""What happens to the shape of the data on its way through a network, and what each part costs."""

import copy
from typing import Any, NamedTuple

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count
from refdiff.nn import Conv, CrossAttention, Layer, Linear, Pull, Residual, SelfAttention


class Stop(NamedTuple):
    """One part that was passed: `print` shows it as a line.

    Parameters
    ----------
    name : str
        Of the part; parts of a part follow after a slash.
    kind : str
        The layer's class.
    inputs : tuple of tuple of int
        Shapes of what went in.
    output : tuple of int
        Shape of what came out.
    params : int
        Numbers learned in it.
    products : int
        Multiplications, each with an addition, in its matrix products on the way forward. What is done entry by entry
        is not counted. The way back takes twice as many.
    """

    name: str
    kind: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    params: int
    products: int

    def __str__(self) -> str:
        shapes = " x ".join(map(str, self.output))
        return f"{self.name:<12} {shapes:<16} {self.params:>9,} {self.products:>12,}"


def walk(net: Layer, params: Tree, *inputs: Any, depth: int = 1) -> list[Stop]:
    """Every part of a network in the order of the way forward, with shapes, parameters and products; it is really run.

    Parameters
    ----------
    net : Layer
        A network or block with `parts`, such as `UNet`, `DiT`, `MLP` or `Sequential`.
    params : dict
        Its parameters, from `net.init(rng)`.
    *inputs
        What it is called with, for instance images and a time feature.
    depth : int
        How far down parts are named: 1 for those of the network, 2 for those of its blocks as well.

    Returns
    -------
    list of Stop
        In the order of the way forward; a part stands before its own parts.

    Raises
    ------
    ValueError
        Whatever the network says of inputs that do not fit.
    """
    stops: list[Stop] = []
    _Watched(net, "", stops, count("depth", depth))(params, *inputs)
    return stops[1:]


class _Watched:
    """A layer that notes what passes through it, and through its parts."""

    def __init__(self, layer: Layer, name: str, stops: list[Stop], depth: int) -> None:
        self.layer, self.name, self.stops, self.depth = layer, name, stops, depth

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        return self.layer.init(rng, dtype)

    def __call__(self, params: Tree, *inputs: Any, rng: Rng | None = None) -> tuple[Array, Pull]:
        inner: list[Stop] = []
        y, pull = _opened(self.layer, inner)(params, *inputs, rng=rng)
        shapes = tuple(np.shape(x) for x in inputs if x is not None)
        products = _products(self.layer, shapes, y.shape) + sum(s.products for s in inner if "/" not in s.name)
        own = Stop(self.name, type(self.layer).__name__, shapes, y.shape, trees.size(params), products)
        self.stops.append(own)
        below = [s for s in inner if s.name.count("/") < self.depth - bool(self.name)]
        self.stops.extend(s._replace(name=f"{self.name}/{s.name}") if self.name else s for s in below)
        return y, pull


def _opened(layer: Layer, stops: list[Stop]) -> Layer:
    """The layer with its parts watched; the layer itself where it has none."""
    if isinstance(layer, Residual):
        return Residual(_Watched(layer.layer, "f", stops, 99))
    parts = getattr(layer, "parts", None)
    if parts is None:
        return layer
    twin = copy.copy(layer)
    twin.__dict__["parts"] = {name: _Watched(part, name, stops, 99) for name, part in parts.items()}
    return twin


def _products(layer: Layer, inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...]) -> int:
    """Multiplications in a layer's own matrix products, those of its parts left out."""
    size = int(np.prod(output))
    if isinstance(layer, Linear):
        return size * layer.n_in
    if isinstance(layer, Conv):
        return size * layer.n_in * layer.size**2
    if isinstance(layer, SelfAttention):  # scores, and means of the values
        return 2 * size * int(np.prod(inputs[0][1:-1]))
    if isinstance(layer, CrossAttention):
        return 2 * size * inputs[1][1]
    return 0
