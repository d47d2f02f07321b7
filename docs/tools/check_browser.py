"""Open the built site in Chromium as a reader would: `python docs/tools/check_browser.py SITE_DIR`.

Every page, on a phone in the light theme and on a desktop in the dark one: axe finds nothing serious (in the dark, in
the colours of every third page), keys reach whatever scrolls, the console stays silent, nothing is asked of another
host, nothing is wider than the screen. Then the sliders and the live cell are operated by mouse and keyboard, and what
they show is compared with what Python computes here.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import multiprocessing
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.resources import files
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "figures"), str(ROOT / "docs" / "hooks")]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}
WINDOWS = [("phone", "light"), ("desktop", "dark")]  # each width and each theme once: a page takes seconds
SERIOUS = {"serious", "critical"}
SLIDER = re.compile(r'<div class="frames"[^>]* data-frames="(\w+)"')
LOUD = {"error", "warning"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain file server without a log."""

    def guess_type(self, path: str) -> str:
        return "text/javascript" if path.endswith(".mjs") else super().guess_type(path)

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def served(site: Path) -> Iterator[str]:
    """The address at which the site is served on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


class Reader:
    """A browser window that writes down what goes wrong in it."""

    def __init__(self, browser: Browser, base: str, width: str, scheme: str, *, script: bool = True) -> None:
        w, h = WIDTHS[width]
        context: BrowserContext = browser.new_context(
            viewport={"width": w, "height": h}, color_scheme=scheme, java_script_enabled=script, bypass_csp=True
        )
        self.base, self.where, self.faults, self.at = base, f"{width}, {scheme}", [], ""
        context.route(re.compile(r"^(?!data:|blob:)"), self._gate)
        self.page: Page = context.new_page()
        self.page.on(
            "console", lambda m: self.complain(f"console: {m.text}") if m.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda e: self.complain(f"error: {e}"))
        self.page.on("response", lambda r: self.complain(f"{r.status} for {r.url}") if r.status >= 400 else None)

    def complain(self, message: str) -> None:
        self.faults.append(f"/{self.at} ({self.where}): {message}")

    def require(self, holds: bool, message: str) -> None:
        if not holds:
            self.complain(message)

    def _gate(self, route) -> None:
        if route.request.url.startswith(self.base):
            route.continue_()
        else:
            self.complain(f"asks for {route.request.url}")
            route.abort()

    def open(self, path: str) -> Page:
        self.at = path
        self.page.goto(self.base + path)
        self.page.wait_for_load_state("networkidle")
        return self.page


# What axe need not see a thousand times: folded code, which it skips, formulas but a few, documented objects, entries
# and rows of a kind but three, tokens of a kind but two.
THIN = """() => {
  document.querySelectorAll('details:not([open]) pre').forEach(e => e.remove());
  [...document.querySelectorAll('.katex')].slice(8).forEach(e => { e.textContent = 'x'; });
  const few = (selector, most, drop) => {
    const seen = new Map();
    for (const e of [...document.querySelectorAll(selector)]) {
      const kind = e.tagName + e.className, count = (seen.get(kind) ?? 0) + 1;
      seen.set(kind, count);
      if (count > most) drop(e);
    }
  };
  few('.doc-object, .eq-item, .md-content tr, .md-sidebar li', 3, e => e.remove());
  few('.highlight code span', 2, e => { if (!e.childElementCount) e.replaceWith(e.textContent); });
}"""
SCROLLS_APART = "rules: {'scrollable-region-focusable': {enabled: false}}"
# What axe would look for in the whole page, and so for seconds: parts that scroll and that no key reaches.
UNREACHED = """() => [...document.querySelectorAll('body *')].filter(e => {
  const style = getComputedStyle(e), moves = v => v === 'auto' || v === 'scroll';
  const wide = moves(style.overflowX) && e.scrollWidth > e.clientWidth + 13;
  const high = moves(style.overflowY) && e.scrollHeight > e.clientHeight + 13;
  if (!(wide || high) || !e.clientWidth || !e.clientHeight || style.visibility === 'hidden') return false;
  const keys = 'a[href], button, input, select, textarea, [tabindex]:not([tabindex="-1"])';
  return e.tabIndex < 0 && !e.querySelector(keys);
}).map(e => `${e.tagName.toLowerCase()}.${e.className}`)"""


TALL = "[...document.querySelectorAll('.frames')].map(e => e.offsetHeight)"
AT_FIRST = f"""addEventListener('DOMContentLoaded', () => requestAnimationFrame(() => {{ window.before = {TALL}; }}))"""
INKED = """c => { const g = new OffscreenCanvas(200, 200).getContext('2d', {willReadFrequently: true});
  g.drawImage(c, 0, 0, 200, 200);
  return g.getImageData(0, 0, 200, 200).data.filter((v, k) => k % 4 === 3 && v > 60).length / 40000; }"""


def axe(page: Page, options: str) -> list[dict]:
    """The violations that axe finds."""
    return page.evaluate(f"axe.run(document, {{resultTypes: ['violations'], preload: false, {options}}})")["violations"]


def look(reader: Reader, path: str, judged: bool) -> None:
    """One page: its console, its requests, its width, what scrolls, and if wanted axe's opinion."""
    page = reader.open(path)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    reader.require(wide <= 0, f"is {wide} px wider than the screen")
    unreached = page.evaluate(UNREACHED)
    reader.require(not unreached, f"scrolls where no key reaches: {unreached[:4]}")
    if not judged:
        return
    page.evaluate(AXE)
    page.evaluate(THIN)
    for v in axe(page, "runOnly: ['color-contrast']" if "dark" in reader.where else SCROLLS_APART):
        if v["impact"] in SERIOUS:
            nodes = "; ".join(" ".join(map(str, n["target"])) for n in v["nodes"][:4])
            reader.complain(f"axe, {v['impact']}: {v['help']} [{v['id']}, {len(v['nodes'])} places]: {nodes}")


