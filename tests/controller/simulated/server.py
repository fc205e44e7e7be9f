"""HTTP and TLS around the Controller: one thread per connection, answers in chunks, as recorded."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.controller.simulated.faults import Fault
from tests.controller.simulated.messages import Answer, Request

_CHUNK = 1 << 20
_BITS = 20  # chunks of an answer that trickles
_IDLE = 30  # s that a connection may say nothing
_GONE = (ConnectionError, TimeoutError, ssl.SSLError)  # the client went away, or never liked the certificate
_USUAL = (
    ("Connection", "keep-alive"),
    ("Vary", "Accept, Cookie"),
    ("Vary", "Origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-XSS-Protection", "1; mode=block"),
    ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Headers", "Accept,Authorization,Content-Type,Origin,User-Agent,X-Avi-Tenant,X-CSRFToken"),
    ("Access-Control-Expose-Headers", "X-NEXT-CALL"),
    ("Referrer-Policy", "strict-origin"),
    ("Content-Security-Policy", "default-src 'self'"),
    ("Cache-Control", "private, no-cache, must-revalidate"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubdomains"),
)
Answering = Callable[[Request], tuple[Answer, Fault | None]]


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 until it is closed."""

    daemon_threads = False  # closing waits for them
    request_queue_size = 32

    def __init__(self, answering: Answering, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.context = context
        self.clock_ahead = 0  # s, of the right time
        self.closing = threading.Event()
        self.handshakes_failed: list[str] = []  # why
        self.plain: list[bytes] = []  # first lines of what isn't HTTP
        self.errors: list[BaseException] = []  # bugs of the simulator
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Closes everything and waits for the threads."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._open):
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS's own lets its reader read what is encrypted
            except OSError:
                continue  # it has gone by itself
        self.server_close()
        self._thread.join(10)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_IDLE)
        if self.context is None:
            super().finish_request(request, client_address)
            return
        try:
            secured = self.context.wrap_socket(request, server_side=True)
        except (ssl.SSLError, ConnectionError) as error:
            self.handshakes_failed.append(str(error))
            return
        self._open.discard(request)
        self._open.add(secured)
        with secured:
            super().finish_request(secured, client_address)
        self._open.discard(secured)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, _GONE):
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    raw_requestline: bytes
    server: Server
    wbufsize = -1  # headers and body leave together
    disable_nagle_algorithm = True  # else the end of each answer waits for the client's delayed ACK, 40 ms

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.server.plain.append(self.raw_requestline)
        super().send_error(code, message, explain)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        request = Request(self.command, self.path, headers, body, time.monotonic())
        answer, fault = self.server.answering(request)
        if fault and fault.delay:
            self.server.closing.wait(fault.delay)
        if fault and fault.hang_up:
            self.close_connection = True
            return
        self._send(request, answer, fault or Fault())

    def _send(self, request: Request, answer: Answer, fault: Fault) -> None:
        self.send_response_only(answer.status, _REASONS.get(answer.status))
        self.send_header("Date", self.date_time_string(time.time() + self.server.clock_ahead))
        given = {name for name, _ in answer.headers}
        if "Content-Type" not in given:
            self.send_header("Content-Type", "application/json")
        self.send_header("Allow", answer.allow)
        self.send_header("AVI_API_VERSION", request.version)
        for name, value in (*_USUAL, *answer.headers):
            self.send_header(name, value)
        if not answer.body:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = memoryview(answer.body)[: fault.cut]
        size = max(1, len(body) // _BITS) if fault.trickle else _CHUNK
        for start in range(0, len(body), size):
            self._send_chunk(body[start : start + size])
            if fault.trickle:
                self.server.closing.wait(fault.trickle / _BITS)
        if fault.cut is None:
            self._send_chunk(b"")
        else:
            self.close_connection = True

    def _send_chunk(self, chunk: bytes | memoryview) -> None:
        self.wfile.write(b"%x\r\n" % len(chunk))
        self.wfile.write(chunk)
        self.wfile.write(b"\r\n")
        self.wfile.flush()


_REASONS = {200: "OK", 201: "CREATED", 204: "NO CONTENT", 419: "Authentication Timeout"}
