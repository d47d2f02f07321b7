"""`refdiff train`: what it leaves behind, whatever happens."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refdiff.cli import main
from refdiff.core import trees
from refdiff.models import MLP, UNet
from refdiff.systems import train_command as module
from refdiff.systems.recipes import RECIPES, Recipe
from refdiff.systems.run_log import RunLog, read_log
from refdiff.systems.sources import source
from refdiff.systems.train_command import batches, own_recipe, prepare
from refdiff.systems.trained import load_trained
from refdiff.training import Bands, Record

TINY = "batch = 8\n{}\n[network]\nwidth = 8\ndepth = 1\nwaves = 4\n"
RNG = np.random.default_rng


@pytest.fixture
def go(tmp_path, monkeypatch, capsys):
    """Run `refdiff train moons` with a tiny network; its exit code, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def train(*argv, toml="", what="moons"):
        (tmp_path / "tiny.toml").write_text(TINY.format(toml))
        code = main(["train", what, "--config", "tiny.toml", "--sheets", "0", *argv])
        return code, *capsys.readouterr()

    return train


def weights(path):
    return trees.ravel(load_trained(path).params).tobytes()


def without_times(path):
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(path)]


def test_a_run_leaves_weights_a_log_and_how_to_go_on(go, tmp_path):
    code, out, _ = go("--steps", "30")
    folder = tmp_path / "refdiff-moons"
    assert code == 0
    assert out.splitlines()[0] == "two_moons: fresh points of 2 coordinates"
    assert out.splitlines()[-1] == "draw from it: refdiff sample refdiff-moons"
    assert "a log lies beside it" in out  # and no sheets, since none were asked for
    assert max(map(len, out.splitlines())) <= 80
    assert sorted(p.name for p in folder.iterdir()) == ["log.jsonl", "weights.npz"]
    trained = load_trained(folder)
    assert (trained.step, trained.recipe.batch, trained.recipe.network.width) == (30, 8, 8)
    head, *lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert head["recipe"] == trained.recipe.plain()
    assert head["seed"] == 0
    assert [line["step"] for line in lines] == list(range(1, 31))
    assert all(len(line["bands"]) == 8 and line["ratio"] > 0 for line in lines)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(go):
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        go("--steps", "12", "--seed", seed, "-o", out)
    assert weights("a") == weights("b") != weights("c")
    assert without_times(Path("a", "log.jsonl")) == without_times(Path("b", "log.jsonl"))


KILLED = """
import os, signal, sys
from refdiff.systems import train_command as module
whole = module.progress
def progress(records, *a, **k):
    for record in whole(records, *a, **k):
        yield record
        if record.step == 59: os.kill(os.getpid(), signal.SIGKILL)
module.progress = progress
from refdiff.cli import main
main(sys.argv[1:])
"""


def test_a_killed_run_goes_on_to_the_same_weights_and_the_same_log(go, tmp_path):
    """A real SIGKILL in the middle of a run, a line cut short, and the same command again."""
    assert go("--steps", "100", "-o", "whole")[0] == 0
    command = ["train", "moons", "--config", "tiny.toml", "--sheets", "0", "--steps", "100", "-o", "part"]
    run = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True)
    assert run.returncode == -signal.SIGKILL
    log = tmp_path / "part" / "log.jsonl"
    assert read_log(log)[-1]["step"] > 56  # beyond the last checkpoint, so that some lines must go
    with log.open("a") as file:
        file.write('{"step": 60, "loss": 0.9')
    code, out, _ = go("--steps", "100", "-o", "part")
    assert code == 0
    assert "going on from step 56 of part/unfinished.npz" in out
    assert weights("part") == weights("whole")
    assert without_times(log) == without_times(tmp_path / "whole" / "log.jsonl")
    steps = [line["step"] for line in read_log(log)[1:]]
    assert steps == sorted(set(steps)) == list(range(1, 101))
    assert not (tmp_path / "part" / "unfinished.npz").exists()


def test_ctrl_c_keeps_the_step_and_the_same_command_goes_on(go, monkeypatch, tmp_path):
    go("--steps", "20", "-o", "whole")
    keep = module._keep

    def interrupted(record, *rest):
        keep(record, *rest)
        if record.step == 11:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_keep", interrupted)
    code, _, err = go("--steps", "20", "-o", "part")
    assert code == 130
    assert "stopped; part/unfinished.npz keeps step 11, and the same command goes on" in err
    monkeypatch.setattr(module, "_keep", keep)
    assert go("--steps", "20", "-o", "part")[0] == 0
    assert weights("part") == weights("whole")


