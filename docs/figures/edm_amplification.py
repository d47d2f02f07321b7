"""How much an error of the network's output is multiplied by on its way to x0."""

import matplotlib.pyplot as plt
import numpy as np
from _style import AMBER, BLUE, MUTED, PINK, VIOLET

from refdiff.process import EPS, X0, edm, preconditioning
from refdiff.schedules import EDM

STD = 0.5


def figure():
    fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.1))
    sigma = np.geomspace(0.01, 50, 201)
    t = EDM()(sigma)
    for kind, colour, name, where in (
        (EPS, BLUE, r"$\varepsilon$", (14, 22)),
        (X0, PINK, "$x_0$", (0.02, 1.35)),
        (edm(STD), VIOLET, "$F$", (12, 0.27)),
    ):
        axes[0].plot(sigma, np.abs(preconditioning.of(kind, t).out) * np.ones_like(sigma), color=colour, lw=2.2)
        axes[0].annotate(name, where, color=colour, ha="right" if name != "$x_0$" else "left")
    axes[0].axhline(STD, color=MUTED, lw=0.8, ls=(0, (2, 3)), zorder=0)
    axes[0].annotate("$s$", (0.012, 0.57), color=MUTED)
    axes[0].set(xscale="log", yscale="log", ylim=(0.008, 60), xlabel=r"$\sigma$")
    axes[0].set_title(r"amplification $|c_{\mathrm{out}}|$", fontsize=10.5)
    f = preconditioning.of(edm(STD), t)
    for value, colour, name, where in (
        (f.skip, BLUE, r"$c_{\mathrm{skip}}$", (0.02, 1.05)),
        (f.out / STD, VIOLET, r"$c_{\mathrm{out}}/s$", (10, 1.05)),
        (f.inward * STD, AMBER, r"$c_{\mathrm{in}}\, s$", (0.75, 0.72)),
    ):
        axes[1].plot(sigma, value, color=colour, lw=2.2)
        axes[1].annotate(name, where, color=colour)
    axes[1].axvline(STD, color=MUTED, lw=0.8, ls=(0, (2, 3)), zorder=0)
    axes[1].annotate(r"$\sigma = s$", (0.58, 1.1), color=MUTED, fontsize=10)
    axes[1].set(xscale="log", ylim=(0, 1.2), yticks=[0, 0.5, 1], xlabel=r"$\sigma$")
    axes[1].set_title("the three factors", fontsize=10.5)
    return fig
