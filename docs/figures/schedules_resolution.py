"""One picture at two resolutions: under the same noise the larger is easier to see, until the noise grows too."""

import matplotlib.pyplot as plt
import numpy as np

from refdiff.schedules import Flow, SNRShifted, shift_for_size

SMALL, LARGE, TIME = 24, 96, 0.55


def ring(side):
    """A ring and a bar, values 1 on -1, and the same picture whatever the side."""
    at = (np.arange(SMALL) + 0.5) / SMALL * 2 - 1
    x, y = np.meshgrid(at, at)
    picture = np.where((np.abs(np.hypot(x, y) - 0.62) < 0.17) | ((np.abs(x) < 0.1) & (np.abs(y) < 0.55)), 1.0, -1.0)
    return np.repeat(np.repeat(picture, side // SMALL, 0), side // SMALL, 1)


def figure():
    fig, axes = plt.subplots(1, 3, figsize=(6.6, 2.75))
    rng = np.random.default_rng(3)
    moved = SNRShifted(Flow(), shift_for_size(LARGE**2, SMALL**2))
    panels = (
        (SMALL, Flow()(TIME), "24 by 24"),
        (LARGE, Flow()(TIME), "96 by 96, same level"),
        (LARGE, moved(TIME), "96 by 96, shifted by 4"),
    )
    for ax, (side, t, title) in zip(axes, panels, strict=True):
        x = t.alpha * ring(side) + t.sigma * rng.standard_normal((side, side))
        spread = 2.2 * np.hypot(t.alpha, t.sigma)
        ax.imshow(x, cmap="gray", vmin=-spread, vmax=spread, interpolation="nearest", rasterized=True)
        ax.set(title=title, xticks=[], yticks=[], xlabel=f"log-SNR {float(t.log_snr):+.2f}")
        for side_of in ax.spines.values():
            side_of.set_visible(False)
    return fig
