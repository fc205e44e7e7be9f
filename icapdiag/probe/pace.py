"""Who may go when: new connections at no more than a given rate, and one member alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


class Gate:
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


class Solo:
    """Lets one at a time do what must not be disturbed, while the others wait for that or are done.

    Those who start later do not wait for it.
    """

    def __init__(self) -> None:
        self._turn = trio.Lock()
        self._at_work = 0
        self._quiet = trio.Event()
        self._quiet.set()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Within it the caller disturbs, but while it waits for being `alone`, or is."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[float]:
        """Only within `at_work`. The seconds that it took to be alone."""
        started = trio.current_time()
        self._change(-1)
        try:
            async with self._turn:
                while self._at_work:
                    await self._quiet.wait()
                yield trio.current_time() - started
        finally:
            self._change(1)

    def _change(self, by: int) -> None:
        self._at_work += by
        if not self._at_work:
            self._quiet.set()
        elif self._quiet.is_set():
            self._quiet = trio.Event()
