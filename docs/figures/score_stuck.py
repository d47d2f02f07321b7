"""Langevin at one small noise level keeps the shares it began with; through falling levels it finds the right ones."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL

from refdiff.oracles import Mixture
from refdiff.samplers import annealed
from refdiff.schedules import VE, grids

LAW = Mixture([0.8, 0.2], [[-2.0, 0.0], [2.0, 0.0]], 0.05)
N = 600


def runs():
    """Fresh data; one level, 1,000 steps; ten levels, 100 steps each; all from one wide cloud."""
    rng = np.random.default_rng(0)
    levels = grids.uniform(VE(0.1, 6.0), 9)
    start = levels[0].sigma * rng.standard_normal((N, 2))
    still = grids.uniform(VE(0.1, 0.100001), 1)
    return {
        "fresh data": (BLUE, LAW.at(levels[-1]).sample(N, rng=rng)),
        "one noise level": (PINK, annealed(LAW.denoise, start, still, rounds=500, rate=1.0, rng=rng)),
        "ten falling levels": (TEAL, annealed(LAW.denoise, start, levels, rounds=100, rate=0.3, rng=rng)),
    }


def figure():
    fig, axes = plt.subplots(1, 3, figsize=(6.0, 2.1), sharex=True, sharey=True)
    for ax, (name, (colour, x)) in zip(axes, runs().items(), strict=True):
        ax.scatter(*x.T, s=4, linewidths=0, alpha=0.5, color=colour, rasterized=True)
        share = np.mean(x[:, 0] < 0)
        for side, part in ((-2, share), (2, 1 - share)):
            ax.annotate(f"{part:.0%}", (side, -1.3), ha="center", va="center", fontsize=12)
        ax.axvline(0, color=MUTED, lw=0.8, ls=(0, (3, 2)))
        ax.set(xlim=(-3.6, 3.6), ylim=(-1.7, 1.3), xticks=[], yticks=[], title=name)
        ax.spines[:].set_visible(False)
    return fig
