"""Members with a fault in which requests they take, and how: previews, sizes, methods, headers, tags, clocks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from itertools import count

from icapdiag.icap.body import LAST_CHUNK
from icapdiag.icap.message import Request
from icapdiag.lab.connection import CONTINUE, Connection
from icapdiag.lab.members import Fault
from icapdiag.lab.scanner import (
    ISTAG,
    OFFERS,
    RESET,
    Answer,
    AsUsual,
    Fields,
    Reply,
    Scanner,
    allow,
    blocked,
    changed,
    decide,
    echo,
    path_of,
    scan,
    status,
    wants_continue,
)

_NOTHING = Answer(204, "No Content")
_BAD_REQUEST = Answer(400, "Bad request")

# What is answered to a preview before the scanner has its turn: an answer, or None for its usual way.
Decide = Callable[[Connection, Request], Awaitable[Answer | None]]


def previewer(preview: Decide, offers: Fields = OFFERS) -> Scanner:
    """A scanner with its own way with previews, OPTIONS aside."""

    async def around(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
        answer = None if request.preview is None else await preview(connection, request)
        return answer or await as_usual(connection, request)

    return Scanner(offers=offers, around=around)


def longer(answer: Answer, *, than: int = -1) -> Decide:
    """This answer to previews of more than that many bytes, if the body goes on after them."""

    async def decide_on(_: Connection, request: Request) -> Answer | None:
        return answer if wants_continue(request) and (request.preview or 0) > than else None

    return decide_on


async def waits(connection: Connection, request: Request) -> Answer | None:
    """Wait for the whole body, and never ask for it."""
    if wants_continue(request):
        await connection.discard()
    return None


async def asks_in_vain(connection: Connection, request: Request) -> Answer | None:
    """Ask for the rest of a body that was all there, and still answer."""
    if request.ieof:
        await connection.send(CONTINUE)
    return None


async def asks_for_more(connection: Connection, request: Request) -> Answer | None:
    """Ask for the rest of a body that was all there, and wait for it."""
    await asks_in_vain(connection, request)
    if request.ieof:
        await connection.discard()
    return None


def partial(request: Request) -> Answer:
    """206 that leaves the whole body to the client's own copy (draft-icap-ext-partial-content)."""
    answer = replace(echo(request), status=206, reason="Partial Content", body=b"")
    return replace(answer, damage=lambda wire: wire.removesuffix(LAST_CHUNK) + b"0; use-original-body=0\r\n\r\n")


PREVIEW_FAULTS = (
    Fault("preview-zero-only", "takes a preview of no bytes, and refuses to go on after a longer one",
          "preview-too-large", previewer(longer(_BAD_REQUEST, than=0), changed(OFFERS, Preview="0")),
          depth="deep"),
    Fault("preview-refused", "refuses bodies that go on after the preview, whatever its length", "preview-refused",
          previewer(longer(_BAD_REQUEST)), depth="deep"),
    Fault("preview-204-unsupported", "answers a preview with 204 because it does not support previews",
          "preview-passes-unscanned", previewer(longer(_NOTHING)), depth="deep"),
    Fault("no-100", "needs the whole body, and never asks for what comes after the preview", "preview-not-continued",
          previewer(waits), depth="deep"),
    Fault("100-after-ieof", "asks for more when the preview was the whole body, and waits for it",
          "continue-after-ieof", previewer(asks_for_more)),
    Fault("100-in-vain", "asks for more when the preview was the whole body, and still answers",
          "unexpected-continue", previewer(asks_in_vain)),
    Fault("204-without-allow", "sends 204 to clients that did not allow it", "204-without-allow",
          Scanner(scan=decide(clean=status(204, "No Content"))), depth="deep"),
    Fault("206", "sends 206 to clients that did not allow it", "partial-content-unasked",
          Scanner(scan=decide(clean=partial))),
)  # fmt: skip


LIMIT = 100_000  # bytes of body


def beyond(reply: Reply) -> Scanner:
    """The scanner, except for bodies over the limit, which get this answer once they are there."""
    return Scanner(scan=lambda request: (reply if len(request.body) > LIMIT else scan)(request))