def test_a_full_disk_keeps_the_run_and_the_same_command_goes_on(go, monkeypatch, tmp_path):
    """The disk is full from step 9 on, for the log's file and for the checkpoint; then there is room again."""
    assert go("--steps", "12", "-o", "whole")[0] == 0

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    for where in ("save", "write_whole"):
        with monkeypatch.context() as during:
            keep = module._keep

            def until(record, *rest, keep=keep, where=where, during=during):
                if record.step == 9:
                    during.setattr(module, "save", full) if where == "save" else full()
                keep(record, *rest)

            during.setattr(module, "_keep", until)
            code, _, err = go("--steps", "12", "-o", where)
        last = err.splitlines()[-1]
        assert code == 2
        assert last.startswith("refdiff train: No space left on device. Make room")
        assert last.endswith(f"{where}/unfinished.npz keeps step 8, and the same command goes on.")
        assert go("--steps", "12", "-o", where)[0] == 0
        assert weights(where) == weights("whole")
        assert without_times(Path(where, "log.jsonl")) == without_times(Path("whole", "log.jsonl"))


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('sampler = "hein"', "Did you mean heun"),
        ("size = 8", "size must be 0 but for a folder of pictures; got 8"),
    ],
    ids=["sampler", "size"],
)
def test_what_would_fail_after_the_training_or_do_nothing_is_refused_before_it(toml, says, go, tmp_path):
    code, out, err = go("--steps", "3", toml=toml)
    assert (code, out, says in err) == (2, "", True)
    assert not (tmp_path / "refdiff-moons").exists()


def test_a_run_is_not_put_among_the_pictures_that_it_learns_from(tmp_path, monkeypatch, capsys):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / f"{name}.png")
    assert main(["train", ".", "--steps", "1", "--sheets", "0"]) == 2
    assert "output must lie outside the pictures' folder" in capsys.readouterr().err
    (tmp_path / "b.png").unlink()
    assert main(["train", ".", "-o", "../run"]) == 2
    assert ". must hold two samples or more; got 1." in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.fixture
