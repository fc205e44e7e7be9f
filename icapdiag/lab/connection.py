"""One accepted connection: whole requests in, whole messages out."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from icapdiag.icap.message import Limits, Request
from icapdiag.icap.server import RequestReader

MIB = 1024 * 1024
LAB_LIMITS = Limits(body_kept=128 * MIB, body_total=128 * MIB)  # bodies are held in memory, to be echoed
IDLE = 60.0  # seconds without a byte after which a connection is given up
LINGER = 2.0  # seconds that a client has to take the last answer
ONE_WRITE = 256 * 1024  # bytes; a longer message is sent in several writes, each within IDLE
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
_RECEIVE = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, on, 0 seconds: close() sends RST


@dataclass(slots=True)
class Counters:
    """What one member has seen."""

    connections: int = 0
    requests: int = 0  # that were read to the end of their head, or of their preview
    received: int = 0  # bytes, without those of TLS itself
    active: int = 0  # connections that are served now
    most_active: int = 0  # the most that were at once

    @contextmanager
    def connection(self) -> Iterator[Callable[[], None]]:
        """Count a connection while it is served, or until what is given says that it has had its last answer."""
        served = True

        def done() -> None:
            nonlocal served
            self.active -= served
            served = False

        self.connections += 1
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            yield done
        finally:
            done()


class Connection:
    """A stream with a `RequestReader`.

    A body is read to its end before it is answered, so a client that writes everything
    before it reads can't bring both sides to wait for each other. Every method may raise
    ``trio.BrokenResourceError`` or ``trio.TooSlowError``, which end the connection.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        counters: Counters | None = None,
        *,
        limits: Limits = LAB_LIMITS,
        idle: float = IDLE,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._reader = RequestReader(limits)
        self._counters = counters or Counters()
        self._idle = idle
        self._done = done

    @property
    def active(self) -> int:
        """Connections of this member that are open now, this one among them."""
        return self._counters.active

    async def receive(self) -> bytes:
        """What comes next; ``b""`` at the end, and after ``idle`` seconds of silence."""
        with trio.move_on_after(self._idle):
            data = bytes(await self._stream.receive_some(_RECEIVE))
            self._counters.received += len(data)
            return data
        return b""

    async def request(self) -> Request | None:
        """The next request, with its preview or its whole body; None at the end. Raises `ProtocolError`."""
        request = await self._read(self._reader.next_request)
        self._counters.requests += request is not None
        return request

    async def rest(self) -> Request | None:
        """Ask for the body after the preview: the last request, whole. None at the end. Raises `ProtocolError`."""
        await self.send(CONTINUE)
        return await self._read(self._reader.next_body)

    async def _read(self, take: Callable[[], Request | None]) -> Request | None:
        while (request := take()) is None:
            data = await self.receive()
            if not data:
                return None
            self._reader.feed(data)
        return request

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), ONE_WRITE):
            with trio.fail_after(self._idle):
                await self._stream.send_all(data[start : start + ONE_WRITE])

    async def discard(self) -> None:
        """Read and forget until the client closes."""
        while await self.receive():
            pass

    async def finish(self) -> None:
        """Close so that the last answer arrives: a close with bytes unread would be a reset."""
        self._done()
        with trio.move_on_after(LINGER):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
                await self.discard()
            await self._stream.aclose()

    async def reset(self) -> None:
        """Close with RST."""
        if isinstance(self._stream, trio.SocketStream):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        await trio.aclose_forcefully(self._stream)
