"""Small JSON Lines, line by line: a damaged line costs itself and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from icapdiag.logs.records import Found, read_line
from icapdiag.logs.settle import read_payload
from icapdiag.logs.syslog import Payload, is_syslog, payload_of
from icapdiag.logs.values import region

_BRACKET = re.compile(r"\s*(?:\[|\],?|\},?|\]\},?|,)\s*\Z")  # a line that only opens or closes a list
_JSON_SIGNS = re.compile(r"""[{}"]""")
BESIDE = "text beside the log was left out"


def lines(text: str) -> Iterator[Found]:
    """The records of a text that has one JSON object on most of its lines.

    Lines that are none are read together with those that follow up to the next one that begins with
    ``{``, since a string may have been broken into lines.
    """
    damaged_from: int | None = None
    first = True
    for start, line in (*_numbered(text), (len(text), "{")):
        stripped = line.strip()
        begins = stripped.startswith("{") or (is_syslog(stripped.encode("utf-8", "replace")) if stripped else False)
        if damaged_from is not None and begins:
            yield from _damaged(text, damaged_from, start, first=first, last=start == len(text))
            damaged_from, first = None, False
        if start == len(text) or not stripped:
            continue
        value = read_line(stripped.rstrip(",")) if begins else None
        if value is not None and not isinstance(value.get("results"), list):
            first = False
            at = start + line.index("{")
            yield Found(start=at, end=start + len(line), value=value)
        elif damaged_from is None and not _BRACKET.match(line):
            damaged_from = start


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _damaged(text: str, start: int, end: int, *, first: bool, last: bool) -> Iterator[Found]:
    stretch = text[start:end]
    if (first or last) and not _JSON_SIGNS.search(stretch):  # a prompt, a command, a closing bracket
        yield Found(start=start, end=end, repairs=((BESIDE, start),))
        return
    line = stretch.strip()
    raw = line.encode("utf-8", "replace")
    pieces = _from_syslog(line, raw) if is_syslog(raw) else region(stretch)
    shift = start + (len(stretch) - len(stretch.lstrip()) if is_syslog(raw) else 0)
    for piece in pieces:
        yield replace(
            piece,
            start=piece.start + shift,
            end=piece.end + shift,
            repairs=tuple((what, at + shift) for what, at in piece.repairs),
        )


def _from_syslog(line: str, raw: bytes) -> Iterator[Found]:
    payload = payload_of(raw)
    if not isinstance(payload, Payload):
        yield Found(start=0, end=len(line), reason=payload, skip=True)
        return
    shift = len(raw[: payload.start].decode("utf-8", "replace"))
    found = read_payload(payload)
    if found is None:
        yield Found(start=shift, end=len(line), reason="JSON that can't be read")
        return
    yield replace(
        found,
        start=found.start + shift,
        end=found.end + shift,
        repairs=tuple((what, at + shift) for what, at in found.repairs),
    )
