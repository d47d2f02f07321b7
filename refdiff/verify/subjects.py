"""Other people's steps, called as they want to be called: names, shapes, frameworks, return values."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from refdiff.core.arrays import Array

ROLES: dict[str, tuple[str, ...]] = {
    "x": ("x", "x_t", "xt", "sample", "img", "image", "images", "latents", "latent", "x_noisy", "state"),
    "output": (
        "output", "model_output", "model_out", "out", "pred", "prediction", "noise_pred", "pred_noise",
        "predicted_noise", "eps", "epsilon", "eps_pred", "pred_eps", "eps_theta", "eps_hat", "e_t", "et", "x0", "x_0",
        "x_start", "x0_pred", "pred_x0", "x0_hat", "denoised", "v", "v_pred", "pred_v", "velocity", "score",
    ),
    "model": ("model", "net", "network", "unet", "denoise", "denoiser", "denoise_fn", "model_fn", "eps_model"),
    "t": ("t", "timestep", "time", "time_step"),
    "index": ("i", "idx", "index", "t_index", "step_index", "step", "n", "k"),
    "t_prev": ("t_prev", "prev_t", "s", "t_next", "next_t", "prev_timestep", "previous_timestep", "timestep_prev"),
    "noise": ("noise", "z", "variance_noise", "xi"),
    "rng": ("rng", "generator", "gen", "random_state"),
    "key": ("key", "prng_key", "rng_key", "subkey"),
    "eta": ("eta",),
    "sigma": ("sigma", "sigma_t", "sigma_hat", "sigma_cur"),
    "sigma_next": ("sigma_next", "sigma_s", "sigma_prev", "next_sigma", "sigma_down"),
    "betas": ("betas", "beta"),
    "alphas": ("alphas",),
    "alphas_cumprod": ("alphas_cumprod", "alpha_cumprod", "alphas_bar", "alpha_bar", "alpha_bars", "a_bar"),
    "sigmas": ("sigmas",),
}  # fmt: skip
"""What an argument is for, by the names it usually has."""

STATES = ("x", "output", "noise")
SHAPES = ((4,), (1, 2, 2), ())  # axes after the first: (B, D), (B, C, H, W), flat
TIMES = ("numbers", "batch", "arrays")


@dataclass(frozen=True)
class Call:
    """How a subject is called: which argument plays which role, and in what arrays.

    Parameters
    ----------
    roles : dict
        Role by parameter name; by position if `arguments` were given, under "0", "1", ...
    torch : bool
        Whether it takes tensors.
    axes : tuple of int
        Shape of one sample.
    dtype : str
        "float64" or "float32".
    times : str
        How times come: "numbers", "batch" (arrays, one a sample) or "arrays" without axes.
    """

    roles: Mapping[str, str]
    torch: bool = False
    axes: tuple[int, ...] = (4,)
    dtype: str = "float64"
    times: str = "numbers"

    def __call__(self, step: Callable[..., Any], given: Mapping[str, Any]) -> Array:
        """The step's answer for flat states and numbers, as a flat float64 array."""
        x = self._state(given["x"])
        values = {name: self._value(role, given.get(role), len(x)) for name, role in self.roles.items()}
        in_order = all(name.isdigit() for name in values)
        return self._read(step(*values.values()) if in_order else step(**values), tuple(x.shape))

    def _state(self, flat: Array) -> Any:
        return self._array(np.asarray(flat, self.dtype).reshape(-1, *self.axes) if self.axes else flat, self.dtype)

    def _value(self, role: str, value: Any, batch: int) -> Any:
        if role in STATES:
            return self._state(value)
        if role == "model" and callable(value):
            return self._model(value, batch)
        if role == "model":
            output = self._state(value)
            return lambda *args, **kwargs: output
        if role in ("t", "index", "t_prev", "sigma", "sigma_next") and self.times != "numbers":
            kind = "int64" if isinstance(value, int) else self.dtype
            return self._array(np.full(batch if self.times == "batch" else (), value, kind), kind)
        if role in ("betas", "alphas", "alphas_cumprod", "sigmas"):
            return self._array(np.asarray(value, self.dtype), self.dtype)
        if role == "key":
            return sys.modules["jax"].random.key(0) if "jax" in sys.modules else 0
        if role == "rng" and self.torch:
            return sys.modules["torch"].Generator()
        return value

    def _model(self, answer: Callable[[Array, float], Array], batch: int) -> Any:
        """A model that is asked: the state among its arguments, and the time, which is NaN if none is found."""

        def model(*args: Any, **kwargs: Any) -> Any:
            arrays = [_numbers(v) for v in (*args, *kwargs.values())]
            states = [k for k, a in enumerate(arrays) if a.shape == (batch, *self.axes)]
            if not states:
                raise TypeError(f"asked the model at nothing of the state's shape {(batch, *self.axes)}")
            times = [a for k, a in enumerate(arrays) if k != states[0] and a.size and np.all(a == a.flat[0])]
            return self._state(answer(arrays[states[0]].reshape(-1), float(times[0].flat[0]) if times else np.nan))

        return model

    def _array(self, value: Array, dtype: str) -> Any:
        if not self.torch:
            return np.array(value, dtype)
        torch = sys.modules["torch"]
        return torch.as_tensor(np.array(value, dtype))

    def _read(self, answer: Any, shape: tuple[int, ...]) -> Array:
        if answer is None:
            raise TypeError("returned None; a step that changes x in place must return x")
        for part in _parts(answer):
            part = part.detach().cpu() if hasattr(part, "detach") else part
            found = np.asarray(part)
            if found.shape == shape and found.dtype.kind in "fiu":
                return found.astype(np.float64).reshape(-1)
        raise TypeError(f"returned nothing of the state's shape {shape}")


