"""From a trained network to what a sampler sees."""

from typing import Any, Protocol

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import require
from refdiff.process.predict import Denoised, Denoiser, Parameterization
from refdiff.schedules.level import Level

PART = 1024  # points: half a megabyte at a width of 128, in float32


class Network(Protocol):
    """What a network for denoising looks like: `models.MLP` is one."""

    def __call__(
        self, params: Tree, x: Array, t: Array, labels: Array | None = None, *, rng: Rng | None = None
    ) -> tuple[Array, Any]:
        """Raw output, shaped like x, at time features t, (B,) or one for all; and its pullback."""
        ...


def as_denoiser(
    net: Network, params: Tree, parameterization: Parameterization, labels: Array | int | None = None
) -> Denoiser:
    """A network as a denoiser: scaled in, evaluated in its own precision, decoded in the state's.

    raw = net(params, scale_in(t) x, feature(t), labels),   (x0, eps) = decode(raw, x, t)

    Samplers keep float64 states around a float32 network. A complex state passes through uncast, so that the denoiser
    can be differentiated by complex steps.

    Parameters
    ----------
    net : Network
        For instance `models.MLP`.
    params : dict
        Its parameters: usually the average over training.
    parameterization : Parameterization
        What the network was trained to predict.
    labels : ndarray of int or int, optional
        Classes of the samples, (B,), or one for all; None for no label.

    Returns
    -------
    Denoiser
        (x, Level) -> Denoised. A level of one number for all samples is embedded once.

    Raises
    ------
    ValueError
        If the parameters are empty; at the call, if `labels` or the level do not fit the state.

    References
    ----------
    Equation: denoiser.as_denoiser
    karras2022 (arXiv 2206.00364v2), eq. 7
    """
    dtype = precision(params)
    fixed = None if labels is None else np.asarray(labels)

    def denoise(x: Array, t: Level) -> Denoised:
        scaled = parameterization.scale_in(t.like(x)) * x
        feature = np.asarray(parameterization.feature(t), dtype)
        raw = _in_parts(net, params, scaled if x.dtype.kind == "c" else scaled.astype(dtype), feature, fixed)
        return parameterization.decode(raw if raw.dtype.kind == "c" else raw.astype(x.dtype), x, t)

    return denoise


def _in_parts(net: Network, params: Tree, x: Array, feature: Array, labels: Array | None) -> Array:
    """The raw output; of many points a part at a time, so that what is between the layers stays near the core."""
    own = [a for a in (feature, labels) if a is not None and a.ndim]
    if x.ndim > 2 or len(x) <= PART or any(len(a) != len(x) for a in own):  # of the last the network itself complains
        return net(params, x, feature, labels)[0]

    def part(a: Array | None, i: int) -> Any:
        return a[i : i + PART] if a is not None and a.ndim else a

    starts = range(0, len(x), PART)
    return np.concatenate([net(params, part(x, i), part(feature, i), part(labels, i))[0] for i in starts])


def precision(params: Tree) -> np.dtype[Any]:
    """The dtype of a network's parameters; `ValueError` where there are none, or some are not finite."""
    arrays = trees.leaves(params)
    require(bool(arrays), "params", "hold the network's parameters", "an empty tree", "Pass net.init(rng) or better.")
    bad = sum(a.size - np.count_nonzero(np.isfinite(a)) for a in arrays)
    require(bad == 0, "params", "be finite", f"{bad} entries NaN or infinite", "Go back to an earlier checkpoint.")
    return arrays[0].dtype
