"""The command: `python -m benchmarks --json FILE`."""

import argparse
import importlib
import importlib.util
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import harness
from benchmarks.table import table

MODULES = ("mlp", "unet", "memory", "oracle", "learning", "fashion")
LACKING = 'The benchmark runs beside PyTorch, which is not installed. Install it: pip install -e ".[peers]"'


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table, write rows; 0 if all was measured, 1 if something failed, 2 if nothing could be tried."""
    asked = parser().parse_args(argv)
    try:
        chosen, old = choose(asked.only, asked.without), harness.read(asked.json) if asked.json else []
    except ValueError as error:
        return complain(str(error))
    if asked.list:
        print("\n".join(goal.name for benchmark in chosen for goal in benchmark.goals))
        return 0
    if asked.show and not asked.json:
        return complain("--show prints the rows of a file: name it with --json.")
    other = asked.scaling or asked.where
    if any(("goal" in row) == other for row in old):
        return complain(
            f"--json must name a new file, or rows of the same kind; got {asked.json}. Choose another name."
        )
    if asked.show:
        print(table(old))
        return 0
    if importlib.util.find_spec("torch") is None and not other:
        return complain(LACKING)
    from benchmarks.one_thread import one_thread

    try:
        with one_thread():
            if other:
                module = importlib.import_module(f"benchmarks.{'scaling' if asked.scaling else 'where'}")
                return finish(asked.json, module.measure_all(say))
            return run(chosen, old, asked.json, resume=asked.resume)
    except KeyboardInterrupt:
        return complain("stopped; what was measured is written. Go on with --resume.")
    except OSError as error:
        return complain(f"--json must name a file that can be written; got {asked.json}: {error.strerror}.")


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    p = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast refdiff is, beside its peers.")
    p.add_argument("--json", metavar="FILE", help="write rows here, after each measurement; earlier ones are kept")
    p.add_argument("--only", metavar="NAME", nargs="+", default=(), help="only rows whose name holds one of these")
    p.add_argument("--without", metavar="NAME", nargs="+", default=(), help="no rows whose name holds one of these")
    p.add_argument("--resume", action="store_true", help="leave out what FILE holds already")
    p.add_argument("--list", action="store_true", help="print the names of the rows and stop")
    p.add_argument("--show", action="store_true", help="print the rows of FILE as a table and stop")
    p.add_argument("--scaling", action="store_true", help="measure the cost of a step against size instead")
    p.add_argument("--where", action="store_true", help="measure where a step's time goes instead")
    return p


def choose(names: Sequence[str], without: Sequence[str] = ()) -> list[harness.Benchmark]:
    """The benchmarks one of whose rows is asked for, all if none is named; `ValueError` for a name that fits none."""
    every = [b for m in MODULES for b in importlib.import_module(f"benchmarks.{m}").BENCHMARKS]
    for name in (*names, *without):
        if not any(fits(name, b) for b in every):
            raise ValueError(f"--only and --without must name a row, or part of its name; got {name!r}. See --list.")
    wanted = [b for b in every if not names or any(fits(name, b) for name in names)]
    return [b for b in wanted if not any(fits(name, b) for name in without)]


def fits(name: str, benchmark: harness.Benchmark) -> bool:
    """Whether a part of a name is found in one of the benchmark's rows."""
    return any(name.lower() in goal.name.lower() for goal in benchmark.goals)


def run(chosen: Sequence[harness.Benchmark], old: list[Any], path: str | None, *, resume: bool) -> int:
    """Measure one after another, keeping the file up to date; 1 if something failed."""
    done = {r["name"] for r in old} if resume else set()
    rows, failed = list(old), 0
    for i, benchmark in enumerate(chosen, 1):
        name = benchmark.goals[0].name
        if name in done:
            continue
        say(f"[{i}/{len(chosen)}] {name} ...")
        start, before = time.perf_counter(), harness.conditions()
        try:
            new = harness.rows(benchmark, benchmark.measure(), before)
        except Exception as error:
            failed = 1
            say(f"    failed: {type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}")
            continue
        rows = harness.merge(rows, new)
        say(f"    {time.perf_counter() - start:.0f} s, load {before['load']}\n" + table(new))
        if path:
            harness.write(path, rows)
    print("\n" + table(rows))
    return failed


def finish(path: str | None, rows: list[dict[str, Any]]) -> int:
    """Write rows where asked."""
    if path:
        harness.write(path, rows)
    return 0


def say(text: str) -> None:
    """Progress, beside the results."""
    print(text, file=sys.stderr, flush=True)


def complain(text: str) -> int:
    """One line, and the code of a refusal."""
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
