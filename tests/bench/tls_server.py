"""`icap_server.c` behind TLS: the same answers and the same record, for benchmarks.

python tests/bench/tls_server.py PORT DELAY_MS CERTIFICATE KEY RECORD
"""

from __future__ import annotations

import heapq
import itertools
import select
import signal
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

STAMPS = 35  # SO_TIMESTAMPNS
OPTIONS = (
    b'ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nService: bench\r\nISTag: "bench-1"\r\nPreview: 1024\r\nAllow: 204\r\n'
    b"Max-Connections: 1000\r\nEncapsulated: null-body=0\r\n\r\n"
)
REQMOD = b'ICAP/1.0 204 No Content\r\nISTag: "bench-1"\r\nEncapsulated: null-body=0\r\n\r\n'


class Peer:
    """One connection: what came in clear text so far, and when the kernel took in the last of it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.coming, self.going, server_side=True)
        self.data = b""
        self.received = 0
        self.shaken = False

    def read(self) -> bool:
        """Whether a request is whole. Raises EOFError at the end, OSError when broken."""
        data, control, _, _ = self.sock.recvmsg(65536, 64)
        if not data:
            raise EOFError
        self.coming.write(data)
        for _, kind, value in control:
            if kind == STAMPS:
                seconds, nanoseconds = struct.unpack("@ll", value)
                self.received = seconds * 1_000_000_000 + nanoseconds
        try:
            if not self.shaken:
                self.tls.do_handshake()
                self.shaken = True
            while True:
                part = self.tls.read(65536)
                if not part:
                    raise EOFError
                self.data += part
        except ssl.SSLWantReadError:
            pass
        self.flush()
        return self.data.endswith((b"ieof\r\n\r\n", b"\r\n0\r\n\r\n")) or (
            self.data.startswith(b"OPTIONS") and self.data.endswith(b"\r\n\r\n")
        )

    def flush(self) -> None:
        if self.going.pending:
            self.sock.sendall(self.going.read())

    def answer(self) -> str:
        """Send the answer; its line of the record."""
        options = self.data.startswith(b"OPTIONS")
        self.tls.write(OPTIONS if options else REQMOD)
        self.data = b""
        before = time.time_ns()
        self.flush()
        method = "OPTIONS" if options else "REQMOD"
        return f"{self.sock.getsockname()[0]} {method} {self.received} {before} {time.time_ns()}\n"


def serve(port: int, delay_ms: float, certificate: str, key: str, record: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = _listen(port)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    poll = select.epoll()
    poll.register(listening, select.EPOLLIN)
    peers: dict[int, Peer] = {}
    due: list[tuple[float, int, Peer]] = []
    order = itertools.count()
    with record.open("w") as lines:
        while True:
            wait = max(0.0, due[0][0] - time.time()) if due else -1
            for number, _ in poll.poll(wait):
                if number == listening.fileno():
                    _accept(listening, poll, peers, context)
                    continue
                peer = peers[number]
                try:
                    if peer.read():
                        heapq.heappush(due, (peer.received / 1e9 + delay_ms / 1000, next(order), peer))
                except (EOFError, OSError):
                    poll.unregister(number)
                    del peers[number]
                    peer.sock.close()
            while due and due[0][0] <= time.time():
                peer = heapq.heappop(due)[2]
                if peer.sock.fileno() >= 0:
                    lines.write(peer.answer())
                    lines.flush()


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listening.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
    listening.bind(("", port))
    listening.listen(4096)
    listening.setblocking(False)
    return listening


def _accept(listening: socket.socket, poll: select.epoll, peers: dict[int, Peer], context: ssl.SSLContext) -> None:
    while True:
        try:
            sock, _ = listening.accept()
        except BlockingIOError:
            return
        sock.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        peers[sock.fileno()] = Peer(sock, context)
        poll.register(sock, select.EPOLLIN)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4], Path(sys.argv[5]))
