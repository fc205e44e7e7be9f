"""A TCP stream with the kernel's send and receive times, independent of delays in the program."""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio
from msgspec import Struct

from icapdiag.probe.connection.loop import earliest_arrival

if TYPE_CHECKING:
    from icapdiag.probe.recorder import ConnectionRecorder

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module has no name for it
_TIMESPEC = struct.Struct("@ll")
_ROOM = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_READ = 64 * 1024


def kernel_stamps() -> bool:
    """Whether this system reports arrival times (Linux, with 64-bit times)."""
    return sys.platform == "linux" and sys.maxsize > 2**32 and _ROOM > 0


def want_stamps(sock: socket.socket) -> bool:
    """Ask the kernel for arrival times on this socket; False if it does not support them."""
    if not kernel_stamps():
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


class Handover(Struct, frozen=True):
    """The times right before and after handing bytes to the kernel: ns since 1970; the first by trio's clock, too."""

    begin_ns: int
    end_ns: int
    begin: float


class TimestampedStream(trio.abc.HalfCloseableStream):
    """A connected, non-blocking socket as a stream with the kernel's send and receive times.

    ``arrived_ns``: when the last read data arrived (with several segments in one read, the last one), in
    nanoseconds since 1970 by the wall clock. If the kernel does not report it, None; then ``arrived_after`` is the
    earliest possible time by trio's clock, None if unknown. ``handed_over``: of the first bytes sent since it was
    set to None. ``syn_retries``: retransmitted SYNs, as far as the kernel reports them. ``closing`` is called with
    the socket right before it is closed. Under TLS, which may delay a message in the event loop, use the stream
    of `transport_of`.

    It does what `trio.SocketStream` does in half the time: with thousands of members at once, our own overhead
    makes their times look longer.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.arrived_ns: int | None = None
        self.arrived_after: float | None = None
        self.handed_over: Handover | None = None
        self.recorder: ConnectionRecorder | None = None  # where the exchange on it is recorded
        self.syn_retries = 0
        self.closing: Callable[[socket.socket], None] | None = None
        self._stamped = want_stamps(sock)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        with memoryview(data) as rest:
            sent = 0
            while sent < len(rest):
                begin, begin_ns = trio.current_time(), time.time_ns()
                try:
                    sent += self.socket.send(rest[sent:])
                except (BlockingIOError, InterruptedError):
                    await trio.lowlevel.wait_writable(self.socket)
                    waited = True
                    continue
                except OSError as exc:
                    raise _told_by_trio(exc) from exc
                if self.handed_over is None:
                    self.handed_over = Handover(begin_ns, time.time_ns(), begin)
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        if self.socket.fileno() == -1:
            raise trio.ClosedResourceError("this socket was already closed")
        await trio.lowlevel.wait_writable(self.socket)

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise _told_by_trio(exc) from exc

    async def aclose(self) -> None:
        if self.socket.fileno() != -1:
            if self.closing is not None:
                self.closing(self.socket)
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            try:
                data, ancillary, _, _ = self._receive(max_bytes or _READ)
                break
            except (BlockingIOError, InterruptedError):
                await trio.lowlevel.wait_readable(self.socket)
                waited = True
            except OSError as exc:
                raise _told_by_trio(exc) from exc
        self.arrived_ns = _stamp_in(ancillary)
        if self.arrived_ns is None:
            self.arrived_after = earliest_arrival() if waited else None
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return data

    def _receive(self, most: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        return self.socket.recvmsg(most, _ROOM) if self._stamped else (self.socket.recv(most), [], 0, None)


def _told_by_trio(exc: OSError) -> trio.ClosedResourceError | trio.BrokenResourceError:
    """The exception that trio's streams raise for this one."""
    if exc.errno in {errno.EBADF, errno.ENOTSOCK}:
        return trio.ClosedResourceError("this socket was already closed")
    return trio.BrokenResourceError(f"socket connection broken: {exc}")


def transport_of(stream: trio.abc.Stream) -> TimestampedStream | None:
    """The underlying TCP stream, also below TLS; None if it is not a `TimestampedStream`."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, TimestampedStream) else None


def _stamp_in(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return None
