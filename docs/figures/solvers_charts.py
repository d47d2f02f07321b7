"""Four paths of the probability flow in three coordinates: where it is straight, a solver has little to do."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL

from refdiff.oracles import Mixture
from refdiff.samplers.exponential import clock
from refdiff.samplers.ode import ANGLE, RATIO
from refdiff.schedules import VP, grids
from refdiff.verify.truth import dop853

LAW = Mixture([0.35, 0.65], [[-1.3], [0.7]], 0.02)


def figure():
    levels = grids.log_snr(VP(), 160, -6.0, 6.0)
    start = np.array([[-1.6], [-0.2], [0.1], [1.3]])
    states = np.stack([start, *dop853.steps(LAW.denoise, start, levels, rtol=1e-9)])[:, :, 0]
    charts = (
        (r"$x/\alpha$ over $\sigma/\alpha$", RATIO.tau, RATIO.scale),
        (r"$x/\sqrt{\alpha^2+\sigma^2}$ over the angle", ANGLE.tau, ANGLE.scale),
        (r"$x/\sigma$ over $\lambda = \log(\alpha/\sigma)$", clock, lambda t: float(t.sigma)),
    )
    fig, axes = plt.subplots(3, 1, figsize=(5.4, 5.8))
    for ax, (name, tau, scale) in zip(axes, charts, strict=True):
        at, by = (np.array([f(t) for t in levels]) for f in (tau, scale))
        u = states / by[:, None]
        for k, colour in enumerate((BLUE, PINK, TEAL, MUTED)):
            ax.plot(at, u[:, k], color=colour)
        ax.set_title(name, loc="left")
        ax.set(xlim=(at[0], at[-1]), yticks=[])
    axes[0].set_xlim(at[0] * 0 + RATIO.tau(levels[0]), 0)
    axes[2].set(ylim=(-8, 8), xlabel="from noise (left) to data (right)")
    return fig
