"""One TCP connection to one address: how it is opened, and what the kernel knows about it."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import trio

from icapdiag.facts.connection import TCP, NoAnswer, Path
from icapdiag.pool.model import endpoint
from icapdiag.probe.base import Context, Settings
from icapdiag.probe.connection.stream import TimestampedStream, transport_of
from icapdiag.probe.host import interface_of

# tcpi_retransmits, tcpi_snd_mss, tcpi_unacked, tcpi_rtt (µs), tcpi_total_retrans, tcpi_segs_out, tcpi_busy_time,
# tcpi_rwnd_limited, tcpi_dsack_dups and tcpi_rcv_ooopack of linux/tcp.h; an older kernel has only the first of them
_TCP_INFO = struct.Struct("=2xB13xI4xI40xI28xI32xI28xQQ32xI4xI")
# IP_MTU of linux/in.h, IPV6_MTU of linux/in6.h: what the kernel knows for the route of a connected socket
_MTU = {False: (socket.IPPROTO_IP, 14), True: (socket.IPPROTO_IPV6, 24)}
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN}
_TIMEOUT = 1.0  # seconds that a server has to notice the end of a stream; a loop on its socket takes a round trip
_READ = 4096
# Seconds after which a lost segment has been sent again: the kernel's timer takes 0.2 and two round trips, or more.
_SENT_AGAIN = 0.25
_DELAYED = 0.045  # seconds that a kernel may take its time with an acknowledgement


class BindError(OSError):
    """The requested source address or interface can't be used; the message says why."""


async def dial(context: Context, *, segment: int | None = None) -> TimestampedStream:
    """Connect to the context's address, from the configured source. Raises like `connect`."""
    address, port = context.address, context.member.port
    recorder = None if context.recorder is None else context.recorder.connection()
    try:
        stream = await connect(address, port, context.settings, segment=segment)
    except OSError as exc:
        if recorder is not None:
            recorder.event(f"no connection to {endpoint(address, port)}: {exc.strerror or exc}")
        raise
    if recorder is not None:
        here, its_port = stream.socket.getsockname()[:2]
        recorder.event(f"connected to {endpoint(address, port)} from {endpoint(here, its_port)}")
    stream.recorder = recorder
    if (info := tcp_info(stream.socket)) is not None:
        stream.syn_retries = info.retransmits
        stream.closing = partial(_account, context.path, info.retransmits)
    return stream


def _account(path: Path, syn_retries: int, sock: socket.socket) -> None:
    """Add the loss on a connection to that of the path."""
    if (info := tcp_info(sock)) is None:
        return
    path.connections = (path.connections or 0) + 1
    path.connections_lossy = (path.connections_lossy or 0) + bool(info.lost)
    path.syn_retries = (path.syn_retries or 0) + syn_retries
    path.segments_sent = (path.segments_sent or 0) + info.segments_sent
    path.segments_lost = (path.segments_lost or 0) + info.lost
    path.sent_twice = (path.sent_twice or 0) + min(info.retransmits, info.arrived_twice)
    path.out_of_order = (path.out_of_order or 0) + info.out_of_order


async def connect(address: str, port: int, settings: Settings, *, segment: int | None = None) -> TimestampedStream:
    """Connect to exactly this address; no happy eyeballs, which would hide a dead one.

    ``segment``: the largest TCP payload of a packet in bytes, of either side; None: by the route's MTU.
    Raises OSError, `BindError` too. The connection has TCP_NODELAY: small messages go out at once.
    """
    family, kind, proto, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        if settings.interface:
            _bind_to_device(sock, settings.interface)
        if settings.source:
            _bind_to_source(sock, settings.source)
        if segment is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        await _connect(sock, where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return TimestampedStream(sock)


async def _connect(sock: socket.socket, where: Any) -> None:
    """Connect like `trio.socket`, without its address lookup. Raises OSError."""
    await trio.lowlevel.checkpoint_if_cancelled()
    code = sock.connect_ex(where)
    if code in _UNDER_WAY:
        await trio.lowlevel.wait_writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    else:
        await trio.lowlevel.cancel_shielded_checkpoint()
    if code:
        raise OSError(code, os.strerror(code))


def _bind_to_device(sock: socket.socket, interface: str) -> None:
    option = getattr(socket, "SO_BINDTODEVICE", None)
    if option is None:
        raise BindError("this system can't bind a connection to an interface")
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, interface.encode() + b"\0")
    except OSError as exc:
        why = {errno.EPERM: "this takes root or CAP_NET_RAW", errno.ENODEV: "this host has no such interface"}.get(
            exc.errno or 0, os.strerror(exc.errno or 0)
        )
        raise BindError(f"can't bind to interface {interface}: {why}") from exc


def _bind_to_source(sock: socket.socket, source: str) -> None:
    if (":" in source) != (sock.family == socket.AF_INET6):
        raise BindError(f"can't connect from {source} to an address of the other IP version")
    try:
        sock.bind((source, 0))
    except OSError as exc:
        why = "this host has no such address" if exc.errno == errno.EADDRNOTAVAIL else os.strerror(exc.errno or 0)
        raise BindError(f"can't connect from {source}: {why}") from exc


