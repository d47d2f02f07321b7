"""Blocks of networks that are told something: residual blocks for images, and adaLN-Zero blocks for tokens."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.nn.activation import GELU, SiLU
from refdiff.nn.attention import SelfAttention
from refdiff.nn.compose import Composed, Sequential, Trace
from refdiff.nn.conv import Conv
from refdiff.nn.dropout import Dropout
from refdiff.nn.group_norm import GroupNorm
from refdiff.nn.layer import Layer, Pull
from refdiff.nn.linear import Linear
from refdiff.nn.norm import AdaptiveNorm
from refdiff.nn.sums import summed_to


@dataclass(frozen=True)
class ResBlock(Composed):
    """Two convolutions and a skip, told of a condition by scales and shifts of the channels in between.

    h = first(x)                                  norm, silu, 3 x 3
    h = last(silu(norm(h, film(e))))              FiLM, dropout, 3 x 3, which starts at 0
    y = skip(x) + h                               skip: x itself, or 1 x 1 where the number of channels changes

    So a fresh block that keeps the number of channels is the identity.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    n_condition : int
        Length of e.
    groups : int
        Of both norms; it divides n_in and n_out.
    drop : float
        Share of entries left out in training.

    References
    ----------
    Equation: blocks.ResBlock
    dhariwal2021 (arXiv 2105.05233v4), section 3.1
    """

    n_in: int
    n_out: int
    n_condition: int
    groups: int = 8
    drop: float = 0.0

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out", "n_condition"):
            count(name, getattr(self, name))
        require(0 <= scalar("drop", self.drop) < 1, "drop", "lie in [0, 1)", self.drop, "0.1 is usual.")
        _ = self.parts  # whose own doors look at groups

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        a, b = self.n_in, self.n_out
        parts: dict[str, Layer] = {
            "first": Sequential(GroupNorm(a, self.groups), SiLU(), Conv(a, b)),
            "film": Linear(self.n_condition, 2 * b),
            "norm": GroupNorm(b, self.groups),
            "last": Sequential(SiLU(), Dropout(self.drop), Conv(b, b, gain=0.0)),
        }
        if a != b:
            parts["skip"] = Conv(a, b, size=1)
        return parts

    def __call__(self, params: Tree, x: Array, e: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Images (B, H, W, n_out) of images (B, H, W, n_in) under a condition, and the pullback to (grads, dx, de).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, H, W, n_in).
        e : ndarray
            (B, n_condition), or (1, n_condition) for all.
        rng : Generator, optional
            Trains: entries are left out.
        """
        run = Trace(self.parts, params, rng)
        skip = x if self.n_in == self.n_out else run("skip", x)
        h = run("norm", run("first", x), run("film", e))
        y = skip + run("last", h)

        def pull(dy: Array) -> tuple[Tree, Array, Array]:
            back = run.reverse()
            dh, dfilm = back("norm", back("last", dy))
            de = back("film", dfilm)
            dx = back("first", dh)
            dx = dx + (dy if self.n_in == self.n_out else back("skip", dy))
            return back.grads, dx, de

        return y, pull


@dataclass(frozen=True)
class DiTBlock(Composed):
    """A transformer block told of a condition by scales, shifts and gates: adaLN-Zero.

    x <- x + gate1 attention(norm(x, film1))
    x <- x + gate2 mlp(norm(x, film2)),   [film1 | gate1 | film2 | gate2] = mod(e), which starts at 0

    So a fresh block is the identity, however many are stacked.

    Parameters
    ----------
    width : int
        Length of a token.
    n_condition : int
        Length of e.
    heads : int
        Of the attention, a divisor of the width.
    ratio : int
        How many times as wide the inner layer of the perceptron is.
    rotary : bool
        Whether queries and keys are turned by their positions.

    References
    ----------
    Equation: blocks.DiTBlock
    peebles2022 (arXiv 2212.09748v2), section 3.2
    """

    width: int
    n_condition: int
    heads: int = 4
    ratio: int = 4
    rotary: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "n_condition", "ratio"):
            count(name, getattr(self, name))
        _ = self.parts  # whose own doors look at the heads

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        w = self.width
        return {
            "mod": Linear(self.n_condition, 6 * w, gain=0.0),
            "norm": AdaptiveNorm(w),
            "attention": SelfAttention(w, self.heads, rotary=self.rotary),
            "mlp": Sequential(Linear(w, self.ratio * w), GELU(), Linear(self.ratio * w, w)),
        }

    def __call__(self, params: Tree, x: Array, e: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Tokens for tokens under a condition, and the pullback to (grads, dx, de).

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, N, width).
        e : ndarray
            (B, n_condition), or (1, n_condition) for all.
        rng : Generator, optional
            Handed on.
        """
        w = self.width
        run = Trace(self.parts, params, rng)
        film1, gate1, film2, gate2 = np.split(run("mod", e), (2 * w, 3 * w, 5 * w), axis=1)
        a = run("attention", run("norm", x, film1))
        h = x + gate1[:, None] * a
        m = run("mlp", run("norm", h, film2))
        y = h + gate2[:, None] * m

        def pull(dy: Array) -> tuple[Tree, Array, Array]:
            back = run.reverse()
            dgate2 = summed_to(np.sum(dy * m, axis=1), gate2.shape)
            dh, dfilm2 = back("norm", back("mlp", dy * gate2[:, None]))
            dh = dh + dy
            dgate1 = summed_to(np.sum(dh * a, axis=1), gate1.shape)
            dx, dfilm1 = back("norm", back("attention", dh * gate1[:, None]))
            de = back("mod", np.concatenate([dfilm1, dgate1, dfilm2, dgate2], axis=1))
            return back.grads, dx + dh, de

        return y, pull
