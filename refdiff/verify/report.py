"""What the commands `refdiff verify` and `refdiff eq` print."""

import json
import sys
import textwrap

from refdiff.verify import catalog
from refdiff.verify.checks import CHECKS, Outcome, measure

WIDTH = 53  # of the claims' column: the table has 80


def print_checks(*, as_json: bool = False) -> int:
    """Measure every check and print claim, residual, tolerance, held; as rows of JSON if asked.

    Returns
    -------
    int
        0 if all held, else 1: the exit code.
    """
    if not as_json:
        print(f"{'claim':{WIDTH}}  {'residual':>8}  {'tolerance':>9}  held")
    held = 0
    for check in CHECKS:
        outcome = measure(check)
        held += outcome.held
        print(_json(outcome) if as_json else _row(outcome), flush=True)
    tally = f"{held} of {len(CHECKS)} checks held."
    print(tally, file=sys.stderr if as_json else sys.stdout)
    return 0 if held == len(CHECKS) else 1


def print_equation(eq: str | None = None) -> int:
    """Print all that is known of an equation: statement, sources, code, tests, checks. Without an id, print all ids.

    Returns
    -------
    int
        0, the exit code.

    Raises
    ------
    ValueError
        For an unknown id, naming the nearest.
    """
    if eq is None:
        for room, ids in _by_room().items():
            print(f"{room}\n{textwrap.indent(chr(10).join(ids), '  ')}")
        return 0
    for code in catalog.look_up(eq):
        print(f"{eq}\n\n{textwrap.indent(code.statement, '  ')}\n")
        _section("Sources", code.sources)
        _section("Code", [f"{code.file}:{code.line}  {code.path}", "", *code.source.splitlines()])
    found = catalog.proofs()
    tests = [f"{p.file}:{p.line}  {p.name}" for p in found.get(eq, [])]
    _section("Tests", tests or ["none is marked with this id" if found else "not installed here: see tests/"])
    _section("Checks", [_row(measure(check)) for check in CHECKS if eq in check.proves])
    return 0


def _by_room() -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for eq, (code, *_) in catalog.equations().items():
        rooms.setdefault(code.path.split(".")[1], []).append(eq)
    return rooms


def _row(outcome: Outcome) -> str:
    *above, last = textwrap.wrap(outcome.check.claim, WIDTH)
    numbers = f"{outcome.residual:8.1e}  {outcome.check.tol:9.2g}  {'yes' if outcome.held else 'NO'}"
    return "\n".join([*above, f"{last:{WIDTH}}  {numbers}"])


def _json(outcome: Outcome) -> str:
    check = outcome.check
    return json.dumps({
        "id": check.id, "claim": check.claim, "residual": outcome.residual, "tolerance": check.tol,
        "held": bool(outcome.held), "seconds": round(outcome.seconds, 4), "catches": check.catches,
        "equations": check.proves,
    })  # fmt: skip


def _section(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}\n{textwrap.indent(chr(10).join(lines), '  ')}\n")
