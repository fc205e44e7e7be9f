"""tcp and tls against real sockets on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from icapdiag.lab.certificates import write_ca_and_contexts
from icapdiag.lab.members import Certificate
from icapdiag.model import Observation
from icapdiag.pool import TLS
from icapdiag.probe.base import Settings
from icapdiag.probe.running.catalogue import PROBES, choose
from icapdiag.probe.running.runner import probe_pool
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of


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
