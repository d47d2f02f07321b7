"""What guidance gains and costs: accuracy, distance from the training images and recall against its scale."""

import matplotlib.pyplot as plt
from _style import AMBER, BLUE, MUTED, PINK

from refdiff.systems import results


def figure():
    rows = {row.name: row for row in results.read(results.PACKAGED)}
    real, drawn = rows["real images"], [rows[f"U-Net, guidance {w:g}"] for w in results.GUIDANCE]
    fig, ax = plt.subplots(figsize=(5.4, 2.9))
    for name, label, colour in (
        ("accuracy", "read as asked", PINK),
        ("ratio", "distance, over test images'", AMBER),
        ("recall", "recall", BLUE),
    ):
        told = [getattr(row, name) for row in drawn]
        value, error = [t.value for t in told], [t.error for t in told]
        ax.errorbar(results.GUIDANCE, value, error, color=colour, capsize=2.5, label=label)
        ax.plot([0.86, 0.97], 2 * [getattr(real, name).value], color=colour, lw=3)
    ax.axvline(1, color=MUTED, lw=0.8, ls=(0, (3, 2)))
    ax.set(
        xlabel="guidance scale", ylim=(0, 1.12), xlim=(0.86, max(results.GUIDANCE) + 0.05), xticks=(1, 1.5, 2, 2.5, 3)
    )
    ax.legend(fontsize=9.5, loc="lower left", handlelength=1.2)
    return fig
