"""Streams that do what a script says, and pools to point at them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any

import trio

from icapdiag.facts import Answer, from_plain
from icapdiag.facts.connection import ProbeSheet, Transfer
from icapdiag.facts.fields import sheet_type
from icapdiag.pool import TLS, Member, Pool, Profile
from icapdiag.probe.base import Failure
from icapdiag.probe.connection.exchange import Transaction


class ScriptedStream(trio.abc.Stream):
    """Plays a server: each step is bytes to receive, seconds to wait, or an exception to raise.

    The end of the script is the end of the stream. ``fail_send`` makes writing fail, as
    after a reset that came before the request was out.
    """

    def __init__(self, steps: Iterable[bytes | float | Exception], *, fail_send: bool = False) -> None:
        self._steps = list(steps)
        self._fail_send = fail_send
        self.sent = b""
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._fail_send:
            raise reset()
        self.sent += bytes(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, Exception):
                raise step
            await trio.sleep(step)
        return b""

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


def reset() -> trio.BrokenResourceError:
    """A connection reset as trio reports it."""
    error = trio.BrokenResourceError("reset")
    error.__cause__ = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    return error


def sheet(probe: str, **facts: Any) -> ProbeSheet:
    """What this probe found out, of facts by name, those of parts too."""
    made = from_plain(sheet_type("probe", probe), facts)
    assert isinstance(made, ProbeSheet)
    return made


def transaction(failure: Failure | None = None, **facts: Any) -> Transaction:
    """What came of one request."""
    return Transaction(failure=failure, transfer=from_plain(Transfer, facts), answer=from_plain(Answer, facts))


def member(port: int, *, host: str = "127.0.0.1", tls: TLS | None = None, enabled: bool = True) -> Member:
    return Member(host=host, port=port, name=f"{host}:{port}", tls=tls, enabled=enabled)


def pool_of(*members: Member, change: Callable[[Profile], Profile] = lambda profile: profile) -> Pool:
    return Pool(name="pool", profile=change(Profile(service_uri="/avscan")), members=members)
