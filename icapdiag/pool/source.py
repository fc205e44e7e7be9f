"""From a path to a tree: reading, encodings, caps, JSON or YAML.

PyYAML reads most JSON, but neither tabs nor surrogate pairs, and at 1 MB/s. A whole export of Avi has megabytes of
other objects; those are stepped over at the C decoder's speed.
"""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Container
from pathlib import Path

from icapdiag.bounded import read_file
from icapdiag.mistakes import FileError, shown
from icapdiag.pool.model import PoolError, fatal
from icapdiag.yamltree import DEPTH, ListNode, MapNode, Node, Scalar, read_yaml

YAML_BYTES = 1024 * 1024  # 20,000 members fit
JSON_BYTES = 32 * 1024 * 1024  # a whole configuration export
VALUES = 2_000_000  # of JSON that are kept of one file; more than 20,000 servers of the API have
EMPTY = "empty: the shortest useful file has service_uri: /… and members: [address]"

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)  # YAML 1.1, 5.1
_BLANK = re.compile(r"[ \t\r\n]*")
_LITERAL = re.compile(r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9A-Za-z.+-])")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)  # int() would refuse 5000 digits


def read_tree(path: Path, wanted: Container[str]) -> Node:
    """The tree of the file. ``wanted`` as in `read_json`. Raises `PoolError`."""
    file = str(path)
    return parse_tree(_read(path, file), file, wanted)


def _read(path: Path, file: str) -> bytes:
    try:
        data = read_file(path, JSON_BYTES)
    except IsADirectoryError:
        raise fatal(file, "a directory: name the pool file in it") from None
    except FileNotFoundError:
        raise fatal(file, "no such file") from None
    except OSError as error:
        raise fatal(file, f"can't be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise fatal(file, f"can't be opened: {error}") from None
    if len(data) > JSON_BYTES:
        raise fatal(
            file,
            f"larger than {JSON_BYTES // 1024 // 1024} MiB: not a pool file; of an export keep Pool, "
            "PoolGroup and IcapProfile",
        )
    return data


def parse_tree(data: bytes, file: str, wanted: Container[str]) -> Node:
    """The tree of a file's bytes. Raises `PoolError`."""
    text = _decode(data, file)
    refused = _NOT_TEXT.search(text)
    if refused:
        raise fatal(
            file,
            f"the character {shown(refused[0])} does not belong in a text file: delete it",
            *_place(text, refused.start()),
        )
    begin = text.lstrip()[:1]
    broken: NotJSON | None = None
    if begin in {"{", "["}:
        try:
            return read_json(text, wanted)
        except NotJSON as error:
            broken = error  # may be YAML's own {flow: form}
    too_large = len(data) > YAML_BYTES
    if broken and (too_large or file.lower().endswith(".json")):
        raise fatal(file, str(broken), broken.line, broken.column)
    if too_large:
        raise fatal(
            file,
            f"larger than {YAML_BYTES // 1024 // 1024} MiB, the most for YAML; of an Avi export, the JSON form is read",
        )
    try:
        root = read_yaml(text, file)
    except FileError as error:
        raise PoolError(error.errors) from None
    if root is None:
        raise fatal(file, EMPTY)
    return root


def _decode(data: bytes, file: str) -> str:
    if data.startswith(_WIDE):
        raise fatal(file, "saved as UTF-16 or UTF-32: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")  # Windows editors put a mark in front; it means nothing
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise fatal(
            file, f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8", *_place(before, len(before))
        ) from None


def _place(text: str, at: int) -> tuple[int, int]:
    """1-based line and column of an offset."""
    start = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, start) + 1, at - start + 1


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
