"""Each fault does on the wire what its name says, within bounds."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from icapdiag.icap.client import Exchange
from icapdiag.icap.message import NotICAP, ProtocolError, Response
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post, options_request
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.lab import FAULTS, Connection, LabMember, serve_lab
from tests.lab.connecting import connect

PATIENCE = 5  # seconds of real time; silence is asserted after less
SILENCE = 0.1

# fault: what becomes of OPTIONS, of the clean body, of EICAR
OUTCOMES = {
    "healthy": ("200", "204", "200 403 infection"),
    "folded-violations": ("200", "204", "200 403 infection"),
    "disabled": ("200", "204", "200 403 infection"),
    "tls-healthy": ("200", "204", "200 403 infection"),
    "refused": ("refused",) * 3,
    "reset-on-accept": ("reset",) * 3,
    "reset-mid-body": ("200", "200 cut reset", "200 403 infection cut reset"),
    "mute": ("silent",) * 3,
    "threads-exhausted": ("silent",) * 3,
    "waits-for-thread": ("200", "204", "200 403 infection"),
    "keepalive-desync": ("200", "204", "200 403 infection"),
    "closes-unannounced": ("200", "204", "200 403 infection"),
    "max-connections-enforced": ("200", "204", "200 403 infection"),
    "resets-above-n": ("200", "204", "200 403 infection"),
    "slow-above-n": ("200", "204", "200 403 infection"),
    "drip": ("silent",) * 3,
    "no-security-rule": ("200", "200 403 No security rule matched", "200 403 No security rule matched"),
    "not-scanned": ("200", "200 403 Not Scanned", "200 403 Not Scanned"),
    "passes-not-scanned": ("200", "204", "200 Not Scanned"),
    "rewrites": ("200", "200", "200 403 infection"),
    "disarms": ("200", "204", "200"),
    "small-preview": ("200", "400", "400"),
    "echo-without-allow": ("200 not offered", "200", "200 403 infection"),
    "408": ("200", "408", "408"),
    "418": ("200", "418", "418"),
    "429": ("200", "429", "429"),
    "501": ("200", "501", "501"),
    "options-refused": ("405", "204", "200 403 infection"),
    "blocks-with-403": ("200", "204", "403 infection"),
    "tls-refused": ("no handshake",) * 3,
    "core-error": (
        "200",
        "200 403 Error received from MetaDefender Core",
        "200 403 Error received from MetaDefender Core",
    ),
    "eicar-missed": ("200", "204", "204"),
    "form-missed": ("200", "204", "200 403 infection"),
    "clean-blocked": ("200", "200 403 URL category blk is BLOCKED", "200 403 URL category blk is BLOCKED"),
    "blocks-without-header": ("200", "204", "200 403"),
    "unclear": ("200", "200 encapsulated-missing", "200 encapsulated-missing"),
    "404": ("404",) * 3,
    "405": ("200", "405", "405"),
    "other-path": ("404",) * 3,
    "response-path": ("200", "405", "405"),
    "respmod-only": ("200", "405", "405"),
    "refuses-preview": ("200", "400", "400"),
    "refuses-allow": ("200", "400", "400"),
    "needs-user-agent": ("400",) * 3,
    "needs-content-length": ("200", "411", "411"),
    "options-without-encapsulated": ("400", "204", "200 403 infection"),
    "istag-changes": ("200", "204", "200 403 infection"),
    "clock-skewed": ("200", "204", "200 403 infection"),
    "400": ("400",) * 3,
    "403": ("403",) * 3,
    "500": ("200", "500", "500"),
    "503": ("503",) * 3,
    "licence": ("200", "539", "539"),
    "not-icap-http": ("http",) * 3,
    "not-icap-ssh": ("ssh",) * 3,
    "tls-alert": ("tls",) * 3,
    "tls-on-plain-port": ("silent",) * 3,
    "no-empty-line": ("200", "204 head-without-empty-line", "200 infection head-without-empty-line"),
    "wrong-encapsulated": ("200", "200 encapsulated-wrong-offset", "200 403 infection encapsulated-wrong-offset"),
    "bad-chunk": ("200", "chunk-invalid", "chunk-invalid"),
    "endless-body": ("200", "body-total", "body-total"),
    "answer-then-rst": ("404 reset",) * 3,
    "204-unannounced": ("200 not offered", "204", "200 403 infection"),
    "204-without-allow": ("200", "204", "200 403 infection"),
    "206": ("200", "206", "200 403 infection"),
    "preview-zero-only": ("200", "204", "200 403 infection"),
    "preview-refused": ("200", "204", "200 403 infection"),
    "preview-204-unsupported": ("200", "204", "200 403 infection"),
    "no-100": ("200", "204", "200 403 infection"),
    "100-after-ieof": ("200", "silent", "silent"),
    "100-in-vain": ("200", "204", "200 403 infection"),
    "offers-respmod": ("200", "204", "200 403 infection"),
    "no-connections": ("200", "204", "200 403 infection"),
    "shadow": ("200", "204", "204"),
    "no-istag": ("200 istag-missing", "204 istag-missing", "200 403 infection istag-missing"),
    "tls-client-certificate": ("no handshake",) * 3,
    **dict.fromkeys(
        (
            "size-limit-pass",
            "size-limit-unread",
            "size-limit-error",
            "size-limit-block",
            "size-limit-drop",
            "tiny-refused",
            "needs-inner-length",
        ),
        ("200", "204", "200 403 infection"),
    ),
    "tls-expired": ("certificate has expired",) * 3,
    "tls-wrong-name": ("IP address mismatch, certificate is not valid for '127.0.0.1'.",) * 3,
    "tls-untrusted": ("unable to get local issuer certificate",) * 3,
}


def requests(member: LabMember) -> tuple[PreparedRequest, ...]:
    http = http_post("www.example.test", "/upload", 1)
    to = (member.host, member.port, "/avscan")
    return (
        options_request(*to),
        *(avi_reqmod(*to, http_request=http, body=body, preview_size=1024) for body in (CLEAN, eicar())),
    )


async def outcome(member: LabMember, request: PreparedRequest) -> str:
    """A few words for what a client meets."""
    with trio.move_on_after(SILENCE if "silent" in OUTCOMES[member.name] else PATIENCE):
        try:
            stream = await opened(member)
        except ConnectionRefusedError:
            return "refused"
        async with stream:
            try:
                return await exchange(stream, request)
            except NotICAP as error:
                return error.peer
            except ProtocolError as error:
                return error.rule
    return "silent"


async def opened(member: LabMember) -> trio.abc.Stream:
    """By TLS where the member has it."""
    stream = await connect(member)
    if not member.ca_file:
        return stream
    context = ssl.create_default_context(cafile=member.ca_file)
    return trio.SSLStream(stream, context, server_hostname=member.host, https_compatible=True)


async def exchange(stream: trio.abc.Stream, request: PreparedRequest) -> str:
    running = Exchange(request)
    end = ""
    try:
        await stream.send_all(request.first)
        while running.response is None or running.response.headers.get("Connection") == "close":
            data = await stream.receive_some()
            if not data:
                running.receive_eof()
                break
            running.receive(bytes(data))
    except trio.BrokenResourceError as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return error.__cause__.verify_message
        if isinstance(error.__cause__, ssl.SSLError):
            return "no handshake"
        end = "reset"
    response = running.response or running.salvage()
    return " ".join((*described(response, request), end)).strip() if response else end


def described(response: Response, request: PreparedRequest) -> Iterator[str]:
    yield str(response.status)
    if request.method == "OPTIONS" and response.status == 200 and "204" not in response.headers.tokens("Allow"):
        yield "not offered"
    if response.http_response and response.http_response.status == 403:
        yield "403"
    if "X-Response-Desc" in response.headers:
        yield response.headers.get("X-Response-Desc") or ""
    if "X-Infection-Found" in response.headers:
        yield "infection"
    if not response.complete:
        yield "cut"
    yield from (found.rule for found in response.deviations)


def test_every_fault_is_listed_here() -> None:
    assert set(FAULTS) == {*OUTCOMES, "slow"}


@pytest.mark.parametrize("name", OUTCOMES)
async def test_fault(name: str) -> None:
    async with serve_lab([name]) as lab:
        (member,) = lab.members
        actual = tuple([await outcome(member, request) for request in requests(member)])
        assert OUTCOMES[name] == actual
        expected = 0 if name == "refused" else 3
        assert expected == lab.counters[name].connections


async def test_slow_answers_after_its_delay(autojump_clock: trio.testing.MockClock) -> None:
    client, server = trio.testing.memory_stream_pair()
    behaviour = FAULTS["slow"].behaviour
    assert behaviour is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behaviour, Connection(server))
        await client.send_all(options_request("127.0.0.1", 1, "/avscan").first)
        answer = await client.receive_some()
        nursery.cancel_scope.cancel()
    assert b"ICAP/1.0 200 OK" == bytes(answer[:15])
    assert pytest.approx(0.8) == trio.current_time()


async def test_drip_sends_one_byte_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    client, server = trio.testing.memory_stream_pair()
    behaviour = FAULTS["drip"].behaviour
    assert behaviour is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behaviour, Connection(server))
        await client.send_all(b"OPTIONS")
        received = [bytes(await client.receive_some()) for _ in range(600)]
        nursery.cancel_scope.cancel()
    assert {1} == {len(data) for data in received}
    assert trio.current_time() > 59


async def test_folded_headers_are_folded_on_the_wire() -> None:
    client, server = trio.testing.memory_stream_pair()
    behaviour = FAULTS["folded-violations"].behaviour
    assert behaviour is not None
    await client.send_all(requests(LabMember(FAULTS["folded-violations"], "127.0.0.1", 1))[2].first)
    await client.send_eof()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behaviour, Connection(server))
        wire = await client.receive_some()
    assert b"X-Infection-Found: Type=0;\r\n\tResolution=2;\r\n\tThreat=" in wire
