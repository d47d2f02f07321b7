"""Weight and draw together: where each way of training spends its effort, per nat of log-SNR."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, MUTED, PINK, TEAL, VIOLET

from refdiff.losses import DenoisingLoss, weightings
from refdiff.process import EPS, X0, V, edm
from refdiff.schedules import EDM, Cosine


def figure():
    fig, axis = plt.subplots(figsize=(6.4, 3.4))
    log_snr = np.linspace(-10, 10, 401)
    angles = np.arctan(np.exp(-log_snr / 2))
    cosine, times = Cosine(0.0), weightings.uniform_times(Cosine(0.0))
    kinds = (
        (DenoisingLoss(EPS), times, cosine, BLUE, r"$\varepsilon$, cosine", (-5.2, 0.045)),
        (DenoisingLoss(V), times, cosine, TEAL, "$v$, cosine;\nstraight flow", (-6.6, 3.2)),
        (DenoisingLoss(edm(0.5)), weightings.normal_log_ratios(), EDM(), VIOLET, "EDM", (-2.3, 5.2)),
        (DenoisingLoss(X0, weightings.sigmoid(2.0)), lambda t: 1.0 + 0 * t.log_snr, cosine, PINK,
         "sigmoid, even\nin log-SNR", (2.4, 0.022)),
    )  # fmt: skip
    for loss, density, path, colour, name, where in kinds:
        weight = weightings.elbo_weight(loss, density)(path.at(angles))
        at_zero = np.interp(0.0, log_snr, weight)
        axis.plot(log_snr, weight / at_zero, color=colour, lw=2)
        axis.annotate(name, where, color=colour, ha="center", fontsize=10)
    axis.axhline(1, color=MUTED, lw=1, ls=(0, (2, 3)), zorder=0)
    axis.annotate("the bound", (9.8, 1.12), color=MUTED, ha="right", fontsize=10)
    axis.set(
        xlim=(-10, 10), yscale="log", ylim=(0.01, 30), xticks=[-9, -6, -3, 0, 3, 6, 9],
        xlabel=r"$\leftarrow$ noise          log-SNR          data $\rightarrow$",
        ylabel="$W$, scaled to 1 at 0",
    )  # fmt: skip
    return fig
