"""The tour learns a law in the plane, whose every loss is known in advance."""

from functools import partial
from pathlib import Path

import numpy as np

from refdiff.core.arrays import Array
from refdiff.data import ring_centres
from refdiff.losses import DenoisingLoss, draws
from refdiff.metrics import energy_distance, exact_wasserstein
from refdiff.models import MLP, as_denoiser
from refdiff.oracles import Mixture
from refdiff.plotting import fields, have_matplotlib, loss_against_floor, paths, png
from refdiff.process import Denoiser, V
from refdiff.samplers import Sampler, ddim, ddpm, heun
from refdiff.schedules import Cosine, Level, grids
from refdiff.systems.page import Chapter, Picture, Table
from refdiff.systems.study import study

PATH, LOSS = Cosine(), DenoisingLoss(V)
RUNS: dict[str, tuple[Sampler, int]] = {
    "DDPM, 100 steps": (ddpm, 100),
    "DDIM, 50 steps": (ddim, 50),
    "Heun, 25 steps of two": (heun, 25),
}


def ring() -> Mixture:
    """Eight Gaussians on a circle, the first twice as likely as the second and so on: a law with something to learn."""
    weights = np.array([4.0, 1, 2, 1, 3, 1, 2, 2])
    return Mixture(weights / weights.sum(), ring_centres(8, 0.15), 0.15**2)


def learn_plane(out: Path, *, fast: bool, rng: np.random.Generator) -> Chapter:
    """Train an MLP on the ring and compare it, and samplers from it, with what is exact."""
    law, net = ring(), MLP(2, width=128, depth=2)
    n = 6 if fast else 24
    levels = [PATH(t) for t in (np.arange(n) + 0.5) / n]
    floor = np.array([LOSS.floor(law, t) for t in levels])
    run = study(
        "learning eight Gaussians",
        net,
        LOSS.objective(net, draws.in_time(PATH, even=True)),
        partial(_batch, law),
        steps=150 if fast else 3000,
        floor=float(floor.mean()),
        path=out / "plane.npz",
        rng=rng,
    )
    learned = as_denoiser(net, run.params, V)
    excess = np.array([excess_loss(law, learned, t, rng=rng) for t in levels])
    rows, walks = _compare(law, learned, n=300 if fast else 1000, rng=rng)
    pictures = []
    if have_matplotlib():
        log_snr = np.array([float(t.log_snr) for t in levels])
        figure = loss_against_floor(log_snr, floor + excess, floor, run.history, float(floor.mean()))
        alt = "The training loss falls onto a dashed line, the exact floor; so does the loss at every noise level"
        pictures.append(Picture("4-loss-against-floor", alt, png(figure)))
        pictures.append(Picture("5-field", FIELD_ALT, png(_field_picture(law, learned, rng=rng))))
        heading = "From noise to data: how three samplers walk, all asking the learned denoiser"
        figure = paths(walks, list(RUNS), law.sample(600, rng=rng), heading=heading)
        pictures.append(
            Picture(
                "6-paths",
                "Paths from noise into eight clusters: jagged for DDPM, smooth for DDIM and Heun",
                png(figure),
            )
        )
    return Chapter(
        "It learns a law in the plane, and its loss is known in advance",
        [
            f"A network of {run.size:,} weights, trained by hand-written backpropagation for {run.steps:,} steps, "
            f"reaches a loss of {(floor + excess).mean():.4f} where the best possible is {floor.mean():.4f}. "
            "The floor is exact: for a mixture of Gaussians the posterior variance of the data is known at every "
            "noise level. A loss that stops falling has not failed; it has arrived."
            + (" This short run is still on its way." if fast else ""),
            "The table asks how far each sampler's points are from fresh data, by exact optimal transport between "
            "equally many points and by energy distance, once asking the exact score and once the learned one. The "
            "last row is what two sets of true data show.",
        ],
        pictures,
        [Table(["sampler", "W2, exact", "W2, learned", "energy, exact", "energy, learned"], rows)],
    )


FIELD_ALT = "Arrows of the exact score and of the learned one over eight clusters of data; they nearly agree"


def excess_loss(law: Mixture, learned: Denoiser, t: Level, *, n: int = 1000, rng: np.random.Generator) -> float:
    """Loss above the floor: E |raw - raw*|^2/D over x_t, with the exact denoiser's answer raw*."""
    x = law.at(t).sample(n, rng=rng)
    said, right = (V.encode(b.x0, b.eps, t) for b in (learned(x, t), law.denoise(x, t)))
    return float(np.mean((said - right) ** 2))


def _batch(law: Mixture, rng: np.random.Generator) -> Array:
    return law.sample(256, rng=rng)


def _compare(
    law: Mixture, learned: Denoiser, *, n: int, rng: np.random.Generator
) -> tuple[list[list[str]], list[Array]]:
    """Distances from fresh data for each sampler and both denoisers; and the paths of some samples."""
    data, more = law.sample(n, rng=rng), law.sample(n, rng=rng)
    start = rng.standard_normal((n, 2))
    rows, walks = [], []
    for name, (sampler, steps) in RUNS.items():
        noise = {"rng": rng} if name.startswith("DDPM") else {}
        far: list[list[float]] = []
        for denoise in (law.denoise, learned):
            states = list(sampler.steps(denoise, start, grids.angle(PATH, steps), **noise))
            far.append([exact_wasserstein(data, states[-1]), energy_distance(data, states[-1])])
        walks.append(np.stack([start, *states])[:, : 12 if noise else 40])
        rows.append([name, *(f"{d:.3f}" for pair in zip(*far, strict=True) for d in pair)])
    true = [exact_wasserstein(data, more), energy_distance(data, more)]
    rows.append(["true data", *(f"{d:.3f}" for d in true for _ in range(2))])
    return rows, walks


def _field_picture(law: Mixture, learned: Denoiser, *, rng: np.random.Generator) -> object:
    t = PATH.at(0.45)
    side = np.linspace(-2.3, 2.3, 19)
    x = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    x = x[law.at(t).log_prob(x) > -7]
    arrows = [-denoise(x, t).eps / t.sigma for denoise in (law.denoise, learned)]
    heading = f"Which way are the data? The score at noise {float(t.sigma):.2f}, in gold the data at that noise"
    return fields(x, arrows, ["exact", "learned"], law.at(t).sample(800, rng=rng), heading=heading)