def listening():
    """Python's own handler of Ctrl-C, which a shell takes away from what it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_a_real_ctrl_c_waits_for_the_end_of_the_step(go, monkeypatch, tmp_path):
    draw = module.as_input

    def in_the_middle_of_a_step(network, x):
        os.kill(os.getpid(), signal.SIGINT)
        return draw(network, x)

    with monkeypatch.context() as during:
        during.setattr(module, "as_input", in_the_middle_of_a_step)
        code, _, err = go("--steps", "20")
    assert (code, "keeps step 1," in err) == (130, True)
    assert [line["steps"] for line in read_log(tmp_path / "refdiff-moons" / "log.jsonl")[1:]] == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_run_is_left_alone_and_another_is_refused(go):
    go("--steps", "5")
    before = weights("refdiff-moons")
    code, out, _ = go("--steps", "5")
    assert (code, "is this very run, finished" in out) == (0, True)
    code, _, err = go("--steps", "6", "--seed", "3")
    assert code == 2
    assert "got another: seed 0 there, 3 here; steps 5 there, 6 here. It is left as it is: choose another -o." in err
    assert len(err.splitlines()) == 1
    assert weights("refdiff-moons") == before


def test_an_unfinished_run_of_another_architecture_is_refused(go, monkeypatch, tmp_path, capsys):
    with monkeypatch.context() as during:
        during.setattr(module, "_keep", lambda record, *rest: (_ for _ in ()).throw(KeyboardInterrupt))
        go("--steps", "5")
    (tmp_path / "wide.toml").write_text("batch = 8\n[network]\nwidth = 16\ndepth = 1\nwaves = 4\n")
    assert main(["train", "moons", "--config", "wide.toml", "--steps", "5"]) == 2
    err = capsys.readouterr().err
    assert "must be of the same run; got another: network.width 8 there, 16 here. It is left as it is" in err


def test_how_samples_are_drawn_may_change_within_a_run(go, monkeypatch):
    with monkeypatch.context() as during:
        during.setattr(module, "_keep", lambda record, *rest: (_ for _ in ()).throw(KeyboardInterrupt))
        go("--steps", "5")
    assert go("--steps", "5", toml='sampler = "ddim"')[0] == 0
    assert load_trained("refdiff-moons").recipe.sampler == "ddim"


def test_files_that_are_in_the_way_are_never_lost(go, tmp_path):
    for name in ("weights.npz", "unfinished.npz", "log.jsonl", "sheet-000003.png"):
        folder = tmp_path / f"of-{name}"
        folder.mkdir()
        (folder / name).write_text("mine")
        code, _, err = go("--steps", "5", "-o", str(folder))
        assert code == 2
        assert err.rstrip().endswith("choose another -o.")
        assert [(p.name, p.read_text()) for p in folder.iterdir()] == [(name, "mine")]
    (tmp_path / "thesis").write_text("mine")
    assert "output must be a folder or an .npz file" in go("-o", "thesis")[2]


def test_a_file_may_be_named_and_the_rest_lies_beside_it(go, tmp_path):
    assert go("--steps", "5", "-o", "net.npz")[0] == 0
    assert {"net.npz", "net.jsonl"} <= {p.name for p in tmp_path.iterdir()}
    assert load_trained("net.npz").step == 5
    assert "folder that exists" in go("--steps", "5", "-o", "no/net.npz")[2]


@pytest.mark.parametrize("toml", ["rate = 1e4\nclip = 0", "rate = 30.0"])
def test_a_run_that_diverges_says_where_and_keeps_the_last_good_checkpoint(toml, go):
    code, _, err = go("--steps", "300", toml=toml + "\nwarmup = 0")
    told = [line for line in err.splitlines() if line.startswith("diverged")]
    assert code == 1
    assert len(told) == 1
    assert "at step" in told[0]
    assert "lower the rate" in told[0]
    kept = load_trained("refdiff-moons")
    assert f"keeps step {kept.step}." in told[0]
    assert np.isfinite(trees.ravel(kept.params)).all()


def test_data_with_nan_are_refused_before_anything_is_written(go, tmp_path):
    x = RNG(0).standard_normal((20, 2))
    x[3, 1] = np.nan
    np.savez(tmp_path / "mine.npz", data=x)
    code, _, err = go("--steps", "5", what="mine.npz")
    assert (code, err) == (
        2,
        "refdiff train: mine.npz: data must be finite; got 1 of 40 entries NaN or infinite. Look where they arose.\n",
    )
    assert not (tmp_path / "refdiff-mine").exists()


def test_the_loss_of_an_untrained_network_is_known():
    recipe, found = Recipe("digits", RECIPES["digits"].network), source("digits")
    # v = alpha eps - sigma x0: E sigma^2 and E alpha^2 are the integrals of Cosine's, nearly 1/2 each
    assert module._untrained(recipe, found) == pytest.approx(0.5 + 0.5 * np.mean(found.examples**2), rel=0.02)


def test_points_on_another_scale_are_told_of(go, tmp_path):
    np.savez(tmp_path / "far.npz", data=RNG(0).standard_normal((20, 2)) * 1000)
    code, out, _ = go("--steps", "3", what="far.npz")
    assert code == 0
    assert "note: the data have a standard deviation of" in out


def test_labels_beyond_the_networks_are_refused(go, tmp_path):
    np.savez(tmp_path / "mine.npz", data=RNG(0).standard_normal((20, 2)), labels=np.arange(20) % 4)
    (tmp_path / "x.toml").write_text("[network]\nlabels = 3\n")
    assert main(["train", "mine.npz", "--config", "x.toml"]) == 2


def test_points_and_images_of_ones_own_get_a_network_that_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("points.npz", data=RNG(0).standard_normal((9, 5)), labels=np.arange(9) % 2)
    assert own_recipe("points.npz").network == MLP(5, width=128, depth=3, labels=2)
    for shape, network in (
        ((32, 32, 3), UNet(3, (32, 64), patch=2)),
        ((28, 20), UNet(1, (32, 64))),
        ((9, 12), UNet(1, (64,))),
    ):
        np.savez("images.npz", data=np.zeros((2, *shape)))
        recipe, found = prepare("images.npz", steps=3)
        assert (recipe.network, recipe.steps, found.shape) == (network, 3, shape)


def test_mirrored_images_are_half_of_all_and_their_own_mirror_images():
    recipe, found = Recipe("digits", RECIPES["digits"].network, flip=True, batch=400), source("digits")
    x, labels = batches(recipe, found)(RNG(0))
    plain, same = found.draw(400, RNG(0))
    x, flipped = x[..., 0], x[:, :, ::-1, 0]
    straight, mirrored = (x == plain).all(axis=(1, 2)), (flipped == plain).all(axis=(1, 2))
    assert np.all(straight | mirrored)
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(400)
    np.testing.assert_array_equal(labels, same)


def test_a_log_begun_again_keeps_what_came_before_and_goes_on_counting(tmp_path):
    path, recipe = tmp_path / "log.jsonl", RECIPES["moons"]
    for step in (0, 2):
        with RunLog(path, {"head": 1}, *(Bands(recipe.loss, np.ones(2)) for _ in "12"), step) as log:
            for k in (1, 2, 3):
                log.add(Record(step + k, 1.0 / k, 0.1, 1.0, []))
                log.write()
                log.write()  # nothing new, no line
    assert [line.get("step") for line in read_log(path)] == [None, 1, 2, 3, 4, 5]
    assert read_log(path)[1]["ratio"] is None  # no levels were told; JSON has no NaN


def test_sheets_are_drawn_on_the_way(go, tmp_path):
    pytest.importorskip("matplotlib")
    assert go("--steps", "6", "--sheets", "2", toml="sample_steps = 3")[0] == 0
    sheets = sorted((tmp_path / "refdiff-moons").glob("*.png"))
    assert [p.name for p in sheets] == ["sheet-000003.png", "sheet-000006.png"]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in sheets)
