"""Members with a limit to the size of what they scan, and what they do beyond it."""

from __future__ import annotations

from icapdiag.icap.message import Request
from icapdiag.lab.connection import Connection
from icapdiag.lab.fault import Fault
from icapdiag.lab.scanner import Answer, Reply, Scanner, allow, blocked, scan

LIMIT = 100_000  # bytes of body


def beyond(reply: Reply) -> Scanner:
    """The scanner, except for bodies over the limit, which get this answer once they are there."""
    return Scanner(scan=lambda request: (reply if len(request.body) > LIMIT else scan)(request))


def _unread(request: Request) -> Answer | None:
    """204 to the preview of what is longer by its own account, as c-icap's virus_scan has it."""
    length = request.http_request.headers.get("Content-Length") if request.http_request else None
    return allow(request) if length and length.isdigit() and int(length) > LIMIT else None


def _dropped(_: Request) -> Answer:
    return Answer(500, "Server error", damage=lambda _: b"", ending=Connection.reset)


_TOO_LARGE = (("X-Response-Info", "Blocked"), ("X-Response-Desc", "File size exceeds the limit"))

FAULTS = (
    Fault("size-limit-pass", "reads whatever it is sent, and scans nothing longer than 100,000 bytes",
          "size-limit-pass", beyond(allow), depth="deep"),
    Fault("size-limit-unread", "passes what is longer than 100,000 bytes before it has read it", "size-limit-pass",
          Scanner(refuse=_unread), depth="deep"),
    Fault("size-limit-error", "answers bodies of more than 100,000 bytes with an error", "size-limit-error",
          beyond(lambda _: Answer(413, "Request entity too large")), depth="deep"),
    Fault("size-limit-block", "blocks bodies of more than 100,000 bytes", "size-limit-error",
          beyond(blocked(_TOO_LARGE, "File size exceeds the limit")), depth="deep"),
    Fault("size-limit-drop", "resets the connection once a body is longer than 100,000 bytes", "size-limit-error",
          beyond(_dropped), depth="deep"),
)  # fmt: skip
