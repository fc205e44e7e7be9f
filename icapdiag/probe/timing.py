"""How long an answer took, by the best clock there is, and whether our own event loop may be in the figure."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from icapdiag.probe.base import Facts
from icapdiag.probe.wire import beneath, want_stamps

_TICK = 0.005  # seconds between two looks at the event loop
_REMEMBERED = 24_000  # looks: two minutes
_TOLERATED = 0.05  # of the figure; a longer delay of our own makes it doubtful
_LEAST = 0.0001  # seconds that our own clock is always late: a loop that has nothing else to do takes them too


class Stopwatch:
    """Runs from the moment the request is handed to the kernel to the arrival of the final answer.

    The arrival is that of the first bytes that follow the request, or the rest of the body that a
    100 Continue asked for: by the kernel's receive timestamp where it is plausible (not before the
    request, not in the future: the wall clock may have been set), else by our own clock. The figure
    is uncertain where the handing over took so long that it matters which moment of it counts.
    """

    def __init__(self) -> None:
        self._sent_ns = 0
        self._sent = 0.0
        self._started = False
        self._arrival: _Arrival | None = None

    def sending(self, stream: trio.abc.Stream) -> None:
        """Call right before the first write."""
        if not self._started:
            self._started = True
            self._sent_ns = time.time_ns()
            self._sent = trio.current_time()
            if wire := beneath(stream):
                wire.forget_sending()

    def received(self, stream: trio.abc.Stream) -> None:
        """Call right after each read."""
        if self._arrival is None:
            wire = beneath(stream)
            handover = wire.handed_over_ns if wire else None
            arrived = wire.arrived_ns if wire else None
            self._arrival = _Arrival(handover, arrived, time.time_ns(), trio.current_time())

    def continued(self) -> None:
        """What was received was a 100 Continue: the answer is still to come."""
        self._arrival = None

    def facts(self) -> Facts:
        """``answer_ms`` and what it rests on; empty before there is an answer."""
        if self._arrival is None or not self._started:
            return {}
        arrival, ours = self._arrival, self._arrival.seen - self._sent
        facts: Facts = {"answer_application_ms": round(ours * 1000, 3)}
        before, after = arrival.handover or (self._sent_ns, self._sent_ns)
        if arrival.arrived_ns is not None and before <= arrival.arrived_ns <= arrival.seen_ns:
            took = arrival.arrived_ns - before
            facts |= {"answer_ms": round(took / 1e6, 3), "answer_clock": "kernel"}
            uncertain = after - before > _TOLERATED * took
        else:
            facts |= {"answer_ms": facts["answer_application_ms"], "answer_clock": "application"}
            delay = loop_delay_since(self._sent)
            uncertain = delay is None or max(_LEAST, delay) > _TOLERATED * ours
        return facts | ({"answer_uncertain": True} if uncertain else {})


@dataclass(frozen=True, slots=True)
class _Arrival:
    """When the request was handed over (begin and end) and the answer arrived, by the kernel, and when we saw it."""

    handover: tuple[int, int] | None
    arrived_ns: int | None
    seen_ns: int
    seen: float  # trio's clock


class LoopDelay:
    """How late our own event loop has been: a task that sleeps, and sees by how much it oversleeps.

    Of the right order and no bound: good for marking a figure as doubtful, not for correcting it.
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
        """The longest delay, in seconds, since this time of trio's clock, the one that still lasts too."""
        worst = max(0.0, trio.current_time() - self._due)
        for when, late in reversed(self._late):
            if when < moment:
                break
            worst = max(worst, late)
        return worst


_WATCHER: trio.lowlevel.RunVar[LoopDelay | None] = trio.lowlevel.RunVar("loop delay", None)


@asynccontextmanager
async def watched_loop() -> AsyncIterator[None]:
    """Watch the event loop inside the block, and keep the kernel's stamping of what arrives switched on."""
    delay = LoopDelay()
    # The kernel switches it on with the first socket that wants it, and does so a moment later.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        want_stamps(held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(delay.watch)
            _WATCHER.set(delay)
            try:
                yield
            finally:
                _WATCHER.set(None)
                nursery.cancel_scope.cancel()


def loop_delay_since(moment: float) -> float | None:
    """None: nobody watches, so nothing is known."""
    delay = _WATCHER.get()
    return None if delay is None else delay.since(moment)