def drawn(page: Page, selector: str) -> np.ndarray:
    """The points that a canvas shows, in data units."""
    return np.array(page.evaluate(f"Array.from(document.querySelector('{selector}').points)")).reshape(-1, 2)


def slide(reader: Reader, path: str, name: str) -> None:
    """A slider moves by keyboard and by its buttons, tells what is seen, and shows what the package computes."""
    from widgets import kept

    reader.page.add_init_script(AT_FIRST)
    page = reader.open(path)
    about, numbers = kept(name)
    about, numbers = json.loads(about), np.frombuffer(numbers, np.int8).astype(float)
    last = round((len(about["stops"]) - 1) * about["step"])
    fixed, moving = numbers[: about["fixed"]], numbers[about["fixed"] :].reshape(last + 1, -1)
    box = page.locator(f".frames[data-frames={name}]")
    box.scroll_into_view_if_needed()
    slider = box.locator("input")

    def shows(frame: int) -> None:
        page.wait_for_function(
            f"document.querySelector('.frames[data-frames={name}]').dataset.frame == {frame}", timeout=20000
        )
        off = np.abs(box.evaluate("e => Array.from(e.shown)") - np.r_[fixed, moving[frame]]).max()
        reader.require(off == 0, f"frame {frame} of {name} is {off:.3g} away from the package's")
        caption, *values = about["stops"][round(frame / about["step"])]
        said = about["captions"][caption][1].format(*values)
        reader.require(slider.get_attribute("aria-valuetext") == said, f"frame {frame} of {name} does not say {said!r}")
        inked = box.locator("canvas").evaluate(INKED)
        reader.require(inked > 0.001, f"frame {frame} of {name} is blank")

    shows(about["start"])
    slider.focus()
    page.keyboard.press("Home")
    shows(0)
    for _ in range(round(1 / about["step"])):
        page.keyboard.press("ArrowRight")
    shows(1)
    page.keyboard.press("End")
    shows(last)
    for k, (text, _, to) in enumerate(about["keys"]):
        reader.require(box.locator("button").nth(k).inner_text() == text, f"button {k} of {name} is not {text!r}")
        box.locator("button").nth(k).click()
        shows(to)
    first, now = page.evaluate("window.before"), page.evaluate(TALL)
    reader.require(first == now, f"the sliders were {first} pixels high before they came, and are {now}")
    page.evaluate(AXE)
    for v in page.evaluate("axe.run('.frames', {resultTypes: ['violations'], preload: false})")["violations"]:
        reader.require(v["impact"] not in SERIOUS, f"axe on the slider {name}: {v['help']}")


