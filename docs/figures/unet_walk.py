"""The way of an image through a U-Net: sides and channels of what each part hands on, and what the part costs."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, MUTED, PINK, TEAL
from matplotlib.patches import Rectangle

from refdiff.models import UNet
from refdiff.models.shape_walk import walk


def figure():
    net = UNet(1, (16, 32, 64))
    params = net.init(np.random.default_rng(0))
    stops = [s for s in walk(net, params, np.zeros((1, 28, 28, 1)), 0.5) if s.name != "told"]
    fig, (top, bars) = plt.subplots(2, 1, figsize=(6.4, 5.0), sharex=True, height_ratios=(1.25, 1))
    at = {s.name: i for i, s in enumerate(stops)}
    for i, s in enumerate(stops):
        _, side, _, channels = s.output
        colour = TEAL if s.name == "look" else PINK if s.name.startswith(("shrink", "grow")) else BLUE
        width = 0.12 + 0.1 * np.sqrt(channels)
        top.add_patch(Rectangle((i - width / 2, -side / 2), width, side, color=colour, alpha=0.75, lw=0))
        top.annotate(f"{channels}", (i, -side / 2 - 0.8), ha="center", va="top", fontsize=9, color=INK)
        if i == 0 or stops[i - 1].output[1] > side:
            top.annotate(rf"${side} \times {side}$", (i, side / 2 + 0.8), ha="center", fontsize=9, color=MUTED)
    for name, i in at.items():
        if name.startswith("down"):
            j, height = at[name.replace("down", "up")], stops[i].output[1] / 2
            x = np.linspace(i, j, 60)
            lift = height + 6.5 * np.sin(np.pi * (x - i) / (j - i)) ** 0.5
            top.plot(x, lift, color=MUTED, lw=1, ls=(0, (3, 2)))
    top.annotate("skips", (len(stops) / 2 - 0.5, 21.5), ha="center", color=MUTED, fontsize=10)
    top.set(xlim=(-0.7, len(stops) - 0.3), ylim=(-18.5, 23.5))
    top.axis("off")
    x, names = np.arange(len(stops)), [s.name.removesuffix(".0") for s in stops]
    shares = {"products": ([s.products for s in stops], BLUE), "parameters": ([s.params for s in stops], PINK)}
    for shift, (name, (values, colour)) in zip((-0.2, 0.2), shares.items(), strict=True):
        bars.bar(x + shift, 100 * np.array(values) / sum(values), 0.4, color=colour, label=name)
    bars.set_xticks(x, names, rotation=60, ha="right", rotation_mode="anchor", fontsize=10)
    bars.set(ylabel="share in %")
    bars.legend(loc="upper left", fontsize=10)
    return fig
