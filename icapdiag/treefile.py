"""From a path to a tree: reading, encodings, caps, JSON or YAML."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Container
from pathlib import Path

from msgspec import Struct

from icapdiag.bounded import read_file, read_open
from icapdiag.jsontree import NotJSON, read_json
from icapdiag.mistakes import FileError, Located, shown, visible
from icapdiag.yamltree import ListNode, Node, read_yaml, read_yaml_documents

YAML_BYTES = 1024 * 1024  # 20,000 members fit
JSON_BYTES = 32 * 1024 * 1024  # a whole configuration export
STDIN = "<stdin>"  # as messages and reports name it

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)  # YAML 1.1, 5.1


class FileKind(Struct, frozen=True, kw_only=True):
    """What a file should be, in the words of messages.

    ``name`` with its article. ``in_folder`` says what to do about a folder, ``too_large`` what to leave out of a file
    that is larger than `JSON_BYTES`, ``empty`` what a useful file holds. ``several``: YAML may have several documents,
    which become the elements of a list. ``raises`` is the error for such files.
    """

    name: str
    in_folder: str
    too_large: str
    empty: str
    several: bool = False
    raises: type[FileError] = FileError

    def error(self, file: str, message: str, line: int | None = None, column: int | None = None) -> FileError:
        """The error for a file that can't be read any further."""
        return self.raises([Located(file=visible(file), line=line, column=column, message=message)])


def read_tree(path: Path, wanted: Container[str], kind: FileKind) -> Node:
    """The tree of the file. ``wanted`` as in `read_json`. Raises the error of ``kind``."""
    return parse_tree(read_data(path, kind), str(path), wanted, kind)


def read_data(path: Path, kind: FileKind) -> bytes:
    """What is in the file, at most `JSON_BYTES`. Raises the error of ``kind``."""
    file = str(path)
    try:
        data = read_file(path, JSON_BYTES)
    except IsADirectoryError:
        raise kind.error(file, f"a directory: {kind.in_folder}") from None
    except FileNotFoundError:
        raise kind.error(file, "no such file") from None
    except OSError as error:
        raise kind.error(file, f"can't be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise kind.error(file, f"can't be opened: {error}") from None
    return _capped(data, file, kind)


def read_stdin(kind: FileKind) -> bytes:
    """What is on standard input, to its end, at most `JSON_BYTES`. Raises the error of ``kind``."""
    if sys.stdin is None:
        raise kind.error(STDIN, "can't be read: it is closed")
    try:
        data = read_open(sys.stdin.fileno(), JSON_BYTES)
    except OSError as error:
        raise kind.error(STDIN, f"can't be read: {error.strerror or error}") from None
    return _capped(data, STDIN, kind)


def _capped(data: bytes, file: str, kind: FileKind) -> bytes:
    if len(data) > JSON_BYTES:
        raise kind.error(file, f"larger than {JSON_BYTES // 1024 // 1024} MiB: {kind.too_large}")
    return data


def parse_tree(data: bytes, file: str, wanted: Container[str], kind: FileKind) -> Node:
    """The tree of a file's bytes. Raises the error of ``kind``."""
    text = _decode(data, file, kind)
    refused = _NOT_TEXT.search(text)
    if refused:
        raise kind.error(
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
        raise kind.error(file, str(broken), broken.line, broken.column)
    if too_large:
        raise kind.error(
            file,
            f"larger than {YAML_BYTES // 1024 // 1024} MiB, the most for YAML; of an Avi export, the JSON form is read",
        )
    try:
        root = _read_yaml(text, file, kind)
    except FileError:
        if broken and file == STDIN:  # no name says which of the two it is: most are JSON
            raise kind.error(file, str(broken), broken.line, broken.column) from None
        raise
    if root is None:
        raise kind.error(file, kind.empty)
    return root


def _read_yaml(text: str, file: str, kind: FileKind) -> Node | None:
    try:
        if not kind.several:
            return read_yaml(text, file, subject=kind.name)
        documents = read_yaml_documents(text, file, subject=kind.name)
    except FileError as error:
        raise kind.raises(error.errors) from None
    return ListNode(1, 1, None, documents) if len(documents) > 1 else next(iter(documents), None)


def _decode(data: bytes, file: str, kind: FileKind) -> str:
    if data.startswith(_WIDE):
        raise kind.error(file, "saved as UTF-16 or UTF-32: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")  # Windows editors put a mark in front; it means nothing
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise kind.error(file, message, *_place(before, len(before))) from None


def _place(text: str, at: int) -> tuple[int, int]:
    """1-based line and column of an offset."""
    start = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, start) + 1, at - start + 1
