"""From a path to a tree: reading, encodings, caps, JSON or YAML."""

from __future__ import annotations

import codecs
import re
from collections.abc import Container
from pathlib import Path

from icapdiag.mistakes import FileError, shown
from icapdiag.pool.jsontext import NotJSON, read_json
from icapdiag.pool.model import PoolError, fatal
from icapdiag.yamltree import Node, read_yaml

YAML_BYTES = 1024 * 1024  # 20,000 members fit
JSON_BYTES = 32 * 1024 * 1024  # a whole configuration export

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)  # YAML 1.1, 5.1


def read_tree(path: Path, wanted: Container[str]) -> Node:
    """The tree of the file. ``wanted`` as in `read_json`. Raises `PoolError`."""
    file = str(path)
    return parse_tree(_read(path, file), file, wanted)


def _read(path: Path, file: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(JSON_BYTES + 1)
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
            f"larger than {JSON_BYTES // 1024 // 1024} MiB: this is no pool file; of an export keep Pool, "
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
            file, f"larger than {YAML_BYTES // 1024 // 1024} MiB: no pool file is; an export of Avi is read as JSON"
        )
    try:
        root = read_yaml(text, file)
    except FileError as error:
        raise PoolError(error.errors) from None
    if root is None:
        raise fatal(file, "empty: the shortest useful file has service_uri: /… and members: [address]")
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