def _numbers(value: Any) -> Array:
    """What was handed to a model as float64; empty for what is no number."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    found = np.asarray(value)
    return found.astype(np.float64) if found.dtype.kind in "fiu" else np.zeros(0)


def _parts(answer: Any) -> Iterator[Any]:
    """The answer itself, or what it holds: diffusers' `prev_sample`, the members of a tuple."""
    if hasattr(answer, "prev_sample"):
        yield answer.prev_sample
    elif isinstance(answer, Mapping):
        yield from (answer[k] for k in ("prev_sample", "sample", "x", "img") if k in answer)
    elif isinstance(answer, tuple | list):
        yield from answer
        try:
            yield np.array([np.asarray(v, np.float64) for v in answer])  # a list of numbers, of lists, of rows
        except (TypeError, ValueError):
            return
    else:
        yield answer


def roles_of(step: Callable[..., Any], arguments: Sequence[str] | None = None) -> dict[str, str]:
    """Which parameter plays which role, by its name; a `ValueError` where a required one cannot be told.

    Parameters
    ----------
    step : callable
        The subject.
    arguments : sequence of str, optional
        The roles in the order of its positional parameters, such as ("x", "t", "output").
    """
    if arguments is not None:
        unknown = [a for a in arguments if a not in ROLES]
        if unknown or "x" not in arguments:
            raise ValueError(
                f'arguments must be roles, "x" among them; got {tuple(arguments)}. Roles: {", ".join(ROLES)}.'
            )
        return {str(i): role for i, role in enumerate(arguments)}
    role_of = {name: role for role, names in ROLES.items() for name in names}
    found: dict[str, str] = {}
    lost: list[str] = []
    for p in parameters_of(step):
        role = role_of.get(p.name.lower())
        if role is not None and role not in found.values():
            found[p.name] = role
        elif p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            lost.append(p.name)
    missing = [] if "x" in found.values() else ["x"]
    missing += [] if {"output", "model"} & set(found.values()) else ["output"]
    if lost or missing:
        told = ", ".join(f"{name} as {role}" for name, role in found.items()) or "none"
        raise ValueError(
            f"step must have arguments whose names tell their roles; got {_signature(step)}: understood {told}; "
            f"{'not ' + ', '.join(lost) if lost else 'no argument for ' + ' and '.join(missing)}. "
            f"{_way_out(step, lost, missing)}"
        )
    return found


def _way_out(step: Callable[..., Any], lost: list[str], missing: list[str]) -> str:
    """What to do about arguments that cannot be told; a method may hold its network itself."""
    if missing == ["output"] and not lost and hasattr(step, "__self__"):
        called = getattr(step, "__name__", "step")
        return (
            "A network that an object holds itself is set in a function around it: def step(x, t, model): "
            f"it.model = model; return it.{called}(x, t)."
        )
    return 'Name the roles in order, such as arguments=("x", "t", "output"), or wrap it in a lambda x, t, eps: ...'


def parameters_of(step: Callable[..., Any]) -> list[inspect.Parameter]:
    """What a subject can be told, if it says so."""
    try:
        return list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        return []


def _signature(step: Callable[..., Any]) -> str:
    return f"({', '.join(str(p) for p in parameters_of(step)) or '?'})"


def fit(step: Callable[..., Any], roles: Mapping[str, str], given: Mapping[str, Any], *, torch: bool) -> Call:
    """The first way to call a subject that answers with an array of the state's shape.

    Tried in turn: NumPy and PyTorch (which first is told by `torch`); float64, then float32; states (B, 4),
    (B, 1, 2, 2) and (B,); times as numbers, one a sample, as arrays without axes.

    Raises
    ------
    ValueError
        If none does, with the first refusal of each framework.
    """
    frameworks = [torch, not torch] if "torch" in sys.modules else [False]
    refusals: dict[bool, str] = {}
    for in_torch, dtype, axes, times in product(frameworks, ("float64", "float32"), SHAPES, TIMES):
        call = Call(roles, in_torch, axes, dtype, times)
        try:
            call(step, given)
        except Exception as refusal:  # anything may come out of other people's code
            refusals.setdefault(in_torch, f"{type(refusal).__name__}: {refusal}")
        else:
            return call
    told = "; ".join(f"with {'PyTorch' if k else 'NumPy'}, {v}" for k, v in refusals.items())
    raise ValueError(
        f"step must answer with an array of its state's shape; got {told}. "
        "Wrap it in a lambda x, t, eps: ... that takes and returns arrays."
    )
