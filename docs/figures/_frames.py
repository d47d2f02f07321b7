"""What a slider shows: pictures as whole numbers from -127 to 127, and how the page's script is to draw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

TOP = 127


class Frames(NamedTuple):
    """The numbers of a frame are `fixed`, the same in all of them, and then a row of `moving`, both int8.

    `about` becomes JSON, and tells the script

    - `layers`, drawn one over the other: each names its way to draw, and where `at` its numbers begin;
    - `captions`, pairs of HTML and of plain words to be read aloud, with {0}, {1} ... for values;
    - `stops`, one for each place the slider stops at: which caption, and the values in it;
    - `label` of the slider, words at its `ends`, its `step` in frames, where to `start`;
    - `keys`, buttons that play the frames: what is on them, from where, to where.

    127 is the edge of the picture for dots, an arrow of the layer's greatest length, and full colour in a heat map.
    """

    about: Mapping[str, object]
    fixed: np.ndarray
    moving: np.ndarray


def quantised(values: np.ndarray, limit: float) -> np.ndarray:
    """Values as int8, 127 at the limit; what lies beyond it stays at it."""
    return np.clip(np.rint(values / limit * TOP), -TOP, TOP).astype(np.int8)


def lattice(side: int, reach: float) -> np.ndarray:
    """Where arrows stand: (side^2, 2), from lower left, x first."""
    axis = np.linspace(-reach, reach, side)
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)


def pixels(side: int, limit: float) -> np.ndarray:
    """The middles of a heat map's pixels: (side^2, 2), from upper left, x first."""
    axis = (np.arange(side) + 0.5) * 2 * limit / side - limit
    return np.stack(np.meshgrid(axis, -axis), -1).reshape(-1, 2)
