"""What somebody named, read into memory: up to a limit, and whatever it turns out to be: a pipe, a device, a folder."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

_PATIENCE = 5.0  # seconds for somebody to open the other end of a FIFO
_PIECE = 1 << 20


def open_at_once(path: str | Path) -> int:
    """A descriptor that does not block, to read from: opening a FIFO would wait for its writer. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def read_file(path: Path, largest: int, *, regular: bool = False) -> bytes:
    """The file, or one byte more than ``largest`` of it. A FIFO that nobody writes to is empty.

    Raises OSError; with ``regular`` also for a pipe, a device and the like.
    """
    descriptor = open_at_once(path)
    try:
        mode = os.fstat(descriptor).st_mode
        if regular and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if stat.S_ISFIFO(mode):
            select.select([descriptor], [], [], _PATIENCE)  # before there is a writer it is at its end, too
        return read_open(descriptor, largest)
    finally:
        os.close(descriptor)


class NotPrivate(Exception):
    """A file for a secret that can't be read, or that others can read too; the message says which, and what to do."""


def read_private(path: Path, source: str, largest: int) -> str:
    """The text of a file that only its owner can read, without its last line end. Raises `NotPrivate`.

    ``source`` is how messages name it.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise NotPrivate(f"{source} is not a regular file")
            if about.st_mode & 0o077:
                mode = stat.S_IMODE(about.st_mode)
                raise NotPrivate(f"{source} has mode {mode:04o}, so others can read it: chmod 600 it")
            if about.st_uid not in {os.geteuid(), 0}:
                raise NotPrivate(f"{source} belongs to another user")
            data = stream.read(largest + 1)
        if len(data) > largest:
            raise NotPrivate(f"{source} is larger than {largest} bytes: not a secret")
        return data.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise NotPrivate(f"can't read {source}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise NotPrivate(f"{source} is not text: not a secret") from None


def read_open(descriptor: int, largest: int) -> bytes:
    """What is open, to its end, or one byte more than ``largest`` of it. Raises OSError."""
    pieces: list[bytes] = []
    room = largest + 1
    while room:
        try:
            piece = os.read(descriptor, min(room, _PIECE))
        except BlockingIOError:  # there is a writer, and nothing from it yet
            select.select([descriptor], [], [])
            continue
        if not piece:
            break
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)
