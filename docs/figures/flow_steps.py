"""Euler's error with three couplings of the same two Gaussians, against the number of steps."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL

from refdiff.losses.flow_matching import euler
from refdiff.oracles import Mixture
from refdiff.oracles.paired import Paired
from refdiff.process.interpolants import STRAIGHT

STEPS = np.array([1, 2, 4, 8, 16, 32, 64, 128])


def coupled(rho):
    """N(2, 0.25) and N(0, 1), correlated."""
    return Paired(Mixture([1.0], [[2.0, 0.0]], [[[0.25, rho / 2], [rho / 2, 1.0]]]), STRAIGHT)


def figure():
    fig, axis = plt.subplots(figsize=(6.0, 3.2))
    start = np.array([[1.0], [0.0]])
    for rho, colour, where in ((0.0, PINK, (9, 0.25)), (0.9, BLUE, (9, 0.022)), (0.99, TEAL, (9, 0.0021))):
        law, spread = coupled(rho), []
        for n in STEPS:
            ends = euler(law.velocity, start, np.linspace(1, 0, n + 1))
            spread.append(abs(ends[0, 0] - ends[1, 0] - 0.5) / 0.5)
        axis.plot(STEPS, spread, "o-", color=colour, ms=4)
        axis.annotate(f"correlation {rho:g}", where, color=colour, fontsize=10)
    axis.plot(STEPS, 1.0 / STEPS, color=MUTED, lw=0.9, ls=(0, (2, 3)), zorder=0)
    axis.annotate("$1/n$", (2.6, 0.17), color=MUTED, fontsize=10)
    axis.set(xscale="log", yscale="log", xlabel="Euler steps, $n$", ylabel="error of the deviation, relative")
    axis.set_xticks(STEPS)
    axis.set_xticklabels([str(n) for n in STEPS])
    axis.minorticks_off()
    return fig
