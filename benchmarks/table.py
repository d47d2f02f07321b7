"""The rows as a table for people."""

from collections.abc import Sequence
from typing import Any


def table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a row: what we took, what they took, the ratio, the goal, and how it went."""
    head = ("", "ours", "theirs", "ratio", "must", "stretch", "")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    sense = row["sense"]
    verdict = "stretch met" if row["stretch_met"] else "met" if row["met"] else "missed"
    ratio = f"{row['ratio']:.2f}" if row["theirs_s"] is not None else ""
    limits = (f"{sense} {row[key]:g}" for key in ("goal", "stretch"))
    return (
        row["name"],
        _amount(row["ours_s"], row["unit"]),
        _amount(row["theirs_s"], row["unit"]),
        ratio,
        *limits,
        verdict,
    )


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "s" and value < 1:
        return f"{1e3 * value:.3g} ms"
    return f"{value:.3g} {unit}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, verdict = line
    middle = "  ".join(f"{n:>{w}}" for n, w in zip(numbers, widths[1:-1], strict=True))
    return f"{name:<{widths[0]}}  {middle}  {verdict}".rstrip()
