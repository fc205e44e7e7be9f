"""Resolvers on loopback that answer what they are told to."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import trio

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
