"""Numbers and labels as vectors that a network can use: sinusoids, Fourier features, a table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import choice, count, finite, positive, require, scalar
from refdiff.nn.layer import Fixed, Pull


def _waves(phase: Array, order: str, dtype: Any) -> tuple[Array, Callable[[Array], Array]]:
    """sin|cos or cos|sin of phases (..., K), side by side in (..., 2K), and the pullback to the phases.

    Whole turns are taken off in the phases' double precision; float32 sines of what is left are ten times as fast.
    """
    half = phase.shape[-1]
    rest = (phase - 2 * np.pi * np.rint(phase.real / (2 * np.pi))).astype(dtype)
    y = np.concatenate([np.sin(rest), np.cos(rest)][:: 1 if order == "sin-cos" else -1], axis=-1)

    def pull(dy: Array) -> Array:
        first, second = y[..., :half], y[..., half:]
        turned = np.asarray(dy[..., :half] * second - dy[..., half:] * first)
        return turned if order == "sin-cos" else -turned

    return y, pull


def _wide(dtype: Any) -> Any:
    return np.result_type(dtype, np.float64)


@dataclass(frozen=True)
class Sinusoidal(Fixed):
    """A number as sines and cosines of frequencies that fall geometrically.

    features = [sin(scale t f_k) | cos(scale t f_k)],   f_k = max_period^(-k/(K - shift)),   K = width/2, k < K

    Three conventions are about, and weights do not carry over from one to another; on t = 500 and width 128 they
    differ by up to 1.9 in one feature:

    - Ho 2020 and score_sde: sin|cos, shift 1 (the slowest wave has a period of exactly 2 pi max_period);
    - guided-diffusion, and that network in EDM's code: cos|sin, shift 0;
    - diffusers: flags `flip_sin_to_cos` and `downscale_freq_shift`, which default to sin|cos and 1; Stable Diffusion
      sets cos|sin and 0.

    **The range of t matters.** max_period = 10,000 is made for t = 0 ... 1000. On t in [0, 1] all but the fastest waves
    stand still: multiply with `scale`. With scale = 30 and max_period = 100 the angular frequencies run from 30 to
    about 0.3, which suits a feature of order one such as a level's angle. Phases are taken in float64, whatever the
    dtype of t: in float32 a phase of 1e6 is known to 0.06 only.

    Parameters
    ----------
    width : int
        Number of features, even.
    scale : float
        What t is multiplied by.
    max_period : float
        How much slower the slowest wave is than the fastest.
    shift : float
        0 or 1, see above.
    order : {"sin-cos", "cos-sin"}
        Which half comes first.

    References
    ----------
    Equation: embed.Sinusoidal
    vaswani2017 (arXiv 1706.03762v7), section 3.5
    ho2020 (arXiv 2006.11239v2), appendix B
    """

    width: int
    scale: float = 1.0
    max_period: float = 1e4
    shift: float = 1.0
    order: str = "sin-cos"

    def __post_init__(self) -> None:
        width = count("width", self.width)
        require(width >= 4 and width % 2 == 0, "width", "be even and at least 4", width, "Try width=64.")
        positive("max_period", self.max_period), scalar("scale", self.scale)
        require(scalar("shift", self.shift) < width / 2, "shift", "be below width/2", self.shift, "It is 0 or 1.")
        choice("order", self.order, ("sin-cos", "cos-sin"))

    @cached_property
    def frequencies(self) -> Array:
        """Angular frequencies, per unit of t, from the fastest to the slowest; float64."""
        half = self.width // 2
        return np.asarray(self.scale * self.max_period ** (-np.arange(half) / (half - self.shift)))

    def __call__(self, params: Tree, t: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Features (..., width) of numbers (...), of their dtype, and the pullback to ({}, dt)."""
        t = np.asarray(t)
        f = self.frequencies
        y, pull_phase = _waves(t.astype(_wide(t.dtype))[..., None] * f, self.order, t.dtype)

        def pull(dy: Array) -> tuple[Tree, Array]:
            return {}, np.asarray(pull_phase(dy) @ f.astype(t.real.dtype))

        return y, pull


