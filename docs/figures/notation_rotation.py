"""On a variance-preserving path (x_t, v) is (x_0, eps), turned by the angle of the level."""

import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, INK, MUTED, PINK


def figure():
    fig, axis = plt.subplots(figsize=(5.4, 2.5))
    a = np.deg2rad(34)
    arrows = (
        ((1, 0), MUTED, "$x_0$", (8, -3)),
        ((0, 1), MUTED, r"$\varepsilon$", (-4, 7)),
        ((np.cos(a), np.sin(a)), BLUE, r"$x_t = \alpha x_0 + \sigma\varepsilon$", (5, 5)),
        ((-np.sin(a), np.cos(a)), PINK, r"$v = -\sigma x_0 + \alpha\varepsilon$", (-10, 8)),
    )
    for end, colour, name, shift in arrows:
        axis.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 0})
        axis.annotate(name, end, xytext=shift, textcoords="offset points", color=colour if colour != MUTED else INK,
                      ha="right" if end[0] < 0 else "left", fontsize=12)  # fmt: skip
    for start, radius in ((0, 0.42), (np.pi / 2, 0.42)):
        turn = np.linspace(start, start + a, 40)
        axis.plot(radius * np.cos(turn), radius * np.sin(turn), color=INK, lw=1)
    axis.annotate("angle", (0.47 * np.cos(a / 2), 0.47 * np.sin(a / 2)), va="center", fontsize=9.5)
    turn = np.linspace(0, np.pi / 2 + a, 120)
    axis.plot(np.cos(turn), np.sin(turn), color=MUTED, lw=0.8, ls=(0, (2, 3)), zorder=0)
    foot = np.cos(a) * np.array([np.cos(a), np.sin(a)])
    axis.plot([1, foot[0]], [0, foot[1]], color=PINK, lw=1.2, ls=(0, (3, 2)))
    axis.annotate(r"$-\sigma v$", (np.array([1, 0]) + foot) / 2, xytext=(20, 2), textcoords="offset points", color=PINK)
    axis.set(xlim=(-1.75, 1.95), ylim=(-0.1, 1.2), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return fig
