"""A loss that stops falling has arrived: one run against the exact floor, over steps and level by level."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, MUTED, PINK
from _training import FEW, excess, run
from _training import floor as floor_at


def figure():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.3))
    losses, denoisers = run()
    at = np.unique(np.geomspace(1, 1000, 34).astype(int))
    floor = np.array([floor_at(int(i)) for i in at])
    mean = np.mean([floor_at(i) for i in FEW])

    left.plot(np.arange(1, len(losses) + 1), losses, color=PINK, lw=0.5, alpha=0.75, rasterized=True)
    left.axhline(mean, color=BLUE, lw=1.8, ls=(0, (4, 3)))
    left.annotate(f"exact floor {mean:.3f}", (1, mean - 0.03), color=BLUE, va="top", fontsize=10)
    left.set(xscale="log", xlabel="training steps done", ylabel="loss", ylim=(0, 1.4), title="mean over levels")

    right.fill_between(at, floor, color=BLUE, alpha=0.15, lw=0)
    right.plot(at, floor, color=BLUE, lw=2.2)
    for step, tone, width in ((10, MUTED, 1.0), (100, INK, 1.2), (1500, PINK, 1.8)):
        loss = floor + [excess(denoisers[step], int(i)) for i in at]
        right.plot(at, loss, color=tone, lw=width)
    right.annotate("floor", (100, 0.3), color=BLUE, ha="center")
    right.annotate("10 steps", (240, 1.0), color=MUTED, fontsize=10)
    right.annotate("100", (330, 0.57), color=INK, fontsize=10)
    right.annotate("1,500", (20, 1.05), color=PINK, ha="center", fontsize=10)
    right.set(xscale="log", xlabel="noise level $t$ of 1,000", ylim=(0, 1.4), title="level by level")
    return fig
