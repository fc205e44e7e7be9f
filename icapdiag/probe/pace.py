"""New connections at no more than a given rate, over all members."""

from __future__ import annotations

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
