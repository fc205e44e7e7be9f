"""The one place where a conversation's bytes pass, and are recorded where that is asked for."""

from __future__ import annotations

import trio

from icapdiag.probe.connection.failures import describe
from icapdiag.probe.connection.wire import beneath
from icapdiag.probe.tape import Line


def line_of(stream: trio.abc.Stream) -> Line | None:
    """Where what passes is recorded; None: nowhere."""
    wire = beneath(stream)
    return None if wire is None else wire.line


async def send(stream: trio.abc.Stream, data: bytes) -> None:
    """Raises trio.BrokenResourceError."""
    line = line_of(stream)
    try:
        await stream.send_all(data)
    except trio.BrokenResourceError as exc:
        if line is not None:
            line.event(f"could not send {len(data)} bytes: {_why(exc)}")
        raise
    if line is not None:
        line.sent(data)


async def receive(stream: trio.abc.Stream, most: int) -> bytes | bytearray:
    """Empty at the end of the stream. Raises trio.BrokenResourceError."""
    line = line_of(stream)
    try:
        data = await stream.receive_some(most)
    except trio.BrokenResourceError as exc:
        if line is not None:
            line.event(f"could not receive: {_why(exc)}")
        raise
    if line is not None:
        if data:
            line.received(data)
        else:
            line.event("the server closed the connection")
    return data


def _why(exc: trio.BrokenResourceError) -> str:
    return describe(exc.__cause__ or exc)
