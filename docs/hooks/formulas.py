r"""Typeset arithmatex's spans with KaTeX while the site is built: readers load style and fonts, no script.

KaTeX runs inside this process (mini-racer), writes HTML and MathML, and refuses LaTeX that it does not know, which
fails the strict build.
"""

from __future__ import annotations

import html
import json
import logging
import re
import sys
from functools import cache
from pathlib import Path

from mkdocs.exceptions import PluginError
from py_mini_racer import MiniRacer

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from fetch_vendor import VENDOR, try_fetch

log = logging.getLogger("mkdocs.hooks.formulas")
SPAN = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>([.,;:!?)]*)', re.S)
MACROS = {
    r"\E": r"\mathbb{E}",
    r"\N": r"\mathcal{N}",
    r"\R": r"\mathbb{R}",
    r"\KL": r"D_{\mathrm{KL}}",
    r"\Var": r"\operatorname{Var}",
    r"\Cov": r"\operatorname{Cov}",
    r"\tr": r"\operatorname{tr}",
    r"\diag": r"\operatorname{diag}",
    r"\SNR": r"\mathrm{SNR}",
    r"\eps": r"\varepsilon",
    r"\dd": r"\mathrm{d}",
    r"\abar": r"\bar\alpha",
}


@cache
def _engine() -> MiniRacer:
    js = MiniRacer()
    js.eval((VENDOR / "katex" / "katex.min.js").read_text("utf-8") + ";0")
    js.eval(
        f"const M={json.dumps(MACROS)};function render(t,d){{return katex.renderToString(t,"
        "{displayMode:d,throwOnError:true,strict:'error',macros:{...M},output:'htmlAndMathml'})};0"
    )
    return js


@cache
def render(tex: str, display: bool) -> str:
    """HTML and MathML of a formula; raises on LaTeX that KaTeX does not know."""
    return _engine().call("render", tex, display)


def typeset(page: str, complain) -> str:
    """A page with every arithmatex span typeset; `complain(message)` is called for each that cannot be."""

    def sub(m):
        try:
            whole = f'<{m[1]} class="math">{render(html.unescape(m[3]).strip(), m[2] == "[")}</{m[1]}>{m[4]}'
            bound = m[4] and len(m[3]) < 40  # no full stop alone on a line; but a long formula may be broken
            return f'<span class="math-end">{whole}</span>' if bound else whole
        except Exception as e:
            complain(f"{html.unescape(m[3]).strip()!r}: {next(iter(str(e).splitlines()), '')[:200]}")
            return m[0]

    return SPAN.sub(sub, page)


def on_config(config):
    if reason := try_fetch("katex"):
        raise PluginError(f"{reason}; formulas cannot be typeset without it")
    config.extra_css.insert(0, "assets/vendor/katex/katex.min.css")


def on_post_page(output, page, config):  # after search has indexed the plain LaTeX
    return typeset(output, lambda message: log.warning("%s: %s", page.file.src_uri, message))
