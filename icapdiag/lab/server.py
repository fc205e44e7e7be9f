"""The lab on the network: one port a member, on loopback unless told otherwise."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from icapdiag.icap.request import encode_response
from icapdiag.lab.connection import Connection, Counters
from icapdiag.lab.dialects import DIALECTS
from icapdiag.lab.faults import ALIASES, FAULTS
from icapdiag.lab.members import Certificate, Fault, LabMember, pool_yaml
from icapdiag.lab.scanner import ISTAG, MAX_CONNECTIONS

_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab. ``counters`` are by member name and change while it runs."""

    members: tuple[LabMember, ...]
    counters: Mapping[str, Counters]

    @property
    def pool_yaml(self) -> str:
        """A pool file of the members. Its CA file lasts as long as the lab."""
        return pool_yaml(self.members)

    def member(self, name: str) -> LabMember:
        """Raises KeyError if the lab has no such member."""
        return {member.name: member for member in self.members}[name]


@asynccontextmanager
async def serve_lab(
    names: Sequence[str] | None = None, *, host: str = "127.0.0.1", port: int | None = None
) -> AsyncIterator[Lab]:
    """Serve the named faults (None: all of them) or dialects until the block is left.

    ``host`` is an IP address. The first member gets ``port`` and the rest the ports after it; None takes free ones.
    Raises ValueError for an unknown name or a host that is not an address, OSError if a port can't be had.
    """
    faults = _select(names)
    if port and port + len(faults) > 65536:
        raise ValueError(f"{len(faults)} members do not fit between port {port} and 65535")
    with ExitStack() as stack:
        ca_file: Path | None = None
        contexts: Mapping[Certificate, ssl.SSLContext] = {}
        if any(fault.tls for fault in faults):
            from icapdiag.lab.certificates import write_ca_and_contexts  # noqa: PLC0415 - 50 ms, for TLS only

            folder = Path(stack.enter_context(TemporaryDirectory(prefix="icapdiag-lab-")))
            ca_file, contexts = write_ca_and_contexts(folder, host)
        members: list[LabMember] = []
        sockets: list[trio.socket.SocketType] = []
        for index, fault in enumerate(faults):
            sock = stack.enter_context(await _bind(host, port + index if port else 0))
            sockets.append(sock)
            members.append(LabMember(fault, host, sock.getsockname()[1], ca_file if fault.tls else None))
        lab = Lab(tuple(members), {fault.name: Counters() for fault in faults})
        with _lone_exception():
            async with trio.open_nursery() as nursery:
                for fault, sock in zip(faults, sockets, strict=True):
                    if fault.behaviour is not None:
                        sock.listen(_BACKLOG)
                        context = contexts[fault.certificate] if fault.certificate else None
                        nursery.start_soon(_serve, fault, sock, context, lab.counters[fault.name])
                yield lab
                nursery.cancel_scope.cancel()


async def _serve(
    fault: Fault, sock: trio.socket.SocketType, context: ssl.SSLContext | None, counters: Counters
) -> None:
    behaviour = fault.behaviour
    if context is not None and context.verify_mode is ssl.CERT_REQUIRED:
        behaviour, context = partial(refuse_without_certificate, context=context), None

    async def handle(stream: trio.abc.Stream) -> None:
        gone = suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)
        with counters.connection() as done, gone:
            connection = Connection(stream, counters, done=done)
            if counters.active > MAX_CONNECTIONS:
                await connection.send(encode_response(503, "Service overloaded", (("Connection", "close"), ISTAG)))
                await connection.finish()
            elif behaviour is not None:
                await behaviour(connection)

    plain = trio.SocketListener(sock)
    listener = plain if context is None else trio.SSLListener(plain, context, https_compatible=True)
    await trio.serve_listeners(handle, [listener])


def _select(names: Sequence[str] | None) -> tuple[Fault, ...]:
    known = {**FAULTS, **DIALECTS}
    wanted = [ALIASES.get(name, name) for name in (FAULTS if names is None else names)]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no such fault in the lab: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(wanted))


async def _bind(host: str, port: int) -> trio.socket.SocketType:
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def _lone_exception() -> Iterator[None]:
    """A nursery wraps what is raised inside it; let a single exception out as what it was."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def refuse_without_certificate(connection: Connection, context: ssl.SSLContext) -> None:
    """Shake hands until OpenSSL gives up, pass its alert on, and close.

    ``context`` must demand a certificate of its client (``CERT_REQUIRED``). With TLS 1.3 the client
    has finished by then, and meets the alert when it reads (RFC 8446, 4.4.2.4 and 6.2).
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)
    waiting = True
    while waiting:
        try:
            session.do_handshake()
            waiting = False
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            waiting = False
        await connection.send(outgoing.read())
        if waiting:
            data = await connection.receive()
            waiting = bool(data)
            incoming.write(data)
    await connection.finish()
