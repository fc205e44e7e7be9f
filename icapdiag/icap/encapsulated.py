"""The Encapsulated list (RFC 3507, 4.4.1), and the heads that it announces, taken out of a buffer (4.4.2)."""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest
from typing import cast, get_args

from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.headers import end_of_head, parse_http_head
from icapdiag.icap.message import SEEN, BodyName, CapExceeded, Deviation, EncapsulatedPart, HttpHead, Limits

HEAD_NAMES = ("req-hdr", "res-hdr")
BODY_NAMES: tuple[str, ...] = get_args(BodyName)
_MEMBER = re.compile(r"([A-Za-z-]+)\s*=\s*(\d{1,10})")
_SECTION = "4.4.1"


def parse_encapsulated(value: str) -> tuple[tuple[EncapsulatedPart, ...], list[Deviation]]:
    """Read ``req-hdr=0, req-body=412``; what can't be read is dropped and recorded.

    Legal lists: header parts in order, then exactly one body token, offsets ascending from 0.
    """
    parts: list[EncapsulatedPart] = []
    deviations: list[Deviation] = []

    def deviate(detail: str) -> None:
        deviations.append(Deviation("encapsulated-invalid", _SECTION, detail, value.encode("latin-1")))

    for member in value.replace("\n", ",").split(","):
        text = member.strip()
        if not text:
            continue
        found = _MEMBER.fullmatch(text)
        if found is None or found[1].lower() not in (*HEAD_NAMES, *BODY_NAMES):
            deviate("a member is not name=offset with a name of the RFC")
            continue
        parts.append(EncapsulatedPart(found[1].lower(), int(found[2])))
    names = [part.name for part in parts]
    bodies = [name for name in names if name in BODY_NAMES]
    if not parts:
        deviate("the list is empty")
    elif len(bodies) != 1 or names[-1] != bodies[0]:
        deviate("there must be exactly one body part, and it comes last")
    if parts and parts[0].offset != 0:
        deviate("the first offset is not 0")
    if any(later.offset < earlier.offset for earlier, later in pairwise(parts)):
        deviate("the offsets do not ascend")
    if {"req-hdr", "res-body"} <= set(names) and "res-hdr" not in names:
        deviate("a response body comes with a request head")
    if {"res-hdr", "req-body"} <= set(names):
        deviate("a request body comes with a response head")
    return tuple(parts), deviations


def body_name(parts: tuple[EncapsulatedPart, ...]) -> BodyName | None:
    """The body token of the list, the last one if there are several."""
    found = [part.name for part in parts if part.name in BODY_NAMES]
    return cast("BodyName", found[-1]) if found else None


_CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}[ \t]*(?:;[^\r\n]*)?\r?\n")


class EncapsulatedReader:
    """Reads the parts that an Encapsulated list announces: the heads, and the body behind them.

    A head ends where the next offset says. If its own empty line is elsewhere, the empty
    line is believed and the difference recorded, since that is how a client that ignores
    the offsets would read on (and e2guardian, for one, has sent wrong ones).
    """

    def __init__(self, parts: tuple[EncapsulatedPart, ...], limits: Limits) -> None:
        # Each head with the length that the next offset gives it; None where there is no next one.
        lengths = (max(0, following.offset - part.offset) for part, following in pairwise(parts))
        self._wanted = [(part.name, length) for part, length in zip_longest(parts, lengths) if part.name in HEAD_NAMES]
        self._limits = limits
        self._searched = 0
        self._has_body = body_name(parts) not in {None, "null-body"}
        self._deviations: list[Deviation] = []
        self.http_request: HttpHead | None = None
        self.http_response: HttpHead | None = None
        self.body = ChunkedReader(limits)  # empty if there is none

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        return *self._deviations, *self.body.deviations

    def feed(self, buffer: bytearray) -> bool:
        """Consume parts from the front of ``buffer``; True when all are read. Raises as `ChunkedReader` does."""
        while self._wanted:
            name, length = self._wanted[0]
            end = 0 if length == 0 else self._end(buffer, length)
            if end is None:
                return False
            if end:
                self._take(name, bytes(buffer[:end]))
            del buffer[:end]
            self._wanted.pop(0)
            self._searched = 0
        return not self._has_body or self.body.feed(buffer)

    def take(self, data: bytes, start: int, end: int) -> bool:
        """As `ChunkedReader.take`."""
        return not self._wanted and self._has_body and self.body.take(data, start, end)

    def miss(self, size: int) -> bool:
        """As `ChunkedReader.miss`: never True inside of a head."""
        return not self._wanted and self._has_body and self.body.miss(size)

    def close(self, buffer: bytearray) -> bool:
        """The stream ended inside a part: keep what there is of it. True if that is all but a last empty line."""
        if self._has_body:
            if not self.body.started:
                self._deviate("body-missing", "the announced body did not come", b"")
            return self.body.close()
        if self._wanted and buffer.strip():
            self._take(self._wanted[0][0], bytes(buffer))
            buffer.clear()
        return False

    def _end(self, buffer: bytearray, length: int | None) -> int | None:
        end = end_of_head(buffer, self._searched)
        self._searched = len(buffer)
        if length is not None and (end < 0 or end > length) and len(buffer) >= length:
            verdict = self._ends_without_blank_line(buffer, length)
            if verdict is None:
                self._searched = 0
                return None
            if verdict:
                self._deviate(
                    "encapsulated-head-without-empty-line",
                    "an encapsulated head does not end with an empty line",
                    buffer[:length],
                )
                return length
        if (len(buffer) if end < 0 else end) > self._limits.head_size:
            raise CapExceeded("http-head-size", f"an encapsulated head of more than {self._limits.head_size} bytes")
        if end < 0:
            return None
        if length is not None and end != length:
            self._deviate(
                "encapsulated-wrong-offset",
                f"the Encapsulated offsets give the head {length} bytes, its empty line ends it after {end}",
                buffer[:end],
            )
        return end

    def _ends_without_blank_line(self, buffer: bytearray, length: int) -> bool | None:
        """Whether a chunk begins right at ``length``, after a complete line. None: more bytes will tell."""
        if length == 0 or buffer[length - 1 : length] != b"\n":
            return False
        following = bytes(buffer[length : length + SEEN])
        if b"\n" not in following and len(following) < SEEN:
            return None
        return _CHUNK_LINE.match(following) is not None

    def _take(self, name: str, block: bytes) -> None:
        head = parse_http_head(block, self._limits)
        is_response = head.start_line.upper().startswith("HTTP/")
        if is_response != (name == "res-hdr"):
            self._deviate("encapsulated-wrong-name", f"the {name} part begins with {head.start_line[:40]!r}", block)
        if is_response:
            self.http_response = head
        else:
            self.http_request = head

    def _deviate(self, rule: str, detail: str, seen: bytes | bytearray) -> None:
        self._deviations.append(Deviation(rule, _SECTION, detail, bytes(seen)))
