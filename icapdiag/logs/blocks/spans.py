"""Where JSON values end, found by brackets and strings only, and the text between the elements of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'  # inside of quotes
_PLAIN = rb'[^"{}\[\]]++|"%b"' % _TEXT  # no bracket outside of strings
# Everything up to the next bracket, or to the next with others inside of it. Possessive: nothing is tried twice.
# The last alternative never matches: before 3.11.5 Python goes on from where a failed repetition had come to
# (https://github.com/python/cpython/issues/106052), unless an alternative is left to try.
_FLAT = re.compile(rb"(?:%b|(?!))*+" % _PLAIN, re.DOTALL)
_RUN = re.compile(rb"(?:%b|\{(?:%b|(?!))*+\}|\[(?:%b|(?!))*+\]|(?!))*+" % (_PLAIN, _PLAIN, _PLAIN), re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}\"]++")
_MEMBER = re.compile(rb'\s*+,?+\s*+"(%b)"\s*+:\s*+' % _TEXT, re.DOTALL)
_CLOSERS = {0x7B: 0x7D, 0x5B: 0x5D}  # { } [ ]
_DEEPEST = 1000  # brackets in brackets; the decoders give up there, too

UNFINISHED: Final = -1
MISMATCHED: Final = -2

ENVELOPE_KEY: Final = b"results"  # of the Controller's list replies: {"count": N, "results": [...]}
_RESULTS: Final = b'"%b"' % ENVELOPE_KEY
_PAGE_VALUE = 300  # bytes of one member that are looked at
_ENVELOPE_MEMBERS = 20  # a reply has a handful before its results

_NEXT = re.compile(rb'\s*+,?+\s*+\{\s*+"')
_OBJECT = re.compile(rb'\{\s*+"')
_KEY_KEPT = 64
_LENIENT = frozenset((*range(0x20), *b"NI"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_any = msgspec.json.Decoder(msgspec.Raw).decode
_PLACE = re.compile(r"\(byte (\d+)\)")
_TRIED = 200  # objects that are looked into, in search of the next element
_LOOKED_INTO = 16 * 1024  # bytes of each


def end_of_value(text: bytes | bytearray, start: int, end: int) -> int:
    """The index after the object or array that begins at ``start``.

    `UNFINISHED` if it does not end before ``end``, `MISMATCHED` at a bracket of the wrong kind, or one that
    is nested too deeply for any decoder.
    """
    expected: list[int] = []
    position = start
    while position < end:
        byte = text[position]
        if byte in _CLOSERS:
            if len(expected) == _DEEPEST:
                return MISMATCHED
            expected.append(_CLOSERS[byte])
        elif byte == 0x22:
            return UNFINISHED  # in a string
        elif expected.pop() != byte:
            return MISMATCHED
        position += 1
        if not expected:
            return position
        run = _RUN if len(expected) < _DEEPEST else _FLAT
        found = run.match(text, position, end)
        position = found.end() if found else end
    return UNFINISHED


def sound_end(text: bytes | bytearray, start: int, end: int) -> int:
    """The index after the JSON value at ``start``, whatever follows.

    `UNFINISHED` if the text ends inside of it, `MISMATCHED` if something in it is not JSON.
    """
    try:
        _any(memoryview(text)[start:end])
    except RecursionError:
        return MISMATCHED
    except ValueError as error:
        found = _PLACE.search(str(error))
        if found is None:  # also said of half a surrogate pair
            return MISMATCHED if end_of_value(text, start, end) > 0 else UNFINISHED
        if "trailing characters" not in str(error):
            return MISMATCHED
        end = start + int(found[1]) - 1  # counted from 1 here
    while text[end - 1] in b" \t\r\n":
        end -= 1
    return end


def broken_place(record: bytes) -> int | None:
    """Where a text stops being one JSON value; None if it is one, `UNFINISHED` if it ends inside of it.

    Not looked into are bytes that are not UTF-8.
    """
    try:
        _any(record)
    except RecursionError:
        return 0
    except ValueError as error:
        found = _PLACE.search(str(error))
        return int(found[1]) if found else UNFINISHED
    return None


def may_be_lenient(record: bytes, broken: int) -> bool:
    """Whether a less strict decoder may take what is broken there: NaN, a control character, half a surrogate pair.

    Where a line ends inside of a value, and others follow, the line break may be one in a string.
    """
    if broken == UNFINISHED:
        return b"\n" in record or _SURROGATE.search(record) is not None
    return broken <= 0 or broken >= len(record) or record[broken] in _LENIENT or record[broken - 1] in _LENIENT


def end_of_scalar(text: bytearray, start: int, end: int) -> int:
    """The index after a string, number or word; `UNFINISHED` for a string that does not end."""
    if text[start] == 0x22:
        found = _STRING.match(text, start, end)
        return found.end() if found else UNFINISHED
    found = _SCALAR.match(text, start, end)
    return found.end() if found else start + 1


def skip_member(text: bytearray, start: int, end: int) -> tuple[bytes, int, int] | None:
    """The next ``"key": value`` at or after ``start``: its key, and where its value begins and ends (or negative).

    None without one (the object ends, or is incomplete).
    """
    found = _MEMBER.match(text, start, end)
    if found is None or found.end() >= end:
        return None
    value = found.end()
    ends = end_of_value if text[value] in _CLOSERS else end_of_scalar
    return found[1], value, ends(text, value, end)


def results_of(text: bytearray, start: int, end: int, *, whole: bool = False) -> int:
    """The index after the ``[`` of an envelope's results; 0 if it is none, `UNFINISHED` if that can't be told.

    ``whole``: nothing of it comes behind ``end``.
    """
    if whole and text.find(_RESULTS, start, end) < 0:
        return 0
    position = start + 1
    for _ in range(_ENVELOPE_MEMBERS):
        member = skip_member(text, position, end)
        if member is None:
            return UNFINISHED if end_of_value(text, start, end) == UNFINISHED else 0
        key, value, position = member
        if key == ENVELOPE_KEY and text[value] == 0x5B:
            return value + 1
        if position < 0:
            return UNFINISHED if position == UNFINISHED else 0
    return 0


def page_members(text: bytearray, start: int, results: int) -> Iterator[tuple[str, str]]:
    """The members of an envelope that stand before its results, as `Page.note` takes them."""
    position = start + 1
    while (member := skip_member(text, position, results)) is not None and 0 < member[2] < results:
        key, value, position = member
        yield (
            key.decode("utf-8", "replace"),
            text[value : min(position, value + _PAGE_VALUE)].decode("utf-8", "replace"),
        )


class Separators:
    """The separator of elements: ``}``, what is between, ``{`` and the first key. False until it is known.

    ``listed``: commas part the elements.
    """

    def __init__(self) -> None:
        self._strict = b""  # with the first key
        self._loose = b""  # up to its quote
        self.listed = False

    def __bool__(self) -> bool:
        return bool(self._loose)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Separators):
            return NotImplemented
        return (self._strict, self._loose, self.listed) == (other._strict, other._loose, other.listed)

    def __hash__(self) -> int:
        return hash((self._strict, self._loose, self.listed))

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

    @property
    def by_lines(self) -> bool:
        """Whether each element begins a line."""
        return b"\n" in self._strict

    def last(self, text: bytearray, start: int, end: int) -> int:
        """The index of the last separator's ``}``; -1 if there is none."""
        cut = text.rfind(self._strict, start, end)
        return cut if cut >= 0 else text.rfind(self._loose, start, end)

    def first(self, text: bytes) -> tuple[int, int] | None:
        """Of the first strict separator: the index of its ``{``, and the index after it."""
        found = text.find(self._strict) if self._strict else -1
        return None if found < 0 else (found + self._strict.index(b"{"), found + len(self._strict))

    def next_element(
        self, text: bytearray, after: int, end: int, is_entry: Callable[[bytes], bool | None], *, more: bool
    ) -> int | None:
        """Where an element begins at or behind ``after``; `UNFINISHED` if the text ends in what may be one.

        That is where a log entry stands, or where the strict separator is and no other object.
        ``is_entry`` returns None for what is not an object. ``more``: the text goes on behind ``end``.
        """
        brace = self._strict.index(b"{") if self._strict else 0
        for tried, found in enumerate(_OBJECT.finditer(text, after, end)):
            start = found.start()
            parted = bool(self._strict) and text.startswith(self._strict, start - brace)
            stop = MISMATCHED
            if tried < _TRIED or parted:
                stop = end_of_value(text, start, min(end, start + _LOOKED_INTO))
                if stop == UNFINISHED and more and start + _LOOKED_INTO > end:
                    return UNFINISHED
            known = is_entry(bytes(text[start:stop])) if stop > 0 else None
            if known or (parted and known is None):
                return start
        return None
