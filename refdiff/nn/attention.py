"""Tokens that look at each other, or at a context: scaled dot-product attention with several heads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refdiff.core.arrays import Array, softmax
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import count, require, scalar
from refdiff.nn.compose import Composed, Trace
from refdiff.nn.layer import Layer, Pull
from refdiff.nn.linear import Linear
from refdiff.nn.positions import Rotary


def attend(
    q: Array, k: Array, v: Array, mask: Array | None = None
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """Each query's mean of the values, weighted by how well their keys fit, and its pullback to (dq, dk, dv).

    y = p v,   p = softmax(q k^T/sqrt d)

    dv = p^T dy,   ds = p (dp - sum(dp p)) with dp = dy v^T,   dq = ds k/sqrt d,   dk = ds^T q/sqrt d

    Parameters
    ----------
    q, k, v : ndarray
        (..., N, d), (..., M, d) and (..., M, e).
    mask : ndarray of bool, optional
        (..., N, M): which keys a query may see, at least one each; None for all.

    Returns
    -------
    y : ndarray
        (..., N, e).
    pull : callable

    References
    ----------
    Equation: attention.attend
    vaswani2017 (arXiv 1706.03762v7), eq. 1
    """
    scale = q.shape[-1] ** -0.5
    scores = (q * scale) @ k.swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    p = softmax(scores)

    def pull(dy: Array) -> tuple[Array, Array, Array]:
        dp = dy @ v.swapaxes(-1, -2)
        ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) * scale
        return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ dy

    return p @ v, pull


@dataclass(frozen=True)
class SelfAttention(Composed):
    """Tokens that look at each other: `heads` attentions side by side, each in width/heads of the dimensions.

    y = out(join_h attend(q_h, k_h, v_h)),   q, k, v = three affine maps of x, each cut into heads

    Without positions it is blind to order: permuted tokens give permuted outputs. Give it positions by adding them to
    the tokens (`positions.sinusoids_2d`) or by turning queries and keys (`rotary=True`).

    Parameters
    ----------
    width : int
        Length of a token.
    heads : int
        A divisor of the width.
    gain : float
        Of the last map; at 0 the layer starts as the constant 0, as a residual branch should.
    rotary : bool
        Whether queries and keys are turned by their positions, see `Rotary`; width/heads must then be even.

    References
    ----------
    Equation: attention.SelfAttention
    vaswani2017 (arXiv 1706.03762v7), section 3.2.2
    """

    width: int
    heads: int = 4
    gain: float = 1.0
    rotary: bool = False

    def __post_init__(self) -> None:
        _check_heads(self.width, self.heads)
        scalar("gain", self.gain)
        even = not self.rotary or (self.width // self.heads) % 2 == 0
        require(even, "width", "give each head an even width for rotary positions", self.width, "Try other heads.")

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        w = self.width
        parts: dict[str, Layer] = {"qkv": Linear(w, 3 * w), "out": Linear(w, w, self.gain)}
        if self.rotary:
            parts["turn"] = Rotary(w // self.heads)
        return parts

    def __call__(
        self, params: Tree, x: Array, mask: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """Tokens for tokens, and the pullback to (grads, dx), with a None more for a mask.

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, ..., width): all axes between count tokens, so that an image needs no reshaping.
        mask : ndarray of bool, optional
            (N, N) or (B, N, N), or broadcastable to it: which token (last axis) a token may see.
        rng : Generator, optional
            Not used.

        Raises
        ------
        ValueError
            If the shapes do not fit, or a token may see none.
        """
        _check_tokens("x", x, self.width)
        tokens = x.reshape(len(x), -1, self.width)
        n = tokens.shape[1]
        seen = _check_mask(mask, len(x), n, n)
        run = Trace(self.parts, params, rng)
        q, k, v = (_split(part, self.heads) for part in np.split(run("qkv", tokens), 3, axis=2))
        if self.rotary:
            q, k = run("turn", q), run("turn", k)
        h, back_attend = attend(q, k, v, seen)
        y = run("out", _join(h))

        def pull(dy: Array) -> tuple[Any, ...]:
            back = run.reverse()
            dq, dk, dv = back_attend(_split(back("out", dy.reshape(tokens.shape)), self.heads))
            if self.rotary:
                dk, dq = back("turn", dk), back("turn", dq)
            dx = back("qkv", np.concatenate([_join(dq), _join(dk), _join(dv)], axis=2)).reshape(x.shape)
            return back.grads, dx, *([] if mask is None else [None])

        return y.reshape(x.shape), pull


@dataclass(frozen=True)
class CrossAttention(Composed):
    """Tokens that look at a context, such as the words of a caption: queries from x, keys and values from the context.

    y = out(join_h attend(q_h(x), k_h(context), v_h(context)))

    Parameters
    ----------
    width : int
        Length of a token.
    n_context : int
        Length of a context's token.
    heads : int
        A divisor of the width.
    gain : float
        Of the last map; at 0 the layer starts as the constant 0.

    References
    ----------
    Equation: attention.CrossAttention
    rombach2022 (arXiv 2112.10752v2), section 3.3
    """

    width: int
    n_context: int
    heads: int = 4
    gain: float = 1.0

    def __post_init__(self) -> None:
        _check_heads(self.width, self.heads)
        count("n_context", self.n_context), scalar("gain", self.gain)

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name; parameters lie under the same names."""
        w, c = self.width, self.n_context
        return {"q": Linear(w, w), "kv": Linear(c, 2 * w), "out": Linear(w, w, self.gain)}

    def __call__(
        self, params: Tree, x: Array, context: Array, mask: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Pull]:
        """Tokens for tokens, and the pullback to (grads, dx, dcontext), with a None more for a mask.

        Parameters
        ----------
        params : dict
            From `init`.
        x : ndarray
            (B, ..., width): all axes between count tokens.
        context : ndarray
            (B, M, n_context).
        mask : ndarray of bool, optional
            (N, M) or (B, N, M), or broadcastable to it, as (B, 1, M) that leaves out padding: which part of the
            context a token may see.
        rng : Generator, optional
            Not used.

        Raises
        ------
        ValueError
            If the shapes do not fit, or a token may see nothing.
        """
        _check_tokens("x", x, self.width)
        fits = context.ndim == 3 and context.shape[0] == len(x) and context.shape[2] == self.n_context
        must = f"be ({len(x)}, M, {self.n_context}) like x and the layer"
        require(fits and context.shape[1] > 0, "context", must, context.shape, "Repeat one context for each sample.")
        tokens = x.reshape(len(x), -1, self.width)
        seen = _check_mask(mask, len(x), tokens.shape[1], context.shape[1])
        run = Trace(self.parts, params, rng)
        q = _split(run("q", tokens), self.heads)
        k, v = (_split(part, self.heads) for part in np.split(run("kv", context), 2, axis=2))
        h, back_attend = attend(q, k, v, seen)
        y = run("out", _join(h))

        def pull(dy: Array) -> tuple[Any, ...]:
            back = run.reverse()
            dq, dk, dv = back_attend(_split(back("out", dy.reshape(tokens.shape)), self.heads))
            dcontext = back("kv", np.concatenate([_join(dk), _join(dv)], axis=2))
            dx = back("q", _join(dq)).reshape(x.shape)
            return back.grads, dx, dcontext, *([] if mask is None else [None])

        return y.reshape(x.shape), pull


