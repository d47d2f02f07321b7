"""What the three coefficients of a step must be.

A step of DDPM, DDIM or Euler is x_s = a x + b output + c z. A walk holds all its pairs of levels at once, so that every
coefficient is an array with one row a step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Replay, Rng
from refdiff.process.forward import posterior, reverse, unit_spread
from refdiff.process.predict import EPS, SCORE, X0, Denoiser, Parameterization, V
from refdiff.schedules.level import Level

VELOCITY = Parameterization("velocity", lambda t: (-np.ones_like(t.alpha), np.ones_like(t.alpha)))
"""eps - x0, flow matching's target on the straight path."""

PREDICTS = {"eps": EPS, "x0": X0, "v": V, "score": SCORE, "velocity": VELOCITY}
SAID = {
    "epsilon": "eps", "sample": "x0", "v_prediction": "v", "flow_prediction": "velocity",
    "pred_noise": "eps", "pred_x0": "x0", "pred_v": "v",
}  # fmt: skip
"""What libraries call them."""
X = np.array([1.0, 0.0])  # the state as a linear form in (state, output)


class Coefficients(NamedTuple):
    """x_s = mean[:, 0] x + mean[:, 1] output + noise z: (n, 2) and (n,), one row a step."""

    mean: Array
    noise: Array


@dataclass(frozen=True)
class Walk:
    """The steps of a sampler over a table of levels, as indices into it: index 0 is the data.

    Parameters
    ----------
    alpha, sigma : ndarray
        (T + 1,), the table, rising in noise.
    here, there : ndarray
        (n,), the index of each step's noisier and cleaner end.
    shown : ndarray
        (T + 1,), what stands for an index where the subject is given a time.
    kind : str
        "ddpm", "ddim" or "euler"; else `step` says what a step is.
    predicts : Parameterization
        What the output stands for.
    variance : str
        DDPM's, "small" or "large".
    eta : float
        DDIM's.
    step : callable, optional
        `(denoise, x, levels, rng) -> x`, one step of another sampler.
    """

    alpha: Array
    sigma: Array
    here: Array
    there: Array
    shown: Array
    kind: str
    predicts: Parameterization
    variance: str = "small"
    eta: float = 0.0
    step: Callable[[Denoiser, Array, list[Level], Rng], Array] | None = None

    @property
    def t(self) -> Level:
        """The noisier ends, (n,)."""
        return Level(self.shown[self.here], self.alpha[self.here], self.sigma[self.here])

    @property
    def s(self) -> Level:
        """The cleaner ends, (n,)."""
        return Level(self.shown[self.there], self.alpha[self.there], self.sigma[self.there])

    @property
    def last(self) -> Array:
        """(n,), whether a step leads onto the data."""
        return np.asarray(self.sigma[self.there] == 0)

    def belief(self, predicts: Parameterization | None = None) -> tuple[Array, Array]:
        """x0 and eps as linear forms in (state, output): (n, 2) each."""
        x, raw = (np.broadcast_to(e, (len(self.here), 2)) for e in np.eye(2))
        x0, eps = (predicts or self.predicts).decode(raw, x, self.t)
        return x0, eps

    def moved(self, here: int = 0, there: int = 0) -> "Walk":
        """The same walk with every index off by so many, held within the table."""
        top = len(self.alpha) - 1
        return replace(self, here=np.clip(self.here + here, 1, top), there=np.clip(self.there + there, 0, top))


def coefficients(w: Walk, predicts: Parameterization | None = None) -> Coefficients:
    """What the three coefficients must be, by the library's own formulas."""
    if w.step is not None:
        return _by_units(w, predicts or w.predicts)
    x0, eps = w.belief(predicts)
    t, s = columns(w.t), columns(w.s)
    law = posterior(x0, np.broadcast_to(X, x0.shape), s, t)
    var = np.ravel(law.var)
    if w.kind == "ddpm":
        if w.variance == "large":
            var = np.where(w.last, 0.0, np.ravel(reverse(x0, x0, s, t, unit_spread(t)).var))
        return Coefficients(law.mean, np.sqrt(var))
    eta = w.eta if w.kind == "ddim" else 0.0
    return Coefficients(s.alpha * x0 + direction(w)[:, None] * eps, eta * np.sqrt(var))


def _by_units(w: Walk, predicts: Parameterization) -> Coefficients:
    """The coefficients of a step that is given as code, read off as those of the subject are: by unit vectors."""
    assert w.step is not None
    x, raw, z = np.eye(3)[:, :, None]  # a batch of three samples: state alone, output alone, noise alone
    rows = []
    for i, j in zip(w.here.tolist(), w.there.tolist(), strict=True):
        t, s = (Level(w.shown[k], w.alpha[k], w.sigma[k]) for k in (i, j))
        rows.append(w.step(lambda x, t: predicts.decode(raw, x, t), x, [t, s], Replay([z]))[:, 0])
    found = np.array(rows)
    return Coefficients(found[:, :2], np.abs(found[:, 2]))


def negated(w: Walk) -> str:
    """What to do about a sign that is no slip but another convention, that of time from noise at 0 to data at 1."""
    return "; a velocity x0 - eps, along time from noise to data, is handed over as -velocity" * (
        w.predicts.name == "velocity"
    )


def direction(w: Walk) -> Array:
    """(n,), what DDIM leaves of sigma_s for the believed noise: sqrt(sigma_s^2 - w^2), without the cancellation."""
    eta, t, s = (w.eta if w.kind == "ddim" else 0.0), w.t, w.s
    held = t.alpha / s.alpha * s.sigma**2 / t.sigma
    return np.asarray(np.hypot(np.sqrt(1 - eta**2) * s.sigma, eta * held))


def columns(t: Level) -> Level:
    """A level of arrays (n,) as one of columns (n, 1), to act on the rows of a table."""
    return Level(*(np.reshape(v, (-1, 1)) for v in t))
