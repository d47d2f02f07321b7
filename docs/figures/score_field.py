"""The score of noised data over the density whose gradient of the log it is: at three noise levels, and as frames."""

import matplotlib.pyplot as plt
import numpy as np
from _frames import Frames, lattice, pixels, quantised
from _style import AMBER, BLUE, INK, soft

from refdiff.oracles import Mixture
from refdiff.schedules import Level

LAW = Mixture([0.4, 0.35, 0.25], [[-1.3, -0.7], [1.2, -0.9], [0.1, 1.3]], 0.04)
SIGMAS = (0.15, 0.6, 1.5)
MOVED = np.round(np.geomspace(0.1, 2.5, 25), 2)  # where the slider stops
LIMIT, REACH, SIDE, FINE = 2.9, 2.6, 11, 32  # edges of the picture and of the arrows; arrows and pixels along an edge


def noised(sigma: float) -> Mixture:
    """The law of the data with noise of standard deviation sigma."""
    return LAW.at(Level(sigma, 1.0, sigma))


def rooted(arrows: np.ndarray) -> tuple[np.ndarray, float]:
    """Arrows with roots of lengths, so that short ones are seen, the longest of length 1; and how long it was."""
    length = np.linalg.norm(arrows, axis=1, keepdims=True)
    return arrows / np.sqrt(length * length.max()), float(length.max())


def peaks(law: Mixture, side: int = 100) -> int:
    """How many hills a density has: places of a fine grid that are higher than the eight around them."""
    p = law.log_prob(pixels(side, LIMIT)).reshape(side, side)
    around = [np.roll(p, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return int(np.sum((p > np.max(around, axis=0))[1:-1, 1:-1]))


def figure():
    fig, axes = plt.subplots(1, 3, figsize=(6.0, 2.3), sharex=True, sharey=True)
    for ax, sigma in zip(axes, SIGMAS, strict=True):
        law = noised(sigma)
        density = np.exp(law.log_prob(pixels(120, LIMIT))).reshape(120, 120)
        ax.imshow(density / density.max(), cmap=soft(BLUE), extent=(-LIMIT, LIMIT, -LIMIT, LIMIT), vmin=0, vmax=1,
                  rasterized=True)  # fmt: skip
        at = lattice(9, REACH)
        ax.quiver(*at.T, *rooted(law.score(at))[0].T, color=INK, scale=9, width=0.008, headwidth=4)
        ax.plot(*LAW.means.T, "o", color=AMBER, ms=3.5)
        ax.set(xticks=[], yticks=[], aspect="equal", title=f"$\\sigma = {sigma}$")
        ax.spines[:].set_visible(False)
    return fig


def frames() -> Frames:
    """The same field from little noise to much."""
    rows, stops = [], []
    for sigma in MOVED:
        law = noised(float(sigma))
        density = np.exp(law.log_prob(pixels(FINE, LIMIT)))
        arrows, longest = rooted(law.score(lattice(SIDE, REACH)))
        rows.append(np.r_[quantised(density, density.max()), quantised(arrows.ravel(), 1)])
        hills = peaks(law)
        stops.append([0, f"{sigma:.2f}", f"{hills} hill{'s' * (hills > 1)}", f"{longest:.1f}"])
    last = len(MOVED) - 1
    about = {
        "label": "Size of the noise",
        "ends": ["little noise", "much noise"],
        "keys": [["Add noise", 0, last], ["Take it away", last, 0]],
        "start": 4,
        "step": 1,
        "captions": [["<b>&sigma; = {0}</b> <span>{1}; longest arrow {2}</span>",
                      "sigma {0}: the density has {1}, the longest arrow has length {2}"]],
        "stops": stops,
        "layers": [
            {"draw": "heat", "at": 6, "side": FINE, "colour": "--fig-1", "clear": 0.65},
            {"draw": "dots", "at": 0, "size": 8, "colours": ["--fig-4"], "which": [0, 0, 0]},
            {"draw": "arrows", "at": 6 + FINE**2, "side": SIDE, "reach": REACH / LIMIT, "longest": 0.17,
             "colour": "--fig-ink", "width": 3},
        ],
    }  # fmt: skip
    return Frames(about, quantised(LAW.means, LIMIT).ravel(), np.stack(rows))
