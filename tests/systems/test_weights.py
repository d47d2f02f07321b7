"""The weights in the package: what they are, how they were made, and that they draw digits."""

import time
from importlib import resources

import numpy as np
import pytest

from refdiff.cli import main
from refdiff.core import trees
from refdiff.data import digits
from refdiff.metrics import memorisation_ratio
from refdiff.systems.judge import train_judge
from refdiff.systems.recipes import RECIPES, of_plain
from refdiff.systems.run_log import read_log
from refdiff.systems.run_place import DRAWING
from refdiff.systems.trained import load_trained

HOME = resources.files("refdiff.systems") / "weights"
RNG = np.random.default_rng


def test_the_weights_are_those_of_the_recipe_and_small():
    trained = load_trained("digits")
    assert trained.recipe == RECIPES["digits"]
    assert trained.step == RECIPES["digits"].steps
    assert (trained.shape, trained.classes) == ((8, 8), tuple("0123456789"))
    assert trees.ravel(trained.params).dtype == np.float32
    assert len((HOME / "digits-unet.npz").read_bytes()) <= 800_000


def test_their_log_is_whole():
    head, *lines = read_log(HOME / "digits-unet.jsonl")
    written, ours = of_plain(head["recipe"]).plain(), RECIPES["digits"].plain()
    assert {k: v for k, v in written.items() if k not in DRAWING} == {k: v for k, v in ours.items() if k not in DRAWING}
    assert sum(line["steps"] for line in lines) == lines[-1]["step"] == RECIPES["digits"].steps
    ratio = [np.mean([line["ratio"] for line in lines[k : k + 50]]) for k in range(0, 200, 50)]
    assert np.all(np.diff(ratio) < 0)
    assert ratio[-1] < 0.6


def test_a_judge_reads_what_they_draw_as_the_class_asked_for_and_it_is_not_copied():
    trained, data, labels = load_trained("digits"), digits(), np.repeat(np.arange(10), 6)
    x = trained.sample(labels=labels, rng=RNG(0)).reshape(60, 64)
    judge = train_judge(data.train, steps=200, rng=RNG(1))
    assert np.mean(judge(data.test.flat) == data.test.labels) > 0.95
    assert np.mean(judge(x) == labels) > 0.95
    assert memorisation_ratio(x, data.train.flat, data.test.flat) > 0.85


@pytest.mark.slow
def test_refdiff_sample_digits_draws_at_once(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    start = time.process_time()
    assert main(["sample", "digits", "-o", str(tmp_path / "sheet.png")]) == 0
    assert time.process_time() - start < 5  # alone on a machine it takes one second
    assert "digits after 4,000 steps, drawn by dpmpp-2m" in capsys.readouterr().out
