"""Members with a fault in how they keep, close and count connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import trio

from icapdiag.icap.message import Request
from icapdiag.lab.connection import IDLE, Connection
from icapdiag.lab.members import Fault
from icapdiag.lab.scanner import OFFERS, RESET, Answer, Scanner, changed, scan

_WAIT = 1.3  # seconds until a thread is free
_LATE = 0.6  # seconds that those wait who are one too many
FOUR = changed(OFFERS, Max_Connections="4")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited(Scanner):
    """With more than ``limit`` connections open it does with a request what ``beyond`` says, None: as always.

    Its answers take their time, or those that come together would not be there together.
    """

    limit: int
    delay: float = 0.05
    beyond: Callable[[Connection], Awaitable[Answer | None]]

    async def _answer(self, connection: Connection, request: Request) -> Answer | None:
        if connection.active > self.limit and (refusal := await self.beyond(connection)) is not None:
            return refusal
        return await super(Limited, self)._answer(connection, request)


async def turned_away(connection: Connection) -> Answer | None:
    return Answer(503, "Service overloaded")


async def dropped(connection: Connection) -> Answer | None:
    return RESET


async def held_back(connection: Connection) -> Answer | None:
    await trio.sleep(_LATE)
    return None


CONNECTION_FAULTS = (
    Fault("threads-exhausted", "all its threads are busy: the kernel takes connections, and nobody serves them",
          "server-threads-exhausted", starved),
    Fault("waits-for-thread", "serves a connection as soon as it has a thread free, which takes 1.3 s",
          "connection-waits", Queueing()),
    Fault("keepalive-desync", "answers each request on a connection but the first with the answer before",
          "keepalive-desync", desynchronised, depth="deep"),
    Fault("closes-unannounced", "closes after each upload without having said so", "closes-unannounced",
          Scanner(scan=closes_unannounced), depth="deep"),
    Fault("max-connections-enforced", "announces that it takes 4 connections, and turns more away with 503",
          "max-connections-enforced", Limited(offers=FOUR, limit=4, beyond=turned_away), depth="load"),
    Fault("resets-above-n", "resets the connections that it has beyond 4", "fails-under-load",
          Limited(limit=4, beyond=dropped), depth="load"),
    Fault("slow-above-n", "serves 4 connections at a time, and any more only after 0.6 s", "slow-under-load",
          Limited(limit=4, beyond=held_back), depth="load"),
)  # fmt: skip
