"""Noise that is dealt instead of drawn: for the length of a probe, NumPy's and PyTorch's generators give our arrays."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from refdiff.core.arrays import Array

Deal = Callable[[tuple[int, ...]], Array]
"""A shape to standard normal "draws" of that shape."""


class Dealer(np.random.Generator):
    """A NumPy Generator whose normal draws are dealt; everything else it draws is ordinary, from a fixed seed."""

    def __init__(self, deal: Deal) -> None:
        super().__init__(np.random.PCG64(0))
        self._deal = deal

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """What is dealt for this size."""
        z = self._deal(_shape(size)).astype(dtype)
        if out is None:
            return z if size is not None else z[()]
        out[...] = z
        return out

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """loc + scale times what is dealt."""
        shape = np.broadcast(loc, scale).shape if size is None else _shape(size)
        return np.asarray(loc) + np.asarray(scale) * self._deal(shape)

    def randn(self, *size: int) -> Any:
        """The legacy spelling of `standard_normal`."""
        return self.standard_normal(size)


@contextmanager
def dealing(deal: Deal, subject: Callable[..., Any], *, handed: bool = False) -> Iterator[Dealer]:
    """Replace the generators' normal draws while the block runs; all is put back at its end, also after an error.

    Replaced are `np.random.randn`, `standard_normal`, `normal` and `default_rng`; if PyTorch has been imported,
    `torch.randn`, `randn_like`, `normal` and `Tensor.normal_`; if JAX has been, `jax.random.normal`, whatever its key,
    while nothing is compiled; and, wherever the subject or a function that it calls
    holds one, under a name of its module, in a closure, as a default or as an attribute of its object, a generator or
    one of these functions. Where its noise is `handed` in, what JAX has compiled stays so.
    """
    dealer = Dealer(deal)
    swaps: list[tuple[Any, str, Any]] = [
        (np.random, "randn", dealer.randn),
        (np.random, "standard_normal", dealer.standard_normal),
        (np.random, "normal", dealer.normal),
        (np.random, "default_rng", lambda *_: dealer),
        *_torch_swaps(deal),
        *_jax_swaps(deal),
    ]
    known = {id(getattr(owner, name)): new for owner, name, new in swaps if hasattr(owner, name)}

    def stand_in(value: Any) -> Any:
        if isinstance(value, np.random.Generator | np.random.RandomState):
            return dealer
        return known.get(id(value)) if callable(value) else None

    jax = sys.modules.get("jax")
    with ExitStack() as undo:
        if jax is not None and not handed:
            undo.enter_context(jax.disable_jit())  # a draw that is compiled cannot be dealt
        for owner, name, new in swaps:
            undo.callback(_set(owner, name, new))
        for holder in _holders(subject):
            for restore in _replace_in(holder, stand_in):
                undo.callback(restore)
        yield dealer


def _torch_swaps(deal: Deal) -> list[tuple[Any, str, Any]]:
    torch = sys.modules.get("torch")
    if torch is None:
        return []

    def made(size: Any, dtype: Any = None) -> Any:
        return torch.as_tensor(deal(tuple(int(n) for n in size)), dtype=dtype or torch.get_default_dtype())

    def randn(*size: Any, dtype: Any = None, **_: Any) -> Any:
        size = size or (_.get("size", ()),)
        return made(size[0] if len(size) == 1 and not isinstance(size[0], int) else size, dtype)

    def randn_like(x: Any, dtype: Any = None, **_: Any) -> Any:
        return made(x.shape, dtype or x.dtype)

    def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, dtype: Any = None, **_: Any) -> Any:
        tensors = [v for v in (mean, std) if hasattr(v, "shape")]
        shape = np.broadcast_shapes(*(tuple(v.shape) for v in tensors)) if size is None else size
        return mean + std * made(shape, dtype or (tensors[0].dtype if tensors else None))

    def normal_(self: Any, mean: float = 0.0, std: float = 1.0, **_: Any) -> Any:
        return self.copy_(mean + std * made(self.shape, self.dtype))

    return [
        (torch, "randn", randn),
        (torch, "randn_like", randn_like),
        (torch, "normal", normal),
        (torch.Tensor, "normal_", normal_),
    ]


def _jax_swaps(deal: Deal) -> list[tuple[Any, str, Any]]:
    jax = sys.modules.get("jax")
    if jax is None:
        return []

    def normal(key: Any, shape: Any = (), dtype: Any = None, **_: Any) -> Any:
        return jax.numpy.asarray(deal(_shape(shape) if shape != () else ()), dtype=dtype)

    return [(jax.random, "normal", normal)]


def _shape(size: Any) -> tuple[int, ...]:
    return () if size is None else tuple(np.atleast_1d(size).astype(int).tolist())


_ABSENT = object()


def _set(owner: Any, name: str, new: Any) -> Callable[[], None]:
    """Set an attribute; return what undoes it."""
    old = vars(owner).get(name, _ABSENT)
    setattr(owner, name, new)
    return lambda: delattr(owner, name) if old is _ABSENT else setattr(owner, name, old)


def _holders(subject: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Functions and objects through which the subject may reach a generator: what it wraps, its class's functions, and
    the functions that it calls by name.
    """
    seen = set() if seen is None else seen
    if id(subject) in seen or subject is None:
        return
    seen.add(id(subject))
    if isinstance(subject, MethodType):
        yield subject.__self__
        yield from _holders(subject.__func__, seen)
    elif isinstance(subject, FunctionType):
        yield subject
        yield from _holders(getattr(subject, "__wrapped__", None), seen)
        known = [subject.__globals__.get(name) for name in subject.__code__.co_names]
        for called in (*known, *map(_contents, subject.__closure__ or ())):
            if isinstance(called, FunctionType):
                yield from _holders(called, seen)
    elif hasattr(subject, "func"):  # functools.partial
        yield from _holders(subject.func, seen)
    elif callable(subject):
        yield subject
        yield from _holders(getattr(subject, "__wrapped__", None), seen)  # of a compiled function
        called = vars(type(subject)).get("__call__")
        if isinstance(called, FunctionType):
            yield from _holders(called, seen)


def _replace_in(holder: Any, stand_in: Callable[[Any], Any]) -> Iterator[Callable[[], None]]:
    if isinstance(holder, FunctionType):
        for name, value in list(holder.__globals__.items()):
            new = stand_in(value)
            if new is not None:
                holder.__globals__[name] = new
                yield partial(holder.__globals__.__setitem__, name, value)
        defaults = holder.__defaults__
        if defaults and any(stand_in(value) is not None for value in defaults):
            holder.__defaults__ = tuple(value if stand_in(value) is None else stand_in(value) for value in defaults)
            yield partial(setattr, holder, "__defaults__", defaults)
        for cell in holder.__closure__ or ():
            value = _contents(cell)
            new = stand_in(value)
            if new is not None:
                cell.cell_contents = new
                yield partial(setattr, cell, "cell_contents", value)
    elif isinstance(getattr(holder, "__dict__", None), dict):
        for name, value in list(vars(holder).items()):
            new = stand_in(value)
            if new is not None:
                setattr(holder, name, new)
                yield partial(setattr, holder, name, value)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None
