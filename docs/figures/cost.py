"""What a training step costs, against resolution, batch and width, beside what its products of matrices must cost."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
from _style import BLUE, GREY, PINK

ROWS = Path(__file__).parents[1] / "data" / "scaling.json"
PANELS = (
    ("U-Net", "resolution", "side", "side of the image, pixels"),
    ("U-Net", "batch", "batch", "batch, images of 8 x 8"),
    ("U-Net", "width", "width", "first width"),
    ("MLP", "batch", "batch", "batch, points"),
    ("MLP", "width", "width", "width"),
)


def figure():
    rows = json.loads(ROWS.read_text("utf-8"))
    fig, axes = plt.subplots(3, 2, figsize=(6.4, 7.4))
    for ax, (model, against, key, label) in zip(axes.flat, PANELS, strict=False):
        part = [r for r in rows if r["model"] == model and r["against"] == against]
        x = [r[key] for r in part]
        ax.plot(x, [r["ms"] for r in part], color=BLUE if model == "U-Net" else PINK, marker="o", ms=4)
        ax.plot(x, [r["roofline_ms"] for r in part], color=GREY, ls="--")
        ax.set(xscale="log", yscale="log", title=f"{model}, {against}", xlabel=label, ylabel="CPU ms a step")
        ax.set_xticks(x, [str(v) for v in x])
        ax.minorticks_off()
    legend = axes.flat[-1]
    legend.axis("off")
    legend.plot([], [], color=BLUE, marker="o", ms=4, label="a step of the U-Net")
    legend.plot([], [], color=PINK, marker="o", ms=4, label="a step of the MLP")
    legend.plot([], [], color=GREY, ls="--", label="its products of matrices\nat the rate of a large one")
    legend.legend(loc="center", fontsize=11)
    return fig
