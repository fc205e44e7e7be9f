"""The lab's members: each one is a server with one known fault, and the finding it must lead to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain, repeat
from types import MappingProxyType

import trio

from icapdiag.icap.message import Request
from icapdiag.icap.request import encode_response
from icapdiag.icap.samples import eicar
from icapdiag.lab.connection import IDLE, Connection
from icapdiag.lab.members import DEPTHS, Behaviour, Depth, Fault
from icapdiag.lab.request_faults import METADATA_FAULTS, PREVIEW_FAULTS, SIZE_FAULTS
from icapdiag.lab.scanner import (
    INFECTION,
    ISTAG,
    OFFERS,
    RESET,
    THREAT,
    Answer,
    AsUsual,
    Fields,
    Reply,
    Scanner,
    allow,
    block,
    blocked,
    changed,
    decide,
    echo,
    page,
    rewritten,
    scan,
    status,
)

# Behaviours that need no ICAP, or break it.


async def drip(connection: Connection) -> None:
    await connection.receive()
    for byte in chain(b"ICAP/1.0 200 OK\r\nX-Patience: ", repeat(ord("."))):
        await connection.send(bytes([byte]))
        await trio.sleep(0.1)


def says(data: bytes, *, at_once: bool = False) -> Behaviour:
    """Send these bytes, to whatever was asked, and close."""

    async def behaviour(connection: Connection) -> None:
        if not at_once:
            await connection.receive()
        await connection.send(data)
        await connection.finish()

    return behaviour


async def answer_then_reset(connection: Connection) -> None:
    await connection.receive()
    await connection.send(encode_response(404, "Service not found", (("Connection", "close"), ISTAG)))
    await connection.reset()


async def endless_chunks(connection: Connection) -> None:
    while True:
        await connection.send(b"20000\r\n" + b"." * 0x20000 + b"\r\n")


# Behaviours that differ in how they keep, close and count connections.


async def starved(connection: Connection) -> None:
    """Nobody reads what came, nor that no more will come, as while every thread of a server is busy."""
    await trio.sleep(IDLE)


async def waiting_for_thread(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
    """OPTIONS, which a client sends first, waits for a thread; from then on there is one."""
    if request.method == "OPTIONS":
        await trio.sleep(1.3)
    return await as_usual(connection, request)


async def desynchronised(connection: Connection) -> None:
    """On one connection each answer but the first is the one to the request before."""
    given: list[Answer] = []

    async def late(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
        answer = await as_usual(connection, request)
        if answer is None:
            return None
        given.append(answer)
        return given[max(0, len(given) - 2)]

    await Scanner(around=late)(connection)


def closes_unannounced(request: Request) -> Answer:
    answer = replace(scan(request), ending=Connection.finish)
    return replace(answer, damage=lambda wire: wire.replace(b"Connection: close\r\n", b"", 1))


def limited(refusal: Answer | None, offers: Fields = OFFERS) -> Scanner:
    """With more than four connections open each request gets this answer; None: the usual one, 0.6 s later.

    All answers take their time, or those that come together would not be there together.
    """

    async def around(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
        if connection.active > 4:
            if refusal is not None:
                return refusal
            await trio.sleep(0.6)
        return await as_usual(connection, request)

    return Scanner(offers=offers, delay=0.05, around=around)


# Small changes to the healthy scanner.

_with_body = decide(clean=echo)
_without_body = decide(infected=lambda _: Answer(200, "OK", (*INFECTION, ("Encapsulated", "null-body=0"))))


def opswat(description: str) -> Reply:
    """How MetaDefender ICAP Server blocks what it did not scan: no X-Blocked-Reason, no X-ICAP-Profile."""
    return blocked((("X-Response-Info", "Blocked"), ("X-Response-Desc", description)), description)


def no_preview_above(most: int) -> Reply:
    """Refuse uploads with a longer preview."""

    def reply(request: Request) -> Answer:
        preview = request.headers.get("Preview") or "0"
        return Answer(400, "Bad request") if int(preview) > most else scan(request)

    return reply


def damaged(
    damage: Callable[[bytes], bytes], ending: Behaviour = Connection.finish, *, reply: Reply = _with_body
) -> Scanner:
    """The scanner with the bytes of its answers changed. What is clean is echoed, so that there is a body."""
    return Scanner(scan=lambda request: replace(reply(request), damage=damage, ending=ending))


def without_last_chunk(wire: bytes) -> bytes:
    return wire.removesuffix(b"0\r\n\r\n")


def offset_too_large(wire: bytes) -> bytes:
    return re.sub(rb"(re[qs]-body)=(\d+)", lambda found: b"%b=%d" % (found[1], int(found[2]) + 7), wire, count=1)


FOLDED: Fields = (
    ("X-Infection-Found", f"Type=0;\nResolution=2;\nThreat={THREAT};"),
    *(field for field in INFECTION if field[0] != "X-Infection-Found"),
)
URL_FILTER: Fields = (
    ("X-ICAP-Profile", "default"),
    ("X-Attribute", "blk"),
    ("X-Response-Info", "BLOCKED"),
    ("X-Response-Desc", "URL category blk is BLOCKED"),
)
NOT_SCANNED: Fields = (("X-Response-Info", "Allowed"), ("X-Response-Desc", "Not Scanned"))
HTTP_400 = page("HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close", "400 Bad Request")
SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
TLS_ALERT = bytes.fromhex("15030300020246")  # fatal, protocol_version (RFC 8446, 6)
TLS_NO_CIPHER = bytes.fromhex("15030300020228")  # fatal, handshake_failure

_ALL = (
    Fault("healthy", "a healthy scanner", None),
    Fault("folded-violations", "a healthy scanner that folds its headers over several lines", None,
          Scanner(scan=decide(infected=blocked(FOLDED, "Virus found")))),
    Fault("disabled", "a healthy scanner that is switched off in the pool", "member-disabled", enabled=False),
    # the way there
    Fault("refused", "nothing listens on the port", "tcp-refused", None),
    Fault("reset-on-accept", "resets every connection as soon as it is accepted", "tcp-reset", Connection.reset),
    Fault("reset-mid-body", "resets the connection in the middle of the answer's body", "tcp-reset",
          damaged(lambda wire: without_last_chunk(wire)[:-20], Connection.reset)),
    Fault("mute", "accepts connections and never responds", "no-response", Connection.discard),
    Fault("drip", "sends its answer one byte at a time and never ends", "no-response", drip),
    Fault("slow", "answers correctly, but only after 0.8 s", "slow-member", Scanner(delay=0.8)),
    # verdicts
    Fault("no-security-rule", "MetaDefender without a matching security rule: blocks everything unscanned",
          "no-security-rule", Scanner(scan=opswat("No security rule matched"))),
    Fault("core-error", "MetaDefender ICAP Server that gets no result from MetaDefender Core", "core-unreachable",
          Scanner(scan=opswat("Error received from MetaDefender Core"))),
    Fault("eicar-missed", "passes everything, EICAR too", "eicar-not-detected", Scanner(scan=allow)),
    Fault("form-missed", "finds EICAR only where it is the whole upload, not in an HTML form", "eicar-in-form-passes",
          Scanner(scan=lambda request: (block if request.body == eicar() else allow)(request))),
    Fault("shadow", "ICAPeg in shadow mode: it scans later and enforces nothing", "shadow-service",
          Scanner(scan=lambda request: replace(allow(request), headers=(("X-ICAPeg-Shadow-Service", "true"),)))),
    Fault("clean-blocked", "a URL filter that blocks everything", "clean-blocked", Scanner(scan=blocked(URL_FILTER))),
    Fault("blocks-without-header", "blocks EICAR with an HTTP 403 page and gives no reason", "block-without-reason",
          Scanner(scan=decide(infected=blocked(())))),
    Fault("unclear", "answers 200 with nothing in it, whatever it is sent", "verdict-unclear",
          Scanner(scan=status(200, "OK"))),
    Fault("not-scanned", "MetaDefender whose engines do not run: blocks everything as Not Scanned", "failed-to-scan",
          Scanner(scan=opswat("Not Scanned"))),
    Fault("passes-not-scanned", "allows what its engines did not scan, and says so", "allowed-without-scan",
          Scanner(scan=decide(infected=lambda request: replace(echo(request), headers=NOT_SCANNED)))),
    Fault("rewrites", "sends back a different text", "clean-modified",
          Scanner(scan=decide(clean=rewritten(lambda _: b"rewritten\n")))),
    Fault("disarms", "removes EICAR and passes the rest", "eicar-modified",
          Scanner(scan=decide(infected=rewritten(lambda body: body.replace(eicar(), b"removed\n"))))),
    # statuses
    Fault("404", "has no such service path", "service-not-found", Scanner(every=status(404, "Service not found"))),
    Fault("405", "forbids every scan", "method-not-allowed", Scanner(scan=status(405, "Forbidden"))),
    Fault("400", "rejects every request as malformed", "bad-request", Scanner(every=status(400, "Bad request"))),
    Fault("403", "denies access by the client's address", "access-denied", Scanner(every=status(403, "Forbidden"))),
    Fault("500", "its engine is down: every scan ends in an error", "server-error",
          Scanner(scan=status(500, "Server error"))),
    Fault("503", "overloaded", "overloaded", Scanner(every=status(503, "Service overloaded"))),
    Fault("408", "gives up waiting for the body", "request-timeout-status",
          Scanner(scan=status(408, "Request timeout"))),
    Fault("418", "rejects how the request is composed", "bad-composition",
          Scanner(scan=status(418, "Bad composition"))),
    Fault("429", "answers with a status that ICAP does not have", "unexpected-status",
          Scanner(scan=status(429, "Too many requests"))),
    Fault("501", "implements only OPTIONS", "method-not-implemented",
          Scanner(scan=status(501, "Method not implemented"))),
    Fault("options-refused", "scans, and answers OPTIONS with an error", "options-refused",
          Scanner(refuses_options=Answer(405, "Method not allowed"))),
    Fault("blocks-with-403", "answers malware with an ICAP error instead of a block page", "blocked-with-icap-error",
          Scanner(scan=decide(infected=lambda _: Answer(403, "Forbidden", INFECTION)))),
    Fault("licence", "its licence has expired", "scanner-licence",
          Scanner(scan=status(539, "Aborted - No AV scanning license"))),
    # not what the port was thought to be
    Fault("not-icap-http", "a web server", "not-icap", says(b"".join(HTTP_400))),
    Fault("not-icap-ssh", "an SSH server", "not-icap", says(SSH_BANNER, at_once=True)),
    Fault("tls-alert", "a TLS port that the pool has as plain", "plain-on-tls-port", says(TLS_ALERT)),
    Fault("tls-on-plain-port", "a plain port that the pool has as TLS", "tls-on-plain-port",
          Connection.discard, tls=True),
    Fault("tls-refused", "a TLS port that shares no cipher with its clients", "tls-handshake-failed",
          says(TLS_NO_CIPHER), tls=True),
    # broken ICAP
    Fault("no-empty-line", "closes before the empty line that ends the head", "malformed-response",
          damaged(lambda wire: wire[: wire.index(b"\r\n\r\n") + 2], reply=_without_body)),
    Fault("wrong-encapsulated", "announces the body at an offset where it isn't", "malformed-response",
          damaged(offset_too_large)),
    Fault("bad-chunk", "sends a chunk size that is not a number", "malformed-response",
          damaged(lambda wire: re.sub(rb"\r\n\r\n[0-9a-f]+\r\n", b"\r\n\r\nzz\r\n", wire, count=1))),
    Fault("endless-body", "sends a body that never ends", "response-too-large",
          damaged(without_last_chunk, endless_chunks)),
    Fault("answer-then-rst", "sends its 404 before the body is read, then resets", "service-not-found",
          answer_then_reset),
    Fault("204-unannounced", "does not offer 204 in OPTIONS but sends it, which does no harm", None,
          Scanner(offers=changed(OFFERS, Allow=""))),
    Fault("echo-without-allow", "does not support 204: returns every clean body", "allow-204-missing",
          Scanner(offers=changed(OFFERS, Allow=""), scan=decide(clean=echo))),
    Fault("small-preview", "accepts at most 4 bytes of preview", "preview-too-large",
          Scanner(offers=changed(OFFERS, Preview="4"),
                  refuse=lambda request: Answer(400, "Bad request") if (request.preview or 0) > 4 else None)),
    Fault("offers-respmod", "offers RESPMOD only, but serves REQMOD", "reqmod-not-offered",
          Scanner(offers=changed(OFFERS, Methods="RESPMOD"), takes_any=True)),
    Fault("no-connections", "announces that it accepts no connections", "no-connections-offered",
          Scanner(offers=changed(OFFERS, Max_Connections="0"))),
    Fault("no-istag", "sends no ISTag", "istag-missing", Scanner(common=())),
    # certificates
    Fault("tls-healthy", "a healthy scanner behind TLS", None, certificate="healthy", tls=True),
    Fault("tls-expired", "its certificate has expired", "tls-certificate-expired", certificate="expired", tls=True),
    Fault("tls-wrong-name", "its certificate is for another name", "tls-certificate-name",
          certificate="wrong-name", tls=True),
    Fault("tls-untrusted", "its certificate is from an untrusted CA", "tls-certificate-untrusted",
          certificate="untrusted", tls=True),
    Fault("tls-client-certificate", "it requires a client certificate, and the pool has none",
          "tls-handshake-failed", certificate="client-certificate", tls=True),
    # limits to the size of a body
    *SIZE_FAULTS,
    # of connections
    Fault("threads-exhausted", "all its threads are busy: connections queue in the kernel",
          "server-threads-exhausted", starved),
    Fault("waits-for-thread", "serves a connection as soon as it has a thread free, which takes 1.3 s",
          "connection-waits", Scanner(around=waiting_for_thread)),
    Fault("keepalive-desync", "answers each later request on a connection with the response before",
          "keepalive-desync", desynchronised, depth="deep"),
    Fault("closes-unannounced", "closes after each upload without having said so", "closes-unannounced",
          Scanner(scan=closes_unannounced), depth="deep"),
    Fault("max-connections-enforced", "announces that it accepts 4 connections, and rejects more with 503",
          "max-connections-enforced",
          limited(Answer(503, "Service overloaded"), changed(OFFERS, Max_Connections="4")), depth="load"),
    Fault("resets-above-n", "resets connections beyond 4", "fails-under-load",
          limited(RESET), depth="load"),
    Fault("slow-above-n", "serves 4 connections at a time, and any more only after 0.6 s", "slow-under-load",
          limited(None), depth="load"),
    # of previews
    *PREVIEW_FAULTS,
)  # fmt: skip

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in (*_ALL, *METADATA_FAULTS)})
ALIASES: Mapping[str, str] = MappingProxyType({"no-blank-line": "no-empty-line"})
"""Names that faults once had: served, and not listed."""


def faults_of(depth: Depth) -> tuple[str, ...]:
    """The names of those that a run of this depth can tell from a healthy server, and of the healthy ones."""
    return tuple(name for name, fault in FAULTS.items() if DEPTHS.index(fault.depth) <= DEPTHS.index(depth))
