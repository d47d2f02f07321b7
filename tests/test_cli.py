"""The command line: what it prints, and how it refuses."""

import io
import json
import subprocess
import sys

import pytest

from refdiff import __version__
from refdiff.cli import main
from refdiff.verify import report


def refused(capsys, *argv):
    """The one line on standard error, of a command that must leave with code 2."""
    try:
        code = main(argv)
    except SystemExit as leave:
        code = leave.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["tuor"], "tour"),
        (["tour", "--seed", "-1"], "--seed"),
        (["tour", "--seed", "many"], "whole number"),
        (["tour", "--outt", "x"], "--outt"),
        (["verify", "everything"], "everything"),
        (["eq", "forward.posteriour"], "forward.posterior"),
        (["sample", "--sampler", "dpmp-2m"], "dpmpp-2m"),
        (["sample", "--law", "mixtura"], "mixture"),
        (["sample", "--steps", "1"], "steps must be a whole number of at least 2"),
        (["sample", "--steps", "few"], "whole number"),
        (["sample", "-o", "no/such/folder/paths.png"], "folder that exists"),
        (["samplers", "dmp"], "ddpm"),
        (["sample", "digits", "--guidance", "much"], "--guidance"),
        (["train"], "DATA"),
        (["train", "digit"], "Did you mean digits?"),
        (["train", "moons", "--steps", "0"], "steps must be a whole number of at least 1"),
        (["train", "moons", "--config", "no/such/file.toml"], "config must be a file to read"),
        (["train", __file__], "data must be a name, a folder of PNG files or an .npz file"),
        (["sample", "-o", "."], "must be named .png"),
        (["sample", "-o", "/dev/full"], "must be named .png"),
        (["results", "digits", "--json", "no/such/folder/x.json"], "--json must be in a folder that exists"),
        (["results", "digits", "--json", __file__], "--json must not be somebody's file"),
        (["eq", "nothing"], " more."),
    ],
)
def test_bad_arguments_get_one_clear_line_and_exit_code_2(capsys, argv, says):
    assert says in refused(capsys, *argv)


def test_a_tour_is_never_written_over_other_files(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    assert "other files" in refused(capsys, "tour", "--out", str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_tour_into_a_file_is_refused(capsys, tmp_path):
    path = tmp_path / "report"
    path.write_text("mine")
    assert "be a folder" in refused(capsys, "tour", "--out", str(path))
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied", "run"), "run: Permission denied. Look who may use it, or choose"),
        (OSError(28, "No space left on device"), "No space left on device. Make room and give the same command"),
        (MemoryError("Unable to allocate 1.46 TiB"), "out of memory. Unable to allocate 1.46 TiB. Ask for less."),
    ],
    ids=["forbidden", "full", "memory"],
)
def test_what_the_system_refuses_is_one_clear_line(error, says, capsys, monkeypatch):
    def refuse(**options):
        raise error

    monkeypatch.setattr(report, "print_checks", refuse)
    assert says in refused(capsys, "verify")


def test_what_a_pipe_cannot_spell_is_replaced(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(report, "print_equation", lambda eq: print("\u2591") or 0)
    assert main(["eq"]) == 0
    out.flush()
    assert out.buffer.getvalue().strip() == b"?"


@pytest.mark.parametrize("command", ["tour", "train", "sample", "results", "verify", "eq", "samplers", None])
def test_help_fits_a_terminal_of_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"] if command else ["--help"])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert ("Begin with: refdiff tour" in out) == (command is None)


def test_no_command_prints_help(capsys):
    assert main([]) == 0
    assert "tour" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"refdiff {__version__}\n"


@pytest.fixture
def few_checks(monkeypatch):
    """Eight of the checks: each of them all is measured by tests/verify/test_checks.py."""
    monkeypatch.setattr(report, "CHECKS", report.CHECKS[::13])


def test_verify_prints_a_table_that_ends_in_how_many_held(capsys, few_checks):
    assert main(["verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].endswith(f"{len(report.CHECKS)} of {len(report.CHECKS)} checks held.")


def test_verify_prints_rows_of_json(capsys, few_checks):
    assert main(["verify", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == [check.id for check in report.CHECKS]
    assert all(row["held"] for row in rows)


def test_eq_prints_formula_source_and_code(capsys):
    assert main(["eq", "forward.posterior"]) == 0
    out = capsys.readouterr().out
    for part in ("alpha_t/alpha_s", "ho2020", "process/forward.py", "def posterior"):
        assert part in out


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m refdiff eq | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert run.stderr == ""
