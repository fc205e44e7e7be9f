"""Members with a fault in how they keep, close and count connections."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import trio

from icapdiag.icap.message import Request
from icapdiag.lab.connection import IDLE, Connection
from icapdiag.lab.fault import Fault
from icapdiag.lab.scanner import Answer, Scanner, scan

_WAIT = 1.3  # seconds until a thread is free


async def starved(connection: Connection) -> None:
    """Nobody reads what came, nor that no more will come, as while every thread of a server is busy."""
    await trio.sleep(IDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queueing(Scanner):
    """OPTIONS, which a client sends first, waits for a thread; from then on there is one."""

    async def _answer(self, connection: Connection, request: Request) -> Answer | None:
        if request.method == "OPTIONS":
            await trio.sleep(_WAIT)
        return await super(Queueing, self)._answer(connection, request)  # slots make the class anew: no bare super()


@dataclass(frozen=True, slots=True, kw_only=True)
class Belated(Scanner):
    """On one connection each answer but the first is the one to the request before."""

    before: list[Answer] = field(default_factory=list)

    async def _answer(self, connection: Connection, request: Request) -> Answer | None:
        answer = await super(Belated, self)._answer(connection, request)
        if answer is None:
            return None
        self.before.append(answer)
        return self.before[max(0, len(self.before) - 2)]


async def desynchronised(connection: Connection) -> None:
    await Belated()(connection)


def closes_unannounced(request: Request) -> Answer:
    return replace(scan(request), damage=without_connection, ending=Connection.finish)


def without_connection(wire: bytes) -> bytes:
    return wire.replace(b"Connection: close\r\n", b"", 1)


CONNECTION_FAULTS = (
    Fault("threads-exhausted", "all its threads are busy: the kernel takes connections, and nobody serves them",
          "server-threads-exhausted", starved),
    Fault("waits-for-thread", "serves a connection as soon as it has a thread free, which takes 1.3 s",
          "connection-waits", Queueing()),
    Fault("keepalive-desync", "answers each request on a connection but the first with the answer before",
          "keepalive-desync", desynchronised, depth="deep"),
    Fault("closes-unannounced", "closes after each upload without having said so", "closes-unannounced",
          Scanner(scan=closes_unannounced), depth="deep"),
)  # fmt: skip
