"""Who may go when: new connections at no more than a given rate, and one member exclusively."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


class RateLimiter:
    """Lets one through every ``1 / rate`` seconds, in the order in which they come."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = -float("inf")

    async def wait(self) -> float:
        """Wait for one's turn; the seconds that it took."""
        now = trio.current_time()
        turn = max(now, self._next)
        self._next = turn + self._interval
        await trio.sleep_until(turn)
        return turn - now


class ExclusiveAccess:
    """Lets one at a time do what must not be disturbed, while the others wait for that or are done.

    Those who start later do not wait for it.
    """

    def __init__(self) -> None:
        self._lock = trio.Lock()
        self._sharers = 0
        self._unshared = trio.Event()
        self._unshared.set()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Within it the caller disturbs, but while it waits for `exclusive` access, or has it."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[float]:
        """Only within `shared`. The seconds that it took to get it."""
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
