"""The terms of the bound, stacked, for one to thirty-two levels: they close on the entropy from above."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, PAPER, PINK, TEAL

from refdiff.likelihood import bits, elbo
from refdiff.oracles import Normal
from refdiff.schedules import VP, grids

WIDTH = 1 / 128  # of a cell


def figure():
    data = Normal([2.0], 0.25)
    entropy = bits.density_per_dim(-data.entropy(), 1, WIDTH)
    fig, ax = plt.subplots(figsize=(5.6, 3.5))
    for i, count in enumerate((1, 2, 4, 8, 16, 32)):
        levels = grids.angle(VP(), count, start=1.56)
        bound = elbo.expected_terms(data.denoise, data.mean, data.cov, levels)
        parts = [bits.density_per_dim(-bound.decoder[0], 1, WIDTH)]
        parts += [*bits.per_dim(bound.steps[::-1, 0], 1), bits.per_dim(bound.prior[0], 1)]
        below = 0.0
        for k, part in enumerate(parts):
            colour = PINK if k == 0 else TEAL if k == len(parts) - 1 else BLUE
            alpha = 0.9 if k % 2 == 0 or k == len(parts) - 1 else 0.55
            edge = 0.5 if part > 0.2 else 0.0  # around thin parts, edges would hide what they part
            ax.bar(i, part, bottom=below, width=0.62, color=colour, alpha=alpha, ec=PAPER, lw=edge)
            below += part
        ax.annotate(f"+{below - entropy:.2f}", (i, below), (0, 3), textcoords="offset points", ha="center", fontsize=10)
    ax.axhline(entropy, color=INK, lw=1.2, ls=(0, (4, 2)))
    ax.annotate("entropy", (5.42, entropy), (0, 3), textcoords="offset points", va="bottom", fontsize=10)
    ax.text(0, 3.8, "$L_0$", ha="center", color=PAPER, fontsize=13)
    ax.text(5.42, 6.4, "$L_{t-1}$", va="center", color=BLUE, fontsize=13)
    ax.set(xticks=np.arange(6), xticklabels=["1", "2", "4", "8", "16", "32"], xlim=(-0.5, 6.35), ylim=(0, 9.3))
    ax.set(xlabel="levels of noise", ylabel="bits")
    return fig
