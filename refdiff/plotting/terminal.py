"""Pictures made of characters, for a terminal. They need nothing but NumPy."""

import numpy as np

from refdiff.core.arrays import Array

SHADES = " ░▒▓█"
LEAST = 24  # characters of a table's first column before it is wrapped


def blocks(points: Array, *, width: int = 36, height: int = 16, reach: float = 2.4) -> list[str]:
    """Points in the plane as rows of shaded blocks.

    A cell is as dark as its share of the fullest tenth of the cells that hold anything.

    Parameters
    ----------
    points : ndarray
        (N, 2).
    width, height : int
        Of the picture, in characters; a character is about twice as high as wide.
    reach : float
        The picture shows [-reach, reach] in both coordinates.

    Returns
    -------
    list of str
        `height` rows of `width` characters, the top row first.
    """
    edges = [np.linspace(-reach, reach, n + 1) for n in (height, width)]
    count = np.histogram2d(points[:, 1], points[:, 0], bins=edges)[0][::-1]
    held = count[count > 0]
    full = np.quantile(held, 0.9) if held.size else 1.0
    shade = np.ceil(np.minimum(count / full, 1.0) * (len(SHADES) - 1)).astype(int)
    return ["".join(SHADES[i] for i in row) for row in shade]


def beside(*pictures: list[str], gap: str = "   ") -> str:
    """Pictures of one height side by side, as one text."""
    return "\n".join(gap.join(rows).rstrip() for rows in zip(*pictures, strict=True))


def table(head: list[str], rows: list[list[str]], *, width: int = 80) -> str:
    """Columns aligned under a head: the first to the left, the others to the right.

    What of the first does not fit the width is wrapped, at `LEAST` characters or more.
    """
    import textwrap

    others = [max(map(len, column)) for column in zip(head[1:], *(row[1:] for row in rows), strict=True)]
    wrap = max(LEAST, width - sum(2 + w for w in others))
    folded = [(textwrap.wrap(first, wrap), rest) for first, *rest in rows]
    rows = [
        row
        for lines, rest in folded
        for row in [*([part, *("" for _ in rest)] for part in lines[:-1]), [lines[-1] if lines else "", *rest]]
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first, *rest = [
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(head), "  ".join("-" * w for w in widths), *map(line, rows)])
