"""One input as a stream of UTF-8 bytes, decompressed and decoded; only its beginning is kept."""

from __future__ import annotations

import codecs
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from icapdiag.bounded import open_at_once
from icapdiag.logs.opening.compression import PIECE, Read, compression_of, has_zstd, inflate
from icapdiag.logs.opening.inputs import NO_ZSTD, STDIN, InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Stop = Callable[[], bool]  # whether reading is to end where it is
Tick = Callable[[], None]  # called now and then while a source is read

HEAD = 1 << 20  # bytes that are looked at to tell the container; an input that ends within them is held whole
_POLL = 0.2  # s between two looks at ``stop`` while nothing comes
_LAYERS = 2  # a .gz inside a .gz happens; more is a trap
_MARKS = (  # the longer first: UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 512
_ENOUGH = 0.7  # share of characters that must be ASCII to believe in UTF-16 without a mark
STRAY = "icapdiag.stray"  # the name of our error handler for decoding


class Source(io.RawIOBase):
    """Decompressed UTF-8 bytes of one input, without its byte order mark.

    ``head`` is the beginning, at most 1 MiB, and still part of the stream; ``whole``: it is everything.
    ``compressed`` names the compressions, outermost first. ``encoding``: of the original text; ``mark``: the
    length of its byte order mark. ``faults`` are sentences about the input as a whole; later reads may add to them.
    ``fd`` is the descriptor of a regular file that needs neither decompression nor recoding, otherwise None.
    """

    def __init__(self, name: str, read: Read, *, fd: int | None = None, stored_size: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.faults: list[str] = []
        self.stored_done = 0  # bytes of the file read so far
        self.stored_size = stored_size
        self.size = 0  # bytes that came out of this stream
        self._read_stored = read
        self._pull, self.compressed = self._unwrapped(_Pull(self._stored()))
        self.encoding, self.mark = encoding_of(self._pull.peek(512))
        if self.mark:
            self._pull.read(self.mark)
        if self.encoding != "utf-8":
            texts = codecs.iterdecode(self._pull.pieces(), self.encoding, errors="replace")
            self._pull = _Pull(text.encode("utf-8", "replace") for text in texts)
        self.head = self._pull.peek(HEAD)
        self.whole = len(self.head) < HEAD
        self.fd = fd if not self.compressed and self.encoding == "utf-8" else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._pull.read(len(view))
        view[: len(data)] = data
        self.size += len(data)
        return len(data)

    def _stored(self) -> Iterator[bytes]:
        """The file's bytes; an operating system error ends them and is noted."""
        while True:
            try:
                data = self._read_stored(PIECE)
            except OSError as error:
                self.faults.append(f"reading failed: {os.strerror(error.errno) if error.errno else error}")
                return
            if not data:
                return
            self.stored_done += len(data)
            yield data

    def _unwrapped(self, pull: _Pull) -> tuple[_Pull, str]:
        layers: list[str] = []
        while kind := compression_of(pull.peek(4)):
            if len(layers) == _LAYERS:
                self.faults.append(f"compressed more than {_LAYERS} times; the innermost data was not unpacked")
                break
            if kind == "zstd" and not has_zstd():
                raise InputError([f"the input {NO_ZSTD}"])
            layers.append(kind)
            pull = _Pull(inflate(kind, pull.read, self.faults.append))
        return pull, ", ".join(layers)


class _Pull:
    """An iterator of pieces, read by number of bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._kept = memoryview(b"")

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end, without consuming them."""
        kept: list[bytes | memoryview] = [self._kept]
        length = len(self._kept)
        while length < size and (piece := next(self._pieces, b"")):
            kept.append(piece)
            length += len(piece)
        if len(kept) > 1:
            self._kept = memoryview(b"".join(kept))
        return bytes(self._kept[:size])

    def read(self, size: int) -> bytes:
        """At least one and at most ``size`` bytes, ``b""`` at the end."""
        if not self._kept:
            self._kept = memoryview(next(self._pieces, b""))
        data = bytes(self._kept[:size])
        self._kept = self._kept[size:]
        return data

    def pieces(self) -> Iterator[bytes]:
        while data := self.read(PIECE):
            yield data


@contextmanager
def open_source(name: str, stop: Stop | None = None) -> Iterator[Source]:
    """Open a path or ``-``. Raises `InputError` if it can't be opened.

    ``stop`` is called before every read: if it returns True, the input ends there.
    """
    if name == STDIN:
        stdin = sys.stdin.buffer
        read = getattr(stdin, "read1", stdin.read)  # what is there: `read` would wait for the whole piece of a pipe
        yield Source("<stdin>", _until(stop, read, stdin))
        return
    try:
        file = os.fdopen(open_at_once(name), "rb", buffering=0)
    except OSError as error:
        raise InputError([f"{name}: {os.strerror(error.errno) if error.errno else error}"]) from None
    with file:
        about = os.fstat(file.fileno())
        os.set_blocking(file.fileno(), True)
        if stop is None and stat.S_ISFIFO(about.st_mode):
            select.select([file], [], [])  # until it has a writer: before, it is at its end
        regular = stat.S_ISREG(about.st_mode)
        yield Source(
            name,
            _until(stop, file.read, None if regular else file),
            fd=file.fileno() if regular else None,
            stored_size=about.st_size if regular else None,
        )


def _until(stop: Stop | None, read: Read, slow: IO[bytes] | None) -> Read:
    """A ``read`` that ends when ``stop`` returns True, also while waiting for a ``slow`` stream such as a pipe."""
    if stop is None:
        return read

    def stoppable(size: int) -> bytes:
        while not stop():
            if slow is None or select.select([slow], [], [], _POLL)[0]:
                return read(size)
        return b""

    return stoppable


def locate(name: str, offsets: Iterable[int], *, mark: int = 0) -> dict[int, tuple[int, int]]:
    """Line and column (from 1, characters) of each offset; offsets count the ``mark`` bytes of a byte order mark.

    Reads no further than the last offset. Offsets that can't be found any more are left out.
    """
    wanted = sorted(set(offsets))
    places: dict[int, tuple[int, int]] = {}
    line, column, at = 1, 1, mark  # of the block that comes next
    try:
        with open_source(name) as source:
            while wanted and (block := source.read(PIECE)):
                end = at + len(block)
                while wanted and wanted[0] <= end:
                    offset = wanted.pop(0)
                    places[offset] = _place(block[: max(0, offset - at)], line, column)
                line, column = _place(block, line, column)
                at = end
    except InputError:
        pass
    return places


def _place(block: bytes, line: int, column: int) -> tuple[int, int]:
    """Line and column right after the block, which begins at ``line`` and ``column``."""
    last = block.rfind(b"\n")
    characters = len(block[last + 1 :].decode("utf-8", "ignore"))
    return (line + block.count(b"\n"), characters + 1) if last >= 0 else (line, column + characters)


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a text by its first bytes, and the length of its byte order mark.

    Without a mark, it is detected from NUL bytes at the places where UTF-16 and UTF-32 have them in ASCII
    (RFC 4627, 3); everything else is ``utf-8``.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    sample = head[:_LOOKED_AT]
    for name, width, place in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
        units = [sample[at : at + width] for at in range(0, len(sample) - width + 1, width)]
        ascii_units = sum(1 for unit in units if _is_ascii(unit, place))
        if len(units) >= 4 and _is_ascii(units[0], place) and ascii_units >= _ENOUGH * len(units):
            return name, 0
    return "utf-8", 0


def _is_ascii(unit: bytes, place: int) -> bool:
    return 0 < unit[place] < 0x80 and unit.count(0) == len(unit) - 1


def to_text(data: bytes) -> tuple[str, int | None]:
    """UTF-8 as text, and the index of the first character that was not UTF-8 (None: there is none).

    Bytes that are not UTF-8 are read as Windows-1252, one by one: an editor on Windows
    writes a smart quote that way.
    """
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return data.decode("utf-8", STRAY), len(data[: error.start].decode("utf-8"))


def _stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    return byte.decode("cp1252", "replace"), error.start + 1


codecs.register_error(STRAY, _stray)
