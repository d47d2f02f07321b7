"""The usual slips in a step: what each of its coefficients is where one was made."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.process.forward import posterior, transition
from refdiff.verify.references import PREDICTS, Walk, X, coefficients, columns, direction


class Quantities(NamedTuple):
    """A walk's quantities under the names that papers and code give them, one entry a step."""

    bar: Array
    before: Array
    alpha: Array
    beta: Array
    tilde: Array
    x0: Array
    eps: Array

    @classmethod
    def of(cls, w: Walk) -> "Quantities":
        """alpha_bar_t, alpha_bar_s, alpha = their ratio, beta = 1 - alpha, beta-tilde, and the belief.

        Off a variance-preserving path they are those of x/hypot(alpha, sigma).
        """
        norm_t, norm_s = (np.hypot(v.alpha, v.sigma) for v in (w.t, w.s))
        bar, before = (np.asarray(w.t.alpha) / norm_t) ** 2, (np.asarray(w.s.alpha) / norm_s) ** 2
        alpha = bar / before
        beta = np.ravel(transition(np.zeros((len(bar), 1)), columns(w.s), columns(w.t)).var) / norm_t**2
        tilde = beta * (w.s.sigma / norm_s) ** 2 / (w.t.sigma / norm_t) ** 2
        return cls(bar, before, alpha, beta, tilde, *w.belief())


class Slip(NamedTuple):
    """A usual slip: what it is called, and what one of the coefficients is where it was made."""

    name: str
    value: Callable[[Walk, Quantities], Array]


def _form(f: Callable[[Quantities], tuple[Array, Array]]) -> Callable[[Walk, Quantities], Array]:
    """A mean x_s = p x + q eps with given p, q."""

    def value(w: Walk, q: Quantities) -> Array:
        on_x, on_eps = f(q)
        return np.asarray(on_x[:, None] * X + on_eps[:, None] * q.eps)

    return value


def _with_x0(x0: Callable[[Quantities], Array]) -> Callable[[Walk, Quantities], Array]:
    """The right mean, but for its x0."""

    def value(w: Walk, q: Quantities) -> Array:
        if w.kind == "ddpm":
            t, s = columns(w.t), columns(w.s)
            wrong = x0(q)
            return np.asarray(posterior(wrong, np.broadcast_to(X, wrong.shape), s, t).mean)
        return np.asarray(coefficients(w).mean + np.asarray(w.s.alpha)[:, None] * (x0(q) - q.x0))

    return value


def _as(name: str) -> Slip:
    def value(w: Walk, q: Quantities) -> Array:
        return coefficients(w, PREDICTS[name]).mean

    return Slip(f"the output is used as {name}", value)


def _moved(here: int, there: int, name: str) -> Slip:
    return Slip(name, lambda w, q: coefficients(w.moved(here, there)).mean)


