"""How far the work is, on one line of stderr: for terminals, and gone at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from icapdiag.text import visible

if TYPE_CHECKING:
    from icapdiag.model import Observation
    from icapdiag.pool import Member

INTERVAL = 0.2  # seconds between two looks
_PATIENCE = 0.5  # seconds of reading before the first
_WIDTH = 20  # of the bar
_NAME, _WHY = 30, 60  # characters of it
_ERASE = "\r\x1b[K"
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_FAIR = 3.0  # seconds, and
_SHARE = 0.05  # of the members, before a guess at the rest is worth a word


class StatusLine:
    """A line of stderr that is drawn over itself."""

    def __init__(self) -> None:
        self._drawn = False

    def show(self, text: str) -> None:
        """Draw the text, which must be safe to show, in the place of the last one."""
        self._drawn = True
        self._write(_ERASE + text)

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


class ReadingProgress:
    """Called with the name of a source, the bytes done and the bytes in all (None if nobody knows)."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = StatusLine()
        self._clock = clock
        self._next = clock() + _PATIENCE
        self._name: str | None = None
        self._start = 0.0

    def __call__(self, name: str, done: int, total: int | None) -> None:
        now = self._clock()
        if name != self._name:
            self._name, self._start = name, now
        if now >= self._next:
            self._next = now + INTERVAL
            self._line.show(reading_line(name, done, total, now - self._start))

    def erase(self) -> None:
        self._line.erase()


class ProbingProgress:
    """An observer of the probes that counts."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._running = 0
        self._done = 0

    def member_started(self, member: Member) -> None:
        self._running += 1

    def probe_finished(self, observation: Observation) -> None:
        pass

    def member_finished(self, member: Member) -> None:
        self._running -= 1
        self._done += 1

    def line(self, elapsed: float) -> str:
        """``120 of 500 members done, 80 in flight, 4.2 s, about 13 s left``; ``elapsed`` in seconds.

        Members that end fast are done first, and the dead take their whole timeout: once all have been started,
        nothing is said of the time left.
        """
        said = f"{self._done} of {self._total} members done, {self._running} in flight, {elapsed:.1f} s"
        waiting = self._total - self._done - self._running
        if not waiting or elapsed < _FAIR or self._done < self._total * _SHARE:
            return said
        return f"{said}, about {_time_left(elapsed * (self._total - self._done) / self._done)} left"


class PullProgress:
    """Called with what is asked for, the share of the logs that is there, and the entries so far."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = StatusLine()
        self._clock = clock
        self._begin: tuple[float, float] | None = None  # time and share: of a pull that goes on, a part is there

    def __call__(self, what: str, share: float, entries: int) -> None:
        now = self._clock()
        self._begin = self._begin or ((now, share) if share else None)
        since, before = self._begin or (now, 0.0)
        self._line.show(pull_line(what, share, entries, now - since, share - before))

    def wait(self, seconds: float, why: str) -> None:
        """Say that a request is repeated in that time, until the next call."""
        self._line.show(f"waiting {seconds:.0f} s: {visible(why, _WHY)}")

    def erase(self) -> None:
        self._line.erase()


def pull_line(what: str, share: float, entries: int, elapsed: float, gained: float) -> str:
    """``log of shop: 12,000 entries, 25 %, about 40 s left``; ``gained``: the share that took ``elapsed`` seconds."""
    if not share:
        return f"asking for {visible(what, _NAME)}"
    left = f", about {_time_left(elapsed * (1 - share) / gained)} left" if gained > 0 and elapsed >= _FAIR else ""
    return f"{visible(what, _NAME)}: {entries:,} {'entry' if entries == 1 else 'entries'}, {share * 100:.0f} %{left}"


def reading_line(name: str, done: int, total: int | None, elapsed: float) -> str:
    """``log.json [#####---------------]  25 %, 1.2 GB/s, 3 s left``; ``elapsed`` in seconds."""
    rate = done / elapsed if elapsed > 0 else 0.0
    speed = f"{_bytes(rate)}/s"
    if not total or done > total:
        return f"{visible(name, _NAME)}  {_bytes(done)}, {speed}"
    share = done / total
    filled = int(share * _WIDTH)
    left = f", {_time_left((total - done) / rate)} left" if rate else ""
    return f"{visible(name, _NAME)} [{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%}, {speed}{left}"


def _bytes(number: float) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} B"


def _time_left(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
