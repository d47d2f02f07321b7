"""How training is getting on, in one line."""

import sys
import time
from collections.abc import Callable, Generator, Iterable
from typing import TextIO

from refdiff.training.loop import Record


def progress(
    records: Iterable[Record],
    steps: int,
    *,
    floor: float | None = None,
    note: Callable[[Record], str] | None = None,
    label: str = "",
    file: TextIO | None = None,
) -> Generator[Record, None, None]:
    """The same records, with a bar of the loss as they pass: tqdm's on a terminal if it is installed, else plain lines.

    Parameters
    ----------
    records : iterable of Record
        From `train`.
    steps : int
        How many steps the run has in all.
    floor : float, optional
        The least loss possible, if it is known: the loss is shown beside it.
    note : callable, optional
        What else is told of a record, after the loss.
    label : str
        What is being learned.
    file : text file, optional
        Where to; standard error if not given.
    """
    file = file or sys.stderr
    bar = (_tqdm(steps, label, file) if file.isatty() else None) or _Line(steps, label, file)
    smooth, seen = 0.0, 0
    try:
        for record in records:
            seen += 1
            smooth += max(0.02, 1 / seen) * (record.loss - smooth)
            text = f"loss {smooth:.4f}" + (f", floor {floor:.4f}" if floor is not None else "")
            bar.show(record.step, f"{text}{note(record)}" if note else text)
            yield record
    finally:
        bar.close()


class _Line:
    """A line that rewrites itself on a terminal; ten plain lines elsewhere."""

    def __init__(self, steps: int, label: str, file: TextIO) -> None:
        self._steps, self._label, self._file = steps, label, file
        self._start, self._last, self._shown = time.perf_counter(), -1.0, ""

    def show(self, step: int, text: str) -> None:
        now = time.perf_counter() - self._start
        live = self._file.isatty()
        if step < self._steps and (now < self._last + 0.2 if live else step % max(self._steps // 10, 1)):
            return
        self._last = now
        line = f"{self._label}  {step}/{self._steps}  {text}  {now:.1f} s".strip()
        self._file.write(f"\r{line:<{len(self._shown)}}" if live else line + "\n")
        self._file.flush()
        self._shown = line

    def close(self) -> None:
        if self._shown and self._file.isatty():
            self._file.write("\n")


class _Tqdm:
    def __init__(self, steps: int, label: str, file: TextIO) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=steps, desc=label or None, file=file, mininterval=0.2, leave=True)

    def show(self, step: int, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def _tqdm(steps: int, label: str, file: TextIO) -> _Tqdm | None:
    try:
        return _Tqdm(steps, label, file)
    except ImportError:
        return None
