"""A galaxy of three arms, noised and then flowed back: the picture of the home page."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from _frames import Frames, quantised

from refdiff.oracles import Mixture
from refdiff.samplers import ddim
from refdiff.schedules import Cosine, Level, grids

ARMS, STARS, SPREAD = 3, 20, 0.055
LIMIT = 2.6  # data units at the edge of the picture: a 127th of it is less than a dot is wide
QUARTERS = 4  # the slider stops so often between two frames


class Journey(NamedTuple):
    """States (frames, n, 2) at `levels`; up to frame `turn` data are noised, from there noise flows to data."""

    states: np.ndarray
    levels: list[Level]
    turn: int
    arm: np.ndarray  # (n,), where each point began


def galaxy() -> Mixture:
    """Sixty small Gaussians along three arms, of mean zero and a mean variance of one."""
    along = np.linspace(0.12, 1, STARS) ** 0.75
    angle = 3.4 * along + 2 * np.pi * np.arange(ARMS)[:, None] / ARMS
    xy = (along[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)).reshape(-1, 2)
    xy -= xy.mean(0)
    return Mixture(np.full(len(xy), 1 / len(xy)), xy * np.sqrt(1 - SPREAD**2) / xy.std(), SPREAD**2)


def journey(n: int = 420, half: int = 20, between: int = 8, seed: int = 4) -> Journey:
    """Noise n points of the galaxy, then let the probability flow carry that very noise back, by DDIM steps."""
    rng = np.random.default_rng(seed)
    oracle, schedule = galaxy(), Cosine()
    x0, star = oracle.sample_labelled(n, rng=rng)
    eps = rng.standard_normal((n, 2))
    down = grids.angle(schedule, half * between)  # from noise to data
    up = down[::-between]
    noised = [t.alpha * x0 + t.sigma * eps for t in up]
    steps = ddim.steps(oracle.denoise, noised[-1], down)
    flowed = [x for i, x in enumerate(steps, 1) if i % between == 0]
    return Journey(np.stack(noised + flowed), up + down[between::between], half, star // STARS)


def frames() -> Frames:
    """The journey as dots, in the colours of the arms they began in."""
    trip = journey()
    last = len(trip.states) - 1
    at = np.arange(QUARTERS * last + 1) / QUARTERS
    signal, noise = (np.interp(at, np.arange(last + 1), [float(v) for v in part])
                     for part in ([t.alpha for t in trip.levels], [t.sigma for t in trip.levels]))  # fmt: skip
    about = {
        "label": "From data to noise and back",
        "ends": ["data", "noise", "data"],
        "keys": [["Forward: add noise", 0, trip.turn], ["Back: take it away", trip.turn, last]],
        "start": 0,
        "step": 1 / QUARTERS,
        "captions": [
            ["<b>forward</b> <span>x<sub>t</sub> = {0} x<sub>0</sub> + {1} ε</span>",
             "forward: {0} of signal, {1} of noise"],
            ["<b>back</b> <span>x<sub>s</sub> = {0} x̂<sub>0</sub>(x<sub>t</sub>) + {1} ε̂(x<sub>t</sub>)</span>",
             "back: {0} of signal, {1} of noise"],
        ],
        "stops": [[int(k > trip.turn), f"{a:.2f}", f"{s:.2f}"] for k, a, s in zip(at, signal, noise, strict=True)],
        "layers": [
            {"draw": "dots", "at": 0, "size": 5.5, "colours": ["--fig-1", "--fig-2", "--fig-3"],
             "which": trip.arm.tolist()},
        ],
    }  # fmt: skip
    return Frames(about, np.zeros(0, np.int8), quantised(trip.states, LIMIT).reshape(last + 1, -1))