def _split(x: Array, heads: int) -> Array:
    """(B, N, W) to (B, heads, N, W/heads)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _join(x: Array) -> Array:
    """(B, heads, N, d) to (B, N, heads d)."""
    b, heads, n, d = x.shape
    return x.swapaxes(1, 2).reshape(b, n, heads * d)


def _check_heads(width: int, heads: int) -> None:
    width, heads = count("width", width), count("heads", heads)
    require(width % heads == 0, "heads", f"divide the width {width}", heads, "1 always does.")


def _check_tokens(name: str, x: Array, width: int) -> None:
    fits = x.ndim >= 3 and x.shape[-1] == width
    require(fits, name, f"be (B, ..., {width}) like the layer", x.shape, "Use x[None] for the tokens of one sample.")


def _check_mask(mask: Array | None, batch: int, n: int, m: int) -> Array | None:
    """The mask with an axis for the heads."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    require(mask.dtype == bool, "mask", "be boolean, True where a token may look", mask.dtype, "Use mask > 0.")
    sides = zip(mask.shape[::-1], (m, n, batch), strict=False)
    fits = 2 <= mask.ndim <= 3 and all(side in (1, full) for side, full in sides)
    must = f"be ({n}, {m}) or ({batch}, {n}, {m}), or broadcast to it"
    require(fits, "mask", must, mask.shape, "Padding is left out by a mask (B, 1, M).")
    require(bool(mask.any(axis=-1).all()), "mask", "let every token see something", "a row of False", "Drop the token.")
    return mask if mask.ndim == 2 else mask[:, None]
