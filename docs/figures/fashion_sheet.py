"""Clothes: real ones, what the network draws, and what it draws having seen 840, beside those. From a stored file."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, PINK, soft

ROWS, SIDE, GAP = 2, 28, 10  # of each group; pixels of an image, and between groups
GROUPS = {
    "real": ("fashion-full, real images", BLUE),
    "guidance 1": ("fashion-full, U-Net, guidance 1", PINK),
    "guidance 2": ("fashion-full, U-Net, guidance 2", PINK),
    "guidance 3": ("fashion-full, U-Net, guidance 3", PINK),
    "840 seen": ("fashion, U-Net, guidance 2", PINK),
    "nearest\nof the 840": ("fashion, U-Net, guidance 2, nearest", BLUE),
}


def figure():
    fig, ax = plt.subplots(figsize=(5.4, 6.3))
    tall = ROWS * SIDE + GAP
    with np.load(Path(__file__).parents[1] / "data" / "fashion-sheet.npz") as stored:
        for k, (label, (name, colour)) in enumerate(GROUPS.items()):
            page = stored[name].reshape(ROWS, 10, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(ROWS * SIDE, 10 * SIDE)
            box = (0, 10 * SIDE, k * tall + ROWS * SIDE, k * tall)
            ink = soft(colour)
            ax.imshow(page / 255, cmap=ink, vmin=0, vmax=1, extent=box, interpolation="nearest", rasterized=True)
            ax.text(-6, k * tall + ROWS * SIDE / 2, label, ha="right", va="center", fontsize=11, color=INK)
    ax.set(xlim=(-72, 10 * SIDE), ylim=(len(GROUPS) * tall - GAP, 0), aspect="equal")
    ax.axis("off")
    return fig
