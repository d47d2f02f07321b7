"""The denoising loss: noise the data, ask for a combination of data and noise, and square the error.

The conditional mean is the best answer under every weight and every parameterization; these only decide where a network
of finite skill spends its effort. What the best answer still costs is known exactly where the law of the data is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array, square_norm
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.core.validate import choice, positive, require
from refdiff.losses.draws import Draw
from refdiff.nn.layer import Layer
from refdiff.process.predict import EPS, Parameterization
from refdiff.schedules.level import Level

Weight = Callable[[Level], Any]
"""A level to the factor of a squared error."""

Objective = Callable[[Tree, Rng, Any], tuple[Any, ...]]
"""(params, rng, batch) to (loss, grads): one training step's question. A third answer may tell more of the batch."""


class Floored(Protocol):
    """An oracle that knows the least error of any denoiser."""

    @property
    def dim(self) -> int:
        """How many coordinates its points have."""
        ...

    def mmse(self, t: Level) -> float:
        """E |x_0 - E[x_0 | x_t]|^2, summed over coordinates."""
        ...


def unit(t: Level) -> float:
    """Weight 1 at every level: on eps it is DDPM's simple loss.

    References
    ----------
    Equation: denoising.unit
    ho2020 (arXiv 2006.11239v2), eq. 14
    """
    return 1.0


def snr(t: Level) -> Array:
    """alpha^2/sigma^2: on x0, the same as the simple loss on eps.

    References
    ----------
    Equation: denoising.snr
    salimans2022 (arXiv 2202.00512v2), section 4
    """
    return np.asarray((t.alpha / t.sigma) ** 2)


def min_snr(most: float = 5.0) -> Weight:
    """min(SNR, most), a weight on x0: the simple loss on eps without its excess near the data.

    Stated on the raw output of an eps network it is min(SNR, most)/SNR, of a v network on a variance-preserving path
    min(SNR, most)/(SNR + 1). With `on="x0"` nobody has to remember that.

    References
    ----------
    Equation: denoising.min_snr
    hang2023 (arXiv 2303.09556v3)
    """
    positive("most", most)
    return lambda t: np.minimum(snr(t), most)


@dataclass(frozen=True)
class DenoisingLoss:
    """weight(t) |raw - (a x0 + b eps)|^2, averaged over coordinates, with (a, b) the parameterization's row.

    A squared error of the raw output is D^2/sigma^2 times the squared error of x0 that it amounts to
    (`Parameterization.loss_weight`). So each loss is a weight on x0 in disguise, and a weight must say on which of the
    two it acts.

    Parameters
    ----------
    parameterization : Parameterization
        What the network predicts. With all else left alone, `DenoisingLoss(EPS)` is DDPM's simple loss.
    weight : callable
        Level to a factor.
    on : {"raw", "x0"}
        What the weight multiplies: the squared error of the raw output, or the squared error of x0. Under "x0" the
        loss of a given belief does not depend on the parameterization.

    References
    ----------
    Equation: denoising.DenoisingLoss
    ho2020 (arXiv 2006.11239v2), eq. 14
    salimans2022 (arXiv 2202.00512v2), section 4
    """

    parameterization: Parameterization = EPS
    weight: Weight = unit
    on: str = "raw"

    def __post_init__(self) -> None:
        choice("on", self.on, ("raw", "x0"))

    def raw_weight(self, t: Level) -> Any:
        """The factor of the squared error of the raw output."""
        return self.weight(t) / (self.parameterization.loss_weight(t) if self.on == "x0" else 1.0)

    def x0_weight(self, t: Level) -> Any:
        """The factor of the squared error of x0.

        References
        ----------
        Equation: denoising.DenoisingLoss.x0_weight
        salimans2022 (arXiv 2202.00512v2), section 4
        """
        return self.weight(t) * (self.parameterization.loss_weight(t) if self.on == "raw" else 1.0)

    def __call__(self, raw: Array, x0: Array, eps: Array, t: Level) -> tuple[Array, Callable[[Array], Array]]:
        """Each sample's loss, and its pullback.

        Parameters
        ----------
        raw, x0, eps : ndarray
            (B, ...), what the network said, and the data and noise that it was asked about.
        t : Level
            One level, or one a sample.

        Returns
        -------
        losses : ndarray
            (B,), means over coordinates.
        pull : callable
            Cotangents of the losses, (B,), to that of `raw`, (B, ...).
        """
        error = raw - self.parameterization.encode(x0, eps, t)
        scale = np.asarray(self.raw_weight(t), error.real.dtype) * len(error) / error.size
        losses = scale * square_norm(error)

        def pull(dlosses: Array) -> Array:
            factor = np.asarray(2 * scale * dlosses, error.dtype)
            return np.asarray(factor.reshape(-1, *[1] * (error.ndim - 1)) * error)

        return losses, pull

    def floor(self, oracle: Floored, t: Level) -> float:
        """The loss of the exact denoiser at a level, below which no network comes: x0_weight(t) mmse(t)/D.

        Parameters
        ----------
        oracle : Normal or Mixture
            The law of the data; anything with `mmse` and `dim`.
        t : Level
            A level of scalars, sigma > 0.

        References
        ----------
        Equation: denoising.DenoisingLoss.floor
        karras2022 (arXiv 2206.00364v2), appendix B.3
        """
        return float(self.x0_weight(t) * oracle.mmse(t) / oracle.dim)

    def objective(self, net: Layer, draw: Draw, *, told: bool = False) -> Objective:
        """The loss as a function of a network's parameters.

        Noise each sample of the batch to a level of its own, ask the network, compare:

        raw = net(params, scale_in(t) x_t, feature(t), *conditions)

        Parameters
        ----------
        net : Layer
            Takes states (B, ...), the level's feature (B,), and whatever conditions come with the data.
        draw : Draw
            The law of the levels, from `refdiff.losses.draws`.
        told : bool
            Whether to answer as well with the levels and each sample's loss, [(t, losses)]: see `training.Bands`.

        Returns
        -------
        callable
            `(params, rng, batch) -> (loss, grads)`: the mean over the batch, and its gradient, a tree like `params`.
            A batch is an array of data (B, ...) or a tuple of it and conditions, such as labels. Everything is cast to
            the dtype of the parameters. From `rng` come the levels, then the noise, then what the network draws.

        References
        ----------
        Equation: denoising.DenoisingLoss.objective
        ho2020 (arXiv 2006.11239v2), algorithm 1
        """

        def loss(params: Tree, rng: Rng, batch: Any) -> tuple[Any, ...]:
            data, *conditions = batch if isinstance(batch, tuple) else (batch,)
            dtype = next((leaf.dtype for _, leaf in trees.named(params)), np.dtype(np.float64))
            x0 = np.asarray(data, dtype)
            require(x0.ndim >= 2, "batch", "hold data (B, ...)", x0.shape, "Add an axis with [:, None].")
            t = draw(len(x0), rng=rng)
            eps = rng.standard_normal(x0.shape).astype(dtype)
            own = t.like(x0)
            x = own.alpha * x0 + own.sigma * eps
            feature = np.asarray(self.parameterization.feature(t), dtype)
            raw, pull = net(params, self.parameterization.scale_in(own) * x, feature, *conditions, rng=rng)
            losses, back = self(raw, x0, eps, t)
            grads = pull(back(np.full(len(x0), 1 / len(x0))))[0]
            return (np.mean(losses), grads, [(t, losses)]) if told else (np.mean(losses), grads)

        return loss
