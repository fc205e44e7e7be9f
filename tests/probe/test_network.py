"""dns, tcp and tls against real sockets on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
import trio
from msgspec.structs import replace

from icapdiag.lab.certificates import write_ca_and_contexts
from icapdiag.lab.members import Certificate
from icapdiag.model import Observation
from icapdiag.pool import TLS
from icapdiag.probe.base import Settings
from icapdiag.probe.probes import dns as dns_probe
from icapdiag.probe.running.catalogue import PROBES, choose
from icapdiag.probe.running.runner import probe_pool
from icapdiag.report.document.evidence import describe
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of

LOCALHOST = dns.name.from_text("localhost.")
Answer = Callable[[dns.message.Message], dns.message.Message | None]


@asynccontextmanager
async def dns_server(
    answer: Answer, address: str = "127.0.0.1", port: int = 0, *, over_tcp: bool = False
) -> AsyncIterator[int]:
    """A resolver on loopback that answers what it is told to; None is silence. Long answers go ``over_tcp``."""
    sock = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    await sock.bind((address, port))

    async def serve() -> None:
        while True:
            data, peer = await sock.recvfrom(4096)
            reply = answer(dns.message.from_wire(data))
            if reply is not None:
                if over_tcp:
                    reply.flags |= dns.flags.TC
                    reply.answer.clear()
                await sock.sendto(reply.to_wire(), peer)

    async def serve_long(stream: trio.SocketStream) -> None:
        query = await stream.receive_some(4096)
        reply = answer(dns.message.from_wire(query[2:]))
        assert reply is not None
        wire = reply.to_wire(max_size=65535)
        await stream.send_all(len(wire).to_bytes(2, "big") + wire)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        if over_tcp:
            await nursery.start(partial(trio.serve_tcp, serve_long, sock.getsockname()[1], host=address))
        try:
            yield sock.getsockname()[1]
        finally:
            nursery.cancel_scope.cancel()
            sock.close()


def records(**by_type: tuple[str, ...]) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        if kind in by_type:
            reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *by_type[kind]))
        return reply

    return answer


def rcode(code: dns.rcode.Rcode) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.set_rcode(code)
        return reply

    return answer


@asynccontextmanager
async def late_dns_server(answer: Answer, delay: float) -> AsyncIterator[int]:
    """A resolver whose answers take their time."""
    sock = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    await sock.bind(("127.0.0.1", 0))

    async def reply(data: bytes, peer: tuple[str, int]) -> None:
        await trio.sleep(delay)
        if (said := answer(dns.message.from_wire(data))) is not None:
            await sock.sendto(said.to_wire(), peer)

    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            while True:
                nursery.start_soon(reply, *await sock.recvfrom(4096))

        nursery.start_soon(serve)
        try:
            yield sock.getsockname()[1]
        finally:
            nursery.cancel_scope.cancel()
            sock.close()


async def test_a_resolver_that_takes_longer_than_one_try_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)
    async with late_dns_server(records(A=("127.0.0.8",)), 0.3) as port:
        found = await resolve(port)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert 300 <= float(str(facts_of(found)["slowest_ms"]))
    assert not {"silent_resolvers", "aaaa_unanswered_by", "rcode"} & facts_of(found).keys()


async def test_a_query_that_got_lost_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)
    heard: list[dns.message.Message] = []

    def second_time(query: dns.message.Message) -> dns.message.Message | None:
        if query.question[0].name == LOCALHOST:
            return None
        heard.append(query)
        return None if len(heard) <= 2 else records(A=("127.0.0.8",))(query)

    async with dns_server(second_time) as port:
        found = await resolve(port)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert 4 == len(heard)


async def test_of_a_silent_resolver_it_is_found_out_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)

    def only_localhost(query: dns.message.Message) -> dns.message.Message | None:
        return records(A=("127.0.0.1",))(query) if query.question[0].name == LOCALHOST else None

    async with dns_server(only_localhost) as port, dns_server(lambda _: None, "127.0.0.2", port):
        resolvers = ("127.0.0.1", "127.0.0.2", "127.0.0.3")  # nothing is at the last one
        facts = facts_of(await resolve(port, *resolvers, patience=1.0))

    assert list(resolvers) == facts["silent_resolvers"]
    assert (["127.0.0.1"], ["127.0.0.3"]) == (facts["answering_resolvers"], facts["closed_resolvers"])


async def test_resolvers_without_an_answer_do_not_differ_from_the_others() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(rcode(dns.rcode.SERVFAIL), "127.0.0.2", port),
    ):
        facts = facts_of(await resolve(port, "127.0.0.1", "127.0.0.2"))

    assert (False, ["127.0.0.2"]) == (facts["answers_differ"], facts["failing_resolvers"])


@pytest.mark.parametrize("patience", [0.2, 0.4])
async def test_a_resolver_that_drops_aaaa(patience: float) -> None:
    def only_a(query: dns.message.Message) -> dns.message.Message | None:
        is_a = query.question[0].rdtype == dns.rdatatype.A
        return records(A=("127.0.0.8",))(query) if is_a else None

    async with dns_server(only_a) as port:
        found = await resolve(port, patience=patience)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert (["127.0.0.1"], None) == tuple(map(facts_of(found).get, ("aaaa_unanswered_by", "silent_resolvers")))
    assert "no answer for AAAA from 127.0.0.1" == describe(found)


async def test_one_resolver_of_two_is_silent() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(lambda _: None, "127.0.0.2", port),
    ):
        found = await resolve(port, "127.0.0.1", "127.0.0.2", patience=0.5)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert (["127.0.0.2"], None) == tuple(map(facts_of(found).get, ("silent_resolvers", "aaaa_unanswered_by")))


@pytest.mark.parametrize("deadline", [0.2, 0.3])
async def test_a_deadline_that_ends_while_the_name_is_looked_up_is_the_resolvers(deadline: float) -> None:
    settings = Settings(resolvers=("127.0.0.1",), dns_timeout=5, deadline=deadline)
    async with dns_server(lambda _: None) as port:
        settings = replace(settings, resolver_port=port)
        target = pool_of(member(9, host="icap.example.test"))
        results = await probe_pool(target, settings, probes=choose(PROBES, only=["tcp"]))

    found = results.observations[0]
    assert ("dns", Status.FAILED, Reason.DNS_TIMEOUT) == (found.probe, found.status, found.reason)


async def resolve(port: int, *resolvers: str, patience: float = 30.0) -> Observation:
    """The outcome of dns; ``patience`` is for what is answered, however busy this machine is."""
    settings = Settings(
        resolvers=resolvers or ("127.0.0.1",), resolver_port=port, dns_timeout=patience, deadline=2 * patience
    )
    probes = choose(PROBES, only=["dns"])
    results = await probe_pool(pool_of(member(9, host="icap.example.test")), settings, probes=probes)
    return results.observations[0]


async def test_a_and_aaaa_with_ttl_and_resolver() -> None:
    async with dns_server(records(A=("127.0.0.9", "127.0.0.8"), AAAA=("::1",))) as port:
        found = await resolve(port)

    assert (Status.OK, None) == (found.status, found.reason)
    assert ["127.0.0.8", "127.0.0.9", "::1"] == facts_of(found)["addresses"]
    assert {"type": "A", "address": "127.0.0.8", "ttl_s": 300, "resolver": "127.0.0.1"} in facts_of(found)["records"]
    assert (False, False) == (facts_of(found)["answers_differ"], facts_of(found)["hosts_file_only"])


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        (rcode(dns.rcode.NXDOMAIN), Reason.NXDOMAIN, "NXDOMAIN"),
        (rcode(dns.rcode.SERVFAIL), Reason.DNS_FAILURE, "SERVFAIL"),
        (rcode(dns.rcode.REFUSED), Reason.DNS_FAILURE, "REFUSED"),
        (records(), Reason.NO_ADDRESS, None),
        (lambda _: None, Reason.DNS_TIMEOUT, None),
    ],
)
async def test_names_that_do_not_resolve(answer: Answer, reason: Reason, code: str | None) -> None:
    """Causes depend on the response code: a server that did not answer gave none."""
    async with dns_server(answer) as port:
        found = await resolve(port, patience=0.5 if reason is Reason.DNS_TIMEOUT else 30.0)

    assert (Status.FAILED, reason, code) == (found.status, found.reason, facts_of(found).get("rcode"))


async def test_resolvers_that_disagree() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(records(A=("127.0.0.9",)), "127.0.0.2", port),
    ):
        found = await resolve(port, "127.0.0.1", "127.0.0.2")

    assert (Status.OK, True) == (found.status, facts_of(found)["answers_differ"])
    assert ["127.0.0.8", "127.0.0.9"] == facts_of(found)["addresses"]


async def first(
    port: int, probe: str, *, host: str = "127.0.0.1", tls: TLS | None = None, patience: float = 30.0
) -> Observation:
    """The outcome of this probe; ``patience`` is for what is answered, however busy this machine is."""
    settings = Settings(connect_timeout=patience, deadline=3 * patience)
    probes = choose(PROBES, only=[probe])
    results = await probe_pool(pool_of(member(port, host=host, tls=tls)), settings, probes=probes)
    return next(o for o in results.observations if o.probe == probe)


def free_port() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


async def test_a_refused_connection() -> None:
    with free_port() as sock:  # bound, so that nobody else gets it, and not listening
        found = await first(sock.getsockname()[1], "tcp")

    assert (Status.FAILED, Reason.REFUSED, "Connection refused") == (
        found.status,
        found.reason,
        facts_of(found)["error"],
    )


async def test_an_accepted_connection_has_the_kernels_figures() -> None:
    with free_port() as sock:
        sock.listen()
        found = await first(sock.getsockname()[1], "tcp")

    assert (Status.OK, "ipv4", "127.0.0.1", 0) == (
        found.status,
        facts_of(found)["family"],
        facts_of(found)["local_address"],
        facts_of(found)["retransmits"],
    )
    assert isinstance(facts_of(found)["rtt_ms"], float)


async def test_a_full_backlog_times_out() -> None:
    with free_port() as sock:
        sock.listen(0)
        port = sock.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        found = await first(port, "tcp", patience=0.5)
        for filler in fillers:
            filler.close()

    assert (Status.FAILED, Reason.TIMEOUT) == (found.status, found.reason)


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[int]:
    """Sends the bytes to whoever connects; None: stays silent."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        if answer is None:
            await trio.sleep_forever()
        else:
            await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"ICAP/1.0 400 Bad request\r\n\r\n", Reason.TLS_NOT_TLS), (b"", Reason.CLOSED), (None, Reason.TIMEOUT)],
)
async def test_tls_to_a_plain_port(answer: bytes | None, reason: Reason) -> None:
    async with server(answer) as port:
        found = await first(port, "tls", tls=TLS(), patience=0.5 if reason is Reason.TIMEOUT else 30.0)

    assert (Status.FAILED, reason) == (found.status, found.reason)


