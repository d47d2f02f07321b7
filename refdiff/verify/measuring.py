"""The coefficients of a foreign step, read off by unit vectors, or by moments where its noise cannot be dealt."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.verify.dealing import dealing
from refdiff.verify.probe import ASIDE, scattered
from refdiff.verify.references import Walk
from refdiff.verify.subjects import Call, fit

SLOTS = 24  # entries of the state: 0 zeros; 1 to 4 unit vectors; 5 to 8 mixtures near the origin; 9 to 12 far from it
NEAR, FAR = slice(5, 9), slice(9, 13)
DRAWS = 20_000  # in a test of moments, for each timestep and each of four columns
LIMIT = 5.0  # z-score: chance exceeds it in one of 1.7 million tests


@dataclass(frozen=True)
class Measured:
    """What a step does, one row a timestep.

    Parameters
    ----------
    walk : Walk
        The steps that were measured.
    mean, noise, bias : ndarray
        (n, 2), (n,), (n,): x_s = bias + mean[:, 0] x + mean[:, 1] output + noise z.
    near : ndarray
        (n,), how far mixtures near the origin are from that map, relative to what goes into them; or from themselves
        when other entries of the state change.
    far_in, far_out : ndarray
        (n, 4, 3) and (n, 4), mixtures of state, output and noise far from the origin, and what came of them.
    draws : int
        Normal draws a step, the most of any; an argument counts as one.
    shapes : tuple
        Shapes of draws that are not the state's: one number shared by several entries.
    unseen : bool
        Whether it answers differently when it is called again: noise from elsewhere.
    slack : ndarray
        (n, 3), absolute uncertainty of the coefficients of x, output and noise: 0 unless measured by moments.
    how : str
        Where the noise came from.
    """

    walk: Walk
    mean: Array
    noise: Array
    bias: Array
    near: Array
    far_in: Array
    far_out: Array
    draws: int
    shapes: tuple[tuple[int, ...], ...]
    unseen: bool
    slack: Array
    how: str


class _Hand:
    """Deals prepared draws in order, and notes what was asked."""

    def __init__(self, entries: int) -> None:
        self.entries, self.shapes = entries, set[tuple[int, ...]]()
        self.ready: list[Array] = []
        self.dealt = 0

    def __call__(self, shape: tuple[int, ...]) -> Array:
        k, self.dealt = self.dealt, self.dealt + 1
        if np.prod(shape, dtype=int) == self.entries:
            return self.ready[k].reshape(shape) if k < len(self.ready) else np.zeros(shape)
        self.shapes.add(shape)
        return np.ones(shape)


def measure_units(
    step: Callable[..., Any],
    roles: Mapping[str, str],
    walk: Walk,
    tables: Mapping[str, Any],
    *,
    torch: bool,
    clip: float | None,
) -> Measured:
    """Call the step once at each timestep, on a state whose entries are unit vectors and mixtures."""
    hand, handed = _Hand(SLOTS), "noise" in roles.values()
    inputs, ask = told_of_steps(walk, tables), np.zeros(len(walk.here), int)
    x0, _ = walk.belief()
    size = 0.25 * min(1.0, clip or 1.0) / np.maximum(1.0, np.max(np.abs(x0), axis=1))
    mixtures = scattered((8, 3))
    out, apart, unseen = np.empty((len(walk.here), SLOTS)), np.zeros(len(walk.here)), False
    with dealing(hand, step, handed=handed) as rng, quiet():
        call: Call | None = None
        for k, at in enumerate(inputs):
            slots = np.zeros((SLOTS, 4))  # state, output, two draws
            slots[1:5] = np.diag([size[k], size[k], 1.0, 1.0])
            slots[NEAR, :3] = mixtures[:4] * [size[k], size[k], 1.0]
            slots[FAR, :3] = mixtures[4:] * ASIDE
            x, output, z, again = slots.T
            given = {**at, "x": x, "output": output, "model": output, "noise": z, "rng": rng}
            hand.ready = [again] if handed else [z, again]
            call = call or fit(step, roles, given, torch=torch)
            hand.dealt = 0
            out[k] = run_once(call, step, given)
            ask[k] = hand.dealt + handed
            if k in (0, len(inputs) // 2):
                hand.dealt = 0
                unseen = unseen or not np.array_equal(out[k], run_once(call, step, given), equal_nan=True)
                slots[[*range(1, 5), *range(9, SLOTS)]] = 0.0  # do the mixtures near the origin notice?
                hand.dealt = 0
                alone = run_once(call, step, given)[NEAR]
                apart[k] = np.max(np.abs(alone - out[k, NEAR])) / max(np.max(np.abs(alone)), np.finfo(float).tiny)
    y = out - out[:, :1]
    mean = y[:, 1:3] / size[:, None]
    shared = bool(hand.shapes)
    noise = out[:, 0] if shared else np.where(y[:, 4] == 0, y[:, 3], np.hypot(y[:, 3], y[:, 4]))
    near_in = mixtures[:4] * np.stack([size, size, np.ones_like(size)], axis=1)[:, None]
    near = np.maximum(_unforetold(y[:, NEAR], near_in, mean, noise * (not shared)), apart)
    how = "noise handed in" if handed else "noise dealt to its generator" if ask.max() else "no noise drawn"
    return Measured(
        walk, mean, noise, np.zeros(len(y)) if shared else out[:, 0], near,
        np.broadcast_to(mixtures[4:] * ASIDE, (len(y), 4, 3)), y[:, FAR], int(ask.max()), tuple(sorted(hand.shapes)),
        unseen, np.zeros((len(y), 3)), how,
    )  # fmt: skip


def _unforetold(got: Array, given: Array, mean: Array, noise: Array) -> Array:
    """How far states are from what the coefficients foretell of (T, 4, 3) given parts, against its terms; (T,)."""
    told, drawn = given[..., :2] * mean[:, None], given[..., 2] * noise[:, None]
    error, scale = np.abs(got - told.sum(axis=2) - drawn), np.abs(told).sum(axis=2) + np.abs(drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.max(np.where(error == 0, 0.0, error / scale), axis=1))


def measure_moments(
    step: Callable[..., Any], roles: Mapping[str, str], walk: Walk, tables: Mapping[str, Any], *, torch: bool
) -> Measured:
    """Mean and variance of many draws at a dozen timesteps: for noise that comes from nobody knows where."""
    n = len(walk.here)
    chosen = np.unique(np.concatenate([np.arange(min(n, 4)), np.geomspace(1, n, 9).astype(int) - 1]))
    chosen = n - 1 - chosen[::-1]  # close together at the data's end, where the variances differ most
    walk = replace(walk, here=walk.here[chosen], there=walk.there[chosen])
    columns = np.zeros((DRAWS, 4, 2))  # zeros, x = 1, output = 1, both
    columns[:, 1:] = [[1.0, 0.0], [0.0, 1.0], [0.5, -0.5]]
    x, output = columns.reshape(-1, 2).T
    out, call = np.empty((len(chosen), DRAWS, 4)), None
    rng = np.random.default_rng(0)  # of the check: handed to a step that asks for one
    with quiet():
        for k, at in enumerate(told_of_steps(walk, tables)):
            given = {**at, "x": x, "output": output, "model": output, "noise": np.zeros_like(x), "rng": rng}
            call = call or fit(step, roles, given, torch=torch)
            out[k] = run_once(call, step, given).reshape(DRAWS, 4)
    means, std = out.mean(axis=1), out.std(axis=(1, 2), mean=out.mean(axis=1, keepdims=True))
    bias, error = means[:, 0], LIMIT * std / DRAWS**0.5
    mean = means[:, 1:3] - bias[:, None]
    slack = np.stack([error * 2**0.5, error * 2**0.5, error / 8**0.5], axis=1)
    bend = np.abs(means[:, 3] - bias - mean @ [0.5, -0.5])
    near = np.where(bend <= 2 * error, 0.0, bend)
    far_in, far_out = np.zeros((len(chosen), 4, 3)), np.zeros((len(chosen), 4))
    bias = np.where(np.abs(bias) <= error, 0.0, bias)
    return Measured(
        walk, mean, std, bias, near, far_in, far_out, 1, (), True, slack,
        f"noise by the moments of {4 * DRAWS:,} draws at {len(chosen)} of {n} timesteps",
    )  # fmt: skip


def told_of_steps(walk: Walk, tables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the subject is told of each step, beside its arrays."""
    on_chain = "betas" in tables
    top = len(walk.alpha) - 1

    def time(i: int) -> int | float:
        return int(walk.shown[i]) if on_chain else float(walk.shown[i])

    return [
        {
            **tables,
            "t": time(i),
            "t_prev": time(j),
            "index": time(i) if on_chain else top - i,
            "sigma": float(walk.sigma[i] / walk.alpha[i]) if walk.alpha[i] else np.inf,
            "sigma_next": float(walk.sigma[j] / walk.alpha[j]),
            **({"sigmas": walk.sigma[[i, j]] / walk.alpha[[i, j]]} if tables.get("sigmas", 0) is None else {}),
        }
        for i, j in zip(walk.here.tolist(), walk.there.tolist(), strict=True)
    ]


def run_once(call: Call, step: Callable[..., Any], given: Mapping[str, Any]) -> Array:
    """The step's answer; a `ValueError` that says where, for whatever it raises."""
    try:
        return call(step, given)
    except Exception as refusal:  # anything may come out of other people's code
        raise ValueError(
            f"step must run at every timestep; got {type(refusal).__name__}: {refusal} at t = {given['t']}. "
            "Give the timesteps that it knows with timesteps=."
        ) from refusal


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of the subject are its own affair: what is not finite is found in its answers."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
