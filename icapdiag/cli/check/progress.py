"""One line on stderr that says how far the probes are; for terminals only."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from icapdiag.cli.bar import time_left

if TYPE_CHECKING:
    from icapdiag.model import Observation
    from icapdiag.pool import Member

_INTERVAL = 0.2  # seconds between two looks
_ERASE = "\r\x1b[K"
_FAIR = 3.0  # seconds, and
_SHARE = 0.05  # of the members, before a guess at the rest is worth a word


class Progress:
    """An observer of the probes that counts, and draws when ``visible``."""

    def __init__(self, total: int, *, visible: bool) -> None:
        self._total = total
        self._visible = visible
        self._running = 0
        self._done = 0

    def member_started(self, member: Member) -> None:
        self._running += 1

    def probe_finished(self, observation: Observation) -> None:
        pass

    def member_finished(self, member: Member) -> None:
        self._running -= 1
        self._done += 1

    async def draw(self) -> None:
        """Redraw until cancelled, then erase."""
        if not self._visible:
            return
        start = trio.current_time()
        try:
            while True:
                await trio.sleep(_INTERVAL)
                self._write(f"{_ERASE}{self.line(trio.current_time() - start)}")
        finally:
            self._write(_ERASE)

    def line(self, elapsed: float) -> str:
        """``120 of 500 members done, 80 in flight, 4.2 s, about 13 s left``; ``elapsed`` in seconds.

        Members that end fast are done first, and the dead take their whole timeout: once all have been started,
        nothing is said of the time left.
        """
        said = f"{self._done} of {self._total} members done, {self._running} in flight, {elapsed:.1f} s"
        waiting = self._total - self._done - self._running
        if not waiting or elapsed < _FAIR or self._done < self._total * _SHARE:
            return said
        return f"{said}, about {time_left(elapsed * (self._total - self._done) / self._done)} left"

    def _write(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(text)
                sys.stderr.flush()
