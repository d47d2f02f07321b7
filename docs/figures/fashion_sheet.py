"""Clothes: real ones, and what the network draws at three strengths of guidance. From a small stored file."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, PINK, soft

ROWS, SIDE, GAP = 2, 28, 10  # of each group; pixels of an image, and between groups
GROUPS = {
    "real": "real images",
    "guidance 1": "U-Net, guidance 1",
    "guidance 2": "U-Net, guidance 2",
    "guidance 3": "U-Net, guidance 3",
}


def figure():
    with np.load(Path(__file__).parents[1] / "data" / "fashion-sheet.npz") as stored:
        groups = {label: stored[f"fashion-full, {name}"][: 10 * ROWS] for label, name in GROUPS.items()}
    fig, ax = plt.subplots(figsize=(5.4, 4.5))
    tall = ROWS * SIDE + GAP
    for k, (label, images) in enumerate(groups.items()):
        page = images.reshape(ROWS, 10, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(ROWS * SIDE, 10 * SIDE)
        box = (0, 10 * SIDE, k * tall + ROWS * SIDE, k * tall)
        colour = PINK if k else BLUE
        ax.imshow(page / 255, cmap=soft(colour), vmin=0, vmax=1, extent=box, interpolation="nearest", rasterized=True)
        ax.text(-6, k * tall + ROWS * SIDE / 2, label, ha="right", va="center", fontsize=11, color=INK)
    ax.set(xlim=(-72, 10 * SIDE), ylim=(len(groups) * tall - GAP, 0), aspect="equal")
    ax.axis("off")
    return fig
