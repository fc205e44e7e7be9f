"""Small JSON Lines, line by line: a damaged line costs itself and no other."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.logs.containers.settle import read_payload
from icapdiag.logs.damage.plain import pattern
from icapdiag.logs.damage.records import Found, read_line, shifted

_BRACKET = r"\s*(?:\[|\],?|\},?|\]\},?|,)\s*\Z"  # a line that only opens or closes a list
_JSON_SIGNS = r"""[{}"]"""
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
        begins = stripped.startswith("{") or _is_syslog(stripped)
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
        elif damaged_from is None and not pattern(_BRACKET).match(line):
            damaged_from = start


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _damaged(text: str, start: int, end: int, *, first: bool, last: bool) -> Iterator[Found]:
    stretch = text[start:end]
    line = stretch.strip()
    if _is_syslog(line):
        by = start + len(stretch) - len(stretch.lstrip())
        pieces = syslog_line(line)
    elif pattern(_JSON_SIGNS).search(stretch):
        from icapdiag.logs.containers.values import region  # noqa: PLC0415 - most lines are no such

        by, pieces = start, region(stretch)
    elif first or last:  # a prompt, a command
        by, pieces = start, iter((Found(start=0, end=len(stretch), repairs=((BESIDE, 0),)),))
    else:
        by, pieces = start, _prose(stretch)
    for piece in pieces:
        yield shifted(piece, by)


def _prose(stretch: str) -> Iterator[Found]:
    for at, line in _numbered(stretch):
        if line.strip():
            yield Found(start=at, end=at + len(line), reason="not JSON")


def _is_syslog(line: str) -> bool:
    if not line or line[0] in "{[":
        return False
    from icapdiag.logs.containers.syslog import is_syslog  # noqa: PLC0415 - most lines are no such

    return is_syslog(line.encode("utf-8", "replace"))


def syslog_line(line: str) -> Iterator[Found]:
    """The record of a line of syslog."""
    from icapdiag.logs.containers.syslog import payload_of  # noqa: PLC0415 - most lines are no such

    raw = line.encode("utf-8", "replace")
    payload = payload_of(raw)
    if isinstance(payload, str):
        yield Found(start=0, end=len(line), reason=payload, skip=True)
        return
    by = len(raw[: payload.start].decode("utf-8", "replace"))
    found = read_payload(payload)
    yield shifted(found, by) if found else Found(start=by, end=len(line), reason="JSON that can't be read")
