"""Lines of a syslog stream: Service Engine logs (RFC 5424, JSON members without braces), Controller alerts, others."""

from __future__ import annotations

import re

from msgspec import Struct

from icapdiag.logs.containers.interpret import ALERT

_PRI = rb"(?:\d{1,7} )?<\d{1,3}>"  # the number is the octet count of RFC 6587
_PREFIX = re.compile(_PRI)
_RFC5424 = re.compile(
    _PRI + rb"1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]\\]*(?:\\.[^\]\\]*)*\])+)(?: |$)(?:\xef\xbb\xbf)?", re.DOTALL
)
_MEMBERS = re.compile(rb'"[A-Za-z_]\w*"\s*:')
_JSON = re.compile(rb'\{\s*"[A-Za-z_]\w*"\s*:|(?<=[\s:\]])"[A-Za-z_]\w*"\s*:')
_ALERT = re.compile(rb"\bAvi-Controller\b|\bevent [A-Z][A-Z0-9_]+ occurred on object\b")
# A file that a syslog server wrote: no priority any more, a time stamp and a host instead.
_STAMP = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* \S+ |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ ")


class Payload(Struct, frozen=True):
    """The JSON text of a line, from byte ``start`` of it; ``bare``: members without braces."""

    text: bytes
    start: int
    bare: bool

    @property
    def object(self) -> bytes:
        return b"{" + self.text + b"}" if self.bare else self.text


NO_JSON = "a syslog message without JSON"


def is_syslog(line: bytes) -> bool:
    """Whether the line begins as syslog does, with its priority or as a syslog server writes it to a file."""
    return _PREFIX.match(line) is not None or (_STAMP.match(line) is not None and isinstance(payload_of(line), Payload))


def payload_of(line: bytes) -> Payload | str:
    """What a line carries, or why it carries nothing (an alert, no JSON). Raises nothing.

    The line has no line end. An alert in JSON form is a payload: its object tells what it is.
    """
    if header := _RFC5424.match(line):
        start = header.end()
        rest = line[start:]
        if rest.startswith(b"{"):
            return Payload(rest.rstrip(), start, bare=False)
        if _MEMBERS.match(rest):
            return Payload(rest.strip(), start, bare=True)
    found = _JSON.search(line)
    alert = _ALERT.search(line, 0, found.start() if found else len(line))
    if alert and not (found and line[found.start() : found.start() + 1] == b"{"):
        return ALERT.reason
    if found is None:
        return NO_JSON
    start = found.start()
    return Payload(line[start:].rstrip(), start, bare=line[start : start + 1] == b'"')