def run_live(reader: Reader) -> str:
    """The live cell runs, prints and draws what Python does here; it can be edited, fail, and be stopped."""
    page = reader.open("live/")
    box = page.locator(".live")
    code, printed = box.locator(".highlight code").nth(0).inner_text(), box.locator(".highlight code").last
    before, shown = printed.inner_text().strip(), []
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {"show": shown.append})
    reader.require(out.getvalue().strip() == before, "the page's printed output is not what Python prints here")

    def run() -> float:
        page.evaluate("delete document.querySelector('.live').dataset.done")
        start = time.perf_counter()
        box.get_by_role("button", name=re.compile("^Run")).click()
        page.wait_for_function("document.querySelector('.live').dataset.done", timeout=240000)
        return time.perf_counter() - start

    first, again = run(), run()
    reader.require(printed.inner_text().strip() == before, f"the live cell printed {printed.inner_text()!r}")
    off = np.abs(drawn(page, ".live canvas") - shown[0]).max()
    reader.require(off < 1e-5, f"the live cell's points are {off:.3g} away from Python's")
    reader.require("to the digit" in page.inner_text(".live-status"), "the live cell does not compare its output")

    box.get_by_role("button", name="Edit").click()
    area = box.locator("textarea")
    area.fill("print(6 * 7)")
    run()
    reader.require(printed.inner_text().strip() == "42", f"the edited cell printed {printed.inner_text()!r}")
    area.fill("from refdiff.schedules import Chain\nChain([2.0])")
    box.get_by_role("button", name="Run again").click()
    page.wait_for_function("document.querySelector('.live-status').textContent.startsWith('An error')", timeout=30000)
    reader.require("ValueError" in printed.inner_text(), "a refusal does not reach the reader")
    area.fill("while True: pass")
    box.get_by_role("button", name="Run again").click()
    page.wait_for_timeout(500)
    box.get_by_role("button", name="Stop").click()
    area.fill("print('well')")
    run()
    reader.require(printed.inner_text().strip() == "well", "the cell does not run after it was stopped")
    return f"live cell: {first:.1f} s at first, {again:.1f} s again, points within {off:.1g} of Python's"


def without_script(reader: Reader, sliding: list[str]) -> None:
    """Readers without scripts see the code, its printed output, the formulas, and something in each slider's box."""
    for path in sliding:
        box = reader.open(path).locator(".frames")
        reader.require(box.locator("svg.fig, noscript").count() > 0, "has nothing in place of the slider")
    text = reader.open("live/").inner_text(".live")
    reader.require("points on each cluster" in text and "import numpy" in text, "the live page says too little")


def read(site: Path, width: str, scheme: str, visits: list[tuple], script: bool = True) -> tuple[list[str], list[str]]:
    """Make some visits in one window; the faults, and what was seen."""
    told = []
    with served(site) as base, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        reader = Reader(browser, base, width, scheme, script=script)
        for visit, *args in visits:
            try:
                told.append(visit(reader, *args))
            except Exception as e:
                reader.complain(f"{visit.__name__}: {e}")
        browser.close()
    return reader.faults, [t for t in told if t]


def main(site: Path) -> int:
    """Run every check, a window in each of two processes at a time; print the faults, or what was seen."""
    start, faults, told = time.perf_counter(), [], []
    paths = sorted(p.parent.relative_to(site).as_posix() for p in site.rglob("index.html"))
    pages = ["" if p == "." else f"{p}/" for p in paths]
    live = [(run_live,)] if (site / "assets/vendor/pyodide").exists() else []
    looks = {
        scheme: [(look, path, scheme == "light" or k % 3 == 0) for k, path in enumerate(pages)] for _, scheme in WINDOWS
    }
    jobs = [(site, width, scheme, looks[scheme][i::2]) for width, scheme in WINDOWS for i in (0, 1)]
    slides = [
        (slide, path, name) for path in pages for name in SLIDER.findall((site / path / "index.html").read_text())
    ]
    if not slides:
        told.append("sliders: not checked, no page has one")
    jobs += [(site, "desktop", "light", [*slides, *live]), (site, "phone", "dark", slides)]
    jobs += [(site, "phone", "light", [(without_script, [path for _, path, _ in slides])], False)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for job in as_completed([pool.submit(read, *job) for job in jobs]):
            found, seen = job.result()
            faults += found
            told += seen
            print(*found, sep="\n", end="\n" if found else "", flush=True)
    if not live:
        told.append("live cell: not checked, Pyodide could not be fetched when the site was built")
    print(*told, sep="\n")
    print(f"{len(pages)} pages, each in 2 windows: {len(faults)} faults, {time.perf_counter() - start:.0f} s")
    return bool(faults) or not pages


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
