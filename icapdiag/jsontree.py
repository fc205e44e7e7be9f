"""JSON as the tree of `yamltree`, with line and column.

PyYAML reads most JSON, but neither tabs nor surrogate pairs, and at 1 MB/s. A whole export of Avi has megabytes of
other objects; those are stepped over at the C decoder's speed.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Container

from icapdiag.yamltree import DEPTH, ListNode, MapNode, Node, Scalar

VALUES = 2_000_000  # of JSON that are kept of one file; more than 20,000 servers of the API have

_BLANK = re.compile(r"[ \t\r\n]*")
_LITERAL = re.compile(r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9A-Za-z.+-])")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)  # int() would refuse 5000 digits


class NotJSON(ValueError):
    """The text is not JSON; ``line`` and ``column`` (1-based) say where it stops being so."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_json(text: str, wanted: Container[str]) -> Node:
    """The tree of a JSON text. Raises `NotJSON`.

    Values of the outermost object whose key is not in ``wanted`` are stepped over and
    stand there as bare `Node`; they are JSON, and nothing else is known of them.
    """
    return _Reader(text, wanted).document()


class _Reader:
    def __init__(self, text: str, wanted: Container[str]) -> None:
        self._text = text
        self._wanted = wanted
        self._values = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def document(self) -> Node:
        node, at = self._value(self._blank(0), 0)
        at = self._blank(at)
        if at != len(self._text):
            raise self._error("more text after the end of the object", at)
        return node

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _error(self, message: str, at: int) -> NotJSON:
        return NotJSON(f"not JSON: {message}", *self._place(at))

    def _blank(self, at: int) -> int:
        match = _BLANK.match(self._text, at)
        return match.end() if match else at

    def _value(self, at: int, depth: int) -> tuple[Node, int]:
        first = self._text[at : at + 1]
        self._values += 1
        if self._values > VALUES:
            raise self._error(f"more than {VALUES} values: keep the ICAP profile, its pool group and its pools", at)
        if first in {"{", "["}:
            if depth == DEPTH:
                raise self._error(f"nested deeper than {DEPTH} levels", at)
            return self._object(at, depth) if first == "{" else self._array(at, depth)
        line, column = self._place(at)
        if first == '"':
            text, end = self._decode(at)
            return Scalar(line, column, None, str(text), plain=False), end
        literal = _LITERAL.match(self._text, at)
        if literal is None:
            raise self._error("a value is expected here", at)
        return Scalar(line, column, None, literal[0], plain=True), literal.end()

    def _decode(self, at: int) -> tuple[object, int]:
        """Let the standard decoder step over the value at ``at``."""
        try:
            return _DECODER.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            raise self._error(error.msg, error.pos) from None
        except RecursionError:
            raise self._error("nested too deep", at) from None

    def _array(self, at: int, depth: int) -> tuple[ListNode, int]:
        node = ListNode(*self._place(at))

        def take(at: int) -> int:
            item, end = self._value(at, depth + 1)
            node.items.append(item)
            return end

        return node, self._members(at, "]", take)

    def _object(self, at: int, depth: int) -> tuple[MapNode, int]:
        node = MapNode(*self._place(at))

        def take(at: int) -> int:
            if self._text[at : at + 1] != '"':
                raise self._error("a key in double quotes is expected here", at)
            name, end = self._decode(at)
            key = Scalar(*self._place(at), None, str(name), plain=False)
            at = self._blank(end)
            if self._text[at : at + 1] != ":":
                raise self._error("':' is expected after a key", at)
            at = self._blank(at + 1)
            if depth == 0 and name not in self._wanted and self._text[at : at + 1] in {"{", "["}:
                value, end = Node(*self._place(at)), self._decode(at)[1]
            else:
                value, end = self._value(at, depth + 1)
            node.entries.append((key, value))
            return end

        return node, self._members(at, "}", take)

    def _members(self, at: int, closing: str, take: Callable[[int], int]) -> int:
        """Take what the bracket at ``at`` opens, comma by comma; ``take`` says where one ends, this where all do."""
        at = self._blank(at + 1)
        if self._text[at : at + 1] == closing:
            return at + 1
        while True:
            at = self._blank(take(at))
            if self._text[at : at + 1] != ",":
                break
            at = self._blank(at + 1)
        if self._text[at : at + 1] != closing:
            raise self._error(f"',' or '{closing}' is expected here", at)
        return at + 1
