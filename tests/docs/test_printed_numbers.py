"""A number in the prose of a page is printed by a snippet of it, or where its links lead; and they lead somewhere.

A number is what has a point, a percent sign or a power of ten, or two digits and more; a year is none. What stands in
backticks is a quotation, and a heading is the asker's. A printed number supports a shorter one that it rounds to, and a
percentage that it is a fraction of; a setting may also be written in the code. Snippets count if they stand beside the
number, in the same answer if the page is one of answers, or in a section that is linked there.
"""

import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^[ \t]*```([^\n`]*)\n(.*?)^[ \t]*```", re.M | re.S)
HEADING = re.compile(r"^(#+) (.*?)(?:\s*\{ *#([\w-]+) *\})?$", re.M)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^):\s]*\.md(?:#[^)\s]+)?|#[^)\s]+)\)")
QUOTED = re.compile(r"`[^`\n]+`|!\[[^\]]*\]\([^)]*\)|\[[^\]]*\]\[[^\]]*\]|(?<=\])\([^)]*\)|</?[a-z][^>]*>")
NUMBER = re.compile(
    r"""(?<![\w.]) (?<!e-)
        (\d{1,3}(?:,\d{3})+ | \d+) (\.\d+)?              # 10,000 and 0.25
        (?: (?:\\cdot[ ]*10\^\{? | e) ([-+]?\d+) \}? )?   # 4.0\cdot 10^{-5} and 4.0e-05
        ([ ]?\\?% | [ ]per[ ]cent)?
        (?!\w|\.\d)""",
    re.X,
)
CITED = re.compile(
    r"""\b(?:eqs?|equations?|sections?|chapters?|theorems?|algorithms?|tables?|issues?)\.?\s+
        (?:\d[\d.]*(?:,\s+|\s+(?:to|and)\s+)?)+            # eq. 3, 5 and 7
        | (?<!10)[_^]\{[^}]*\} | \\tfrac\d\d              # an index, a power, a half
        | (?<!\\cdot[ ])10\^\{[^}]*\}                     # an order of magnitude""",
    re.X,
)
PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: .*)?\n", re.M)
YEAR = re.compile(r"(19|20)\d\d")

# Numbers that no snippet prints: why not, by the page or the answer; or the file of the repository in which they stand.
ELSEWHERE: dict[str | Path, dict[str, tuple[str, ...]]] = {
    ROOT / "pyproject.toml": {"README": ("3.11",)},
    ROOT / "refdiff" / "data" / "LICENSE-digits": {"README": ("4.0",)},
    ROOT / "benchmarks" / "mlp.py": {"benchmarks#the-race": ("1e-10",)},
    ROOT / "refdiff" / "systems" / "results_fashion.py": {"digits": ("25",)},
    ROOT / "refdiff" / "data" / "images.py": {"digits": ("840",)},
    "a time, on one machine": {"README": ("15",)},
    "of a picture: its code is in docs/figures": {"index": ("160",), "training": ("1,500", "80")},
    "another's: an asker's, a program's, or measured elsewhere as the page says": {
        "benchmarks#memory-that-is-given-back": ("128",),
        "ddim": ("981", "961"),
        "evaluation": ("66", "50,000"),
        "schedules": ("981", "980", "999", "90"),
        "solvers": ("10",),
        "third_order": ("2.10", "2.17", "1.98", "2.12", "3.02", "2.97"),
    },
    "a constant of a paper, or of its data": {
        "digits": ("17", "28", "10,000", "60,000"),
        "edm": ("1.2", "2.4"),
        "forward": ("0.00085", "0.012", "0.999", "0.008", "1.008"),
        "guidance": ("0.7",),
        "likelihood": ("80",),
        "networks": ("0.044715",),
        "notation": ("80",),
        "schedules": ("0.999",),
        "third_order": ("55", "59", "37"),
    },
    "worked out, or supposed, where it stands": {
        "ddpm": ("59",),
        "digits": ("500",),
        "evaluation": ("2208", "22080"),
        "gaussian": ("0.6", "1.4", "100"),
        "likelihood": ("99 %",),
        "notation": ("36",),
        "reverse": ("15", "36", "12", "0.625"),
        "schedules": ("0.01005", "100", "4.6", "460"),
        "score": ("64",),
        "training": ("512",),
    },
}


class Number(NamedTuple):
    value: Decimal  # its exponent is that of its last digit
    percent: bool = False

    def supports(self, claim: "Number") -> bool:
        """It has as many digits as the claim, rounds to it, and is within a twentieth of it (0.008 is not 0.01)."""
        value, last = self.value.scaleb(2 * (claim.percent - self.percent)), exponent(claim.value)
        half = Decimal(5).scaleb(last - 1)
        return exponent(value) <= last and abs(value - claim.value) <= min(half, claim.value / 20)


def exponent(value: Decimal) -> int:
    found = value.as_tuple().exponent
    assert isinstance(found, int)
    return found


def numbers(text: str, *, short: bool) -> dict[str, Number]:
    """The numbers of a text by how they are written; single digits and years only if the short are wanted."""
    found = {}
    for m in NUMBER.finditer(text):
        whole, point, power, percent = m.groups()
        if short or point or power or percent or (len(whole) > 1 and not YEAR.fullmatch(whole)):
            value = Decimal(whole.replace(",", "") + (point or "") + (f"e{power}" if power else ""))
            found[m[0].strip()] = Number(value, bool(percent))
    return found