async def test_an_unusable_ca_file_is_our_own_configuration() -> None:
    async with server(None) as port:
        found = await first(port, "tls", tls=TLS(ca_file=Path(__file__)))

    assert (Status.ERROR, Reason.CONFIGURATION) == (found.status, found.reason)


async def test_a_stall_at_the_second_look_does_not_hide_why_a_certificate_was_rejected(
    tmp_path: Path,
) -> None:
    ca_file, contexts = write_ca_and_contexts(tmp_path, "127.0.0.1")
    seen = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            await trio.sleep_forever()  # the second connection only reads the certificate
        with suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, contexts["expired"], server_side=True).do_handshake()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        found = await first(listeners[0].socket.getsockname()[1], "tls", tls=TLS(ca_file=ca_file), patience=2.0)
        nursery.cancel_scope.cancel()

    assert (2, Status.FAILED, Reason.TLS_EXPIRED) == (seen, found.status, found.reason)
    assert "cert_not_after" not in facts_of(found)


@pytest.mark.parametrize(("most", "tested", "left_out"), [(8, 8, 3992), (4, 4, 3996)])
async def test_a_name_with_thousands_of_addresses_is_tested_at_a_few(most: int, tested: int, left_out: int) -> None:
    many = tuple(f"127.2.{n // 250}.{n % 250 + 1}" for n in range(4000))
    connections = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.aclose()

    async with trio.open_nursery() as nursery, dns_server(records(A=many), over_tcp=True) as port:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="0.0.0.0"))  # noqa: S104
        settings = Settings(resolvers=("127.0.0.1",), resolver_port=port, max_addresses=most)
        pool = pool_of(member(listeners[0].socket.getsockname()[1], host="icap.example.test"))
        results = await probe_pool(pool, settings, probes=choose(PROBES, only=["tcp"]))
        nursery.cancel_scope.cancel()

    dns_probe, *others = results.observations
    facts = facts_of(dns_probe)
    assert (Status.OK, 4000, tested) == (dns_probe.status, facts["addresses_found"], facts["addresses_tested"])
    assert (list(many[most : most + 100]), 100) == (facts["addresses_not_tested"], len(facts["records"]))
    assert connections == tested
    unknown = others[-1]
    assert ("tcp", Status.ERROR, Reason.ADDRESS_LIMIT) == (unknown.probe, unknown.status, unknown.reason)
    assert f"{left_out:,} of 4,000 addresses were not tested" == facts_of(unknown)["error"]


