"""Layers put together: a trace that runs parts forward and back, chains, and skips."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.nn.layer import Layer, Pull


class Trace:
    """A record of parts run forward, which can be run back.

    run = Trace(parts, params, rng)
    h = run("in", x)
    y = run("out", h)
    ...
    back = run.reverse()
    dx = back("in", back("out", dy))
    back.grads                          # a tree like params

    Skips and sums between the parts stay in the open, forward and back: where a value was used twice, its cotangents
    are added by whoever wrote the model.

    Parameters
    ----------
    parts : mapping of str to Layer
        The layers by name.
    params : dict
        Their parameters under the same names.
    rng : Generator, optional
        Handed to every part: training if given.
    """

    def __init__(self, parts: Mapping[str, Layer], params: Tree, rng: Rng | None = None) -> None:
        self._parts, self._params, self._rng = parts, params, rng
        self._tape: list[tuple[str, Pull]] = []

    def __call__(self, name: str, *inputs: Any) -> Array:
        """The output of a part."""
        y, pull = self._parts[name](self._params[name], *inputs, rng=self._rng)
        self._tape.append((name, pull))
        return y

    def reverse(self) -> "Reverse":
        """A fresh way back through everything run so far; it may be taken as often as wanted."""
        return Reverse(list(self._tape), self._params)


class Reverse:
    """The way back through a `Trace`: parts in reverse order, gradients summed over repeated use."""

    def __init__(self, tape: list[tuple[str, Pull]], params: Tree) -> None:
        self._tape, self._params = tape, params
        self._grads: Tree = {}

    def __call__(self, name: str, dy: Array) -> Any:
        """The cotangent of the part's input, or a tuple of them if it has several.

        Raises
        ------
        ValueError
            If another part is due: a cotangent put into the wrong pullback would give wrong gradients in silence.
        """
        due = self._tape[-1][0] if self._tape else None
        if name != due:
            raise ValueError(
                f"back must be called in the reverse of the forward order; got {name!r} where "
                f"{'nothing more' if due is None else repr(due)} is due. Write the way back from the last line up."
            )
        grads, *dinputs = self._tape.pop()[1](dy)
        seen = self._grads.get(name)
        self._grads[name] = grads if seen is None else trees.transform(np.add, seen, grads)
        return dinputs[0] if len(dinputs) == 1 else tuple(dinputs)

    @property
    def grads(self) -> Tree:
        """The gradient of every part, zero for a part that did not run.

        Raises
        ------
        ValueError
            While a part that ran forward has not been run back.
        """
        if self._tape:
            left = ", ".join(repr(name) for name, _ in reversed(self._tape))
            raise ValueError(f"grads must be read when every part has been run back; got {left} left. Run them back.")
        return {
            name: self._grads[name] if name in self._grads else trees.zeros(part) for name, part in self._params.items()
        }


class Assembled(Protocol):
    """What is made of parts."""

    @property
    def parts(self) -> Mapping[str, Layer]:
        """The layers by name."""
        ...


class Composed:
    """A layer made of named parts: its parameters are theirs, under the same names."""

    def init(self: Assembled, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Fresh parameters; `trees.flatten` makes them trainable."""
        return {name: part.init(rng, dtype) for name, part in self.parts.items()}


class Sequential(Composed):
    """Layers of one input each, one after another; parameters under "0", "1", ...

    Parameters
    ----------
    *layers : Layer
        From the input to the output.

    References
    ----------
    Equation: compose.Sequential
    griewank2008 (Evaluating Derivatives, 2nd edition), chapter 3
    """

    def __init__(self, *layers: Layer) -> None:
        self.parts = {str(i): layer for i, layer in enumerate(layers)}

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.parts.values()))})"

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.parts.values())

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """The last output, and its pullback to (grads, dx)."""
        run = Trace(self.parts, params, rng)
        for name in self.parts:
            x = run(name, x)

        def pull(dy: Array) -> tuple[Tree, Array]:
            back = run.reverse()
            for name in reversed(self.parts):
                dy = back(name, dy)
            return back.grads, dy

        return x, pull


class Residual:
    """A layer and the skip around it: y = x + f(x), dx = dy + pull_f(dy); parameters are those of f.

    Where f starts at 0 (a last `Linear` of gain 0) the block starts as the identity, however many are stacked.

    Parameters
    ----------
    layer : Layer
        f, of one input, whose output has the shape of its input.

    References
    ----------
    Equation: compose.Residual
    he2016 (arXiv 1603.05027v3), eq. 3 and 5
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __repr__(self) -> str:
        return f"Residual({self.layer!r})"

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Parameters of the layer."""
        return self.layer.init(rng, dtype)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """x + f(x), and its pullback to (grads, dx)."""
        y, pull_f = self.layer(params, x, rng=rng)

        def pull(dy: Array) -> tuple[Tree, Array]:
            grads, dx = pull_f(dy)
            return grads, dx + dy

        return x + y, pull
