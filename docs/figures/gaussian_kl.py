"""How many digits of a small divergence survive, by three ways of computing it."""

from decimal import Decimal, localcontext

import matplotlib.pyplot as plt
import numpy as np
from _style import AMBER, BLUE, INK, MUTED, PINK

from refdiff.process.gaussian import Gaussian, kl


def naive(p, q):
    return (np.log(q.var / p.var) + (p.var + (p.mean - q.mean) ** 2) / q.var - 1) / 2


def error(value, r):
    with localcontext() as exact:
        exact.prec = 60
        truth = (Decimal(r) - (1 + Decimal(r)).ln()) / 2
        return max(float(abs(Decimal(float(value)) / truth - 1)), 2e-17)


def figure():
    fig, axis = plt.subplots(figsize=(6.4, 3.3))
    rng, rows = np.random.default_rng(0), []
    for r in 10 ** rng.uniform(-12, 0.5, 220):
        kinds = []
        for dtype in (np.float64, np.float32):
            zero, one = np.zeros((1, 1), dtype), dtype(1)
            p, q = Gaussian(zero, one + dtype(r)), Gaussian(zero, one)
            exact = float(p.var) - 1  # what the machine was given, exactly
            if exact > 0:
                kinds += [(dtype, exact, error(naive(p, q).item(), exact))]
                if dtype is np.float64:
                    kinds += [(None, exact, error(kl(p, q).item(), exact))]
        rows += kinds
    for kind, colour, size in ((np.float32, AMBER, 6), (np.float64, PINK, 6), (None, BLUE, 6)):
        r, e = np.array([(r, min(e, 30)) for k, r, e in rows if k is kind]).T
        axis.plot(r, e, ".", color=colour, ms=size, alpha=0.7, mec="none")
    axis.axhline(1, color=MUTED, lw=0.8)
    axis.annotate("all digits lost", (1.5e-12, 1.6), color=MUTED, va="bottom", fontsize=9.5)
    axis.annotate("as written, single precision", (3.0, 1.6), color=AMBER, ha="right", va="bottom")
    axis.annotate("as written,\ndouble precision", (3e-6, 2e-8), color=PINK, ha="right")
    axis.annotate("kl, double precision", (1e-9, 2e-15), color=BLUE, ha="center")
    axis.set(
        xscale="log", yscale="log", xlim=(1e-12, 4), ylim=(1e-17, 1e2),
        xlabel="relative excess of variance, $r$", ylabel="relative error of the KL",
    )  # fmt: skip
    axis.tick_params(colors=INK)
    return fig
