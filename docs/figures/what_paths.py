"""One dimension: random paths forward, and the same laws walked back under the exact belief."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, PINK, soft

from refdiff.oracles import Mixture
from refdiff.process import transition
from refdiff.samplers import ddpm
from refdiff.schedules import Level


def figure():
    law = Mixture([0.6, 0.4], [[-1.1], [1.3]], [0.02, 0.02])
    steps, rng = 240, np.random.default_rng(5)
    times = 4 * np.linspace(0, 1, steps + 1) ** 1.5
    levels = [Level(t, np.exp(-t / 2), np.sqrt(-np.expm1(-t))) for t in times]
    x = np.linspace(-3.2, 3.2, 241)
    pulled = [Level(t, np.exp(-t / 2), np.sqrt(-np.expm1(-t))) for t in np.linspace(0, 4, 240)]
    field = np.stack([np.exp(law.at(t).log_prob(x[:, None])) for t in pulled], axis=1)
    field /= field.max(axis=0)
    y = law.sample(9, rng=rng)
    forward = [y]
    for s, t in pairwise(levels):
        y = transition(y, s, t).sample(rng=rng)
        forward.append(y)
    start = rng.standard_normal((9, 1))
    back = [start, *ddpm.steps(law.denoise, start, levels[::-1], rng=rng)]
    fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.0), sharey=True)
    runs = ((times, forward, BLUE, "forward: noise is added"), (times[::-1], back, PINK, "reverse: the belief leads"))
    for axis, (when, paths, colour, title) in zip(axes, runs, strict=True):
        axis.imshow(field, extent=(0, 4, -3.2, 3.2), origin="lower", aspect="auto", cmap=soft(colour), alpha=0.5,
                    interpolation="bilinear", rasterized=True)  # fmt: skip
        for path in np.stack(paths)[:, :, 0].T:
            axis.plot(when, path, color=colour, lw=0.8)
        axis.plot(np.full(9, when[0]), paths[0], "o", color=INK, ms=3.2, clip_on=False)
        axis.set(xlabel="time $t$", xlim=(0, 4), ylim=(-3.2, 3.2), xticks=[0, 4], title=title)
        first, last = axis.set_xticklabels(["data", "noise"])  # set inwards: two panels, one gap
        for name, side in ((first, "left"), (last, "right")):
            name.set_ha(side if axis is axes[0] else {"left": "right", "right": "left"}[side])
    axes[1].invert_xaxis()
    axes[0].set_ylabel("$x_t$")
    return fig
