"""Faults in what a server says of itself, and in which requests it takes: services, methods, headers, tags, clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import count

from icapdiag.icap.message import Request
from icapdiag.lab.fault import Fault
from icapdiag.lab.scanner import ISTAG, OFFERS, Answer, Fields, Scanner, path_of

_SERVER = ("Server", "icapdiag-lab")
_BAD_REQUEST = Answer(400, "Bad request")
_DAY = 24 * 3600.0


def picky(refuses: Callable[[Request], bool], answer: Answer = _BAD_REQUEST) -> Scanner:
    """A scanner that turns away each request that ``refuses`` says yes to."""
    return Scanner(refuse=lambda request: answer if refuses(request) else None)


def new_tags() -> Callable[[], Fields]:
    """Headers with another ISTag each time."""
    numbers = count(1)
    return lambda: (("ISTag", f'"icapdiag-lab-{next(numbers)}"'), _SERVER)


def clock(ahead: float) -> Callable[[], Fields]:
    """Headers with the Date of a clock that is ``ahead`` seconds ahead."""
    return lambda: (("Date", formatdate(time.time() + ahead, usegmt=True)), ISTAG, _SERVER)


def services(**methods: str) -> Scanner:
    """A scanner with these services, each with the one method that it takes, and no other."""

    def refuse(request: Request) -> Answer | None:
        method = methods.get((path_of(request.uri) or "").removeprefix("/"))
        if method is None:
            return Answer(404, "Service not found")
        if request.method == "OPTIONS":
            return Answer(200, "OK", tuple((n, method if n == "Methods" else v) for n, v in OFFERS))
        return None if request.method == method else Answer(405, "Method not allowed for service")

    return Scanner(refuse=refuse)


_ANONYMOUS = picky(lambda request: "User-Agent" not in request.headers)
_PREVIEWED = picky(lambda request: request.preview is not None)
_ALLOWING = picky(lambda request: "Allow" in request.headers)
_ENCAPSULATED = picky(lambda request: request.method == "OPTIONS" and request.encapsulated is not None)
_UNMEASURED = picky(
    lambda request: request.method != "OPTIONS" and "Content-Length" not in request.headers,
    Answer(411, "Length required"),
)

FAULTS = (
    Fault("other-path", "has its service under the path of another product", "service-not-found",
          services(virus_scan="REQMOD")),
    Fault("response-path", "takes RESPMOD at this path, and REQMOD at another", "wrong-service",
          services(avscan="RESPMOD", reqmod="REQMOD")),
    Fault("respmod-only", "takes RESPMOD and nothing else, at any path", "respmod-only", services(avscan="RESPMOD")),
    Fault("refuses-preview", "finds every request with a preview malformed", "refused-for-preview", _PREVIEWED),
    Fault("refuses-allow", "finds every request that allows 204 malformed", "refused-for-allow", _ALLOWING),
    Fault("needs-user-agent", "refuses every request without a User-Agent", "refused-for-header", _ANONYMOUS),
    Fault("needs-content-length", "wants Content-Length among the ICAP headers", "refused-for-header", _UNMEASURED),
    Fault("options-without-encapsulated", "scans, and refuses OPTIONS with an Encapsulated header", "options-refused",
          _ENCAPSULATED),
    Fault("istag-changes", "sends another ISTag with each answer", "istag-changes", Scanner(common=new_tags())),
    Fault("clock-skewed", "its clock is a day behind", "clock-skewed", Scanner(common=clock(-_DAY))),
)  # fmt: skip
