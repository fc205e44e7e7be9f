"""Bodies, piece by piece: chunked coding as it is read and written, and long bodies that are never held whole.

RFC 3507, 4.4; RFC 2616, 3.6.1; with the two extensions of the last chunk that ICAP knows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from icapdiag.icap.headers import parse_fields
from icapdiag.icap.message import SEEN, CapExceeded, Deviation, Headers, Limits, ProtocolError

# int(x, 16) takes "0x1", "+1", "1_0" and " 1": each has been a way to disagree about framing.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;([^\r\n]*))?\r?")
_SECTION = "RFC 2616 3.6.1"
LAST_CHUNK = b"0\r\n\r\n"
LAST_CHUNK_IEOF = b"0; ieof\r\n\r\n"  # the body ends inside the preview (RFC 3507, 4.5)
CHUNK = 64 * 1024


class _At(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()


class ChunkedReader:
    """Takes a body out of a buffer, wherever the buffer happens to end.

    ``body`` holds the first ``limits.body_kept`` bytes, ``size`` counts all of them,
    ``extensions`` are those of the last chunk, lower case (``ieof``, ``use-original-body=6``).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at = _At.SIZE
        self._left = 0  # bytes of the current chunk still to come
        self._trailer_size = 0
        self._trailer_lines: list[bytes] = []
        self.body = bytearray()
        self.size = 0
        self.extensions: tuple[str, ...] = ()
        self.trailers = Headers()
        self.deviations: list[Deviation] = []

    @property
    def done(self) -> bool:
        return self._at is _At.DONE

    @property
    def started(self) -> bool:
        """Whether a chunk-size line has been read."""
        return self.size > 0 or self._at is not _At.SIZE

    def feed(self, buffer: bytearray) -> bool:
        """Consume what belongs to the body from the front of ``buffer``; True at its end.

        Raises `ProtocolError` (``chunk-invalid``) and `CapExceeded`.
        """
        while (at := self._at) is not _At.DONE:
            if at is _At.DATA:
                goes_on = self._data(buffer)
            elif at is _At.SIZE:
                goes_on = self._size(buffer)
            else:
                goes_on = self._data_end(buffer) if at is _At.DATA_END else self._trailer(buffer)
            if not goes_on:
                return False
        return True

    @property
    def inside_chunk(self) -> bool:
        """Whether data of a chunk come next."""
        return self._at is _At.DATA

    def take(self, data: bytes, start: int, end: int) -> bool:
        """Read the bytes from ``start`` to ``end`` if all are data of the current chunk; else False, and none is read.

        What `feed` does, without a buffer in between.
        """
        length = end - start
        if self._at is not _At.DATA or length > self._left:
            return False
        keep = self._limits.body_kept - len(self.body)
        if keep > 0:
            self.body += data[start : min(end, start + keep)]
        self.size += length
        self._left -= length
        if not self._left:
            self._at = _At.DATA_END
        return True

    def miss(self, size: int) -> bool:
        """This number of bytes is lost: True if all were data of the current chunk, which goes on."""
        if self._at is not _At.DATA or size > self._left:
            return False
        self.size += size
        self._left -= size
        if not self._left:
            self._at = _At.DATA_END
        return True

    def close(self) -> bool:
        """The stream has ended: True if only the empty line after the last chunk is missing."""
        if self._at is not _At.TRAILER:
            return self.done
        self._deviate("last-chunk-without-empty-line", "the empty line after the last chunk is missing", b"")
        self._finish()
        return True

    def _deviate(self, rule: str, detail: str, seen: bytes) -> None:
        if all(known.rule != rule for known in self.deviations):
            self.deviations.append(Deviation(rule, _SECTION, detail, seen))

    def _line(self, buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\n", 0, self._limits.line_size + 1)
        if end < 0:
            if len(buffer) > self._limits.line_size:
                raise CapExceeded("chunk-line", f"a line of more than {self._limits.line_size} bytes", buffer)
            return None
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        if not line.endswith(b"\r"):
            self._deviate("chunk-line-ends", "a chunk line ends with LF instead of CRLF", line)
        return line

    def _size(self, buffer: bytearray) -> bool:
        line = self._line(buffer)
        if line is None:
            return False
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise ProtocolError("chunk-invalid", "a chunk size is not a hexadecimal number", line)
        self._left = int(found[1], 16)
        if self._left > self._limits.chunk_size:
            raise CapExceeded("chunk-size", f"a chunk of {self._left} bytes", line)
        if self.size + self._left > self._limits.body_total:
            raise CapExceeded("body-total", f"a body of more than {self._limits.body_total} bytes", line)
        if self._left:
            self._at = _At.DATA
        else:
            text = (found[2] or b"").decode("latin-1")
            self.extensions = tuple(part.strip().lower() for part in text.split(";") if part.strip())
            self._at = _At.TRAILER
        return True

    def _data(self, buffer: bytearray) -> bool:
        if not buffer:
            return False
        take = min(self._left, len(buffer))
        keep = min(take, self._limits.body_kept - len(self.body))
        if keep > 0:
            self.body += buffer[:keep]
        self.size += take
        self._left -= take
        del buffer[:take]
        if not self._left:
            self._at = _At.DATA_END
        return True

    def _data_end(self, buffer: bytearray) -> bool:
        if buffer[:2] == b"\r\n":
            del buffer[:2]
        elif buffer[:1] == b"\n":
            self._deviate("chunk-line-ends", "chunk data ends with LF instead of CRLF", b"\n")
            del buffer[:1]
        elif not buffer or bytes(buffer) == b"\r":
            return False
        else:
            line, newline, _ = bytes(buffer[:SEEN]).partition(b"\n")
            if not newline and len(buffer) < SEEN:
                return False
            if not (newline and _SIZE_LINE.fullmatch(line)):
                raise ProtocolError("chunk-invalid", "chunk data is longer than its size says", line)
            self._deviate("chunk-data-end", "chunk data is not followed by CRLF", line)
        self._at = _At.SIZE
        return True

    def _trailer(self, buffer: bytearray) -> bool:
        line = self._line(buffer)
        if line is None:
            return False
        line = line.removesuffix(b"\r")
        if line:
            self._trailer_size += len(line)
            if self._trailer_size > self._limits.head_size:
                raise CapExceeded("trailer-size", f"trailers of more than {self._limits.head_size} bytes", line)
            self._trailer_lines.append(line)
        else:
            self._finish()
        return True

    def _finish(self) -> None:
        self.trailers, deviations = parse_fields(self._trailer_lines, self._limits)
        self.deviations += deviations
        self._at = _At.DONE


def encode_chunks(data: bytes, size: int = CHUNK) -> Iterator[bytes]:
    """The data as chunks of at most ``size`` bytes, without the last chunk."""
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)


