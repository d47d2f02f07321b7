"""Lines between pairs cross; the paths of their mean velocity do not, so they bend. Reflowed, they are straight."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, PINK, TEAL, soft

from refdiff.losses.flow_matching import velocity_of
from refdiff.oracles import Mixture
from refdiff.schedules import Flow

LAW = Mixture([0.5, 0.5], [[-1.2], [1.2]], 0.02)
TIMES = np.linspace(1, 0, 121)
QUANTILES = (0.03, 0.1, 0.2, 0.3, 0.38, 0.45, 0.49, 0.51, 0.55, 0.62, 0.7, 0.8, 0.9, 0.97)


def figure():
    y = np.linspace(-2.6, 2.6, 240)
    heat = np.stack([np.exp(LAW.at(Flow()(t)).log_prob(y[:, None])) for t in np.linspace(1, 0.03, 200)], axis=1)
    start = np.array([np.interp(q, _normal(y), y) for q in QUANTILES])[:, None]
    walk, u, x = [start], velocity_of(LAW.denoise, Flow()), start
    for t, s in pairwise(TIMES):
        x = x + (s - t) * u(x, t)
        walk.append(x)
    paths, rng = np.stack(walk)[:, :, 0], np.random.default_rng(3)
    ends = LAW.sample(len(start), rng=rng)[:, 0]
    fig, axes = plt.subplots(1, 3, figsize=(7.0, 2.9), sharey=True)
    for ax in axes:
        ax.imshow(heat / heat.max(axis=0), extent=(1, 0.03, -2.6, 2.6), origin="lower", aspect="auto",
                  cmap=soft(BLUE), alpha=0.45, rasterized=True)  # fmt: skip
        ax.set(xlim=(1, 0), ylim=(-2.6, 2.6), xticks=[1, 0], xticklabels=["noise", "data"], yticks=[-2, 0, 2])
    axes[0].plot([1, 0], np.stack([start[:, 0], ends]), color=PINK, lw=1.2)
    axes[1].plot(TIMES, paths, color=TEAL, lw=1.2)
    axes[2].plot([1, 0], np.stack([paths[0], paths[-1]]), color=PINK, lw=1.2)
    for ax, name in zip(axes, ("pairs as drawn", "their mean velocity", "starts and their ends"), strict=True):
        ax.set_title(name, fontsize=10.5)
        for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
            label.set_ha(side)
    return fig


def _normal(y):
    """The distribution function of N(0, 1) at grid points."""
    p = np.cumsum(np.exp(-(y**2) / 2))
    return p / p[-1]
