"""Finds names that are known in a text, however many there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_WORD = re.compile(r"\w")


class Known:
    """Names that are not empty. One in a text stands for itself: no letter, digit or _ is before or behind it."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        lengths: dict[str, set[int]] = {}
        for name in self._names:
            lengths.setdefault(name[:2], set()).add(len(name))
        self._lengths = {prefix: tuple(sorted(found, reverse=True)) for prefix, found in lengths.items()}
        first = "".join(re.escape(character) for character in sorted({name[0] for name in self._names}))
        self._start = re.compile(rf"(?<!\w)[{first}]" if first else r"(?!)")

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they begin and end, from left to right; the longest that begins at a place."""
        at = 0
        for found in self._start.finditer(text):
            start = found.start()
            if start < at:
                continue
            for length in (*self._lengths.get(text[start : start + 2], ()), *self._lengths.get(text[start], ())):
                end = start + length
                if text[start:end] in self._names and not _WORD.match(text, end):
                    yield start, end
                    at = end
                    break
