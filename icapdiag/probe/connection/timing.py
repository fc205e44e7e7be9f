"""Response times, by the best clock available, and whether they may include delay of our own event loop."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from msgspec import Struct

from icapdiag.facts.connection import Transfer
from icapdiag.probe.connection.loop import WATCHER, LoopDelay, Polls, loop_delay_since
from icapdiag.probe.connection.stream import Handover, transport_of, want_stamps

_TOLERATED = 0.05  # of the figure; a longer delay of our own makes it doubtful
_LEAST = 0.0001  # seconds that our own clock is always late: a loop that has nothing else to do takes them too


class Stopwatch:
    """Measures from handing the request to the kernel until the final answer arrives.

    The arrival is that of the first bytes that follow the request, or the rest of the body that a
    100 Continue asked for: the kernel's receive timestamp if it is plausible (not before the
    request, not in the future: the wall clock may have been set), otherwise our own clock. The time
    is uncertain if handing over the request took so long that its start and end differ noticeably.
    """

    def __init__(self) -> None:
        self._sent_ns = 0
        self._sent: float | None = None
        self._arrival: _Arrival | None = None

    def sending(self, stream: trio.abc.Stream) -> None:
        """Call right before the first write."""
        if self._sent is None:
            self._sent_ns, self._sent = time.time_ns(), trio.current_time()
            if transport := transport_of(stream):
                transport.handed_over = None

    def received(self, stream: trio.abc.Stream) -> None:
        """Call right after each read."""
        if self._arrival is None:
            now = trio.current_time()
            self._arrival = arrival = _Arrival(None, None, now, time.time_ns(), now)
            if transport := transport_of(stream):
                arrival.handover, arrival.arrived_ns = transport.handed_over, transport.arrived_ns
                arrival.after = transport.arrived_after

    def continued(self) -> None:
        """A 100 Continue was received: the answer is still to come."""
        self._arrival = None

    def facts(self) -> Transfer:
        """``answer_ms`` and its clock; empty before there is an answer."""
        if self._arrival is None or self._sent is None:
            return Transfer()
        arrival = self._arrival
        handover = arrival.handover or Handover(self._sent_ns, self._sent_ns, self._sent)
        giving = (handover.end_ns - handover.begin_ns) / 1e9
        if arrival.arrived_ns is not None and handover.begin_ns <= arrival.arrived_ns <= arrival.seen_ns:
            took, doubt = (arrival.arrived_ns - handover.begin_ns) / 1e9, giving
            clock = "kernel"
        else:
            took = arrival.seen - handover.begin
            doubt = max(giving, arrival.doubt(handover.begin), _LEAST)
            clock = "application"
        return Transfer(
            answer_application_ms=round((arrival.seen - self._sent) * 1000, 3),
            answer_clock=clock,
            answer_ms=round(took * 1000, 3),
            answer_uncertain=True if doubt > _TOLERATED * took else None,
        )


class _Arrival(Struct):
    """When the request was handed over and the answer arrived. ``after`` and ``seen`` by trio's clock.

    By our own clock, the answer arrived between ``after`` (None: unknown) and ``seen``.
    """

    handover: Handover | None
    arrived_ns: int | None
    after: float | None
    seen_ns: int
    seen: float

    def doubt(self, begin: float) -> float:
        """How many seconds of the time since ``begin`` may be client-side delay."""
        delay = loop_delay_since(begin)
        if delay is None or self.after is None:
            return self.seen - begin
        return max(delay, self.seen - self.after)


@asynccontextmanager
async def watched_loop() -> AsyncIterator[None]:
    """Watch the event loop inside the block, and keep the kernel's receive timestamps enabled."""
    delay, polls = LoopDelay(), Polls()
    # The kernel switches it on with the first socket that wants it, and does so a moment later.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        want_stamps(held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(delay.watch)
            trio.lowlevel.add_instrument(polls)
            WATCHER.set((delay, polls))
            try:
                yield
            finally:
                WATCHER.set(None)
                trio.lowlevel.remove_instrument(polls)
                nursery.cancel_scope.cancel()
