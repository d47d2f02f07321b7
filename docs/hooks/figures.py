"""docs/figures/NAME.py with a function figure() -> one SVG, cached by content and inlined in the theme's colours."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import logging
import re
import sys
import time
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"

log = logging.getLogger("mkdocs.hooks.figures")
IMG = re.compile(r'<img alt="([^"]*)" src="[^"]*assets/figures/([\w-]+)\.svg"[^>]*>')
svgs: dict[str, str] = {}


def tidy(svg: str, name: str, variables: dict[str, str]) -> str:
    """An SVG to stand inside a page: no preamble, ids of its own, sentinels replaced by CSS variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for sentinel, variable in variables.items():
        svg = svg.replace(sentinel, variable)
    return svg


def render(path: Path) -> str:
    """Draw one figure."""
    sys.path[:0] = [p for p in (str(ROOT), str(FIGURES)) if p not in sys.path]  # MkDocs restores it after loading
    import matplotlib

    matplotlib.use("svg")
    import _style
    import matplotlib.pyplot as plt

    spec = importlib.util.spec_from_file_location(f"figure_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    with plt.rc_context(_style.manner(path.stem)):
        spec.loader.exec_module(module)
        figure = module.figure()
        _style.tone_rasterised(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", dpi=144, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return tidy(out.getvalue(), path.stem, _style.VARIABLES)


def common() -> bytes:
    """All that a figure may depend on besides its own file."""
    sources = [
        *(ROOT / "refdiff").rglob("*.py"),
        *FIGURES.glob("_*.py"),
        *(ROOT / "docs" / "data").glob("*.json"),
        Path(__file__),
    ]
    return b"".join(p.read_bytes() for p in sorted(sources))


def drawn(cache: Path) -> tuple[dict[str, str], int]:
    """Every figure's SVG by name, and how many had to be drawn anew."""
    cache.mkdir(parents=True, exist_ok=True)
    behind, out, made = common(), {}, 0
    for path in sorted(FIGURES.glob("[!_]*.py")):
        key = hashlib.sha256(behind + path.read_bytes()).hexdigest()[:16]
        kept = cache / f"{path.stem}-{key}.svg"
        if not kept.exists():
            for old in cache.glob(f"{path.stem}-{'?' * 16}.svg"):
                old.unlink()
            kept.write_text(render(path))
            made += 1
        out[path.stem] = kept.read_text()
    return out, made


def inline(page: str, complain) -> str:
    """A page with each image of a figure replaced by the figure itself; `complain(message)` where alt text lacks."""

    def sub(m):
        if not m[1].strip():
            complain(f"figure {m[2]} has no alt text")
        return svgs[m[2]].replace("<svg", f'<svg role="img" aria-label="{m[1]}" class="fig"', 1)

    return IMG.sub(sub, page)


def on_files(files, config):
    start = time.perf_counter()
    found, made = drawn(ROOT / ".cache" / "figures")
    svgs.clear()
    svgs.update(found)
    for name, svg in svgs.items():
        files.append(File.generated(config, f"assets/figures/{name}.svg", content=svg))
    log.info("figures: %d, of which %d drawn in %.1f s", len(svgs), made, time.perf_counter() - start)
    return files


def on_post_page(output, page, config):
    return inline(output, lambda message: log.warning("%s: %s", page.file.src_uri, message))
