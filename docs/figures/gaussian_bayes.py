"""A belief meets a noisy reading: the product of two bells, and the same as a cut through a cloud of pairs."""

import matplotlib.pyplot as plt
import numpy as np
from _style import AMBER, BLUE, INK, MUTED, PINK

from refdiff.process.gaussian import Gaussian, condition, push

PRIOR, A, NOISE, Y = Gaussian(np.array([[1.0]]), 0.5), 0.8, 0.3, 2.0


def density(g: Gaussian, x: np.ndarray) -> np.ndarray:
    return np.exp(Gaussian(np.broadcast_to(g.mean, (len(x), 1)), g.var).log_prob(x[:, None]))


def figure():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.2), width_ratios=[1.1, 1])
    x = np.linspace(-1.2, 4.6, 500)
    after = condition(PRIOR, A, NOISE, Y)
    likelihood = Gaussian(np.array([[Y / A]]), NOISE / A**2)
    left.plot(x, density(PRIOR, x), color=BLUE)
    left.plot(x, density(likelihood, x), color=AMBER)
    left.plot(x, density(after, x), color=PINK, lw=2.4)
    left.fill_between(x, density(after, x), color=PINK, alpha=0.15, lw=0)
    left.annotate("prior", (0.35, 0.45), color=BLUE, ha="right")
    left.annotate("likelihood\nof the reading", (3.0, 0.47), color=AMBER, ha="left")
    left.annotate("posterior", (after.mean.item(), 0.84), color=PINK, ha="center")
    left.set(xlabel="$x$", yticks=[], xlim=(-1.2, 4.6), ylim=(0, 0.93), title="multiply, then normalise")
    left.spines["left"].set_visible(False)

    law_y = push(PRIOR, A, NOISE)
    cov = np.array([[PRIOR.var, A * PRIOR.var], [A * PRIOR.var, law_y.var]])
    turn = np.linspace(0, 2 * np.pi, 200)
    ring = np.linalg.cholesky(cov) @ np.stack([np.cos(turn), np.sin(turn)])
    for r, alpha in ((2.4, 0.08), (1.6, 0.1), (0.8, 0.14)):
        right.fill(1 + r * ring[0], A + r * ring[1], color=BLUE, alpha=alpha, lw=0)
        right.plot(1 + r * ring[0], A + r * ring[1], color=BLUE, lw=0.8, alpha=0.7)
    right.axhline(Y, color=MUTED, lw=1)
    right.plot(x, Y + 0.75 * density(after, x), color=PINK, lw=2.2)
    right.fill_between(x, Y, Y + 0.75 * density(after, x), color=PINK, alpha=0.15, lw=0)
    right.annotate("cut at $y=2$", (2.72, Y + 0.3), color=PINK)
    y = np.linspace(-1.8, 3.4, 300)
    right.plot(-1.2 + 1.1 * density(law_y, y), y, color=INK, lw=1.8)
    right.annotate("shadow", (-0.95, 2.3), color=INK)
    right.set(xlabel="$x$", ylabel="$y$", xlim=(-1.2, 4.0), ylim=(-1.8, 3.4), title="the pairs $(x, y)$")
    return fig
