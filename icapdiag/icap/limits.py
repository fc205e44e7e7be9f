"""How much of a message is read: every byte comes from a stranger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps in bytes (``header_count``: fields). Reading past one raises `CapExceeded`.

    ``body_kept`` raises nothing: later bytes are counted and dropped.
    c-icap reads heads of at most 64 KiB; Avi's ``buffer_size`` ends at 50 MiB.
    """

    head_size: int = 64 * 1024
    header_count: int = 256
    line_size: int = 8 * 1024  # a chunk-size line with its extensions
    chunk_size: int = 1 << 31
    body_kept: int = 256 * 1024
    body_total: int = 64 * 1024 * 1024


LIMITS = Limits()
