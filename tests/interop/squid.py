"""Squid as an ICAP client, a tiny origin server behind it, and an HTTP client before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from icapdiag.icap.samples import CLEAN, eicar
from tests.interop.programs import Programs, free_port, need, need_root


class _Origin(BaseHTTPRequestHandler):
    """Answers /eicar with EICAR, other GETs with a clean text, and uploads with their size."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(eicar() if self.path == "/eicar" else CLEAN)

    def do_POST(self) -> None:
        received = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(b"got %d bytes\n" % len(received))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # connections that come at once; of more than 5, which is the default, some fail


@dataclass(frozen=True, slots=True)
class Proxy:
    """A Squid that has every request and every answer scanned. ``folder`` has its squid.conf and its logs."""

    port: int
    origin: str
    folder: Path

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of the answer that comes back through the proxy."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, self.origin + path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def proxy(
    programs: Programs,
    icap_url: str,
    *,
    name: str = "squid",
    service: str = "bypass=off",
    settings: str = "",
    inside: Sequence[str] = (),
) -> Iterator[Proxy]:
    """A Squid that asks the ICAP service at ``icap_url``, for both directions; a failed scan is an HTTP 500.

    ``service`` has the options of both icap_service lines; ``inside`` is a command that runs it.
    """
    need_root("Squid changes its user")
    program = need("squid")
    folder = programs.folder / name
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    port = free_port()
    configuration = folder / "squid.conf"
    configuration.write_text(f"""\
http_port 127.0.0.1:{port}
visible_hostname localhost
pid_filename {folder}/squid.pid
access_log stdio:{folder}/access.log
icap_log stdio:{folder}/icap.log
cache_log {folder}/cache.log
coredump_dir {folder}
cache deny all
pinger_enable off
shutdown_lifetime 1 seconds
http_access allow localhost
icap_enable on
icap_preview_enable on
icap_service svc_req reqmod_precache {icap_url} {service}
adaptation_access svc_req allow all
icap_service svc_resp respmod_precache {icap_url} {service}
adaptation_access svc_resp allow all
{settings}
""")
    with _origin() as origin:
        squid = programs.start(
            name,
            [*inside, program, "-N", "-f", str(configuration)],
            ports=[("127.0.0.1", port)],
            logs=[folder / "cache.log", folder / "icap.log"],
        )
        try:
            yield Proxy(port, origin, folder)
        finally:
            programs.stop(squid)


@contextmanager
def _origin() -> Iterator[str]:
    """The URL of a running origin server."""
    with _Server(("127.0.0.1", 0), _Origin) as server:
        thread = Thread(target=server.serve_forever, name="origin")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
