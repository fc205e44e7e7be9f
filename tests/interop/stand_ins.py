"""Servers that Debian does not have, as programs of a few lines, with the bytes that the real ones send."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from tests.interop.programs import Programs, free_port

_SERVE = """
import asyncio, sys
async def main(handle):
    async with await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
"""
# squidclamav 7.5 in c-icap sends what virus_scan does, but for its name.
_SQUIDCLAMAV = (
    _SERVE
    + """
def renamed(data):
    return data.replace(b"server - Antivirus service", b"server - SquidClamav/Antivirus service")
async def pump(reader, writer, change=bytes):
    try:
        while data := await reader.read(65536):
            writer.write(change(data))
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
async def handle(reader, writer):
    target = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(pump(reader, target[1]), pump(target[0], writer, renamed))
    for each in (writer, target[1]):
        each.close()
asyncio.run(main(handle))
"""
)
# nodecap2 with a handler that never comes to an end.
_NODECAP = (
    _SERVE
    + r"""
OFFERS = (b"ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nPreview: 1024\r\nAllow: 204\r\nOptions-TTL: 60\r\n"
          b"Date: Sun, 29 Nov 2026 21:30:01 GMT\r\nISTag: NODECAP-1795987793300\r\nServer: Nodecap/1.0\r\n\r\n")
async def handle(reader, writer):
    seen = b""
    while data := await reader.read(65536):
        seen += data
        if seen.startswith(b"OPTIONS") and seen.endswith(b"\r\n\r\n"):
            seen = b""
            writer.write(OFFERS)
    writer.close()
asyncio.run(main(handle))
"""
)
# A service made with pyicapserver, which blocks EICAR and returns the rest.
_PYICAPSERVER = """
import sys
from pyicapserver import BaseICAPRequestHandler, ICAPServer

class Handler(BaseICAPRequestHandler):
    def scan_OPTIONS(self):
        self.set_icap_response(200)
        for name, value in ((b"Methods", b"REQMOD"), (b"Service", b"scan"), (b"Preview", b"1024"), (b"Allow", b"204")):
            self.set_icap_header(name, value)
        self.send_headers(False)

    def scan_REQMOD(self):
        body = b""
        while self.has_body and (chunk := self.read_chunk()):
            body += chunk
        self.set_icap_response(200)
        if b"EICAR" in body:
            body = b"blocked"
            self.set_enc_status(b"HTTP/1.1 403 Forbidden")
        else:
            self.set_enc_request(b" ".join(self.enc_req))
        self.send_headers(True)
        self.write_chunk(body)
        self.write_chunk(b"")

ICAPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def _start(programs: Programs, name: str, source: str, *arguments: str) -> int:
    port = free_port()
    programs.start(name, [sys.executable, "-c", source, str(port), *arguments], ports=[("127.0.0.1", port)])
    return port


def squidclamav(programs: Programs, virus_scan: int) -> int:
    """The port of something that speaks as squidclamav does, with the virus_scan at that port behind it."""
    return _start(programs, f"squidclamav-{virus_scan}", _SQUIDCLAMAV, str(virus_scan))


def nodecap(programs: Programs) -> int:
    """The port of a server that answers OPTIONS and no REQMOD."""
    return _start(programs, "nodecap", _NODECAP)


def pyicapserver(programs: Programs) -> int:
    """The port of a service /scan made with pyicapserver, which is on PyPI."""
    if find_spec("pyicapserver") is None:
        pytest.skip("pyicapserver is not installed")
    return _start(programs, "pyicapserver", _PYICAPSERVER)
