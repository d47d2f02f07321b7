"""How many training points share the ideal denoiser's attention, against the noise; and where that collapses."""

import matplotlib.pyplot as plt
import numpy as np
from _style import AMBER, BLUE, MUTED, PINK, TEAL

from refdiff.oracles.memory import attended, attention, collapse
from refdiff.schedules import Level

CASES = ((2000, 4, BLUE), (2000, 16, TEAL), (2000, 64, PINK), (100, 64, AMBER))


def figure():
    rng = np.random.default_rng(0)
    fig, ax = plt.subplots(figsize=(5.4, 3.2))
    log_snr = np.linspace(-8, 9, 52)
    for n, d, colour in CASES:
        data, z = rng.standard_normal((n, d)), rng.standard_normal((60, d))
        share = []
        for at in log_snr:
            t = Level(0.0, np.sqrt(1 / (1 + np.exp(-at))), np.sqrt(1 / (1 + np.exp(at))))
            share.append(np.exp(np.mean(np.log(attended(attention(t.alpha * data[:60] + t.sigma * z, data, t)[1])))))
        ax.plot(log_snr, share, color=colour, label=f"{n:,} points, {d} dimensions")
        ax.axvline(collapse(n, np.ones(d)), ymax=0.66, color=colour, lw=1, ls=(0, (3, 2)))
    ax.axhline(1, color=MUTED, lw=0.8)
    ax.set(
        yscale="log",
        xlim=(-8, 9),
        ylim=(0.8, 4000),
        xlabel=r"log-SNR: noise on the left, data on the right",
        ylabel="points attended",
    )
    ax.legend(fontsize=9.5, loc="upper right", handlelength=1.2)
    return fig
