"""What a Gaussian step misses against its size: three kinds of data, and the cube that theory predicts."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL

from refdiff.oracles import Empirical, Mixture, misfit, skewness_misfit
from refdiff.schedules import Level

KINDS = {
    "two narrow groups": (Mixture([0.5, 0.5], [[-1.0], [1.0]], 0.06), 1.0, BLUE, (0.55, 1.2)),
    "lopsided": (Mixture([0.8, 0.2], [[-0.5], [1.0]], 0.3), 1.0, TEAL, (0.55, 8e-3)),
    r"two points at $\alpha_s^2 = 1/2$": (Empirical([[-1.0], [1.0]]), 0.5, PINK, (0.012, 1.2e-5)),
}


def figure():
    betas = np.geomspace(0.004, 0.6, 22)
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    for name, (law, bar, colour, _) in KINDS.items():
        s = Level(0, np.sqrt(bar), np.sqrt(1 - bar))
        steps = [Level(1, np.sqrt(bar * (1 - b)), np.sqrt(1 - bar * (1 - b))) for b in betas]
        exact = [misfit(law, s, t) for t in steps]
        cube = np.array([skewness_misfit(law, s, t) for t in steps])
        ax.loglog(betas, np.where(cube < 3, cube, np.nan), color=MUTED, lw=1.2, ls=(0, (3, 2)))
        ax.loglog(betas, exact, color=colour, label=name)
    ax.plot([], [], color=MUTED, lw=1.2, ls=(0, (3, 2)), label=r"predicted, $\propto \beta^3$")
    ax.set(xlabel=r"variance $\beta$ of the step", ylabel="nats missed by a Gaussian", ylim=(3e-9, 3))
    ax.set_xticks([0.01, 0.1, 0.5], ["0.01", "0.1", "0.5"])
    ax.minorticks_off()
    ax.legend(fontsize=10, loc="lower right")
    return fig