@pytest.mark.parametrize(
    ("certificate", "names", "reason"),
    [
        ("healthy", ("127.0.0.1",), None),
        ("healthy", ("a.example.com", "127.0.0.1"), None),
        ("healthy", (), None),
        ("wrong-name", (), None),  # Avi without host_check_enabled: any name of a trusted certificate
        ("wrong-name", ("SCANNER.example.test.",), None),
        ("wrong-name", ("a.example.com", "example.test"), Reason.TLS_NAME),
        ("wrong-name", None, Reason.TLS_NAME),
        ("untrusted", (), Reason.TLS_UNTRUSTED),
    ],
)
async def test_the_names_that_an_avi_pool_accepts(
    tmp_path: Path, certificate: Certificate, names: tuple[str, ...] | None, reason: Reason | None
) -> None:
    ca_file, contexts = write_ca_and_contexts(tmp_path, "127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, contexts[certificate], server_side=True).do_handshake()
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        tls = TLS(ca_pem=ca_file.read_text(), names=names)
        found = await first(listeners[0].socket.getsockname()[1], "tls", tls=tls)
        nursery.cancel_scope.cancel()

    assert (reason, reason is None) == (found.reason, facts_of(found)["verified"])


@pytest.mark.parametrize("sni", [True, False])
async def test_a_handshake_names_the_server_only_if_the_pool_does(tmp_path: Path, *, sni: bool) -> None:
    ca_file, contexts = write_ca_and_contexts(tmp_path, "localhost")
    asked: list[str | None] = []
    contexts["healthy"].sni_callback = lambda _, name, __: asked.append(name)

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, contexts["healthy"], server_side=True).do_handshake()
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        tls = TLS(ca_pem=ca_file.read_text(), names=(), server_name="icap.example.test" if sni else None, sni=sni)
        found = await first(listeners[0].socket.getsockname()[1], "tls", tls=tls, host="localhost")
        nursery.cancel_scope.cancel()

    facts = facts_of(found)
    assert (None, sni, "icap.example.test" if sni else None) == (found.reason, facts["sni"], facts.get("server_name"))
    assert ["icap.example.test" if sni else None] == asked
