"""`refdiff sample` of a trained network, and the weights in the package."""

import numpy as np
import pytest

from refdiff.cli import main
from refdiff.plotting.sheets import rows
from refdiff.systems.recipes import Recipe
from refdiff.systems.sample_command import draw_sheet
from refdiff.systems.trained import Trained

pytest.importorskip("matplotlib")
RNG = np.random.default_rng


@pytest.fixture
def moons(tmp_path, monkeypatch, capsys):
    """A folder with a run of five steps."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text("batch = 8\nsample_steps = 3\n[network]\nwidth = 8\ndepth = 1\nwaves = 4\n")
    main(["train", "moons", "--config", "tiny.toml", "--sheets", "0", "--steps", "5"])
    capsys.readouterr()


def test_points_are_drawn_beside_the_data(moons, capsys, tmp_path):
    assert main(["sample", "refdiff-moons", "-n", "50", "--sampler", "dpmpp_2m", "--steps", "4"]) == 0
    assert "after 5 steps, drawn by dpmpp-2m (samplers.dpmpp.dpmpp_2m), 4 steps" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_drawn_again_but_never_over_somebodys_file(moons, capsys, tmp_path):
    command = ["sample", "refdiff-moons", "-n", "5", "-o", "x.png"]
    assert main(command) == main(command) == 0
    (tmp_path / "x.png").write_bytes(b"\x89PNG holidays")
    assert main(command) == 2
    assert "x.png. It was not made here and stays" in capsys.readouterr().err
    assert (tmp_path / "x.png").read_bytes() == b"\x89PNG holidays"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nowhere"], "checkpoint must be one that exists"),
        (["refdiff-moons", "--guidance", "2"], "guidance must be 1 without labels"),
        (["refdiff-moons", "--steps", "1"], "steps must be a whole number of at least 2"),
        (["refdiff-moons", "--sampler", "hein"], "Did you mean heun"),
        (["refdiff-moons", "-n", "0"], "n must be a whole number of at least 1"),
        (["refdiff-moons", "-o", "no/x.png"], "folder that exists"),
        (["refdiff-moons", "-o", "x.jpg"], "Pictures here are PNG: choose -o x.png."),
        (["moons"], "Train it first: refdiff train moons; then refdiff sample refdiff-moons."),
        (["-n", "0"], "n must be a whole number of at least 1"),
        (["refdiff-moons", "--law", "mixture"], "law must stand alone"),
        (["tiny.toml"], "refdiff checkpoint"),
        (["--law", "mixture", "--guidance", "2"], "guidance must stand beside a checkpoint"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(argv, says, moons, capsys):
    assert main(["sample", *argv]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("dim", [1, 3])
def test_points_of_any_dimension_are_drawn_even_where_their_data_are_gone(dim):
    class Line(Trained):
        def sample(self, n=None, labels=None, **options):
            return np.ones((n, dim))

    assert draw_sheet(Line(Recipe("gone.npz", None), {}, 0, (dim,)), n=5, seed=0).startswith(b"\x89PNG")


def test_images_without_classes_fill_a_square_and_colours_are_kept(tmp_path):
    x = np.zeros((2, 3, 4, 4, 3))
    x[..., 0] = 1
    canvas = rows(x, []).axes[0].images[0].get_array()
    assert canvas.shape == (2 * 4 + 1, 3 * 4 + 2, 3)
    np.testing.assert_array_equal(canvas[0, 0], [1, 0.5, 0.5])

    class Plain(Trained):
        def sample(self, n=None, labels=None, **options):
            return np.zeros((n, 4, 4))

    assert draw_sheet(Plain(Recipe("digits", None), {}, 0, (4, 4)), n=5, seed=0).startswith(b"\x89PNG")
