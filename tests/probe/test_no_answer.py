"""A connection on which nothing came back: who has it, a process or the kernel alone?"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from icapdiag.facts.connection import NoAnswer
from icapdiag.probe.base import NEVER, Context, Settings
from icapdiag.probe.connection.tcp import connect, no_answer_facts
from tests.probe.fakes import member, pool_of


async def facts_of(port: int, *, left: float = NEVER) -> NoAnswer:
    """The facts after a request, with so many seconds left for the member."""
    target = member(port)
    context = Context(pool=pool_of(target), member=target, settings=Settings(), due=trio.current_time() + left)
    stream = await connect("127.0.0.1", port, context.settings)
    async with stream:
        await stream.send_all(b"OPTIONS icap://127.0.0.1/avscan ICAP/1.0\r\n")
        await trio.sleep(0.05)
        return await no_answer_facts(context, stream)


async def test_a_connection_that_waits_in_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = await facts_of(listening.getsockname()[1])

    assert NoAnswer(request_acknowledged=True, close_reaction="none") == found


async def closing(stream: trio.SocketStream) -> None:
    async for _ in stream:
        pass


async def complaining(stream: trio.SocketStream) -> None:
    async for _ in stream:
        pass
    await stream.send_all(b"ICAP/1.0 408 Request timeout\r\n\r\n")


async def resetting(stream: trio.SocketStream) -> None:
    while await stream.receive_some(4):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await trio.sleep(0.2)
        return


@pytest.mark.parametrize(("serve", "reaction"), [(closing, "closed"), (complaining, "answered"), (resetting, "reset")])
async def test_a_connection_that_a_process_has(
    serve: Callable[[trio.SocketStream], Awaitable[None]], reaction: str
) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        found = await facts_of(listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()

    assert reaction == found.close_reaction


async def test_without_time_to_wait_nothing_is_said_of_the_reaction() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = await facts_of(listening.getsockname()[1], left=0.3)

    assert NoAnswer(request_acknowledged=True) == found
