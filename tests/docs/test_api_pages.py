"""The API pages list what exists, and leave out nothing that a room hands out."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = {
    path: page.name
    for page in sorted((ROOT / "docs" / "api").glob("*.md"))
    for path in re.findall(r"^::: ([\w.]+)$", page.read_text("utf-8"), re.M)
}


def handed_out() -> list[str]:
    """Where each name stands that a room re-exports."""
    return [
        f"{node.module}.{name.name}"
        for init in sorted((ROOT / "refdiff").glob("*/__init__.py"))
        for node in ast.parse(init.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.count(".") == 2
        for name in node.names
    ]


@pytest.mark.skipif(not (ROOT / "refdiff").exists(), reason="the tests run against an installed package")
def test_every_name_that_a_room_hands_out_stands_on_an_api_page() -> None:
    assert sorted(set(handed_out()) - LISTED.keys()) == []


def test_every_listed_name_exists() -> None:
    there = {path: hasattr(import_module(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in LISTED}
    assert [path for path in there if not there[path]] == []


def test_an_api_page_is_in_the_nav() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {name for name in LISTED.values() if f"api/{name}" not in nav} == set()
