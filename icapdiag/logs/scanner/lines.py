"""Which program wrote a line, and what it says: the records of a scanner's log, which may stand in any text.

c-icap does not end every message with a line end: the next one may begin in the same line. Squid indents the second
line of a message. Some messages of c-icap contain what a client sent, unescaped. Each of these ends with a line end, so
the rest of the line is the client's. A line end that the client sent looks like c-icap's own: what follows it
may be a forged message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from icapdiag.facts.scanner import C_ICAP, SQUID
from icapdiag.logs.scanner.requests import Logged, read_request
from icapdiag.logs.scanner.times import Time, read_time

LINE_LIMIT = 1 << 16  # characters of a line that are looked at
_DAY = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}"
)
_WHO = r"(?:main proc|general|\d{1,10}/\d{1,20})"
_SLASHES = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: kid\d{1,4})?"
_C_ICAP = re.compile(rf"({_DAY}), {_WHO}, ", re.ASCII)
_SQUID = re.compile(rf"({_SLASHES})\| ?", re.ASCII)
_SYSLOG = re.compile(
    r"(?:<\d{1,3}>)?(?:1 )?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ][\d:.]{8,15}(?:Z|[+-]\d\d:?\d\d)?)"
    r" \S{1,253} (c-icap|squid|\(squid-\d{1,4}\))(?:\[\d{1,10}\])?: (?:\([\w-]{1,20}\): )?",
    re.ASCII,
)
_IN_SYSLOG = re.compile(rf"{_WHO}, ", re.ASCII)
_QUOTED = " \t>"
_KID = re.compile(r" kid\d+$", re.ASCII)
_CLIENTS_TEXT = re.compile(  # messages of c-icap and its services that contain URLs, headers or bodies
    r"VIRUS DETECTED: |Error parsing (?:chunks|encapsulated headers)|(?:srv_)?url_check: |Add (?:request|resp) header: "
    r"|No user name found in ICAP header |WARNING! .{0,300}can not get required info to scan url"
    r"|(?:LOG|DEBUG|NOTICE) "  # squidclamav
)
_PLACE = re.compile(r"\S{1,200}\.c\(\d{1,6}\) \w{0,60}: ?", re.ASCII)  # before each message of squidclamav

# A text is taken for a scanner's log where some line has one of these forms; what stands around it does not matter.
_FORMS = (
    rf"{_DAY}, {_WHO}, \S",
    rf"{_SLASHES}\| ",
    rf"[^\n]{{10,300}} c-icap(?:\[\d{{1,10}}\])?: (?:{_DAY}|{_WHO}), ",
    r"[^\n]{10,300} \(?squid[\w-]{0,5}\)?\[\d{1,10}\]: [^\n]{0,100}ICAP",
    r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}, \S{1,60} \S{1,60} \S{1,12} \S{1,1000} \d{3}\s*$",
    r"[\[\d][^\n]{8,600}\bICAP_(?:ERR_[A-Z]{1,20}|PART_ECHO|ECHO|MOD|SAT|OPT)/\d{3}\b",
    r'[\[\d][^\n]{8,600}[ ",;|](?:REQMOD|RESPMOD)[" ,;|\t]{1,4}[^\s",;|]{1,1000}[" ,;|\t]{1,4}\d{3}\b',
)
_MARKS = re.compile(rf"^[ \t>]{{0,8}}(?:{'|'.join(_FORMS)})".encode(), re.MULTILINE)
_OTHERS = re.compile(rb'"(?:icap_log|request_logs|report_timestamp)"|^[ \t>]{0,8}ICAP/1\.\d \d{3}', re.MULTILINE)


def is_scanner_log(head: bytes) -> bool:
    """Whether some line is one of a scanner's log, and none belongs to a log of Avi or an ICAP response."""
    return _MARKS.search(head) is not None and _OTHERS.search(head) is None


class Message(NamedTuple):
    """A message without its prefix. ``time``: as logged, None if it is not a time."""

    program: str
    time: Time | None
    text: str


def records(line: str) -> Iterator[Message | Logged]:
    """The messages, or the request, of a line without its end; nothing where it is none of these."""
    line = line[:LINE_LIMIT].lstrip(_QUOTED)
    if found := _SQUID.match(line):
        yield Message(SQUID, read_time(_KID.sub("", found[1])), line[found.end() :])
        return
    wrapped = _SYSLOG.match(line)
    body = line[wrapped.end() :] if wrapped else line
    if body[:1].isdigit() or body[:1] == "[":
        request = read_request(body)
        if request is not None:
            yield request
            return
    starts = list(_C_ICAP.finditer(body))
    for number, found in enumerate(starts):
        from_client = _CLIENTS_TEXT.match(body, found.end()) is not None
        end = len(body) if from_client or number + 1 == len(starts) else starts[number + 1].start()
        text = body[found.end() : end].strip()
        if not _PLACE.fullmatch(text):
            yield Message(C_ICAP, read_time(found[1]), text)
        if from_client:
            break
    if wrapped and not starts:
        if wrapped[2] != C_ICAP:
            yield Message(SQUID, read_time(wrapped[1]), body)
        elif said := _IN_SYSLOG.match(body):
            yield Message(C_ICAP, read_time(wrapped[1]), body[said.end() :].strip())
