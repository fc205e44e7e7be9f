"""What Ctrl-C (SIGINT), SIGTERM and a lost terminal (SIGHUP) end, and what they don't cut in two.

Before the work they end the process at once; after it they come too late. While there is something to lose the first
one only asks for an end, and the next one is a KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT; as in icapdiag.vocabulary, which is not imported for it


def signals() -> tuple[signal.Signals, ...]:
    """Those that end us. Under nohup, which has SIGHUP ignored, it stays so."""
    lost = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *lost)


def end_at_once(*_: object) -> None:
    """Handle a signal quietly. No exception: one that hits an import may be lost in it."""
    os._exit(INTERRUPTED)


def handle_all(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """From now on this is what signals do."""
    for number in signals():
        signal.signal(number, handler)


class Stop:
    """Turns true, and calls ``wake`` in the midst of anything, at the first signal; the next is a KeyboardInterrupt."""

    def __init__(self) -> None:
        self.number = 0  # of the first signal
        self.wake: Callable[[], object] = bool

    def __call__(self) -> bool:
        return self.number != 0

    def handle(self, number: int, _: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
        self.wake()


@contextmanager
def stopping() -> Iterator[Stop]:
    """A stop that gets the signals meanwhile."""
    stop = Stop()
    before = {number: signal.signal(number, stop.handle) for number in signals()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What is written meanwhile is written whole: the first signal has its effect afterwards."""
    with stopping() as stop:
        yield
    if stop.number:
        signal.raise_signal(stop.number)
