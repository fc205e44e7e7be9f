"""The delay of our own event loop, which must not be attributed to the server."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

_TICK = 0.005  # seconds between two looks at the event loop
_REMEMBERED = 24_000  # looks: two minutes
_IDLE = 0.0001  # seconds; the kernel lets a loop wait no longer than this for what is there already


class LoopDelay:
    """A task that sleeps and measures by how much it oversleeps.

    An estimate, not a bound: good enough to mark a time as doubtful, not to correct it.
    """

    def __init__(self) -> None:
        self._due = float("inf")
        self._late: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  # when, by how many seconds

    async def watch(self) -> None:
        while True:
            self._due = trio.current_time() + _TICK
            await trio.sleep_until(self._due)
            now = trio.current_time()
            self._late.append((now, now - self._due))

    def since(self, moment: float) -> float:
        """The longest delay in seconds since this time of trio's clock, including the current one."""
        worst = max(0.0, trio.current_time() - self._due)
        for when, late in reversed(self._late):
            if when < moment:
                break
            worst = max(worst, late)
        return worst


class Polls(trio.abc.Instrument):
    """The earliest time at which an event just reported to the loop can have happened.

    A poll that had to wait returns at once. One that did not wait may report what came right after the
    previous poll, while the loop was busy with other tasks.
    """

    def __init__(self) -> None:
        self._now = trio.lowlevel.current_clock().current_time
        self._asked = self._polled = self.earliest = self._now()

    def before_io_wait(self, timeout: float) -> None:
        self._asked = self._now()

    def after_io_wait(self, timeout: float) -> None:
        now = self._now()
        self.earliest = now if now - self._asked > _IDLE else self._polled
        self._polled = now


class Occupation(trio.abc.Instrument):
    """How busy our own event loop is: the share of time in which it was not waiting.

    Processor time would be misleading: on a busy machine, a busy loop gets little of it.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._since = self._started
        self._waited = 0.0

    def before_io_wait(self, timeout: float) -> None:
        self._since = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        self._waited += time.perf_counter() - self._since

    @property
    def share(self) -> float:
        """From 0 to 1, since the beginning."""
        passed = time.perf_counter() - self._started
        return 1 - self._waited / passed if passed > 0 else 1.0


@contextmanager
def occupation() -> Iterator[Occupation]:
    """Watch the event loop inside the block."""
    watched = Occupation()
    trio.lowlevel.add_instrument(watched)
    try:
        yield watched
    finally:
        trio.lowlevel.remove_instrument(watched)


WATCHER: trio.lowlevel.RunVar[tuple[LoopDelay, Polls] | None] = trio.lowlevel.RunVar("watched loop", None)


def loop_delay_since(moment: float) -> float | None:
    """See `LoopDelay.since`; None: not measured."""
    watcher = WATCHER.get()
    return None if watcher is None else watcher[0].since(moment)


def earliest_arrival() -> float | None:
    """See `Polls`, by trio's clock; None: not measured."""
    watcher = WATCHER.get()
    return None if watcher is None else watcher[1].earliest