@dataclass(frozen=True, slots=True)
class Filling:
    """``length`` bytes of ``pattern`` (not empty), again and again, the last one cut."""

    pattern: bytes
    length: int

    def __len__(self) -> int:
        return self.length

    def cut(self, start: int, stop: int) -> bytes:
        """As a slice of `bytes`, within the length."""
        phase, length = start % len(self.pattern), stop - start
        return (self.pattern * (length // len(self.pattern) + 2))[phase : phase + length]


@dataclass(frozen=True, slots=True)
class Body:
    """A body made of given bytes and fillings, one behind the other. ``len()`` is its length in bytes."""

    parts: tuple[bytes | Filling, ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def pieces(self, start: int = 0, stop: int | None = None, size: int = CHUNK) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop`` (the end, if None), in order, at most ``size`` at a time."""
        left = max(0, min(len(self), len(self) if stop is None else stop) - start)
        for part in self.parts:
            if start >= len(part):
                start -= len(part)
                continue
            end = start + min(left, len(part) - start)
            for at in range(start, end, size):
                upto = min(at + size, end)
                yield part[at:upto] if isinstance(part, bytes) else part.cut(at, upto)
            start, left = 0, left - (end - start)

    def head(self, length: int) -> bytes:
        """The first ``length`` bytes, fewer if there are no more."""
        return b"".join(self.pieces(0, length))

    def startswith(self, prefix: bytes) -> bool:
        """As of `bytes`; as much of the body as ``prefix`` is long is put together."""
        return self.head(len(prefix)) == prefix

    def sha256(self) -> str:
        """Its SHA-256 as hex digits."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Chunks:
    """A body from ``start`` on as it goes over the wire: its chunks, and the last one (RFC 3507, 4.4)."""

    body: Body
    start: int = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.body.pieces(self.start):
            yield from encode_chunks(piece)
        yield LAST_CHUNK

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        start, size = self.start, len(LAST_CHUNK)
        for part in self.body.parts:
            full, rest = divmod(max(0, len(part) - start), CHUNK)
            start = max(0, start - len(part))
            size += full * _framed(CHUNK) + (_framed(rest) if rest else 0)
        return size


def _framed(length: int) -> int:
    return len(b"%x\r\n\r\n" % length) + length
