"""After a timeout, a reset or a close: what the run tries, so that the causes can be told apart."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from icapdiag.icap.message import ProtocolError, Request
from icapdiag.icap.request import encode_response
from icapdiag.lab.certificates import write_ca_and_contexts
from icapdiag.lab.connection import Connection, Counters
from icapdiag.lab.members import Certificate
from icapdiag.model import Observation
from icapdiag.pool import TLS, Pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.plan import plan_pool
from icapdiag.runbook import Matched, load_runbooks, match
from icapdiag.vocabulary import Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of

SETTINGS = Settings(timeout=1, connect_timeout=1, deadline=5)
Serve = Callable[[Connection], Awaitable[None]]
ESET, SYMANTEC, OPNSENSE = "ESET File Security", "Symantec Scan Engine 5.2", "C-ICAP/0.5.11 server - Antivirus service"


@asynccontextmanager
async def serving(
    serve: Serve, *, wrap: ssl.SSLContext | None = None, unproxied: bytes | None = None
) -> AsyncIterator[tuple[Pool, Counters]]:
    """A server that treats each connection so; ``wrap``: inside TLS.

    ``unproxied`` is what it says to one that does not begin with a line of the PROXY protocol, if it expects that.
    """
    counters = Counters()

    async def handle(stream: trio.SocketStream) -> None:
        inner = stream if wrap is None else trio.SSLStream(stream, wrap, server_side=True, https_compatible=True)
        with counters.connection():
            try:
                if unproxied is not None and not await begins_with_proxy_line(stream):
                    await stream.send_all(unproxied)
                    return
                await serve(Connection(inner, counters))
            except (trio.BrokenResourceError, ProtocolError):
                pass
            finally:
                await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners: list[Any] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield pool_of(member(listeners[0].socket.getsockname()[1])), counters
        nursery.cancel_scope.cancel()


async def begins_with_proxy_line(stream: trio.SocketStream) -> bool:
    line = b""
    while not line.endswith(b"\r\n") and len(line) < 107 and (byte := await stream.receive_some(1)):
        line += byte
    words = line.split()
    return words[:2] == [b"PROXY", b"TCP4"] and len(words) == 6


def options(**offers: str) -> bytes:
    fields = {"Methods": "REQMOD", "ISTag": '"a"', "Allow": "204", **offers, "Encapsulated": "null-body=0"}
    return encode_response(200, "OK", tuple((name.replace("_", "-"), value) for name, value in fields.items()))


def status(code: int, reason: str) -> bytes:
    return encode_response(code, reason, (("ISTag", '"a"'),))


CLEAN = status(204, "No content")
UNREADABLE = (
    b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\nzz\r\n'
)


def scanner(answer: Callable[[Request], bytes | None], **offers: str) -> Serve:
    """One request a connection; of a REQMOD the whole body is read. None: reset."""

    async def serve(connection: Connection) -> None:
        if (request := await connection.request()) is None:
            return
        if request.method == "OPTIONS":
            reply: bytes | None = options(**offers)
        else:
            reply = answer(request)
        if reply is None:
            await connection.reset()
        elif reply:
            await connection.send(reply)
            await connection.finish()
        else:
            await connection.discard()

    return serve


async def diagnosed(
    serve: Serve, change: Callable[[Pool], Pool] = lambda pool: pool, **how: Any
) -> tuple[Any, Matched]:
    """The facts of `variants`, and what the run leads to. It never sends more than was planned."""
    async with serving(serve, **how) as (served, counters):
        pool = change(served)
        most = plan_pool(pool, SETTINGS, PROBES).totals
        results = await probe_pool(pool, SETTINGS)
    assert counters.connections <= most.connections_at_most
    assert [] == [found for found in results.observations if found.status is Status.ERROR]
    (variants,) = [found for found in results.observations if found.probe == "variants"]
    return facts_of(variants), match(load_runbooks(), results.observations)


def causes(matched: Matched, finding: str) -> dict[str, str]:
    (found,) = [each for each in matched.findings if each.id == finding]
    return {cause.id: str(cause.status) for cause in found.causes or ()}


def ids(matched: Matched) -> list[str]:
    return [found.id for found in matched.findings]


def longer_than(offer: int, reply: bytes | None) -> Callable[[Request], bytes | None]:
    """This reply to a preview that is longer than was offered, 204 to everything else."""

    def answer(request: Request) -> bytes | None:
        preview = request.headers.get("Preview")
        return reply if preview is not None and int(preview) > offer else CLEAN

    return answer


@pytest.mark.parametrize(
    ("service", "offer", "reply"),
    [
        (SYMANTEC, 4, None),
        (SYMANTEC, 4, b""),
        ("McAfee Web Gateway", 30, status(400, "Bad request")),
        ("McAfee Web Gateway", 30, status(408, "Request timeout")),
        ("ClearSwift", 16, UNREADABLE),
        (OPNSENSE, 24, status(413, "Too large")),
    ],
)
async def test_a_preview_longer_than_the_offer_is_proven_by_a_shorter_one(
    service: str, offer: int, reply: bytes | None, autojump_clock: trio.testing.MockClock
) -> None:
    variants, matched = await diagnosed(scanner(longer_than(offer, reply), Service=service, Preview=str(offer)))

    assert ["no-preview", "preview-offered", "tiny-body"] == sorted(variants["accepted"])
    assert "unchanged" in variants["rejected"]
    assert ["preview-too-large"] == ids(matched)
    assert "proven" in causes(matched, "preview-too-large").values()


@pytest.mark.parametrize(
    ("service", "reply", "finding"),
    [
        (ESET, b"", "no-response"),
        (OPNSENSE, None, "tcp-reset"),
        ("MetaDefender ICAP Server", status(400, "Bad request"), "bad-request"),
        ("Kaspersky Scan Engine", status(408, "Request timeout"), "request-timeout-status"),
    ],
)
@pytest.mark.parametrize("offer", [0, 4])
async def test_a_short_offer_and_any_failure_is_a_coincidence(
    service: str, reply: bytes | None, finding: str, offer: int, autojump_clock: trio.testing.MockClock
) -> None:
    variants, matched = await diagnosed(scanner(lambda _: reply, Service=service, Preview=str(offer)))

    assert ([], None) == (variants.get("accepted", []), variants.get("fixed_by"))
    assert {"no-preview", "preview-offered", "tiny-body", "no-allow"} <= set(variants["rejected"])
    assert [finding] == ids(matched)


async def test_what_comes_and_goes_is_no_cure(autojump_clock: trio.testing.MockClock) -> None:
    """The first REQMOD hangs, all after it are answered."""
    met: list[Request] = []

    def answer(request: Request) -> bytes:
        met.append(request)
        return b"" if len(met) == 1 else CLEAN

    variants, matched = await diagnosed(scanner(answer, Preview="0"))

    assert "fixed_by" not in variants
    assert "unchanged" in variants["accepted"]
    assert ["no-response"] == ids(matched)


async def dropped(connection: Connection) -> None:
    await connection.receive()


async def dropped_at_once(connection: Connection) -> None:
    await connection.reset()


@pytest.mark.parametrize("serve", [dropped, dropped_at_once])
async def test_a_port_that_drops_everything_is_asked_by_tls_and_by_proxy(
    serve: Serve, autojump_clock: trio.testing.MockClock
) -> None:
    variants, matched = await diagnosed(serve)

    assert ["tls", "proxy-v1", "empty-line", "no-encapsulated", "unchanged"] == variants["rejected"]
    assert ["tcp-reset"] == ids(matched)
    excluded = dict.fromkeys(("tls-port", "proxy-protocol", "proxy-line"), "ruled out")
    assert excluded.items() <= causes(matched, "tcp-reset").items()


@pytest.mark.parametrize("certificate", ["healthy", "expired", "client-certificate"])
async def test_a_tls_port_that_drops_clear_text_is_known_by_its_handshake(
    tmp_path: Path, certificate: Certificate
) -> None:
    _, contexts = write_ca_and_contexts(tmp_path, "127.0.0.1")

    variants, matched = await diagnosed(scanner(lambda _: CLEAN), wrap=contexts[certificate])

    assert "tls" == variants["fixed_by"]
    assert ["plain-on-tls-port"] == ids(matched)
    assert "proven" in causes(matched, "plain-on-tls-port").values()


@pytest.mark.parametrize(
    ("serve", "refusal"),
    [
        (scanner(lambda _: CLEAN), b""),
        (scanner(lambda _: CLEAN), status(400, "Bad request")),
        (scanner(lambda _: status(500, "Server error"), Service=OPNSENSE), b""),
    ],
)
async def test_a_listener_that_expects_the_proxy_protocol(
    serve: Serve, refusal: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    variants, matched = await diagnosed(serve, unproxied=refusal)

    assert "proxy-v1" == variants["fixed_by"]
    assert ["proxy-protocol"] == ids(matched)
    assert {"expected": "proven"} == causes(matched, "proxy-protocol")


@pytest.mark.parametrize(
    ("service", "reply"),
    [(OPNSENSE, status(400, "Bad Request")), ("", status(400, "Bad Request")), ("x", b"ICAP/1.0 400 Bad\r\n\r\n")],
)
@pytest.mark.parametrize("line", [b"", b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 1344\r\n"])
async def test_a_400_to_everything_may_be_a_proxy_line_that_nobody_expects(
    service: str, reply: bytes, line: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    """With the line in front a blank one ends a head, and is answered; without it, it is no head."""

    async def serve(connection: Connection) -> None:
        head = line
        while data := await connection.receive():
            head += data
            if b"\r\n\r\n" in head:
                await connection.send(reply)
                await connection.finish()
                return

    _, matched = await diagnosed(serve)

    assert "bad-request" in ids(matched)
    assert ("likely" if line else "ruled out") == causes(matched, "bad-request")["proxy-line"]


async def test_a_proxy_line_whose_400_is_lost_to_a_reset(autojump_clock: trio.testing.MockClock) -> None:
    """The server behind answers the line with 400 and closes; the balancer then has more to send, and is reset."""

    async def serve(connection: Connection) -> None:
        if await connection.receive() == b"\r\n":
            await connection.send(status(400, "Bad request"))
        else:
            await connection.reset()

    variants, matched = await diagnosed(serve)

    assert ["empty-line"] == variants["accepted"]
    assert ["tcp-reset"] == ids(matched)
    known = causes(matched, "tcp-reset")
    assert ("likely", "ruled out") == (known["proxy-line"], known["dead-backend"])


@pytest.mark.parametrize("says", [b"", b"\x15\x03\x03\x00\x02\x02\x46"])
async def test_a_plain_port_behind_a_member_with_tls_is_asked_in_clear(
    says: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    def with_tls(pool: Pool) -> Pool:
        return replace(pool, members=tuple(replace(each, tls=TLS(verify=False)) for each in pool.members))

    clear = scanner(lambda _: CLEAN)

    async def serve(connection: Connection) -> None:
        await clear(connection)

    variants, matched = await diagnosed(serve, with_tls)

    assert "plain" == variants["fixed_by"]
    assert ["tls-on-plain-port"] == ids(matched)
    assert "proven" in causes(matched, "tls-on-plain-port").values()


@pytest.mark.parametrize(
    ("reply", "finding"), [(b"", "no-response"), (None, "tcp-reset"), (UNREADABLE, "malformed-response")]
)
@pytest.mark.parametrize("offer", [0, 30])
async def test_a_server_that_takes_no_preview_at_all_is_another_case(
    reply: bytes | None, finding: str, offer: int, autojump_clock: trio.testing.MockClock
) -> None:
    def answer(request: Request) -> bytes | None:
        return CLEAN if request.headers.get("Preview") is None else reply

    variants, matched = await diagnosed(scanner(answer, Service=ESET, Preview=str(offer)))

    assert (["no-preview"], "no-preview") == (variants["accepted"], variants["fixed_by"])
    assert ["refused-for-preview"] == ids(matched)
    assert finding not in ids(matched)


@pytest.mark.parametrize("service", ["home-made", "McAfee Web Gateway", "nodecap"])
async def test_a_server_that_does_not_know_the_end_of_a_short_upload_is_another_case(
    service: str, autojump_clock: trio.testing.MockClock
) -> None:
    """A shorter preview is answered here, too: what ends inside of one is not, however short."""

    async def serve(connection: Connection) -> None:
        request = await connection.request()
        if request is None:
            return
        if request.method == "OPTIONS":
            await connection.send(options(Service=service, Preview="30"))
        elif request.ieof:
            await connection.discard()
        else:
            if request.headers.get("Preview") is not None:
                await connection.rest()
            await connection.send(CLEAN)
        await connection.finish()

    variants, matched = await diagnosed(serve)

    assert ["no-preview", "preview-offered"] == sorted(variants["accepted"])
    assert {"too-long": "ruled out", "ieof": "likely"} == causes(matched, "preview-too-large")


HELLO_TLS_1_1 = bytes.fromhex(
    "160302002a0200002603020102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2000c01400"
)


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (bytes.fromhex("15030100020246"), "proven"),  # alert 70, as stunnel and haproxy send it
        (HELLO_TLS_1_1, "proven"),  # a ServerHello of TLS 1.1
        (bytes.fromhex("15030100020250"), "likely"),  # alert 80, as c-icap sends it
    ],
)
async def test_a_server_with_old_versions_of_tls_only(says: bytes, status: str) -> None:
    async def serve(connection: Connection) -> None:
        await connection.receive()
        await connection.send(says)
        await connection.finish()

    async with serving(serve) as (pool, _):
        members = tuple(replace(each, tls=TLS(verify=False)) for each in pool.members)
        results = await probe_pool(replace(pool, members=members), SETTINGS)
    found = causes(match(load_runbooks(), results.observations), "tls-handshake-failed")

    assert status == found["version"]
    assert ("ruled out" if status == "proven" else "possible") == found["client-certificate"]


@pytest.mark.parametrize("ending", ["close", "reset", "silence", "status"])
async def test_reqmod_without_an_answer_where_options_lists_respmod_only_is_a_refusal(
    ending: str, autojump_clock: trio.testing.MockClock
) -> None:
    def answer(request: Request) -> bytes | None:
        if request.method == "RESPMOD":
            return CLEAN
        return {"close": status(405, "No")[:0], "reset": None, "silence": b"", "status": status(405, "No")}[ending]

    async def serve(connection: Connection) -> None:
        request = await connection.request()
        if request is None:
            return
        if request.method == "OPTIONS":
            path = "/" + request.uri.split("/", 3)[-1]
            known, methods = path in {"/avscan", "/reqmod"}, "REQMOD" if path == "/reqmod" else "RESPMOD"
            await connection.send(options(Methods=methods) if known else status(404, "Not found"))
            await connection.finish()
            return
        reply = answer(request)
        if reply is None:
            await connection.reset()
        elif reply or ending == "close":
            await connection.send(reply)
            await connection.finish()
        else:
            await connection.discard()

    async with serving(serve) as (pool, _):
        results = await probe_pool(pool, SETTINGS)
    seen: dict[str, Observation] = {found.probe: found for found in results.observations}
    services: Any = facts_of(seen["services"])
    found = match(load_runbooks(), results.observations)

    assert ("reqmod", ["/reqmod"]) == (services["missing"], services["unproven"])
    assert "skipped" == seen["variants"].status
    assert "wrong-service" == ids(found)[0]
    assert "proven" in causes(found, "wrong-service").values()
    assert "users are served" not in " ".join(each.meaning for each in found.findings)
