"""The healthy service: a scanner that knows EICAR and passes everything else (RFC 3507).

A fault is this scanner with one thing changed, see `Scanner`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from urllib.parse import urlsplit

import trio

from icapdiag.icap.message import CapExceeded, Headers, ProtocolError, Request
from icapdiag.icap.request import encode_response
from icapdiag.icap.samples import eicar
from icapdiag.lab.connection import Connection

Fields = tuple[tuple[str, str], ...]

SERVICE_URI = "/avscan"
THREAT = "Eicar-Test-Signature"
MAX_CONNECTIONS = 200  # announced, and kept by the server
ISTAG = ("ISTag", '"icapdiag-lab-1"')
OFFERS: Fields = (
    ("Methods", "REQMOD, RESPMOD"),
    ("Service", "icapdiag lab"),
    ("Preview", "1024"),
    ("Allow", "204"),
    ("Transfer-Preview", "*"),
    ("Max-Connections", str(MAX_CONNECTIONS)),
    ("Options-TTL", "3600"),
    ("Encapsulated", "null-body=0"),
)
INFECTION: Fields = (
    ("X-Infection-Found", f"Type=0; Resolution=2; Threat={THREAT};"),
    ("X-Virus-ID", THREAT),
    ("X-Violations-Found", f"1\n-\n{THREAT}\n0\n0"),  # by its definition on five lines (draft-stecher-icap-subid-00)
)
_NOTHING = Headers()
_LENGTH = re.compile(rb"(?im)(?<=^Content-Length: )\d+")
_VIA = b"Via: ICAP/1.0 icapdiag-lab\r\n"


def changed(fields: Fields, **values: str) -> Fields:
    """The fields with some values changed (``Options_TTL`` for Options-TTL); an empty value removes the field."""
    new = {name.replace("_", "-"): value for name, value in values.items()}
    return tuple((name, new.get(name, value)) for name, value in fields if new.get(name, value))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it goes on the wire. ``damage`` changes its bytes, ``ending`` ends the connection after it."""

    status: int
    reason: str
    headers: Fields = ()
    http_request: bytes | None = None
    http_response: bytes | None = None
    body: bytes | None = None
    damage: Callable[[bytes], bytes] = bytes
    ending: Callable[[Connection], Awaitable[None]] | None = None


Reply = Callable[[Request], Answer]
AsUsual = Callable[[Connection, Request], Awaitable[Answer | None]]  # None: the client is gone
RESET = Answer(200, "OK", damage=lambda _: b"", ending=Connection.reset)  # in the place of an answer


def page(status_line: str, text: str) -> tuple[bytes, bytes]:
    """Head and body of a small HTTP page."""
    body = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>\n".encode("latin-1")
    head = f"{status_line}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1"), body


def blocked(headers: Fields, text: str = "Blocked") -> Reply:
    """200 with an HTTP 403 page in it, and ``headers`` that say why."""
    head, body = page("HTTP/1.1 403 Forbidden", text)
    return lambda _: Answer(200, "OK", headers, http_response=head, body=body)


def status(code: int, reason: str) -> Reply:
    """An answer that is a status line and nothing else."""
    return lambda _: Answer(code, reason)


def echo(request: Request) -> Answer:
    """200 with the message as it came, plus a Via: the clean answer to a client that did not allow 204."""
    body = request.body if has_body(request) else None
    if request.method == "RESPMOD":
        head = request.http_response.raw if request.http_response else b"HTTP/1.1 200 OK"
        return Answer(200, "OK", http_response=_with_via(head), body=body)
    return Answer(
        200, "OK", http_request=_with_via(request.http_request.raw) if request.http_request else None, body=body
    )


def rewritten(change: Callable[[bytes], bytes]) -> Reply:
    """200 with the message as it came but for its body, and the Content-Length of that."""

    def reply(request: Request) -> Answer:
        body = change(request.body)
        answer = echo(request._replace(body=body))

        def fitting(head: bytes | None) -> bytes | None:
            return head and _LENGTH.sub(b"%d" % len(body), head)

        return replace(answer, http_request=fitting(answer.http_request), http_response=fitting(answer.http_response))

    return reply


def allow(request: Request) -> Answer:
    """204 where the client can take it (RFC 3507, 4.6), else the echo."""
    inside_preview = request.preview is not None and not wants_continue(request)
    if inside_preview or "204" in request.headers.tokens("Allow"):
        return Answer(204, "No Content")
    return echo(request)


