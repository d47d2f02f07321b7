"""The loss over log-SNR, and the same loss over the times of three schedules: other curves, one area."""

import matplotlib.pyplot as plt
import numpy as np
from _style import AMBER, BLUE, MUTED, PINK, TEAL

from refdiff.likelihood import continuous
from refdiff.oracles import Normal
from refdiff.schedules import VE, VP, Flow

LOW, HIGH = np.log(0.01), np.log(100.0)
PATHS = {"VP": (BLUE, "solid", VP()), "flow": (PINK, (0, (6, 1.5)), Flow()), "VE": (AMBER, (0, (2, 1)), VE())}


def figure():
    data = Normal([2.0], 0.25)
    fig, axes = plt.subplots(2, 1, figsize=(5.4, 5.0))
    log_snr = np.linspace(LOW, HIGH, 201)
    levels = [Flow()(Flow().time_of(v)) for v in log_snr]
    curve = np.exp(log_snr) * [data.mmse(t) for t in levels] / 2
    area = continuous.diffusion_term(data.mmse, levels[-1], levels[0])
    axes[0].fill_between(log_snr, curve, color=TEAL, alpha=0.3, lw=0)
    axes[0].plot(log_snr, curve, color=TEAL)
    axes[0].annotate(f"area {area:.3f}", (2.6, 0.15), ha="center")
    axes[0].axhline(0.5, color=MUTED, lw=0.8, ls=(0, (4, 2)))
    axes[0].set(xlim=(HIGH, LOW), ylim=(0, 0.57), xlabel=r"$\log\,\mathrm{SNR}$", ylabel="nats per unit")
    axes[0].set_xticks([4, 2, 0, -2, -4])
    axes[0].set_yticks([0, 0.25, 0.5])
    for name, (colour, dashes, path) in PATHS.items():
        start, stop = path.time_of(HIGH), path.time_of(LOW)
        share = np.linspace(0, 1, 401)
        rate = [continuous.loss_rate(data.mmse, path, t) * (stop - start) for t in start + share * (stop - start)]
        axes[1].fill_between(share, rate, color=colour, alpha=0.12, lw=0)
        axes[1].plot(share, rate, color=colour, ls=dashes, label=f"{name}, area {area:.3f}")
    axes[1].set(
        xlim=(0, 1), ylim=(0, None), xlabel="share of the time between the same two levels", ylabel="nats per unit"
    )
    axes[1].legend(loc="upper right", fontsize=10)
    return fig
