"""A TCP stream that knows when the kernel received what it reads, however late the program came to read it."""

from __future__ import annotations

import errno
import socket
import struct
import sys

import trio

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module has no name for it
_TIMESPEC = struct.Struct("@ll")
_ROOM = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_READ = 64 * 1024


def kernel_stamps() -> bool:
    """Whether this system gives arrival times (Linux, with 64-bit times)."""
    return sys.platform == "linux" and sys.maxsize > 2**32 and _ROOM > 0


def want_stamps(sock: trio.socket.SocketType | socket.socket) -> bool:
    """Ask the kernel for the arrival times of what this socket receives; False if it won't give them."""
    if not kernel_stamps():
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


class WireStream(trio.abc.HalfCloseableStream):
    """`trio.SocketStream` with ``arrived_ns``: when the kernel took in what was read last.

    Nanoseconds since 1970 on the wall clock, None where the kernel did not say. Of several segments
    that one read returns it is the time of the last. Under TLS read it from the stream beneath.
    """

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._stream = trio.SocketStream(sock)
        self.socket = sock
        self.arrived_ns: int | None = None
        self._stamped = want_stamps(sock)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._stamped:
            return await self._stream.receive_some(max_bytes)
        try:
            data, ancillary, _, _ = await self.socket.recvmsg(max_bytes or _READ, _ROOM)
        except OSError as exc:
            if exc.errno in {errno.EBADF, errno.ENOTSOCK}:
                raise trio.ClosedResourceError("this socket was already closed") from None
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc
        self.arrived_ns = next(
            (_nanoseconds(value) for level, kind, value in ancillary if _is_stamp(level, kind)), None
        )
        return data


def arrival_of(stream: trio.abc.Stream) -> int | None:
    """When the kernel took in what was read last from this stream, or from the one beneath its TLS."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream.arrived_ns if isinstance(stream, WireStream) else None


def _is_stamp(level: int, kind: int) -> bool:
    return (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS)


def _nanoseconds(value: bytes) -> int | None:
    if len(value) < _TIMESPEC.size:
        return None
    seconds, nanoseconds = _TIMESPEC.unpack_from(value)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