def _strided(w: Walk) -> Walk:
    stride = max(1, (len(w.alpha) - 1) // len(w.here))
    return replace(w, there=np.maximum(w.here - stride, 0))


def directed(w: Walk, q: Quantities, length: Array) -> Array:
    """DDIM with a direction of another length."""
    return np.asarray(np.asarray(w.s.alpha)[:, None] * q.x0 + length[:, None] * q.eps)


def _sloped(w: Walk, q: Quantities, factor: Array) -> Array:
    """Euler in sigma/alpha with its slope multiplied."""
    t, s = w.t, w.s
    step = np.asarray(s.sigma / s.alpha - t.sigma / t.alpha) * factor
    return np.asarray(np.asarray(s.alpha)[:, None] * (X / np.asarray(t.alpha)[:, None] + step[:, None] * q.eps))


MEANS: tuple[Slip, ...] = (
    Slip("the step answers with x as it came", lambda w, q: np.broadcast_to(X, (len(q.bar), 2))),
    Slip("the sign of the model's output", lambda w, q: coefficients(w).mean * [1.0, -1.0]),
    Slip(
        "the sign of the direction that points to x_t",
        lambda w, q: 2 * np.asarray(w.s.alpha)[:, None] * q.x0 - coefficients(w).mean,
    ),
    *(_as(name) for name in PREDICTS),
    Slip(
        "the last step ends at the first noise level instead of the data: its alpha_bar must be 1, or, where that is "
        "meant, passed as final_alpha_cumprod=",
        lambda w, q: coefficients(replace(w, there=np.maximum(w.there, 1))).mean,
    ),
    Slip(
        "the stride is ignored: the step goes to t - 1 instead of the next timestep of the grid",
        lambda w, q: coefficients(replace(w, there=w.here - 1)).mean,
    ),
    Slip(
        "the previous timestep is recomputed as t - T // steps instead of read from the grid",
        lambda w, q: coefficients(_strided(w)).mean,
    ),
    _moved(1, 1, "level off by one: the coefficients belong to t + 1"),
    _moved(-1, -1, "level off by one: the coefficients belong to t - 1"),
    _moved(1, 0, "level off by one: x_t is taken to be at t + 1"),
    _moved(-1, 0, "level off by one: x_t is taken to be at t - 1"),
    _moved(0, 1, "level off by one: the step goes to a level one too noisy"),
    _moved(0, -1, "level off by one: the step goes to a level one too clean"),
    Slip(
        "alpha for alpha-bar in the coefficient of eps",
        _form(lambda q: (q.alpha**-0.5, -((q.beta / q.alpha) ** 0.5))),
    ),
    Slip(
        "alpha-bar for alpha in the factor before the mean",
        _form(lambda q: (q.bar**-0.5, -q.beta / ((1 - q.bar) * q.bar) ** 0.5)),
    ),
    Slip(
        "a square root is missing: beta/(1 - alpha_bar) before eps",
        _form(lambda q: (q.alpha**-0.5, -q.beta / (1 - q.bar) / q.alpha**0.5)),
    ),
    Slip(
        "a square root is missing: 1/alpha before the mean",
        _form(lambda q: (1 / q.alpha, -q.beta / (1 - q.bar) ** 0.5 / q.alpha)),
    ),
    Slip(
        "the factor 1/sqrt(alpha) before the mean is missing",
        _form(lambda q: (np.ones_like(q.bar), -q.beta / (1 - q.bar) ** 0.5)),
    ),
    Slip(
        "the factor 1/sqrt(alpha) multiplies x but not eps",
        _form(lambda q: (q.alpha**-0.5, -q.beta / (1 - q.bar) ** 0.5)),
    ),
    Slip(
        "alpha for alpha-bar in x0",
        _with_x0(lambda q: (X - q.beta[:, None] ** 0.5 * q.eps) / q.alpha[:, None] ** 0.5),
    ),
    Slip(
        "a square root is missing in x0: 1 - alpha_bar before eps",
        _with_x0(lambda q: (X - (1 - q.bar)[:, None] * q.eps) / q.bar[:, None] ** 0.5),
    ),
    Slip(
        "x0 is computed with sqrt(1 - alpha_bar_s), of the level that the step goes to",
        _with_x0(lambda q: (X - (1 - q.before)[:, None] ** 0.5 * q.eps) / q.bar[:, None] ** 0.5),
    ),
    Slip(
        "x0 is computed with alpha_bar_s, of the level that the step goes to",
        _with_x0(lambda q: (X - (1 - q.before)[:, None] ** 0.5 * q.eps) / q.before[:, None] ** 0.5),
    ),
    Slip("x0 is not divided by sqrt(alpha_bar)", _with_x0(lambda q: q.x0 * q.bar[:, None] ** 0.5)),
    Slip("x0 is divided by alpha_bar instead of its root", _with_x0(lambda q: q.x0 / q.bar[:, None] ** 0.5)),
    Slip(
        "the direction is sqrt(1 - alpha_bar_s) long instead of sqrt(1 - alpha_bar_s - w^2); in sigmas, it "
        "goes to sigma_next instead of sigma_down",
        lambda w, q: directed(w, q, np.asarray(w.s.sigma)),
    ),
    Slip(
        "a square root is missing: the direction is 1 - alpha_bar_s - w^2 long",
        lambda w, q: directed(w, q, direction(w) ** 2),
    ),
    Slip("the direction has the length of the noise", lambda w, q: directed(w, q, coefficients(w).noise)),
    Slip("the direction belongs to t instead of s", lambda w, q: directed(w, q, np.asarray(w.t.sigma))),
    Slip(
        "the slope is divided by the next sigma instead of this one",
        lambda w, q: _sloped(w, q, np.asarray(w.t.sigma / w.s.sigma)),
    ),
    Slip(
        "the step goes the other way: the sign of sigma_next - sigma",
        lambda w, q: _sloped(w, q, -np.ones(len(q.bar))),
    ),
    Slip(
        "x is scaled by 1/sqrt(sigma^2 + 1), which is for the network's input, before the step",
        lambda w, q: coefficients(w).mean * np.stack([1 / np.hypot(1.0, w.t.sigma), np.ones(len(q.bar))], axis=1),
    ),
)  # fmt: skip
"""Slips in the coefficients of x and of the output, the commonest first."""

NOISES: tuple[Slip, ...] = (
    Slip("beta in place of beta-tilde", lambda w, q: np.sqrt(q.beta)),
    Slip("beta-tilde in place of beta", lambda w, q: np.sqrt(q.tilde)),
    Slip("the variance in place of the standard deviation", lambda w, q: coefficients(w).noise ** 2),
    Slip("beta, without a square root, in place of the standard deviation", lambda w, q: q.beta),
    Slip("beta-tilde, without a square root, in place of the standard deviation", lambda w, q: q.tilde),
    Slip("the root of the standard deviation: a square root too many", lambda w, q: np.sqrt(coefficients(w).noise)),
    Slip("eta is ignored: the noise is that of eta = 1", lambda w, q: coefficients(replace(w, eta=1.0)).noise),
    Slip("eta enters as its square", lambda w, q: w.eta * coefficients(w).noise),
    Slip("eta enters as its root", lambda w, q: coefficients(w).noise / max(w.eta, 1e-12) ** 0.5),
    Slip("eta^2 (1 - alpha_bar_t) as the variance", lambda w, q: w.eta * np.sqrt(1 - q.bar)),
    Slip("eta^2 beta as the variance", lambda w, q: w.eta * np.sqrt(q.beta)),
    Slip(
        "the stride is ignored: the noise is that of one step of the chain",
        lambda w, q: coefficients(replace(w, there=w.here - 1)).noise,
    ),
    Slip(
        "the stride is ignored: the noise is beta_t of the chain",
        lambda w, q: np.sqrt(Quantities.of(replace(w, there=w.here - 1)).beta),
    ),
    Slip(
        "the previous timestep is recomputed as t - T // steps instead of read from the grid",
        lambda w, q: coefficients(_strided(w)).noise,
    ),
    Slip("level off by one: the noise belongs to t + 1", lambda w, q: coefficients(w.moved(1, 1)).noise),
    Slip("level off by one: the noise belongs to t - 1", lambda w, q: coefficients(w.moved(-1, -1)).noise),
    Slip("level off by one: the noise goes to a level one too noisy", lambda w, q: coefficients(w.moved(0, 1)).noise),
    Slip("sqrt(1 - alpha_bar_t), the noise of x_t itself", lambda w, q: np.sqrt(1 - q.bar)),
    Slip("sqrt(1 - alpha_bar_s), the noise of x_s itself", lambda w, q: np.sqrt(1 - q.before)),
    Slip("twice the variance", lambda w, q: coefficients(w).noise * 2**0.5),
    Slip("half the variance", lambda w, q: coefficients(w).noise / 2**0.5),
)  # fmt: skip
"""Slips in the coefficient of the noise, the commonest first."""
