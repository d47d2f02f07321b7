"""Every Python block of the site and of the README runs, and prints what the page says it prints.

A page's blocks share one namespace. A block with prompts is a doctest. What a plain block prints is compared with the
block marked `output` that follows it.
"""

import contextlib
import doctest
import io
import re
from pathlib import Path

import numpy as np
import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
PAGES = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if "```" in p.read_text("utf-8")]
# Two seconds and more each: in the slow run.
LONG = {
    "ddim",
    "ddpm",
    "digits",
    "elbo",
    "evaluation",
    "flow",
    "likelihood",
    "memory",
    "networks",
    "schedules",
    "score",
    "sde",
    "solvers",
    "training",
    "vdm",
    "what",
}
ROUNDING = re.compile(r"(?:\b\d(?:\.\d+)?|\.\.\.)e-(1\d)\b")  # a residual of rounding, and its power of ten
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(example: Example) -> None:
    """Run a plain block and keep what it prints for the block that follows."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        PythonEvaluator()(example)
    example.namespace["__printed__"] = printed.getvalue()


def compare(example: Example) -> str | None:
    """What differs between the text on the page and what the block before it printed.

    A residual of rounding is a few roundings here and a few others on another machine: of its digits only the power of
    ten counts, and that may be one higher than on the page, but no more.
    """
    texts = str(example.parsed), example.namespace.pop("__printed__", "")
    (want, on_page), (got, here) = ((ROUNDING.sub("e-1x", t), list(map(int, ROUNDING.findall(t)))) for t in texts)
    checker, told = doctest.OutputChecker(), doctest.Example("", want)
    if not checker.check_output(told.want, got, FLAGS):
        return checker.output_difference(told, got, FLAGS)
    grown = [f"e-{w} on the page, e-{g} here" for w, g in zip(on_page, here, strict=True) if g < w - 1]
    return "A residual has grown: " + "; ".join(grown) if grown else None


def show(x: np.ndarray) -> None:
    """Stands in for the live page's function that draws points."""
    assert np.ndim(x) == 2
    assert np.shape(x)[1] == 2


def evaluate(path: Path) -> None:
    for example in blocks(path):
        example.evaluate()


def blocks(path: Path) -> list[Example]:
    python = PythonCodeBlockParser(doctest_optionflags=FLAGS)
    python.codeblock_parser = CodeBlockParser("python", run)
    document = Sybil([python, CodeBlockParser("output", compare)]).parse(path)
    document.namespace["show"] = show
    return list(document.examples())


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=pytest.mark.slow if p.stem in LONG and p.parent.name == "learn" else ()) for p in PAGES],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_blocks_run_and_print_what_the_page_says(path: Path) -> None:
    evaluate(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_python_block_escapes_for_its_fence(path: Path) -> None:
    for info, body in re.findall(r"^[ \t]*```([^\n`]*)\n(.*?)^[ \t]*```", path.read_text("utf-8"), re.M | re.S):
        assert info.strip() == "python" or not re.match(r"\{?\s*\.?(py\w*)\b", info.strip()), info
        assert info.strip() == "python" or ">>> " not in body, body


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1 + 1)\n```\n\n```output\n3\n```\n",
        "```python\nprint('off by 3e-12')\n```\n\n```output\noff by 1e-15\n```\n",
        "```python\nprint('off by 3e-12')\n```\n\n```output\noff by ...e-14\n```\n",
        "```python\n>>> 1 + 1\n3\n\n```\n",
        "    ```python\n    assert 1 + 1 == 3\n    ```\n",
    ],
    ids=["output", "residual", "residual without digits", "prompt", "indented"],
)
def test_a_false_print_on_a_page_is_caught(page: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(AssertionError):  # SybilFailure is one
        evaluate(path)
