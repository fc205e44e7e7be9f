"""Byte offsets of a decompressed input as lines and columns, by reading it once more."""

from __future__ import annotations

from collections.abc import Iterable

from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import open_source

_BLOCK = 1 << 20


def locate(name: str, offsets: Iterable[int], *, mark: int = 0) -> dict[int, tuple[int, int]]:
    """Line and column (from 1, characters) of each offset; offsets count the ``mark`` bytes of a byte order mark.

    Reads no further than the last offset. What can't be found any more is left out.
    """
    wanted = sorted(set(offsets))
    places: dict[int, tuple[int, int]] = {}
    line, column, at = 1, 1, mark  # of the block that comes next
    try:
        with open_source(name) as source:
            while wanted and (block := source.read(_BLOCK)):
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
    """Line and column just behind the block, which begins at ``line`` and ``column``."""
    last = block.rfind(b"\n")
    characters = len(block[last + 1 :].decode("utf-8", "ignore"))
    return (line + block.count(b"\n"), characters + 1) if last >= 0 else (line, column + characters)
