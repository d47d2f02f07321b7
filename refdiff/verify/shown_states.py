"""What a loss shows its network and what it wants of it: the parts of a loss that its weight does not tell."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.losses.reading import LossFunction
from refdiff.schedules.level import Level
from refdiff.verify.references import PREDICTS
from refdiff.verify.subjects import ROLES

CLOSE = 1e-4  # relative: losses are written in single precision
_X0 = np.array([[0.7, -0.4, 1.1, 0.2], [-0.9, 0.3, 0.5, -1.4]])
_EPS = np.array([[0.1, 1.3, -0.6, 0.8], [-0.5, -0.2, 1.7, 0.9]])


def model_named(loss: Callable[..., Any]) -> str:
    """The argument of a loss that is its model, first of four; empty where it takes the model's output."""
    try:
        names = list(inspect.signature(loss).parameters)
    except (TypeError, ValueError):
        return ""
    return names[0] if names and names[0] in ROLES["model"] else ""


class Watched:
    """A loss `(model, x0, eps, t)` as one of its model's output, which notes at what the model is asked."""

    def __init__(self, loss: Callable[..., Any]) -> None:
        self.loss = loss
        self.asked: list[tuple[Level, Array]] = []

    def __call__(self, raw: Array, x0: Array, eps: Array, t: Level) -> Any:
        """The cost, with the model answering `raw` in the framework in which it is asked."""

        def model(x: Any, *_args: Any, **_options: Any) -> Any:
            torch = sys.modules.get("torch")
            tensor = torch is not None and isinstance(x, torch.Tensor)
            state = np.asarray(x.detach().cpu() if tensor else x, np.float64)
            self.asked.append((t, np.stack([state.reshape(-1), x0.reshape(-1), eps.reshape(-1)])))
            return torch.as_tensor(raw, dtype=x.dtype) if tensor else raw  # type: ignore[union-attr]

        return self.loss(model, x0, eps, t)

    def misfit(self) -> str:
        """How the states that were shown differ from alpha x0 + sigma eps, but for a common factor; or empty."""
        return next(filter(None, (_misfit(t, *shown) for t, shown in self.asked)), "")


def _misfit(t: Level, x: Array, x0: Array, eps: Array) -> str:
    alpha, sigma = float(t.alpha), float(t.sigma)
    (a, b), *_ = np.linalg.lstsq(np.stack([x0, eps], axis=1), x, rcond=None)
    at = f"the network is shown {{}} at log-SNR {float(t.log_snr):.3g}"
    if np.max(np.abs(a * x0 + b * eps - x)) > CLOSE * np.max(np.abs(x)):
        return at.format("something else than a sum of x0 and the noise handed in")
    if abs(a * sigma - b * alpha) <= CLOSE * np.hypot(a, b) * np.hypot(alpha, sigma) and a * alpha + b * sigma > 0:
        return ""
    usual = {
        "(alpha, sigma^2): a square root is missing": (alpha, sigma**2),
        "(alpha^2, sigma): a square root is missing": (alpha**2, sigma),
        "(alpha^2, sigma^2): both square roots are missing": (alpha**2, sigma**2),
        "(sigma, alpha): the two are exchanged": (sigma, alpha),
        "(alpha, -sigma): the noise is subtracted": (alpha, -sigma),
        "(1, sigma): x0 is not shrunk": (1.0, sigma),
        "(1, 0): x0 without noise": (1.0, 0.0),
        "(0, 1): noise without x0": (0.0, 1.0),
    }
    name = next((k for k, v in usual.items() if np.hypot(a - v[0], b - v[1]) <= CLOSE * np.hypot(*v)), "")
    return (
        at.format(f"{a:.4g} x0 + {b:.4g} eps")
        + f", wanted {alpha:.4g} and {sigma:.4g}"
        + (f"; these are {name}" if name else "")
    )


def target_of(loss: LossFunction, t: Level) -> str:
    """Which network's output costs nothing: the name of a target, its sign, or noise of other samples; or empty."""

    def free(raw: Array) -> bool:
        try:
            cost = float(np.mean(np.asarray(loss(raw, _X0.copy(), _EPS.copy(), t))))
        except Exception:  # anything may come out of other people's code
            return False
        return abs(cost) <= CLOSE**2

    for name, kind in PREDICTS.items():
        target = kind.encode(_X0, _EPS, t)
        if free(target):
            return name
        if free(-target):
            return "-velocity, which is x0 - eps: hand it -output" if name == "velocity" else f"-{name}"
        if free(kind.encode(_X0, _EPS[::-1], t)):
            return f"{name} with the noise of other samples"
    return ""
