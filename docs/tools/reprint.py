"""Run a page's Python blocks and write what they print into the output blocks after them: `reprint.py PAGE.md ...`.

For pages that print measured numbers from a file under docs/data, when the file is new; to be run from the root of the
repository.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

PAIR = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```output\n(?P<printed>.*?)```\n)?", re.S)


def reprinted(page: str) -> str:
    """The page with its output blocks as its code prints them now."""
    names: dict[str, object] = {}

    def run(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block["code"], names)
        if block["printed"] is None:
            return block[0]
        lines = "".join(line.rstrip() + "\n" for line in printed.getvalue().splitlines())
        return f"```python\n{block['code']}```\n\n```output\n{lines}```\n"

    return PAIR.sub(run, page)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(reprinted(Path(name).read_text("utf-8")), "utf-8")
