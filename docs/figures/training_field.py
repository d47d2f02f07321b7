"""The learned field that points to the data: at five moments beside the exact field, and as frames over it."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from _frames import Frames, lattice, pixels, quantised
from _style import BLUE, MUTED, PINK
from _training import CHAIN, FEW, LAW, MOVIE, excess, floor, run

from refdiff.process import Denoiser

LEVEL = CHAIN(80)
LIMIT, REACH, SIDE, FINE = 2.4, 2.1, 11, 40  # edges of the picture and of the arrows; arrows and pixels along an edge
UNIT = 4.6  # so long an arrow covers one data unit


def figure():
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.5))
    x, fine = lattice(9, REACH), np.linspace(-LIMIT, LIMIT, 72)
    around = np.exp(LAW.at(LEVEL).log_prob(lattice(72, LIMIT))).reshape(72, 72)
    kept = run().denoisers
    panels = [(f"after {k:,} steps" if k > 1 else "after 1 step", kept[k], PINK) for k in (1, 30, 100, 300, 1500)]
    for ax, (title, denoise, colour) in zip(axes.flat, [*panels, ("exact", LAW.denoise, BLUE)], strict=True):
        ax.contour(fine, fine, around, levels=3, colors=MUTED, linewidths=0.7)
        arrows = -denoise(x, LEVEL).eps
        ax.quiver(*x.T, *arrows.T, color=colour, angles="xy", scale_units="xy", scale=0.8 * UNIT, width=0.012)
        ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal", title=title)
        ax.axis("off")
    return fig


def frames(kept: Mapping[int, Denoiser] | None = None) -> Frames:
    """The learned field over the exact one, at steps from 0 on, and how far the loss is above its floor."""
    kept = kept or {k: run().denoisers[k] for k in MOVIE}
    x = lattice(SIDE, REACH)
    exact = -LAW.denoise(x, LEVEL).eps
    learned = np.stack([-denoise(x, LEVEL).eps for denoise in kept.values()])
    longest = max(np.linalg.norm(a, axis=-1).max() for a in (exact, learned))
    least = float(np.mean([floor(i) for i in FEW]))
    left = np.array([np.mean([excess(denoise, i, 300) for i in FEW]) for denoise in kept.values()])
    left *= (1 - least) / left[0]  # a fresh network says 0 and has loss 1: so much of the states' scatter goes
    arrows = {"draw": "arrows", "side": SIDE, "reach": REACH / LIMIT, "longest": longest / UNIT / LIMIT}
    shade = np.exp(LAW.at(LEVEL).log_prob(pixels(FINE, LIMIT)))
    learned_exact = "<b style='color:var(--fig-2)'>learned</b> <b style='color:var(--fig-1)'>exact</b>"
    last = len(kept) - 1
    about = {
        "label": "Steps of training",
        "ends": ["fresh", "trained"],
        "keys": [["Train", 0, last]],
        "start": [*kept].index(100) if 100 in kept else 0,
        "step": 1,
        "captions": [[f"<b>after {{0}}</b> {learned_exact} <span>loss {{1}} = floor {{2}} + {{3}}</span>",
                      "after {0}: loss {1}, its floor {2}, still to be learned {3}"]],
        "stops": [[0, f"{k:,} steps", f"{least + e:.4f}", f"{least:.4f}", f"{e:.4f}"]
                  for k, e in zip(kept, left, strict=True)],
        "layers": [
            {"draw": "heat", "at": 0, "side": FINE, "colour": "--fig-muted", "clear": 0.3},
            {**arrows, "at": FINE**2, "colour": "--fig-1", "width": 9, "clear": 0.45},
            {**arrows, "at": FINE**2 + exact.size, "colour": "--fig-2", "width": 4},
        ],
    }  # fmt: skip
    fixed = np.r_[quantised(shade, shade.max()), quantised(exact.ravel(), longest)]
    return Frames(about, fixed, quantised(learned.reshape(len(kept), -1), longest))
