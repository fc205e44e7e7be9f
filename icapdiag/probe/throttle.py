"""Limits when probes may act: the rate of new connections, and exclusive access for one member."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


class RateLimiter:
    """Admits one caller every ``1 / rate`` seconds, in order of arrival."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = -float("inf")

    async def wait(self) -> float:
        """Wait for the caller's turn; returns the seconds waited."""
        now = trio.current_time()
        turn = max(now, self._next)
        self._next = turn + self._interval
        await trio.sleep_until(turn)
        return turn - now


class ExclusiveAccess:
    """Lets one caller at a time do what must not be disturbed, while the others wait or are done.

    Later callers do not wait for it.
    """

    def __init__(self) -> None:
        self._lock = trio.Lock()
        self._sharers = 0
        self._unshared = trio.Event()
        self._unshared.set()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Shared access, except while the caller waits for `exclusive` access or has it."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[float]:
        """Only within `shared`. Yields the seconds waited."""
        started = trio.current_time()
        self._change(-1)
        try:
            async with self._lock:
                while self._sharers:
                    await self._unshared.wait()
                yield trio.current_time() - started
        finally:
            self._change(1)

    def _change(self, by: int) -> None:
        self._sharers += by
        if not self._sharers:
            self._unshared.set()
        elif self._unshared.is_set():
            self._unshared = trio.Event()