class Section(NamedTuple):
    depth: str  # the marks of its heading
    text: str

    @property
    def claims(self) -> dict[str, Number]:
        return numbers(CITED.sub(" ", QUOTED.sub(" ", FENCE.sub("", self.text))), short=False)

    @property
    def links(self) -> list[str]:
        return LINK.findall(FENCE.sub("", self.text))

    @property
    def snippets(self) -> tuple[list[Number], list[Number]]:
        """Numbers that its snippets print, and numbers in their code."""
        code, output = "", ""
        for info, body in FENCE.findall(self.text):
            code += body if info == "python" and ">>> " not in body else "".join(PROMPT.findall(body))
            output += body if info == "output" else PROMPT.sub("", body) if ">>> " in body else ""
        return list(numbers(output, short=True).values()), list(numbers(code, short=True).values())


def slug(title: str) -> str:
    """What Python-Markdown makes of a heading."""
    plain = re.sub(r"[`*]", "", title).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


@cache
def sections(path: Path) -> dict[str, Section]:
    """A page by its anchors, each section with its lower ones; the whole page under the name ''."""
    page = path.read_text("utf-8")
    without_code = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), page)
    heads = list(HEADING.finditer(without_code))
    found = {"": Section("", page)}
    for i, head in enumerate(heads):
        end = next((h.start() for h in heads[i + 1 :] if len(h[1]) <= len(head[1])), len(page))
        found[head[3] or slug(head[2])] = Section(head[1], page[head.end() : end])
    return found


@cache
def printed(path: Path, anchor: str) -> tuple[list[Number], list[Number]]:
    return sections(path)[anchor].snippets


def target(path: Path, link: str) -> tuple[Path, str]:
    page, _, anchor = link.partition("#")
    return (path.parent / page).resolve() if page else path, anchor


def unsupported(path: Path, section: Section) -> list[str]:
    """The numbers of a section of a page that neither its own snippets print nor those of a section it links to."""
    linked = (target(path, link) for link in section.links)
    places = [section.snippets, *(printed(page, anchor) for page, anchor in linked if anchor)]
    output, code = ([n for place in places for n in place[i]] for i in (0, 1))
    set_to = {n.value.as_tuple() for n in code}
    held = {c: n.value.as_tuple() in set_to or any(m.supports(n) for m in output) for c, n in section.claims.items()}
    return [claim for claim, is_held in held.items() if not is_held]


APART = {"design", "equations", "references"}  # policy and lists
PAGES = {p.stem: p for p in (ROOT / "README.md", *DOCS.glob("*.md"), *(DOCS / "learn").glob("*.md"))}
DEPTH = {"faq": "### ", "myths": "### ", "benchmarks": "## "}  # of what is one answer; the others are taken whole
ANSWERS = {
    f"{name}#{anchor}".strip("#"): (path, section)
    for name, path in sorted(PAGES.items())
    for anchor, section in sections(path).items()
    if name not in APART and (section.depth + " " == DEPTH[name] if name in DEPTH else not anchor)
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_number_is_printed_beside_it_or_in_a_section_that_is_linked(answer: str) -> None:
    elsewhere = [number for where in ELSEWHERE.values() for number in where.get(answer, ())]
    assert sorted(set(unsupported(*ANSWERS[answer]))) == sorted(set(elsewhere))


@pytest.mark.parametrize("place", [p for p in ELSEWHERE if isinstance(p, Path)], ids=lambda p: p.name)
def test_a_number_that_stands_in_a_file_stands_there(place: Path) -> None:
    there = numbers(place.read_text("utf-8"), short=True).values()
    assert all(numbers(n, short=True)[n] in there for found in ELSEWHERE[place].values() for n in found)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_heading(name: str) -> None:
    for link in sections(PAGES[name])[""].links:
        path, anchor = target(PAGES[name], link)
        assert path.exists(), link
        assert anchor in sections(path), link


def test_the_pages_count_their_own_answers() -> None:
    asked, myths = (sum(a.startswith(page) for a in ANSWERS) for page in ("faq#", "myths#"))
    assert (asked, myths) == (45, 17)
    assert "Forty-five questions" in PAGES["faq"].read_text("utf-8")
    assert "forty-five questions" in PAGES["index"].read_text("utf-8")
    assert "Seventeen things" in PAGES["myths"].read_text("utf-8")


@pytest.mark.parametrize(
    ("printed_so", "claimed", "supported"),
    [
        ("0.28862", "0.289", True),
        ("0.28862", "0.29", True),
        ("0.28862", "0.288", False),
        ("0.00117", "1.17\\cdot 10^{-3}", True),
        ("1.17e-03", "0.0012", True),
        ("0.3", "0.30", False),
        ("0.008", "0.01", False),
        ("0.408", "41 %", True),
        ("41%", "0.41", True),
        ("41", "41 %", False),
        ("10,000", "10000", True),
    ],
)
def test_a_print_supports_what_it_rounds_to(printed_so: str, claimed: str, supported: bool) -> None:
    (a,), (b,) = (numbers(text, short=True).values() for text in (printed_so, claimed))
    assert a.supports(b) == supported


@pytest.mark.parametrize(
    ("answer", "right", "wrong"),
    [
        ("faq#loss-stands-still", "0.1731", "0.1713"),
        ("faq#linear", r"7.3\cdot 10^{-4}", r"7.3\cdot 10^{-5}"),
        ("faq#dark-pictures", "88 %", "89 %"),
        ("faq#dps-norm", "$-2.2$", "$-2.3$"),
        ("faq#w-or-1-plus-w", "#what-people-get-wrong-and-by-how-much", "#what-it-samples"),
        ("myths#elbo-form", "[59", "[58"),
    ],
)
def test_a_wrong_digit_or_link_is_caught(answer: str, right: str, wrong: str) -> None:
    path, section = ANSWERS[answer]
    assert right in section.text
    slipped = section._replace(text=section.text.replace(right, wrong))
    assert set(unsupported(path, slipped)) > set(unsupported(path, section))
