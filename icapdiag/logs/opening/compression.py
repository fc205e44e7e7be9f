"""gzip and zstd as streams of bounded pieces: concatenated members, cut ends, trailing garbage, bombs.

Data is passed on as it arrives, so a damaged file is read up to the damage.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

from isal import isal_zlib

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PIECE = 1 << 20  # bytes that are handed on at once, however much a bomb holds
_GZIP_FEED = 16 * 1024  # compressed bytes given to inflate at once; so much is lost at a damage
_GZIP_DAMAGE = cast("type[Exception]", isal_zlib.error)  # its stub has an instance there
_ZSTD_FEED = 2 * 1024  # zstd can't bound its output: 2 KiB hold at most 64 MiB of zeros
_HEADER_LIMIT = 128 * 1024  # a gzip header with its name and comment
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 2, 4, 8, 16

CUTS = (  # complaints: the end is missing
    "the file is cut inside a gzip header",
    "the gzip data is cut off; what came before the cut was read",
    "the gzip data is cut off inside its checksum; the data was read",
    "the zstd data is cut off; what came before the cut was read",
)

Read = Callable[[int], bytes]  # at most so many bytes, b"" at the end
Complain = Callable[[str], None]


def compression_of(head: bytes) -> str:
    """``gzip``, ``zstd`` or "", by the first four bytes."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) or _is_skippable(head) else ""


def inflate(kind: str, read: Read, complain: Complain) -> Iterator[bytes]:
    """The decompressed pieces of a stream; ``complain`` gets one sentence for each thing that is wrong.

    Raises ImportError if zstd's library is missing (see `has_zstd`), OSError like ``read``.
    """
    return _gunzip(read, complain) if kind == "gzip" else _unzstd(read, complain)


def _gunzip(read: Read, complain: Complain) -> Iterator[bytes]:
    """Members are inflated raw and their checksums compared here, so that a wrong one loses no data."""
    buffer = b""
    members = 0
    while True:
        while members and not (buffer := buffer.lstrip(b"\0")):  # with which tapes and disk images fill up a block
            if not (buffer := read(_GZIP_FEED)):
                return
        buffer += _more(10 - len(buffer), read)
        if not buffer.startswith(GZIP_MAGIC):
            after = "the first gzip member" if members == 1 else f"{members} gzip members"
            complain(f"data after {after} is not gzip and was left out")
            return
        length, buffer = _header(buffer, read)
        if length is None:
            complain(CUTS[0])
            return
        buffer = buffer[length:]
        members += 1
        engine = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
        crc = size = 0
        while not engine.eof:
            if not buffer and not (buffer := read(_GZIP_FEED)):
                complain(CUTS[1])
                return
            try:
                piece = engine.decompress(buffer, PIECE)
            except _GZIP_DAMAGE as error:
                complain(f"the gzip data is damaged ({error}); what came before the damage was read")
                return
            buffer = engine.unused_data or engine.unconsumed_tail
            if piece:
                crc, size = isal_zlib.crc32(piece, crc), size + len(piece)
                yield piece
        buffer += _more(8 - len(buffer), read)
        if len(buffer) < 8:
            complain(CUTS[2])
            return
        if struct.unpack("<II", buffer[:8]) != (crc, size & 0xFFFFFFFF):
            complain("a gzip checksum is wrong; the data was read anyway")
        buffer = buffer[8:]


def _header(buffer: bytes, read: Read) -> tuple[int | None, bytes]:
    """Length of the member header, and the buffer that holds it; None if it is cut (or endless)."""
    while (length := _header_length(buffer)) is None:
        piece = read(_GZIP_FEED) if len(buffer) < _HEADER_LIMIT else b""
        if not piece:
            return None, buffer
        buffer += piece
    return length, buffer


def _header_length(data: bytes) -> int | None:
    if len(data) < 10:
        return None
    flags, at = data[3], 10
    if flags & _FEXTRA:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            at = data.find(b"\0", at) + 1
            if not at:
                return None
    at += 2 if flags & _FHCRC else 0
    return at if at <= len(data) else None


def _more(wanted: int, read: Read) -> bytes:
    pieces: list[bytes] = []
    while wanted > 0 and (piece := read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


def has_zstd() -> bool:
    """Whether zstd can be read: by the standard library (Python 3.14) or the extra ``zstd``."""
    try:
        _zstd()
    except ImportError:
        return False
    return True


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    """Creates decompression objects, with the same interface in both libraries, and the error that they raise."""
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        module = importlib.import_module("zstandard")
        return lambda: module.ZstdDecompressor().decompressobj(), module.ZstdError
    return module.ZstdDecompressor, module.ZstdError


def _is_skippable(data: bytes) -> bool:
    """Whether a skippable zstd frame begins here (RFC 8878, 3.1.2)."""
    return len(data) >= 4 and data[1:4] == b"\x2a\x4d\x18" and 0x50 <= data[0] <= 0x5F


def _unzstd(read: Read, complain: Complain) -> Iterator[bytes]:
    """Read frame after frame; decompression objects detect a cut frame, zstandard's stream reader does not."""
    new_engine, failure = _zstd()
    buffer = b""
    frames = 0
    while True:
        buffer += _more(4 - len(buffer), read)
        if not buffer:
            return
        if not (buffer.startswith(ZSTD_MAGIC) or _is_skippable(buffer)):
            complain(f"data after frame {frames} is not zstd and was left out")
            return
        frames += 1
        engine = new_engine()
        while not engine.eof:
            if not buffer and not (buffer := read(_ZSTD_FEED)):
                complain(CUTS[3])
                return
            try:
                piece = engine.decompress(buffer[:_ZSTD_FEED])
            except failure as error:
                complain(f"the zstd data is damaged ({error}); what came before the damage was read")
                return
            buffer = engine.unused_data + buffer[_ZSTD_FEED:]
            for start in range(0, len(piece), PIECE):
                yield piece[start : start + PIECE]
