"""Deviation and mean of guided samples against the scale, beside the tilted density: a Gaussian class, exactly."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL

from refdiff.guidance import by_flow, by_sde, tilted
from refdiff.process import Gaussian

CLASS, ALL = Gaussian(np.array([[1.0]]), 0.09), Gaussian(np.array([[0.0]]), 1.0)
LAWS = {"tilted density": (tilted, PINK), "with noise (DDPM)": (by_sde, TEAL), "without (DDIM)": (by_flow, BLUE)}


def figure():
    scales = np.linspace(1, 8, 141)
    fig, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.7))
    for label, (law, colour) in LAWS.items():
        laws = [law(CLASS, ALL, w) for w in scales]
        left.plot(scales, [float(np.sqrt(p.var)) for p in laws], color=colour, label=label)
        right.plot(scales, [p.mean.item() for p in laws], color=colour)
    left.set(yscale="log", ylim=(1e-4, 0.8), xlabel="scale $w$", title="standard deviation")
    left.axhline(0.3, color=MUTED, lw=0.8, ls=(0, (3, 2)))
    right.axhline(1, color=MUTED, lw=0.8, ls=(0, (3, 2)))
    left.annotate("the class", (8, 0.32), color=MUTED, ha="right", va="bottom", fontsize=9.5)
    right.annotate("the class", (8, 0.997), color=MUTED, ha="right", va="top", fontsize=9.5)
    right.set(ylim=(0.95, 1.35), xlabel="scale $w$", title="mean")
    left.legend(fontsize=10, loc="lower left", handlelength=1.2, borderpad=0)
    return fig
