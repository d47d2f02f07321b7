"""The same FID, and different failures: samples of four models beside the data, with precision and recall."""

import matplotlib.pyplot as plt
import numpy as np
from _failures import DATA, fid, models
from _style import BLUE, PINK

from refdiff.metrics import precision_recall

N = 700


def figure():
    rng = np.random.default_rng(0)
    real = DATA.sample(N, rng=rng)
    fig, axes = plt.subplots(2, 2, figsize=(5.4, 4.6), sharex=True, sharey=True)
    for ax, (name, law) in zip(axes.flat, models().items(), strict=True):
        x = law.sample(N, rng=rng)
        found = precision_recall(real, x)
        ax.scatter(*real.T, s=3, linewidths=0, alpha=0.35, color=BLUE, rasterized=True)
        ax.scatter(*x.T, s=4, linewidths=0, alpha=0.6, color=PINK, rasterized=True)
        ax.set_title(f"{name}: FID {fid(law):.2f}", fontsize=12)
        ax.set_xlabel(f"precision {found.precision:.2f}, recall {found.recall:.2f}", fontsize=10)
        ax.set(xlim=(-4.4, 4.4), ylim=(-4.3, 4.2), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return fig
