"""A Service Engine's part, run in its network: sends uploads to a member as Avi does, and prints what became of each.

``python -m tests.interop.sending HOST PORT PATH COUNT SECONDS``: a connection may take so long. With COUNT 0 it waits
until OPTIONS is answered.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from icapdiag.icap.client import Exchange
from icapdiag.icap.message import ProtocolError, Response
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post, options_request
from icapdiag.icap.samples import CLEAN

_ANSWERING = 5.0  # seconds
_AT_ONCE = 50
_PATIENCE = 30.0


def outcome_of(host: str, port: int, request: PreparedRequest, connecting: float) -> str:
    """The name of one of the simulated Controller's outcomes."""
    try:
        sock = socket.create_connection((host, port), timeout=connecting)
    except TimeoutError:
        return "setup-timed-out"
    except OSError:
        return "setup-refused"
    with sock:
        sock.settimeout(_ANSWERING)
        try:
            response = _answer(sock, Exchange(request))
        except TimeoutError:
            return "timed-out"
        except (OSError, ProtocolError):
            return "refused"
    if response is None or response.status >= 400:
        return "server-error"
    head = response.http_response
    return "blocked" if head is not None and (head.status or 0) >= 400 else "passed"


def _answer(sock: socket.socket, exchange: Exchange) -> Response | None:
    while not exchange.done:
        for piece in exchange.pieces():
            sock.sendall(piece)
        if data := sock.recv(1 << 16):
            exchange.receive(data)
        else:
            exchange.receive_eof()
    return exchange.response


def main() -> None:
    host, port_, path, count, seconds = sys.argv[1:]
    port, connecting = int(port_), float(seconds)
    if count == "0":
        asked = options_request(host, port, path, close=True)
        until = time.monotonic() + _PATIENCE
        while outcome_of(host, port, asked, connecting) != "passed":
            if time.monotonic() > until:
                sys.exit(f"{host}:{port} does not answer")
            time.sleep(0.05)
        return
    upload = avi_reqmod(host, port, path, http_request=http_post(host, "/upload", len(CLEAN)), body=CLEAN)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        outcomes = list(threads.map(lambda _: outcome_of(host, port, upload, connecting), range(int(count))))
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
