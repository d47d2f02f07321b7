"""The benchmark's bookkeeping; nothing is timed here, and no peer is needed."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import harness, memory, scaling
from benchmarks.table import table
from refdiff.models import MLP

SPEED = harness.Goal("a race", ">=", 1.4, 1.6)
SHARE = harness.Goal("a weight", "<=", 0.4, 0.25)
ALONE = harness.Goal("a climb", "<=", 60, 30, against=None)
KEYS = {"name", "ours_s", "theirs_s", "ratio", "sense", "goal", "stretch", "met"}


class Clock:
    """Tells the time that sides say they took."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def side(self, *seconds):
        left = iter([seconds[0]] * 2 + list(seconds))  # two calls before the turns begin

        def run():
            self.now += next(left)

        return run


def one(goal, **turns):
    names = {"ours": harness.OURS, "theirs": harness.EAGER}
    measured = harness.Measured({names.get(n, n): t for n, t in turns.items()})
    return harness.rows(harness.Benchmark((goal,), lambda: measured), measured)[0]


def test_sides_take_turns_and_every_turn_is_kept():
    clock = Clock()
    sides = {"a": clock.side(1.0, 2.0, 9.0), "b": clock.side(4.0, 5.0, 6.0)}
    assert harness.take_turns(sides, rounds=3, clock=clock) == {"a": [1, 2, 9], "b": [4, 5, 6]}


def test_short_calls_are_repeated_until_a_turn_is_long_enough():
    clock = Clock()
    turns = harness.take_turns({"a": clock.side(*[0.01] * 9)}, rounds=2, sample=0.04, clock=clock)
    np.testing.assert_allclose(turns["a"], [0.01, 0.01])


def test_a_ratio_is_of_medians_and_its_sense_says_which_way_round():
    fast = one(SPEED, ours=[1.0, 2.0, 50.0], theirs=[3.0, 3.0, 1.0])
    assert fast.keys() >= KEYS
    assert (fast["ours_s"], fast["theirs_s"], fast["ratio"], fast["met"], fast["stretch_met"]) == (
        2,
        3,
        1.5,
        True,
        False,
    )
    light = one(SHARE, ours=[1.0, 2.0, 50.0], theirs=[10.0, 8.0, 1.0])
    assert (light["ratio"], light["met"], light["stretch_met"]) == (0.25, True, True)
    assert one(ALONE, ours=[math.inf])["met"] is False
    assert one(ALONE, ours=[31.0])["ratio"] == 31


def test_a_row_without_its_peer_is_left_out():
    goal = harness.Goal("a race", ">=", 1, 1, "JAX jit")
    assert harness.rows(harness.Benchmark((goal,), lambda: None), harness.Measured({harness.OURS: [1.0]})) == []


def test_rows_survive_the_file_and_are_replaced_by_name(tmp_path):
    path = tmp_path / "rows.json"
    old = [one(SPEED, ours=[1.0], theirs=[1.0]), one(SHARE, ours=[1.0], theirs=[1.0])]
    harness.write(path, old)
    new = one(SPEED, ours=[1.0], theirs=[7.0])
    assert [r["ratio"] for r in harness.merge(harness.read(path), [new])] == [7, 1]
    path.write_text("no rows")
    with pytest.raises(ValueError, match="rows written earlier"):
        harness.read(path)


def test_the_list_names_every_row_once(capsys):
    assert command.main(["--list"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == len(set(names)) >= 13
    assert command.main(["--list", "--only", "u-net", "--without", "memory"]) == 0
    assert all("U-Net" in name and "memory" not in name for name in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "nonsense"],
        ["--without", "nonsense"],
        ["--show"],
        ["--json", "no/such/folder/rows.json"],
        ["--json", "docs"],
        ["--json", "pyproject.toml"],
        ["--scaling", "--json", "docs/data/benchmarks.json"],
        ["--json", "docs/data/scaling.json"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_refused_in_one_line_before_any_work(arguments, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    assert command.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_its_peer_the_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    assert command.main([]) == 2
    assert "[peers]" in capsys.readouterr().err


def test_a_benchmark_that_fails_leaves_the_others_alone(tmp_path, capsys):
    def broken():
        raise RuntimeError("no such peer")

    sound = harness.Measured({harness.OURS: [1.0], harness.EAGER: [2.0]})
    path = tmp_path / "rows.json"
    chosen = [harness.Benchmark((SHARE,), broken), harness.Benchmark((SPEED,), lambda: sound)]
    assert command.run(chosen, [], str(path), resume=False) == 1
    assert [r["name"] for r in json.loads(path.read_text())] == ["a race"]
    assert "a weight ..." in capsys.readouterr().err
    assert command.run(chosen[1:], harness.read(path), str(path), resume=True) == 0


def test_a_table_says_what_was_met():
    text = table([one(SPEED, ours=[1.0], theirs=[1.5]), one(ALONE, ours=[99.0])])
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["met", "missed"]


def test_operations_are_counted_two_a_weight():
    net = MLP(2, width=8, depth=1, waves=4)
    params = net.init(np.random.default_rng(0))
    with scaling.counted() as flops:
        net(params, np.zeros((5, 2), np.float32), np.zeros(5, np.float32))
    weights = 2 * 8 + 4 * 8 + 8 * 8 + 2 * 8 * 8 + 8 * 2
    assert flops == [2 * 5 * weights]


def test_peak_memory_is_that_of_a_process():
    assert 10 < memory.peak() < 1e5
