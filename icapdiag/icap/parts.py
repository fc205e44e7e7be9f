"""The encapsulated heads, taken out of a buffer one after the other (RFC 3507, 4.4.2)."""

from __future__ import annotations

import re

from icapdiag.icap.encapsulated import head_lengths
from icapdiag.icap.errors import SEEN, CapExceeded
from icapdiag.icap.headers import end_of_head, parse_http_head
from icapdiag.icap.limits import Limits
from icapdiag.icap.message import Deviation, EncapsulatedPart, HttpHead

_CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}[ \t]*(?:;[^\r\n]*)?\r?\n")


class HeadsReader:
    """Reads the req-hdr and res-hdr blocks that an Encapsulated list announces.

    A block ends where the next offset says. If its own blank line is elsewhere, the blank
    line is believed and the difference recorded, since that is how a client that ignores
    the offsets would read on (and e2guardian, for one, has sent wrong ones).
    """

    def __init__(self, parts: tuple[EncapsulatedPart, ...], limits: Limits) -> None:
        self._wanted = head_lengths(parts)
        self._limits = limits
        self._searched = 0
        self.http_request: HttpHead | None = None
        self.http_response: HttpHead | None = None
        self.deviations: list[Deviation] = []

    def feed(self, buffer: bytearray) -> bool:
        """Consume header blocks from the front of ``buffer``; True when all are read."""
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
        return True

    def close(self, buffer: bytearray) -> None:
        """The stream ended inside a block: keep what there is of it."""
        if self._wanted and buffer.strip():
            self._take(self._wanted[0][0], bytes(buffer))
            buffer.clear()

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
                    "encapsulated-head-without-blank-line",
                    "an encapsulated head does not end with a blank line",
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
                f"the Encapsulated offsets give the head {length} bytes, its blank line ends it after {end}",
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
        self.deviations.append(Deviation(rule, "4.4.1", detail, bytes(seen[:SEEN])))
