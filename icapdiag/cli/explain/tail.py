"""A growing file as bytes: read as it grows, over truncation and rotation."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from icapdiag.bounded import open_at_once

CHUNK = 512 << 10  # bytes of one read
LONGEST = 64 << 20  # bytes of a line whose end is no longer waited for
INTERVAL = 0.3  # seconds between two looks at a file that does not grow


class Tail(Protocol):
    """A source of bytes that may have more of them later.

    ``ended``: nothing can come any more. ``restarted``: the bytes of the last `read` begin anew,
    as the file was truncated or rotated.
    """

    name: str
    ended: bool
    restarted: bool

    def read(self) -> bytes:
        """What came since the last time, at most `CHUNK` bytes; after waiting a little where nothing did."""


@contextmanager
def open_tail(name: str) -> Iterator[Tail]:
    """The input of this name, ``-`` for standard input. Raises OSError."""
    if name == "-":
        if sys.stdin is None:
            raise OSError("standard input is closed")
        yield StreamTail(sys.stdin.fileno(), "<stdin>")
        return
    descriptor = open_at_once(name)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        file = FileTail(Path(name), descriptor)
        try:
            yield file
        finally:
            file.close()
        return
    try:
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(0, "it is a folder")
        yield StreamTail(descriptor, name)
    finally:
        os.close(descriptor)


class StreamTail:
    """Standard input, a pipe or a FIFO."""

    restarted = False

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.ended = False
        self._descriptor = descriptor

    def read(self) -> bytes:
        if not select.select([self._descriptor], [], [], INTERVAL)[0]:
            return b""
        data = os.read(self._descriptor, CHUNK)
        self.ended = not data
        return data


class FileTail:
    """A regular file, followed by its name: also into the one that takes its place."""

    ended = False

    def __init__(self, path: Path, descriptor: int, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = str(path)
        self.restarted = False
        self._path = path
        self._sleep = sleep
        self._descriptor = descriptor
        self._offset = 0

    def read(self) -> bytes:
        self.restarted = False
        data = self._read()
        if not data and self._begins_anew():
            self.restarted = True
            data = self._read()
        if not data:
            self._sleep(INTERVAL)
        return data

    def close(self) -> None:
        os.close(self._descriptor)

    def _read(self) -> bytes:
        data = os.read(self._descriptor, CHUNK)
        self._offset += len(data)
        return data

    def _begins_anew(self) -> bool:
        """Whether the file was emptied, or another one has its name now; then that one is open."""
        here = os.fstat(self._descriptor)
        if here.st_size < self._offset:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._offset = 0
            return True
        try:
            there = self._path.stat()
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                return False
            descriptor = open_at_once(self._path)
        except OSError:  # between two names: the next look will tell
            return False
        os.close(self._descriptor)
        self._descriptor, self._offset = descriptor, 0
        return True


class Pieces:
    """Cuts what comes behind its last line end, and knows the line on which each piece begins."""

    def __init__(self, take: Callable[[bytes, int], None]) -> None:
        """``take`` gets each piece and the number of its first line."""
        self._take = take
        self._rest = b""
        self._looked_at = 0  # bytes of the rest when it was last found to be no whole value
        self._line = 1

    def add(self, data: bytes) -> None:
        """Bytes that follow those before."""
        self._rest += data
        end = self._rest.rfind(b"\n", len(self._rest) - len(data)) + 1
        if end or len(self._rest) >= LONGEST:
            self._give(end or len(self._rest))

    def settle(self) -> None:
        """Nothing came for a while: a JSON value that is whole needs no line end."""
        if len(self._rest) != self._looked_at:
            self._looked_at = len(self._rest)
            if _is_whole(self._rest):
                self._give(len(self._rest))

    def restart(self) -> None:
        """What comes next begins anew, on line 1."""
        self.flush()
        self._line = 1

    def flush(self) -> None:
        """No line end will come for what is left."""
        if self._rest:
            self._give(len(self._rest))

    def _give(self, end: int) -> None:
        piece, self._rest = self._rest[:end], self._rest[end:]
        line, self._line = self._line, self._line + piece.count(b"\n")
        self._looked_at = 0
        self._take(piece, line)


def _is_whole(data: bytes) -> bool:
    if not data.rstrip().endswith((b"}", b"]")):
        return False
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
