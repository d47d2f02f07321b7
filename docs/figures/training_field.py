"""What the network has learned of the field that points to the data, at five moments, and the exact field."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK
from _training import CHAIN, LAW, run

LEVEL = CHAIN(80)


def figure():
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.5))
    side = np.linspace(-2.1, 2.1, 11)
    x = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    fine = np.linspace(-2.6, 2.6, 72)
    density = np.exp(LAW.at(LEVEL).log_prob(np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)))
    kept = run().denoisers
    panels = [(f"after {k:,} steps" if k > 1 else "after 1 step", kept[k], PINK) for k in (1, 30, 100, 300, 1500)]
    for ax, (title, denoise, colour) in zip(axes.flat, [*panels, ("exact", LAW.denoise, BLUE)], strict=True):
        ax.contour(fine, fine, density.reshape(72, 72), levels=3, colors=MUTED, linewidths=0.7)
        arrows = -denoise(x, LEVEL).eps
        ax.quiver(*x.T, *arrows.T, color=colour, angles="xy", scale_units="xy", scale=4.8, width=0.012)
        ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal", title=title)
        ax.axis("off")
    return fig
