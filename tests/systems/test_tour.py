"""The tour: what it leaves behind, whatever happens."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from refdiff.models import MLP
from refdiff.oracles import Mixture
from refdiff.systems import believe, learning_digits
from refdiff.systems import tour as tour_module
from refdiff.systems.believe import why_believe
from refdiff.systems.learning_plane import PATH, excess_loss, ring
from refdiff.systems.opening import WALL, noise_into_shape, reflect, where_it_ends
from refdiff.systems.page import Chapter, Picture, Table, write_page
from refdiff.systems.study import Studied
from refdiff.systems.tour import tour


def test_noise_becomes_letters_within_a_few_cpu_seconds():
    start = time.process_time()
    chapter = noise_into_shape(rng=np.random.default_rng(0))
    assert time.process_time() - start < 5
    assert len(chapter.pictures) == 1
    rows = chapter.drawing.splitlines()
    assert len(rows) == 19
    assert set(chapter.drawing) <= set(" ░▒▓█\n")


def test_the_samples_of_the_first_picture_lie_on_the_letters_strokes():
    # a mark of the bitmap is 0.2 wide in the standardised plane: half of that from one of its points is on the stroke
    from refdiff.data import shape
    from refdiff.samplers import ddim
    from refdiff.schedules import Cosine, grids

    centres = shape("refdiff")
    law = Mixture(np.full(len(centres), 1 / len(centres)), centres, 0.02**2)
    x = ddim(law.denoise, np.random.default_rng(0).standard_normal((200, 2)), grids.angle(Cosine(), 20))
    nearest = np.min(np.linalg.norm(x[:, None] - centres, axis=-1), axis=1)
    assert np.mean(nearest < 0.1) > 0.95


def test_walls_fold_a_path_back():
    x = np.array([0.0, WALL, WALL + 0.5, -WALL - 0.25, 3 * WALL, 4 * WALL + 0.1])
    np.testing.assert_allclose(reflect(x, WALL), [0, WALL, WALL - 0.5, -WALL + 0.25, -WALL, 0.1], atol=1e-12)


def test_the_covariance_table_says_the_same_number_twice():
    rows = where_it_ends(rng=np.random.default_rng(0)).tables[0].rows
    assert all(row[1] == row[3] for row in rows)


def test_the_exact_denoiser_loses_nothing_above_the_floor():
    law = ring()
    assert excess_loss(law, law.denoise, PATH(0.5), n=50, rng=np.random.default_rng(0)) == 0


def test_the_last_chapter_ends_in_how_many_held(monkeypatch):
    monkeypatch.setattr(believe, "CHECKS", believe.CHECKS[::13])
    chapter = why_believe()
    n = len(chapter.tables[0].rows)
    assert chapter.ending == f"{n} of {n} checks held."


def test_a_page_is_whole_and_loads_nothing(tmp_path):
    chapters = [Chapter("A < B", ["text & more"], [Picture("p", 'an "alt"', b"png")], [Table(["h"], [["NO"]])])]
    write_page(tmp_path / "report.html", "T", "about", chapters, "more to come")
    page = (tmp_path / "report.html").read_text()
    assert page.endswith("</html>\n")
    for part in ("A &lt; B", "text &amp; more", "an &quot;alt&quot;", 'class="failed"', "more to come"):
        assert part in page
    assert "http" not in page
    assert (tmp_path / "p.png").read_bytes() == b"png"
    assert not list(tmp_path.glob("*.part"))


def test_what_the_tour_tells_fits_a_terminal_of_80_columns(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(believe, "CHECKS", believe.CHECKS[::13])
    run = Studied(MLP(64, width=8, depth=1, waves=4, labels=10).init(np.random.default_rng(0)), 12_345, 300, None)
    monkeypatch.setattr(learning_digits, "MLP", lambda *args, **options: MLP(64, width=8, depth=1, waves=4, labels=10))
    monkeypatch.setattr(learning_digits, "study", lambda *args, **options: run)
    for chapter in (why_believe(), learning_digits.learn_digits(tmp_path, fast=True, rng=np.random.default_rng(0))):
        tour_module._tell(5, chapter)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "held." in out


def chapters_that(*acts):
    return lambda out, *, fast, seed: iter(acts)


def test_ctrl_c_says_what_was_finished_and_leaves_valid_files(monkeypatch, capsys, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(tour_module, "chapters", chapters_that(lambda: Chapter("The first", ["done"]), interrupted))
    assert tour(str(tmp_path / "t")) == 130
    assert 'Finished: "The first"' in capsys.readouterr().out
    page = (tmp_path / "t" / "report.html").read_text()
    assert "The first" in page
    assert "stopped here" in page
    assert page.endswith("</html>\n")


def test_a_check_that_fails_shows_in_the_exit_code(monkeypatch, tmp_path):
    failed = Chapter("c", [], tables=[Table(["claim", "held"], [["x", "NO"]])])
    monkeypatch.setattr(tour_module, "chapters", chapters_that(lambda: failed))
    assert tour(str(tmp_path / "t")) == 1


def test_a_second_tour_may_use_the_first_ones_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tour_module, "chapters", chapters_that(lambda: Chapter("c", [])))
    assert tour(str(tmp_path / "t")) == 0
    assert tour(str(tmp_path / "t")) == 0


def test_without_matplotlib_it_still_draws_and_says_how_to_get_pictures(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from refdiff.systems import tour as t\n"
        "from refdiff.systems.opening import noise_into_shape\n"
        "import numpy as np\n"
        "t.chapters = lambda out, fast, seed: iter([lambda: noise_into_shape(rng=np.random.default_rng(0))])\n"
        f"sys.exit(t.tour({str(tmp_path / 't')!r}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "refdiff[plot]"' in run.stdout
    assert "█" in run.stdout
    assert "<pre" in (tmp_path / "t" / "report.html").read_text()


@pytest.mark.slow
def test_a_killed_tour_goes_on_where_it_was(tmp_path):
    folder = str(tmp_path / "t")
    killed_at_120 = (
        "import os, signal, sys\n"
        "from refdiff.systems import study, tour\n"
        "whole = study.progress\n"
        "def progress(records, *a, **k):\n"
        "    for record in whole(records, *a, **k):\n"
        "        if record.step == 120: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield record\n"
        "study.progress = progress\n"
        "tour.tour(sys.argv[1], fast=True)\n"
    )
    first = subprocess.run([sys.executable, "-c", killed_at_120, folder], stdout=subprocess.DEVNULL)
    assert first.returncode == -signal.SIGKILL
    assert (tmp_path / "t" / "plane-unfinished.npz").exists()
    command = [sys.executable, "-m", "refdiff", "tour", "--fast", "--out", folder]
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "going on from step 100 " in second.stdout
    assert "checks held." in second.stdout
    assert (tmp_path / "t" / "digits.npz").exists()
    assert not list((tmp_path / "t").glob("*unfinished*"))


@pytest.mark.slow
def test_a_fast_tour_reads_its_digits_and_holds_its_checks(tmp_path):
    command = [sys.executable, "-m", "refdiff", "tour", "--fast", "--seed", "3", "--out", str(tmp_path / "t")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    read = next(float(line.split()[7]) for line in out.splitlines() if line.startswith("samples read as the class"))
    assert read >= 0.80  # 300 of the 2,400 steps; the whole tour must reach 0.90
    assert len(list((tmp_path / "t").glob("*.png"))) == 7
