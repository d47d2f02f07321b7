"""Which weighting is this loss function, and what has happened to it?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import choice, positive, require
from refdiff.losses import weightings
from refdiff.losses.denoising import min_snr, snr, unit
from refdiff.losses.reading import LossFunction, read_weight, same_up_to_a_factor
from refdiff.process.predict import Parameterization
from refdiff.schedules.level import Level
from refdiff.verify.references import PREDICTS, SAID
from refdiff.verify.shown_states import Watched, model_named, target_of

EXACT = 1e-5  # relative: weightings in use differ by far more, a loss in float32 by less
LEAST = 4  # levels, of which some on either side of the corner of min-SNR


@dataclass(frozen=True)
class LossIdentity:
    """What a loss function is; `str` of it is the sentence.

    Parameters
    ----------
    name : str
        The weighting, as a weight on x0.
    slip : str
        What distinguishes the loss from it, empty where it is the weighting itself.
    factor : float
        The constant that the loss has beside the weighting; it acts as a learning rate does.
    spread : float
        The largest relative difference that is left.
    shown : str
        How the states that the network is shown differ from alpha x0 + sigma eps; empty where they do not, or where the
        loss does not ask its model itself.
    """

    name: str
    slip: str
    factor: float
    spread: float
    shown: str = ""

    @property
    def known(self) -> bool:
        """Whether the weighting was recognised."""
        return self.spread <= EXACT

    def __str__(self) -> str:
        return f"{self._called}; but {self.shown}" if self.shown else self._called

    @property
    def _called(self) -> str:
        called = f"{self.name}: {self.slip}" if self.slip else self.name
        if not self.known:
            return f"unknown; nearest is {called}, off by up to {self.spread:.0%}"
        return called if abs(self.factor - 1) <= EXACT else f"{called}, times {self.factor:.4g}"

    def __repr__(self) -> str:
        return str(self)


class Guess(NamedTuple):
    """A weighting or a slip: its names, and the weight on the raw output."""

    name: str
    slip: str
    raw: Array


def identify_loss(
    loss: LossFunction | Callable[..., Any],
    kind: Parameterization | str,
    levels: Sequence[Level],
    *,
    most: float = 5.0,
    data_std: float = 0.5,
    reduction: str = "mean",
) -> LossIdentity:
    """Name the weighting of any loss function by probing it, and the slip that was made with it.

    Known are the plain losses of each target, min-SNR, soft-min-SNR or sigmoid, truncated SNR, P2 and EDM's lambda,
    each as one weight on x0; and for min-SNR the slips that were shipped: the divisor of another target, none, SNR + 1
    taken before the minimum, a 1 added after the division, a maximum for the minimum, alpha_bar or alpha/sigma for SNR.

    Parameters
    ----------
    loss : callable
        `(output, x0, eps, t) -> number`, or `(model, x0, eps, t) -> number` with a first argument that is called model,
        net or the like. Then it is also told whether the states that the model is shown are alpha x0 + sigma eps, to
        which `answering` is blind.
    kind : Parameterization or str
        What the output stands for: "eps", "x0", "v", "score", "velocity", or a row of one's own.
    levels, reduction
        As in `refdiff.losses.reading.read_weight`; at least four levels, with SNRs on both sides of `most`.
    most : float
        The constant of min-SNR and of its soft form.
    data_std : float
        The constant of EDM's lambda.

    Returns
    -------
    LossIdentity
        Print it: "min(SNR, 5): divided by SNR where v needs SNR + 1", or "unknown; nearest is ...".

    References
    ----------
    Equation: loss_identification.identify_loss
    hang2023 (arXiv 2303.09556v3)
    """
    positive("most", most)
    require(
        all(isinstance(t, Level) for t in levels), "levels", "be levels", f"{[type(t).__name__ for t in levels][:1]}",
        "For timesteps of a chain: [Chain(betas)(t + 1) for t in timesteps].",
    )  # fmt: skip
    require(len(levels) >= LEAST, "levels", f"be at least {LEAST}", len(levels), "Pass some along the whole path.")
    if isinstance(kind, str):
        kind = SAID.get(kind, kind)
        choice("kind", kind, PREDICTS)
        kind = PREDICTS[kind]
    watched = Watched(loss) if model_named(loss) else None
    read = _read(watched or loss, kind, levels, reduction)
    t = Level(*np.array([tuple(v) for v in levels], dtype=np.float64).T)
    ratio = snr(t)
    require(
        bool(np.any(ratio > most) and np.any(ratio < min(1.0, most))), "levels", f"have SNRs above and below {most:g}",
        f"{ratio.min():.3g} to {ratio.max():.3g}", "Add levels near the data and near noise.",
    )  # fmt: skip
    guesses = [*_right(t, kind, most, data_std), *_slips(t, kind, most, data_std)]
    shown = watched.misfit() if watched else ""
    named = [LossIdentity(g.name, g.slip, *same_up_to_a_factor(read, g.raw), shown) for g in guesses]
    return next((n for n in named if n.known), min(named, key=lambda n: n.spread))


def _read(loss: LossFunction, kind: Parameterization, levels: Sequence[Level], reduction: str) -> Array:
    """The weight on the raw output; where the loss wants another output, a refusal that says which."""
    try:
        return read_weight(loss, kind, levels, reduction=reduction).raw
    except ValueError as refusal:
        target = target_of(loss, levels[len(levels) // 2])
        if target in ("", kind.name):
            raise
        raise ValueError(
            f"loss must cost nothing where the output is {kind.name}; got a loss whose target is {target}. Pass the "
            "kind that is meant, or mend the target."
        ) from refusal


def _right(t: Level, kind: Parameterization, most: float, data_std: float) -> Iterator[Guess]:
    """The weightings in use, put on x0."""
    known: tuple[tuple[str, Callable[[Level], Array | float]], ...] = (
        ("1, plain x0", unit),
        ("SNR, plain eps", snr),
        ("SNR + 1, plain v", weightings.snr_plus_one),
        (f"plain {kind.name}", kind.loss_weight),
        (f"min(SNR, {most:g})", min_snr(most)),
        (f"soft-min-SNR of {most:g}", weightings.soft_min_snr(most)),
        ("max(SNR, 1)", weightings.truncated_snr),
        ("P2 with gamma = k = 1", weightings.p2()),
        (f"EDM's lambda for data of deviation {data_std:g}", weightings.karras(data_std)),
    )
    for name, weight in known:
        yield Guess(name, "", weight(t) / np.asarray(kind.loss_weight(t)))


def _slips(t: Level, kind: Parameterization, most: float, data_std: float) -> Iterator[Guess]:
    """The usual slips with min-SNR and EDM's: what stands before the squared error of the raw output."""
    name, ratio = f"min(SNR, {most:g})", snr(t)
    least, need = np.minimum(ratio, most), f"where {kind.name} needs another divisor"
    divisors = {"eps": ("SNR", ratio), "v": ("SNR + 1", ratio + 1), "x0": ("1", np.ones_like(ratio))}
    if kind.name in divisors:
        need = f"where {kind.name} needs {divisors[kind.name][0]}"
    own = np.asarray(kind.loss_weight(t))
    for other, divisor in divisors.values():
        yield Guess(name, f"divided by {other} {need}" if other != "1" else f"not divided, {need}", least / divisor)
    yield Guess(name, "1 added after the division: parentheses", least / ratio + 1)
    yield Guess(name, "1 added to SNR before the minimum", np.minimum(ratio + 1, most) / own)
    yield Guess(name, "a maximum for the minimum", np.maximum(ratio, most) / own)
    yield Guess(name, "turned upside down", own / least)
    if kind.name == "x0":
        s, sd = np.asarray(t.sigma / t.alpha), data_std
        karras = f"EDM's lambda for data of deviation {sd:g}"
        yield Guess(karras, "a sum for the product below", (s**2 + sd**2) / (s + sd) ** 2)
        yield Guess(karras, "the product below is not squared", (s**2 + sd**2) / (s * sd))
        yield Guess(karras, "turned upside down", (s * sd) ** 2 / (s**2 + sd**2))
    for told, wrong in (("alpha/sigma", np.sqrt(ratio)), ("alpha_bar", ratio / (1 + ratio))):
        divisor = {"eps": wrong, "v": wrong + 1}.get(kind.name, np.ones_like(wrong))
        yield Guess(name, f"{told} taken for SNR", np.minimum(wrong, most) / divisor)
