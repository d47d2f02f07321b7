"""The table of results for Fashion-MNIST and its sheet of samples: `python -m benchmarks.fashion_table FOLDER`.

In the folder lie the runs of `refdiff train fashion-full` and `refdiff train fashion`, which are begun or ended if they
are not finished there: half an hour of CPU time in all. Then two judges are trained, and read; a quarter of an hour.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from refdiff.data import FASHION_CLASSES, Labelled, Split, fashion, fashion_full
from refdiff.systems.results import Bench, nearest_of_many
from refdiff.systems.results_fashion import EACH, Looks, Report, judges, looks, some_of, sources, tried, write
from refdiff.systems.trained import load_trained

OUT = Path("docs/data")
MODELS = ("fashion-full", "fashion")
SHOWN = 2  # of each class on the sheet
ON_SHEET = ("real images", "U-Net, guidance 1", "U-Net, guidance 2", "U-Net, guidance 3")


def minutes(model: str, folder: Path) -> float:
    """CPU minutes of a run, which are kept beside it; it is made if it is not there."""
    told = folder / f"{model}.json"
    if not told.exists():
        command = [sys.executable, "-m", "refdiff", "train", model, "--sheets", "0", "--output", str(folder / model)]
        before = _children()
        subprocess.run(command, check=True)
        told.write_text(json.dumps({"cpu_minutes": (_children() - before) / 60}) + "\n", encoding="utf-8")
    return float(json.loads(told.read_text(encoding="utf-8"))["cpu_minutes"])


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(folder: Path) -> None:
    """Measure, and write row by row."""
    taken = {model: minutes(model, folder) for model in MODELS}
    full, sheet = fashion_full(), {}
    both = judges(full.train)
    trained = {model: load_trained(folder / model) for model in MODELS}
    report = Report({model: [] for model in MODELS}, tried(trained[MODELS[0]], both.choosing), taken)
    for model in MODELS:
        train = full.train if model == "fashion-full" else fashion().train
        bench = Bench(Split(train, some_of(full.test, EACH)), both.reporting)
        for name, source in sources(trained[model], train, full.test).items():
            if model == "fashion" and "U-Net" not in name:
                continue
            images = source()
            read = full.test if name == "real images" else None
            report.looks[model].append(looks(name, images, bench, both.choosing, read=read))
            print(model, say(report.looks[model][-1]), flush=True)
            write(OUT / "fashion.json", report)
            if name in ON_SHEET:
                sheet |= pictures(f"{model}, {name}", images, train)
    np.savez_compressed(OUT / "fashion-sheet.npz", **sheet)


def pictures(name: str, data: Labelled, train: Labelled) -> dict[str, np.ndarray]:
    """The first samples of each class, and the training image nearest to each, in 256 grey values."""
    few = some_of(data, SHOWN)
    known = train.images[nearest_of_many(few.flat, train.flat).which]
    return {name: _grey(few.images), f"{name}, nearest": _grey(known)}


def _grey(images: np.ndarray) -> np.ndarray:
    return np.rint(127.5 * (np.clip(images, -1, 1) + 1)).astype(np.uint8)


def say(one: Looks) -> str:
    """A row, for whoever waits."""
    told = [getattr(one.row, name) for name in ("accuracy", "precision", "recall", "ratio")]
    worst = f"{FASHION_CLASSES[one.worst]} {one.reporting[one.worst]:.3f}"
    return f"{one.row.name:<20}" + " ".join(f"{t.value:.3f}" for t in told) + f"  {worst}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
