"""Digits drawn by the weights in the package, each beside its nearest training image."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, PINK, soft

from refdiff.data import digits
from refdiff.metrics import nearest
from refdiff.systems.trained import load_trained

PAIRS = 5


def figure():
    asked, train = np.repeat(np.arange(10), PAIRS), digits().train
    drawn = load_trained("digits").sample(labels=asked, sampler="ddim", steps=18, rng=np.random.default_rng(1))
    known = train.images[nearest(drawn.reshape(len(asked), -1), train.flat).which]
    fig, ax = plt.subplots(figsize=(5.0, 5.2))
    for i, (one, other) in enumerate(zip(drawn, known, strict=True)):
        top, left = 10 * (i // PAIRS), 20 * (i % PAIRS)  # 8 pixels each, 1 between the two and 3 between pairs
        for image, colour, shift in ((one, PINK, 0), (other, BLUE, 9)):
            ink = np.clip((image + 1) / 2, 0, 1)
            box = (left + shift, left + shift + 8, top + 8, top)
            ax.imshow(ink, cmap=soft(colour), vmin=0, vmax=1, extent=box, interpolation="nearest", rasterized=True)
        if not left:
            ax.text(left - 2.5, top + 4, f"{asked[i]}", ha="right", va="center", fontsize=13, color=INK)
    ax.set(xlim=(-6, 20 * PAIRS - 3), ylim=(99, -1), aspect="equal")
    ax.axis("off")
    return fig
