"""What a network may be asked to predict, and what a sampler sees of the answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive, require
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule


@dataclass(frozen=True)
class Denoised:
    """Both halves of a belief about x_t: the data and the noise in it, with alpha x0 + sigma eps = x_t.

    It unpacks to two, `x0, eps = denoise(x, t)`.

    Parameters
    ----------
    x0, eps : ndarray
        (B, ...), expected data and expected noise.
    spread : ndarray, optional
        Whatever is known of Cov(x_0 | x_t): None, variances of the shape of x0, or full matrices (B, D, D).
    """

    x0: Array
    eps: Array
    spread: Array | None = None

    def __iter__(self) -> Iterator[Array]:
        yield self.x0
        yield self.eps


class Denoiser(Protocol):
    """All that a sampler knows of a model: a state and its level in, both halves out. Called at sigma > 0 only."""

    def __call__(self, x: Array, t: Level) -> Denoised:
        """The belief about the states `x`, which are at level `t`."""
        ...


class Oracle(Protocol):
    """A law whose whole noising path is known in closed form."""

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """`n` independent draws, (n, D)."""
        ...

    def log_prob(self, x: Array) -> Array:
        """Log density at x, (B,), in nats."""
        ...

    def score(self, x: Array) -> Array:
        """Gradient of the log density with respect to x, (B, D)."""
        ...

    def at(self, t: Level) -> "Oracle":
        """The law of x_t = alpha x_0 + sigma eps when x_0 has this law."""
        ...

    def denoise(self, x: Array, t: Level, *, spread: bool = False) -> Denoised:
        """E[x_0 | x_t = x] and E[eps | x_t = x]; Cov(x_0 | x_t = x) as well, (B, D, D), if `spread` is asked for."""
        ...


Row = Callable[[Level], tuple[float | Array, float | Array]]


def _angle(t: Level) -> Array:
    return t.angle


def _one(t: Level) -> float:
    return 1.0


@dataclass(frozen=True)
class Parameterization:
    """What a network predicts: one row (a, b), its raw output standing for a x0 + b eps.

    With x = alpha x0 + sigma eps that makes two equations for two unknowns, of determinant D = alpha b - sigma a. So
    any conversion is a decode after an encode, and D says how well it is posed.

    Parameters
    ----------
    name : str
        What the field calls it.
    row : callable
        Level to (a, b).
    scale_in : callable
        Level to the factor by which the network's input is scaled; 1 unless stated.
    feature : callable
        Level to the number that tells the network how noisy its input is; the level's angle unless stated, which is
        finite at both ends and the same on every path.

    References
    ----------
    Equation: predict.Parameterization
    salimans2022 (arXiv 2202.00512v2), section 4
    """

    name: str
    row: Row
    scale_in: Callable[[Level], float | Array] = _one
    feature: Callable[[Level], float | Array] = _angle

    def encode(self, x0: Array, eps: Array, t: Level) -> Array:
        """The target a x0 + b eps that belongs to given data and noise.

        References
        ----------
        Equation: predict.Parameterization.encode
        salimans2022 (arXiv 2202.00512v2), section 4
        """
        a, b = self._row(t.like(x0))
        return np.asarray(a * x0 + b * eps)

    def decode(self, raw: Array, x: Array, t: Level) -> Denoised:
        """Both halves from a raw output at x: x0 = (b x - sigma raw)/D and eps = (alpha raw - a x)/D.

        Raises
        ------
        ValueError
            Where D is 0 or not finite: the output does not determine both halves there.

        References
        ----------
        Equation: predict.Parameterization.decode
        salimans2022 (arXiv 2202.00512v2), appendix D
        """
        t = t.like(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = self._row(t)
            d = t.alpha * b - t.sigma * a
        if not np.all(np.isfinite(d) & (d != 0)):
            raise ValueError(
                f"t must be a level at which {self.name} determines x0 and eps; got one with alpha from "
                f"{np.min(t.alpha):.3g} and sigma from {np.min(t.sigma):.3g}. {self._way_out(t)}"
            )
        return Denoised((b * x - t.sigma * raw) / d, (t.alpha * raw - a * x) / d)

    def loss_weight(self, t: Level) -> float | Array:
        """D^2/sigma^2: how much a squared error of the raw output weighs as a squared error of x0.

        SNR for eps, 1 for x0, 1 + SNR for v on a variance-preserving path, 1/sigma^2 for the straight flow.

        Raises
        ------
        ValueError
            At sigma = 0, where there is nothing to learn.

        References
        ----------
        Equation: predict.Parameterization.loss_weight
        salimans2022 (arXiv 2202.00512v2), section 4
        """
        require(np.all(np.asarray(t.sigma) > 0), "t", "have sigma above zero", "sigma = 0", "Draw noisier levels.")
        a, b = self.row(t)
        return (t.alpha * b - t.sigma * a) ** 2 / np.asarray(t.sigma) ** 2

    def _row(self, t: Level) -> tuple[Array, Array]:
        """The row in the precision of the level: rates of a path come in float64."""
        a, b = (np.asarray(v, np.asarray(t.alpha).dtype) for v in self.row(t))
        return a, b

    def _way_out(self, t: Level) -> str:
        if np.any(np.asarray(t.sigma) == 0):
            return "At sigma = 0 the state is the data already: end the grid there, do not denoise at it."
        return f"At alpha = 0 {self.name} says nothing of x0: use v, x0 or velocity, or start just below."


EPS = Parameterization("eps", lambda t: (0.0, 1.0))
X0 = Parameterization("x0", lambda t: (1.0, 0.0))
V = Parameterization("v", lambda t: (-t.sigma, t.alpha))
SCORE = Parameterization("score", lambda t: (0.0, -1 / t.sigma))


def velocity(schedule: SmoothSchedule) -> Parameterization:
    """Flow matching's target on any smooth path: the conditional velocity alpha' x0 + sigma' eps.

    On the straight path it is eps - x0. On a variance-preserving path sigma' is infinite at the data, and so is the
    row.

    References
    ----------
    Equation: predict.velocity
    lipman2022 (arXiv 2210.02747v2), theorem 3
    """

    def row(t: Level) -> tuple[float | Array, float | Array]:
        rates = schedule.rates(t.time)
        return rates.dalpha, rates.sigma_dsigma / t.sigma

    return Parameterization("velocity", row)


def edm(data_std: float) -> Parameterization:
    """Karras' F: the combination whose target has unit variance when the data have the given standard deviation.

    row = (sigma/(sd n), -alpha sd/n),   n = hypot(sigma, alpha sd),   input scaled by 1/n

    With alpha = 1, decoding gives c_skip x + c_out F.

    References
    ----------
    Equation: predict.edm
    karras2022 (arXiv 2206.00364v2), eq. 7 and table 1
    """
    sd = positive("data_std", data_std)

    def norm(t: Level) -> float | Array:
        return np.hypot(t.sigma, t.alpha * sd)

    def row(t: Level) -> tuple[float | Array, float | Array]:
        n = norm(t)
        return t.sigma / (sd * n), -t.alpha * sd / n

    return Parameterization(
        "EDM's F", row, scale_in=lambda t: 1 / norm(t), feature=lambda t: np.log(t.sigma / t.alpha) / 4
    )