block = blocked(INFECTION, "Virus found")


def decide(*, clean: Reply = allow, infected: Reply = block) -> Reply:
    """Look for EICAR anywhere in the body, in base64 as well."""
    signatures = (eicar(), base64.b64encode(eicar()))
    return lambda request: (infected if any(each in request.body for each in signatures) else clean)(request)


scan = decide()


async def _usual(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
    return await as_usual(connection, request)


def has_body(request: Request) -> bool:
    return request.body_name not in {None, "null-body"}


def wants_continue(request: Request) -> bool:
    """Whether the body goes on after the preview (RFC 3507, 4.5)."""
    return request.preview is not None and has_body(request) and not request.ieof


def path_of(uri: str) -> str | None:
    """The service's path in an absolute ICAP URI, whatever its host and query; None if it is not such a URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return (parts.path or "/") if parts.scheme in {"icap", "icaps"} and parts.netloc else None


def _with_via(head: bytes) -> bytes:
    return head.rstrip(b"\r\n") + b"\r\n" + _VIA + b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Serves a connection until one side closes it."""

    offers: Fields = OFFERS  # what OPTIONS answers
    scan: Reply = scan  # what a REQMOD or RESPMOD answers
    every: Reply | None = None  # answers everything, unseen
    refuse: Callable[[Request], Answer | None] = lambda _: None  # a look at the request before all else
    around: Callable[[Connection, Request, AsUsual], Awaitable[Answer | None]] = _usual  # has its way with each request
    paths: tuple[str, ...] = (SERVICE_URI,)  # of services
    takes_any: bool = False  # REQMOD and RESPMOD, whatever the offers say
    refuses_options: Answer | None = None  # instead of the offers
    common: Fields | Callable[[], Fields] = (ISTAG, ("Server", "icapdiag-lab"))  # on every answer; Date if it has none
    delay: float = 0.0  # seconds before each answer

    async def __call__(self, connection: Connection) -> None:
        try:
            while (request := await connection.request()) is not None:
                answer = await self.around(connection, request, self._answer)
                if answer is None or not await self._send(connection, answer, request.headers):
                    return
        except CapExceeded as error:
            await self._send(connection, Answer(413, f"Too large: {error.rule}"))
        except ProtocolError as error:
            await self._send(connection, Answer(400, f"Bad request: {error.rule}"))

    async def _answer(self, connection: Connection, request: Request) -> Answer | None:
        refusal = self.every(request) if self.every else self.refuse(request) or self._refuse(request)
        if refusal:
            return refusal
        if request.method == "OPTIONS":
            return self.refuses_options or Answer(200, "OK", self.offers)
        whole = await connection.rest() if wants_continue(request) else request
        return None if whole is None else self.scan(whole)

    def _refuse(self, request: Request) -> Answer | None:
        """What a server can say without looking at the body (RFC 3507, 4.3.3)."""
        offered = Headers.of(self.offers).tokens("Methods")
        if request.version != "ICAP/1.0":
            return Answer(505, "ICAP version not supported")
        if request.method not in {"OPTIONS", "REQMOD", "RESPMOD"}:
            return Answer(501, "Method not implemented")
        path = path_of(request.uri)
        if path is None or any(found.section == "4.4.1" for found in request.deviations):
            return Answer(400, "Bad request")
        if path not in self.paths:
            return Answer(404, "Service not found")
        if request.method not in {"OPTIONS", *offered} and not self.takes_any:
            return Answer(405, "Method not allowed for service")
        return None

    async def _send(self, connection: Connection, answer: Answer, asked: Headers = _NOTHING) -> bool:
        """Send the answer; False if that was the last one."""
        await trio.sleep(self.delay)
        ending = answer.ending
        if ending is None and (answer.status >= 400 or "close" in (asked.get("Connection") or "").lower()):
            ending = Connection.finish
        headers = (*(self.common() if callable(self.common) else self.common), *answer.headers)
        if "Date" not in Headers(headers):
            headers = (("Date", formatdate(usegmt=True)), *headers)
        if ending:
            headers = (("Connection", "close"), *headers)
        wire = encode_response(
            answer.status,
            answer.reason,
            headers,
            http_request=answer.http_request,
            http_response=answer.http_response,
            body=answer.body,
        )
        await connection.send(answer.damage(wire))
        if ending:
            await ending(connection)
        return ending is None


HEALTHY = Scanner()
