"""Responses built by hand, for tests of the verdict."""

from __future__ import annotations

from icapdiag.icap.encapsulated import body_name, parse_encapsulated
from icapdiag.icap.headers import parse_http_head
from icapdiag.icap.message import LIMITS, Headers, HttpHead, Response
from icapdiag.icap.verdict import Judgement, judge

ORIGINAL = b"the original body"
REASONS = {200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 403: "Forbidden", 500: "Server error"}


def http(start_line: str, *fields: tuple[str, str]) -> HttpHead:
    text = "".join(f"{line}\r\n" for line in (start_line, *(f"{name}: {value}" for name, value in fields)))
    return parse_http_head(text.encode("latin-1") + b"\r\n", LIMITS)


FORBIDDEN = http("HTTP/1.1 403 Forbidden")
HTTP_OK = http("HTTP/1.1 200 OK")
POST = http("POST /upload HTTP/1.1", ("Host", "www.example.com"))


def answer(  # a test states what it needs, in one line
    *fields: tuple[str, str],
    status: int = 200,
    reason: str | None = None,
    encapsulated: str | None = None,
    request: HttpHead | None = None,
    response: HttpHead | None = None,
    body: bytes | None = None,
    body_size: int | None = None,
    use_original_body: int | None = None,
    complete: bool = True,
) -> Response:
    """An answer; Encapsulated follows from what it holds unless it is given."""
    if encapsulated is None and (request or response or body is not None):
        side = "res" if response else "req"
        head = f"{side}-hdr=0, " if response or request else ""
        encapsulated = f"{head}{'null' if body is None else side}-body={100 if head else 0}"
    parts = parse_encapsulated(encapsulated)[0] if encapsulated else None
    return Response(
        version="ICAP/1.0",
        status=status,
        reason=REASONS.get(status, "") if reason is None else reason,
        headers=Headers.of((*fields, *((("Encapsulated", encapsulated),) if encapsulated else ()))),
        encapsulated=parts,
        http_request=request,
        http_response=response,
        body_name=body_name(parts or ()),
        body=body or b"",
        body_size=len(body or b"") if body_size is None else body_size,
        use_original_body=use_original_body,
        complete=complete,
    )


def facts(judgement: Judgement) -> tuple[str, tuple[str, ...]]:
    return judgement.verdict, judgement.decided_by


def judged(
    *fields: tuple[str, str],
    status: int = 200,
    reason: str | None = None,
    response: HttpHead | None = None,
) -> Judgement:
    """The judgement on an answer without content, or with an HTTP head alone."""
    return judge(answer(*fields, status=status, reason=reason, response=response))
