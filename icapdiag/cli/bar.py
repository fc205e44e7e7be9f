"""How far the reading is, on one line of stderr: for terminals, and for files that take a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from icapdiag.text import visible

_INTERVAL = 0.2  # seconds between two lines
_PATIENCE = 0.5  # seconds before the first
_WIDTH = 20  # of the bar
_NAME = 30
_ERASE = "\r\x1b[K"
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class Bar:
    """Called with the name of a source, the bytes done and the bytes in all (None if nobody knows)."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + _PATIENCE
        self._name: str | None = None
        self._start = 0.0
        self._drawn = False

    def __call__(self, name: str, done: int, total: int | None) -> None:
        now = self._clock()
        if name != self._name:
            self._name, self._start = name, now
        if now >= self._next:
            self._next = now + _INTERVAL
            self._drawn = True
            self._write(_ERASE + progress_line(name, done, total, now - self._start))

    def erase(self) -> None:
        """Leave the line as if nothing had been there."""
        if self._drawn:
            self._drawn = False
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(text)
                sys.stderr.flush()


def progress_line(name: str, done: int, total: int | None, elapsed: float) -> str:
    """``log.json [#####---------------]  25 %, 1.2 GB/s, 3 s left``; ``elapsed`` in seconds."""
    rate = done / elapsed if elapsed > 0 else 0.0
    speed = f"{_bytes(rate)}/s"
    if not total or done > total:
        return f"{visible(name, _NAME)}  {_bytes(done)}, {speed}"
    share = done / total
    filled = int(share * _WIDTH)
    left = f", {time_left((total - done) / rate)} left" if rate else ""
    return f"{visible(name, _NAME)} [{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%}, {speed}{left}"


def _bytes(number: float) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} B"


def time_left(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
