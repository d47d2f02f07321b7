"""Frames for sliders, computed by the package while the site is built; docs/figures/_frames.py says what they hold.

A box `<div class="frames" data-frames="NAME" data-alt="what is seen">` on a page holds what is seen without them. When
it is scrolled near, assets/js/frames.js fetches assets/data/NAME.json and NAME.i8 and puts the slider in its place.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import sys
import time
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
FIGURES, CACHE = ROOT / "docs" / "figures", ROOT / ".cache" / "frames"
PATHS = [str(ROOT), str(FIGURES), str(ROOT / "docs" / "hooks")]
sys.path[:0] = [p for p in PATHS if p not in sys.path]

from figures import common  # noqa: E402

MODULES = {"galaxy": "_galaxy", "score": "score_field", "training": "training_field"}  # each with a function frames()
MOST = 40_000  # bytes of numbers: no page should wait for a slider

log = logging.getLogger("mkdocs.hooks.widgets")


def computed(name: str) -> tuple[str, bytes]:
    """A slider's JSON and its numbers, anew."""
    sys.path[:0] = [p for p in PATHS if p not in sys.path]  # MkDocs restores it after loading
    about, fixed, moving = importlib.import_module(MODULES[name]).frames()
    return json.dumps({**about, "fixed": len(fixed)}, ensure_ascii=False), fixed.tobytes() + moving.tobytes()


def kept(name: str) -> tuple[str, bytes]:
    """A slider's JSON and its numbers, from the cache if nothing behind them has changed."""
    key = hashlib.sha256(common() + (FIGURES / f"{MODULES[name]}.py").read_bytes()).hexdigest()[:16]
    about, numbers = (CACHE / f"{name}-{key}.{end}" for end in ("json", "i8"))
    if not numbers.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{name}-*"):
            old.unlink()
        made = computed(name)
        about.write_text(made[0])
        numbers.write_bytes(made[1])
    return about.read_text(), numbers.read_bytes()


def on_files(files, config):
    start, sizes = time.perf_counter(), []
    for name in MODULES:
        about, numbers = kept(name)
        if len(numbers) > MOST:
            log.warning("the frames of %s take %d bytes, more than %d", name, len(numbers), MOST)
        files.append(File.generated(config, f"assets/data/{name}.json", content=about))
        files.append(File.generated(config, f"assets/data/{name}.i8", content=numbers))
        sizes.append(f"{name} {len(numbers) / 1000:.0f} kB")
    log.info("frames: %s, in %.1f s", ", ".join(sizes), time.perf_counter() - start)
    return files