@dataclass(frozen=True)
class Fourier(Fixed):
    """A point as sines and cosines of fixed random projections: what lets a network see fine detail.

    features = [sin(2 pi x F) | cos(2 pi x F)]

    The frequencies belong to the architecture, not to the parameters: they are drawn once, with `Fourier.draw`, and no
    optimizer moves or decays them. Song 2021 embeds log sigma so, and EDM log(sigma)/4. As with
    `Sinusoidal` the range matters: the fastest wave should turn once over the finest detail wanted.

    Parameters
    ----------
    frequencies : tuple of tuples of float
        F, (D, width/2), in turns per unit of x.
    order : {"sin-cos", "cos-sin"}
        Which half comes first.

    References
    ----------
    Equation: embed.Fourier
    tancik2020 (arXiv 2006.10739v1), section 6.1
    """

    frequencies: tuple[tuple[float, ...], ...]
    order: str = "sin-cos"

    def __post_init__(self) -> None:
        choice("order", self.order, ("sin-cos", "cos-sin"))
        finite("frequencies", self.frequencies, ndim=2)

    @classmethod
    def draw(cls, n_in: int, width: int, bandwidth: float, *, rng: Rng, order: str = "sin-cos") -> "Fourier":
        """Frequencies from N(0, bandwidth^2), for points (..., n_in) and `width` features."""
        require(count("width", width) % 2 == 0, "width", "be even and above zero", width, "Try width=64.")
        f = scalar("bandwidth", bandwidth) * rng.standard_normal((n_in, width // 2))
        return cls(tuple(tuple(float(v) for v in row) for row in f), order)

    def __call__(self, params: Tree, x: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Features (..., width) of points (..., D), of their dtype, and the pullback to ({}, dx)."""
        f = 2 * np.pi * np.asarray(self.frequencies)
        y, pull_phase = _waves(x.astype(_wide(x.dtype)) @ f, self.order, x.dtype)

        def pull(dy: Array) -> tuple[Tree, Array]:
            return {}, pull_phase(dy) @ f.T.astype(x.real.dtype)

        return y, pull


@dataclass(frozen=True)
class Embedding:
    """One learned row for each label, and one for "no label".

    y = table[label];   dtable[k] = sum of dy over the samples with label k

    The last row, at index `null`, stands for no label. With an `rng` (in training) each label is replaced by it with
    probability `drop`, independently: so one network learns the conditional and the unconditional law together, as
    classifier-free guidance needs.

    Parameters
    ----------
    count : int
        Number of labels: 0 ... count - 1. The table has count + 1 rows.
    width : int
        Length of a row.
    drop : float
        Share of labels hidden in training, in [0, 1].

    References
    ----------
    Equation: embed.Embedding
    ho2022cfg (arXiv 2207.12598v1), algorithm 1
    """

    count: int
    width: int
    drop: float = 0.0

    def __post_init__(self) -> None:
        count("count", self.count), count("width", self.width)
        require(
            0 <= scalar("drop", self.drop) <= 1,
            "drop",
            "be a share in [0, 1]",
            self.drop,
            "The paper uses 0.1 and 0.2.",
        )

    @property
    def null(self) -> int:
        """The label that means "no label"."""
        return self.count

    def init(self, rng: Rng, dtype: Any = np.float32) -> Tree:
        """Standard normal rows."""
        return {"table": rng.standard_normal((self.count + 1, self.width)).astype(dtype)}

    def __call__(self, params: Tree, labels: Array, *, rng: Rng | None = None) -> tuple[Array, Pull]:
        """Rows (..., width) for whole numbers (...), and the pullback to (grads, None): a label has no cotangent.

        Raises
        ------
        ValueError
            If a label is outside 0 ... count; an index of -1 would otherwise read the last row in silence.
        """
        labels = np.asarray(labels)
        require(labels.dtype.kind in "iu", "labels", "be whole numbers", labels.dtype, "Use labels.astype(int).")
        low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
        require(
            low >= 0 and high <= self.count, "labels", f"lie in 0 ... {self.null}",
            f"{low} ... {high}", f"{self.null} means no label.",
        )  # fmt: skip
        if rng is not None and self.drop > 0:
            labels = np.where(rng.random(labels.shape) < self.drop, self.null, labels)

        def pull(dy: Array) -> tuple[Tree, None]:
            hot = np.eye(self.count + 1, dtype=dy.dtype)[labels.reshape(-1)]  # 20 times as fast as np.add.at
            return {"table": hot.T @ dy.reshape(-1, self.width)}, None

        return params["table"][labels], pull
