"""Bodies that are written piece by piece: one of any length takes no more memory than one of its pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from icapdiag.icap.chunked import CHUNK, LAST_CHUNK, encode_chunks


@dataclass(frozen=True, slots=True)
class Filling:
    """``length`` bytes of ``pattern`` (not empty), again and again, the last one cut."""

    pattern: bytes
    length: int

    def __len__(self) -> int:
        return self.length


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
            wanted = min(left, len(part) - start)
            yield from _cut(part, start, wanted, size)
            start, left = 0, left - wanted

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


def _cut(part: bytes | Filling, start: int, length: int, size: int) -> Iterator[bytes]:
    """``length`` bytes of one part from ``start`` on."""
    if isinstance(part, bytes):
        for at in range(start, start + length, size):
            yield part[at : min(at + size, start + length)]
        return
    block = part.pattern * (min(size, length) // len(part.pattern) + 2)  # enough for a piece from any phase
    for at in range(start, start + length, size):
        phase = at % len(part.pattern)
        yield block[phase : phase + min(size, start + length - at)]


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
        return sum(_framed(length) for length in self._lengths()) + len(LAST_CHUNK)

    def _lengths(self) -> Iterator[int]:
        start = self.start
        for part in self.body.parts:
            left = max(0, len(part) - start)
            start = max(0, start - len(part))
            yield from (CHUNK for _ in range(left // CHUNK))
            if left % CHUNK:
                yield left % CHUNK


def _framed(length: int) -> int:
    return len(b"%x\r\n\r\n" % length) + length
