"""What `refdiff samplers` and `refdiff sample` print and draw."""

import errno
import json

import pytest

from refdiff.cli import main
from refdiff.systems import zoo_commands
from refdiff.systems.own_files import PICTURE
from refdiff.verify.zoo import CASES, find

FEW = ("ddim", "heun", "dpmpp-3m-published", "dpmpp-sde-1")


@pytest.fixture
def few(monkeypatch):
    """A few of the cases, since all take as long as `refdiff samplers` does."""
    monkeypatch.setattr(zoo_commands, "CASES", tuple(map(find, FEW)))


def test_samplers_prints_a_list_of_rows_of_json_with_the_orders_measured_now(few, capsys):
    assert main(["samplers", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(FEW)
    assert {"name", "order", "measured_order", "stochastic", "source"} <= rows[0].keys()
    assert all(abs(row["measured_order"] - row["order"]) < 0.15 for row in rows)
    assert [row["stochastic"] for row in rows] == [False, False, False, True]
    assert [row["claimed"] for row in rows] == [1, 2, 3, 1]
    assert len(CASES) >= 30


def test_samplers_prints_a_table_a_line_each(few, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["samplers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(FEW)]] == list(FEW)
    assert "(3) 2" in lines[3]
    assert lines[1].endswith("song2021ddim (arXiv 2010.02502v4), eq. 12")


def test_the_table_of_samplers_fits_a_terminal_of_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    row = {"order": 1, "claimed": 3, "measured_order": 0.99, "cold_order": 0.98, "stochastic": True, "stages": 12}
    rows = {case.name: row | {"name": case.name, "error": 1e-3, "source": case.sampler.source} for case in CASES}
    monkeypatch.setattr(zoo_commands, "measured_row", lambda case: rows[case.name])
    assert main(["samplers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 82
    assert lines[1].endswith("ho2020")


def test_one_sampler_may_be_asked_for_alone(capsys):
    assert main(["samplers", "heun", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "heun"
    assert row["stages"] == 2


@pytest.mark.parametrize("name", ["dpmpp_2m_sde"])
def test_sample_draws_a_picture(name, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    file = tmp_path / "paths.png"
    assert main(["sample", "--law", "points", "--sampler", name, "--steps", "8", "-o", str(file)]) == 0
    assert file.read_bytes().startswith(b"\x89PNG")
    assert "8 steps" in capsys.readouterr().out


def test_a_picture_of_somebody_is_never_drawn_over_and_an_old_one_is_kept_until_the_new_is_whole(
    monkeypatch, tmp_path, capsys
):
    pytest.importorskip("matplotlib")
    file = tmp_path / "paths.png"
    file.write_bytes(b"\x89PNG holidays")
    assert main(["sample", "-n", "5", "--steps", "2", "-o", str(file)]) == 2
    assert "was not made here and stays: choose another -o." in capsys.readouterr().err
    assert file.read_bytes() == b"\x89PNG holidays"
    file.write_bytes(PICTURE)

    def full_disk(path, data):
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    assert main(["sample", "-n", "5", "--steps", "2", "-o", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"refdiff sample: {file}: No space left on device. Make room and give the same command again.\n"
    )
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("paths.png", PICTURE)]


def test_every_sampler_walks_from_noise_to_the_data(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("refdiff.plotting.png", lambda figure: PICTURE)
    monkeypatch.setattr("refdiff.plotting.walks.walks", lambda *args, **options: None)
    for case in CASES:
        assert zoo_commands.draw_sample("mixture", case.name, 8, str(tmp_path / "x.png"), samples=5) == 0
