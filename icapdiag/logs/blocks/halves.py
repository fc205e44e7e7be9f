"""A large file in two halves: the first is read here, the second by a child process, and their counts are added.

Nobody knows for sure where a record begins in the middle of a text. So the first half is read up to the place where the
second began, and if no record begins there, it goes on to the end, and what the child counted is left out.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import msgspec
from msgspec import Struct

from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.notes import Notes, Tally
from icapdiag.logs.opening.source import Stop

FIRST: Final = 0.51  # share of this process: the other one has to hand over what it counted, too
_POLL: Final = 0.2  # s between two looks at ``stop`` while the other process works
_COUNTER: Final = struct.Struct("=q")

Moved = Callable[[int], None]  # how far reading has come, in bytes


class FilePart:
    """A part of a file, from offset ``start`` to ``end``, in bytes; asks ``stop`` before every read."""

    def __init__(self, fd: int, start: int, end: int, stop: Stop | None) -> None:
        self._fd = fd
        self._position = start
        self.end = end
        self._stop = stop

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer; the number of bytes, 0 at the end."""
        if self._stop is not None and self._stop():
            return 0
        buffer = buffer[: max(0, self.end - self._position)]
        count = os.preadv(self._fd, [buffer], self._position) if buffer else 0
        self._position += count
        return count

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes at most, none at the end."""
        buffer = memoryview(bytearray(size))
        return bytes(buffer[: self.readinto(buffer)])


class Half(Struct, array_like=True):
    """What the child found, as it comes through the pipe."""

    summary: bytes
    notes: Notes
    tally: Tally

    def add_to(self, fallback: FallbackReader, *, lines: int = 0) -> None:
        """Add it to what was found in the first half. ``lines``: how many that has, if notes name lines."""
        fallback.summary.merge_wire(self.summary)
        fallback.notes.merge(self.notes, lines=lines)
        fallback.tally.add(self.tally)


def may_fork(jobs: int | None) -> bool:
    """Whether a second process is wanted and possible: beside threads, it would have them in an unknown state."""
    wanted = len(os.sched_getaffinity(0)) if jobs is None else jobs
    return wanted > 1 and hasattr(os, "fork") and threading.active_count() == 1


def read_in_two(
    first: Callable[[Moved], bool],
    second: Callable[[Moved], FallbackReader],
    progress: Moved | None,
    stop: Stop | None,
) -> Half | None:
    """Read the ``first`` half here, which says whether it ended where the ``second`` begins, and that in a child.

    Both get a function that is told how far they are. ``progress`` is told the bytes done in all. Returns what the
    second half holds; None if the first ended elsewhere, or the child failed.
    """
    with mmap.mmap(-1, _COUNTER.size) as shared:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _be_child(second, writing, shared)
        os.close(writing)

        done = 0

        def moved(offset: int) -> None:
            nonlocal done
            done = offset
            if progress is not None:
                progress(offset + _COUNTER.unpack_from(shared)[0])

        try:
            return _receive(child, reading, lambda: moved(done), stop) if first(moved) else None
        finally:
            os.close(reading)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _be_child(second: Callable[[Moved], FallbackReader], writing: int, shared: mmap.mmap) -> NoReturn:
    """Never returns: whatever happens, nothing of the parent's may run twice."""
    status = 1
    try:
        found = second(lambda done: _COUNTER.pack_into(shared, 0, done))
        wire = msgspec.msgpack.encode(Half(found.summary.to_wire(), found.notes, found.tally))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(wire)
        status = 0
    finally:
        os._exit(status)


def _receive(child: int, reading: int, waiting: Callable[[], None], stop: Stop | None) -> Half | None:
    """What the child sends; None if it died. Passes a stop on to it."""
    pieces: list[bytes] = []
    passed_on = False
    while True:
        ready, _, _ = select.select([reading], [], [], _POLL)
        if ready:
            piece = os.read(reading, 1 << 20)
            if not piece:
                break
            pieces.append(piece)
        else:
            waiting()
            if stop is not None and stop() and not passed_on:
                passed_on = True
                os.kill(child, signal.SIGTERM)
    try:
        return msgspec.msgpack.decode(b"".join(pieces), type=Half)
    except msgspec.DecodeError:
        return None
