"""Header blocks: where one ends, and what its lines say (RFC 3507, 4.3; RFC 2616, 2.2 and 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from icapdiag.icap.message import CapExceeded, Deviation, Headers, HttpHead, Limits

_BLANK_LINE = re.compile(rb"\n\r?\n")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VIOLATIONS = "x-violations-found"


def end_of_head(data: bytes | bytearray, start: int = 0) -> int:
    """Index just past the first empty line at or after ``start``, or -1. LF alone ends a line, too."""
    found = _BLANK_LINE.search(data, max(0, start - 3))
    return found.end() if found else -1


def take_head(buffer: bytearray, searched: int, limits: Limits) -> bytes | None:
    """Cut the head with its empty line from the front of ``buffer``; None while its end is not there.

    ``searched``: bytes that hold no end, as an earlier call found. Raises `CapExceeded`.
    """
    end = end_of_head(buffer, searched)
    if (len(buffer) if end < 0 else end) > limits.head_size:
        raise CapExceeded("head-size", f"a head of more than {limits.head_size} bytes")
    if end < 0:
        return None
    block = bytes(buffer[:end])
    del buffer[:end]
    return block


def split_lines(block: bytes) -> list[bytes]:
    """The block's lines without their ends and without the empty line(s) that close it."""
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def parse_fields(lines: Iterable[bytes], limits: Limits) -> tuple[Headers, list[Deviation]]:
    """Read header lines leniently.

    Raises `CapExceeded` over ``limits.header_count`` fields. A line without a colon is a deviation and dropped, except
    below X-Violations-Found, whose details some servers write without the white space that folds a header.
    """
    fields: list[tuple[str, list[str]]] = []
    deviations: list[Deviation] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1][1].append(line.decode("latin-1").strip())
            continue
        name_bytes, colon, value = line.partition(b":")
        if not colon:
            deviations.append(Deviation("header-without-colon", "RFC 2616 4.2", "a header line has no colon", line))
            if fields and fields[-1][0].lower() == _VIOLATIONS:
                fields[-1][1].append(line.decode("latin-1").strip())
            continue
        name = name_bytes.decode("latin-1").strip()
        if not _TOKEN.fullmatch(name_bytes.decode("latin-1")):
            deviations.append(Deviation("header-name", "RFC 2616 4.2", "a header name is not a token", line))
        if not name:
            continue
        fields.append((name, [value.decode("latin-1").strip()]))
        if len(fields) > limits.header_count:
            raise CapExceeded("header-count", f"more than {limits.header_count} header fields", line)
    joined = Headers.of((name, "\n".join(part for part in parts if part)) for name, parts in fields)
    return joined, deviations


def parse_http_head(block: bytes, limits: Limits) -> HttpHead:
    """An encapsulated HTTP head; its own oddities are the origin's and not recorded."""
    lines = split_lines(block)
    start_line = lines[0].decode("latin-1") if lines else ""
    headers, _ = parse_fields(lines[1:], limits)
    return HttpHead(start_line, headers, block)


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """``Name: value`` lines with CRLF; a value joined with newlines is folded with TABs again."""
    return b"".join(f"{name}: {value}".encode("latin-1").replace(b"\n", b"\r\n\t") + b"\r\n" for name, value in fields)
