"""The text between two elements of a file, learnt from the first two."""

from __future__ import annotations

import re
from collections.abc import Callable

from icapdiag.logs.fast.jsonspans import UNFINISHED, end_of_value

_NEXT = re.compile(rb'\s*+,?+\s*+\{\s*+"')
_OBJECT = re.compile(rb'\{\s*+"')
_KEY_KEPT = 64
_TRIED = 200  # objects that are looked into, in search of the next element


class Separators:
    """Where elements meet: ``}``, what is between, ``{`` and the first key. False until something was learnt.

    ``listed``: commas part the elements.
    """

    def __init__(self) -> None:
        self._strict = b""  # with the first key
        self._loose = b""  # up to its quote
        self.listed = False

    def __bool__(self) -> bool:
        return bool(self._loose)

    def learn(self, text: bytearray, stop: int, end: int) -> None:
        """From what follows the first element, which ends at ``stop``; later calls change nothing."""
        found = None if self._loose else _NEXT.match(text, stop, end)
        if found is None:
            return
        key_end = text.find(b'"', found.end(), min(end, found.end() + _KEY_KEPT))
        if key_end < 0 and found.end() + _KEY_KEPT > end:
            return  # not all there yet
        self._loose = b"}" + found[0]
        self._strict = self._loose + bytes(text[found.end() : key_end + 1]) if key_end >= 0 else self._loose
        self.listed = b"," in found[0]

    def last(self, text: bytearray, start: int, end: int) -> int:
        """The index of the last separator's ``}``; -1 if there is none."""
        cut = text.rfind(self._strict, start, end)
        return cut if cut >= 0 else text.rfind(self._loose, start, end)

    def first(self, text: bytes) -> tuple[int, int] | None:
        """Of the first strict separator: the index of its ``{``, and the index after it."""
        found = text.find(self._strict) if self._strict else -1
        return None if found < 0 else (found + self._strict.index(b"{"), found + len(self._strict))

    def next_element(
        self, text: bytearray, after: int, end: int, is_entry: Callable[[bytes], bool | None]
    ) -> int | None:
        """Where an element begins at or behind ``after``.

        That is where a log entry stands, or where the strict separator is and no other object.
        ``is_entry`` says None of what is no object.
        """
        brace = self._strict.index(b"{") if self._strict else 0
        for tried, found in enumerate(_OBJECT.finditer(text, after, end)):
            start = found.start()
            parted = bool(self._strict) and text.startswith(self._strict, start - brace)
            stop = end_of_value(text, start, end) if tried < _TRIED or parted else UNFINISHED
            known = is_entry(bytes(text[start:stop])) if stop > 0 else None
            if known or (parted and known is None):
                return start
        return None
