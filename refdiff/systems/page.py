"""A report that is one self-contained page and is whole after every chapter."""

import base64
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from refdiff.systems.own_files import write_whole

STYLE = """
:root{--ink:#1f2430;--paper:#fbfbfd;--card:#fff;--line:#d9dce3;--link:#3949ab;--good:#00695c;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8ee;--paper:#14161c;--card:#1c1f27;--line:#3a3f4b;--link:#9fb3ff;
--good:#80cbc4;--bad:#ffb4ab}}
body{font:1rem/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:0 auto;
padding:1rem}
h1{font-size:1.7rem;margin:.5rem 0 0}h2{font-size:1.25rem;margin:2.2rem 0 .4rem}
.about{color:color-mix(in srgb,var(--ink) 75%,transparent);margin:.2rem 0 0}
figure{margin:1rem 0;padding:.6rem;background:#fff;border:1px solid var(--line);border-radius:.5rem;overflow-x:auto}
figure img{display:block;max-width:100%;height:auto;margin:auto}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;overflow-x:auto;
font:.7rem/1.05 ui-monospace,monospace}
.scroll{overflow-x:auto}
table{border-collapse:collapse;background:var(--card);margin:1rem 0;font-size:.9rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .8rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal}
.held{color:var(--good)}.failed{color:var(--bad);font-weight:600}
footer{margin:3rem 0 1rem;font-size:.85rem}
"""


@dataclass
class Picture:
    """A PNG with the name of its file and a text that says what is seen."""

    name: str
    alt: str
    png: bytes


@dataclass
class Table:
    """Rows under a head; the first column is text."""

    head: list[str]
    rows: list[list[str]]


@dataclass
class Chapter:
    """One part of the tour: what it claims, shows and measures.

    Parameters
    ----------
    title : str
        A claim.
    text : list of str
        Paragraphs.
    pictures, tables : list
        In the order in which they are shown; pictures first.
    drawing : str
        A picture made of characters, shown where there is no other.
    ending : str
        A last line, after the tables.
    seconds : float
        CPU time it took.
    """

    title: str
    text: list[str]
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    drawing: str = ""
    ending: str = ""
    seconds: float = 0.0


def write_page(path: Path, title: str, about: str, chapters: list[Chapter], still: str) -> None:
    """Write the page and the pictures beside it; a reader never meets a half-written file.

    Parameters
    ----------
    path : Path
        Of the page; pictures go into its folder.
    title, about : str
        Heading, and the line below it.
    chapters : list of Chapter
        What is finished so far.
    still : str
        What is still to come, or how the tour ended.
    """
    for picture in (p for c in chapters for p in c.pictures):
        write_whole(path.parent / f"{picture.name}.png", picture.png)
    body = "\n".join(_chapter(i, c) for i, c in enumerate(chapters, 1))
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<header><h1>{escape(title)}</h1><p class="about">{escape(about)}</p></header><main>\n{body}\n</main>'
        f"<footer>{escape(still)}</footer></body></html>\n"
    )
    write_whole(path, page.encode())


def _chapter(number: int, c: Chapter) -> str:
    parts = [f"<section><h2>{number}. {escape(c.title)}</h2>"]
    parts += [f"<p>{escape(p)}</p>" for p in c.text]
    if c.drawing and not c.pictures:
        parts.append(f'<pre role="img" aria-label="{escape(c.title)}">{escape(c.drawing)}</pre>')
    for p in c.pictures:
        data = base64.b64encode(p.png).decode()
        parts.append(f'<figure><img alt="{escape(p.alt)}" src="data:image/png;base64,{data}"></figure>')
    parts += [_table(t) for t in c.tables]
    if c.ending:
        parts.append(f"<p><strong>{escape(c.ending)}</strong></p>")
    return "\n".join(parts) + "</section>"


def _table(t: Table) -> str:
    marks = {"yes": ' class="held"', "NO": ' class="failed"'}
    head = "".join(f"<th>{escape(h)}</th>" for h in t.head)
    rows = "".join(
        "<tr>" + "".join(f"<td{marks.get(cell, '')}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in t.rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