def tcp_facts(sock: socket.socket) -> TCP:
    """Local address, and the handshake's round trip in ms as the kernel measured it (Linux).

    Unlike our own clock, it does not include the time in which our event loop was busy.
    """
    local = str(sock.getsockname()[0])
    facts = TCP(family="ipv6" if sock.family == socket.AF_INET6 else "ipv4", local_address=local)
    if (info := tcp_info(sock)) is not None:
        facts.rtt_ms, facts.retransmits = round(info.rtt_us / 1000, 3), info.retransmits
        with suppress(OSError):
            facts.route_mtu = sock.getsockopt(*_MTU[facts.family == "ipv6"])
    if found := interface_of(local):
        facts.interface = found.name
    return facts


def hold_back(sock: socket.socket, most: int) -> None:
    """Limit the bytes that the kernel buffers before it can send them to about ``most`` (Linux).

    Otherwise it buffers megabytes, and written bytes don't show how much of a request was sent.
    """
    if (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, most)


class TCPInfo(NamedTuple):
    """What the kernel says of a connection."""

    timeouts: int  # of the retransmission timer in a row: nothing at all came back in between
    segment_size: int  # bytes of payload, at most
    unacknowledged: int  # segments that were sent and not confirmed by the peer's kernel
    rtt_us: int
    retransmits: int  # of all segments, the SYN too
    segments_sent: int  # acknowledgements and retransmissions too
    busy_us: int  # for how long there was something to send
    held_back_us: int  # for how long of that the peer had no room for it
    arrived_twice: int  # what the peer's kernel says that it got more than once: that was sent again for nothing
    out_of_order: int  # segments that arrived behind a gap: what came before them was lost, or is late

    @property
    def lost(self) -> int:
        """Segments of ours that were lost, or whose acknowledgements were lost."""
        return max(0, self.retransmits - self.arrived_twice)


def tcp_info(sock: socket.socket) -> TCPInfo | None:
    """None if the kernel does not report it (Linux does), or if the connection is gone."""
    if sys.platform == "linux":
        with suppress(OSError, struct.error):
            known = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
            return TCPInfo._make(_TCP_INFO.unpack(known.ljust(_TCP_INFO.size, b"\0")))
    return None


def unacknowledged_bytes(sock: socket.socket) -> int:
    """Bytes that were written but not acknowledged by the peer's kernel; 0 if this kernel does not report them."""
    if sys.platform == "win32":
        return 0
    import fcntl  # noqa: PLC0415 - neither is on Windows
    import termios  # noqa: PLC0415

    with suppress(OSError):
        return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


async def no_answer_facts(context: Context, stream: trio.abc.Stream) -> NoAnswer:
    """Facts of a connection without an answer in time. The connection can't be used afterwards.

    ``request_acknowledged``: the peer's kernel acknowledged every byte (Linux). ``close_reaction``: the reaction when
    we closed our half. A process that has the connection reads the end and closes, or sends an error;
    ``none`` is typical of a connection that waits in the kernel's queue to be accepted.
    """
    facts = NoAnswer()
    if (transport := transport_of(stream)) is None:
        return facts
    if (info := tcp_info(transport.socket)) is not None:
        facts.request_acknowledged = info.unacknowledged == 0
    if context.time_for(_TIMEOUT) == _TIMEOUT:  # silence means nothing to one who can't wait for an answer
        facts.close_reaction = await _reaction(transport)
        if transport.recorder is not None:
            transport.recorder.event(f"we closed our half, and what came was: {facts.close_reaction}")
    if facts.close_reaction not in {"closed", "answered"}:  # then nothing is missing any more
        info = tcp_info(transport.socket)
        facts.answer_lost = (info is not None and info.out_of_order > 0) or None
    return facts


async def half_close(context: Context, stream: trio.abc.Stream) -> None:
    """Close our half after a complete exchange, and wait until the peer's kernel has acknowledged that.

    The FIN can get lost like any other segment; if the connection were simply closed, that would not be noticed.
    It costs one round trip; more only if something was lost.
    """
    transport = transport_of(stream)
    info = None if transport is None else tcp_info(transport.socket)
    if transport is None or info is None:
        return
    round_trip = info.rtt_us / 1e6
    with suppress(OSError):
        transport.socket.shutdown(socket.SHUT_WR)
        for pause in (max(0.001, 1.5 * round_trip), _DELAYED, _SENT_AGAIN + 2 * round_trip):
            if (info := tcp_info(transport.socket)) is None or not info.unacknowledged:
                return
            await trio.sleep(context.time_for(pause))


async def _reaction(stream: TimestampedStream) -> str:
    with trio.move_on_after(_TIMEOUT):
        try:
            await stream.send_eof()
            return "answered" if await stream.receive_some(_READ) else "closed"
        except trio.BrokenResourceError:
            return "reset"
    return "none"