def _unread(request: Request) -> Answer | None:
    """204 to the preview of what is longer by its own account, as c-icap's virus_scan has it."""
    length = request.http_request.headers.get("Content-Length") if request.http_request else None
    return allow(request) if length and length.isdigit() and int(length) > LIMIT else None


_TOO_LARGE = (("X-Response-Info", "Blocked"), ("X-Response-Desc", "File size exceeds the limit"))


def picky(refuses: Callable[[Request], bool], answer: Answer = _BAD_REQUEST) -> Scanner:
    """A scanner that turns away each request that ``refuses`` says yes to."""
    return Scanner(refuse=lambda request: answer if refuses(request) else None)


SIZE_FAULTS = (
    Fault("size-limit-pass", "reads whatever it is sent, and scans nothing longer than 100,000 bytes",
          "size-limit-pass", beyond(allow), depth="deep"),
    Fault("size-limit-unread", "passes what is longer than 100,000 bytes before it has read it", "size-limit-pass",
          Scanner(refuse=_unread), depth="deep"),
    Fault("size-limit-error", "answers bodies of more than 100,000 bytes with an error", "size-limit-error",
          beyond(status(413, "Request entity too large")), depth="deep"),
    Fault("size-limit-block", "blocks bodies of more than 100,000 bytes", "size-limit-error",
          beyond(blocked(_TOO_LARGE, "File size exceeds the limit")), depth="deep"),
    Fault("tiny-refused", "refuses bodies of less than 2 bytes", "tiny-upload-refused",
          Scanner(scan=lambda request: (scan if len(request.body) > 1 else status(400, "Bad request"))(request)),
          depth="deep"),
    Fault("needs-inner-length", "refuses uploads without a Content-Length of their own", "chunked-upload-refused",
          picky(lambda request: request.http_request is not None
                and "Content-Length" not in request.http_request.headers), depth="deep"),
    Fault("size-limit-drop", "resets the connection once a body is longer than 100,000 bytes", "size-limit-error",
          beyond(lambda _: RESET), depth="deep"),
)  # fmt: skip


_SERVER = ("Server", "icapdiag-lab")
_DAY = 24 * 3600.0


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
            return Answer(200, "OK", changed(OFFERS, Methods=method))
        return None if request.method == method else Answer(405, "Method not allowed for service")

    return Scanner(refuse=refuse, paths=tuple(f"/{name}" for name in methods))


METADATA_FAULTS = (
    Fault("other-path", "has its service under the path of another product", "service-not-found",
          services(virus_scan="REQMOD")),
    Fault("response-path", "accepts RESPMOD at this path, and REQMOD at another", "wrong-service",
          services(avscan="RESPMOD", reqmod="REQMOD")),
    Fault("respmod-only", "accepts only RESPMOD, at any path", "respmod-only", services(avscan="RESPMOD")),
    Fault("refuses-preview", "rejects every request with a preview as malformed", "refused-for-preview",
          picky(lambda request: request.preview is not None)),
    Fault("refuses-allow", "rejects every request that allows 204 as malformed", "refused-for-allow",
          picky(lambda request: "Allow" in request.headers)),
    Fault("needs-user-agent", "refuses every request without a User-Agent", "refused-for-header",
          picky(lambda request: "User-Agent" not in request.headers)),
    Fault("needs-content-length", "requires Content-Length among the ICAP headers", "refused-for-header",
          picky(lambda request: request.method != "OPTIONS" and "Content-Length" not in request.headers,
                Answer(411, "Length required"))),
    Fault("options-without-encapsulated", "scans, and refuses OPTIONS with an Encapsulated header", "options-refused",
          picky(lambda request: request.method == "OPTIONS" and request.encapsulated is not None)),
    Fault("istag-changes", "changes its ISTag on every response", "istag-changes", Scanner(common=new_tags())),
    Fault("clock-skewed", "its clock is a day behind", "clock-skewed", Scanner(common=clock(-_DAY))),
)  # fmt: skip
