"""The first bytes of compressed data."""

from __future__ import annotations

from collections.abc import Callable

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PIECE = 1 << 20  # bytes that are handed on at once, however much a bomb holds

Read = Callable[[int], bytes]  # at most so many bytes, b"" at the end


def compression_of(head: bytes) -> str:
    """``gzip``, ``zstd`` or nothing, by the first four bytes."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) or is_skippable(head) else ""


def is_skippable(data: bytes) -> bool:
    """Whether a skippable zstd frame begins here (RFC 8878, 3.1.2)."""
    return len(data) >= 4 and data[1:4] == b"\x2a\x4d\x18" and 0x50 <= data[0] <= 0x5F
