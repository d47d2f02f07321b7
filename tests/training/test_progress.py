import io
import sys

import pytest

from refdiff.training import Record, progress

RECORDS = [Record(k, 1.0 / k, 0.1, 1.0) for k in range(1, 101)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("tqdm", [True, False])
def test_records_pass_unchanged_and_the_floor_stands_beside_the_loss(tqdm, monkeypatch):
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    out = Terminal() if tqdm else io.StringIO()
    assert list(progress(RECORDS, 100, floor=0.0123, label="ring", file=out)) == RECORDS
    assert "floor 0.0123" in out.getvalue()
    assert "100/100" in out.getvalue()
    assert "ring" in out.getvalue()


def test_without_tqdm_and_terminal_there_are_ten_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    out = io.StringIO()
    list(progress(RECORDS, 100, file=out))
    assert len(out.getvalue().splitlines()) == 10
    assert "floor" not in out.getvalue()


def test_on_a_terminal_there_is_one_line_that_ends_even_when_the_run_is_stopped(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    out = Terminal()
    bar = progress(RECORDS, 100, file=out)
    next(bar)
    bar.close()
    assert out.getvalue().startswith("\r1/100")
    assert out.getvalue().endswith("\n")


def test_what_else_is_noted_stands_after_the_loss(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    out = io.StringIO()
    list(progress(RECORDS, 100, note=lambda record: f"  data {record.step} noise", file=out))
    assert "data 100 noise" in out.getvalue().splitlines()[-1]
