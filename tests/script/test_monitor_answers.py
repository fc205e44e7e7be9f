"""The health monitor at answers of every kind: it speaks exactly where the program says allowed, and then blocked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from icapdiag.api.avi_monitor import avi_monitor
from icapdiag.facts.answered import verdict_facts
from icapdiag.icap.client import Exchange
from icapdiag.icap.message import ProtocolError
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.pool import pool_from_urls
from icapdiag.script.monitoring import monitor_script
from icapdiag.script.plan import LIMITS, Step, Target, steps

LIMIT = 20  # seconds: a machine may be busy
OPTIONS = b'ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: "a"\r\nEncapsulated: null-body=0\r\n\r\n'
ALLOWED = b'ICAP/1.0 204 No Content\r\nISTag: "a"\r\n\r\n'
HEAD = b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 71\r\n\r\n"


def chunked(body: bytes, trailer: bytes = b"") -> bytes:
    middle = len(body) // 2
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
    return parts + b"0\r\n" + trailer + b"\r\n"


def returned(body: bytes, fields: str = "", *, shift: int = 0, trailer: bytes = b"") -> bytes:
    """The request comes back, with this body."""
    head = f'ICAP/1.0 200 OK\r\nISTag: "a"\r\n{fields}Encapsulated: req-hdr=0, req-body={len(HEAD) + shift}\r\n\r\n'
    return head.encode() + HEAD + chunked(body, trailer)


def page(status: str, fields: str = "") -> bytes:
    """A page comes instead."""
    inner = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n".encode()
    head = f'ICAP/1.0 200 OK\r\nISTag: "a"\r\n{fields}Encapsulated: res-hdr=0, res-body={len(inner)}\r\n\r\n'
    return head.encode() + inner + chunked(b"page")


def bare(status: str, fields: str = "", encapsulated: str = "null-body=0") -> bytes:
    listed = f"Encapsulated: {encapsulated}\r\n" if encapsulated else ""
    return f'ICAP/1.0 {status}\r\nISTag: "a"\r\n{fields}{listed}\r\n'.encode()


FOUND = "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;\r\n"
TO_CLEAN: Mapping[str, tuple[bytes, bool]] = {
    "204": (ALLOWED, True),
    "204 without words": (b'ICAP/1.0 204\r\nISTag: "a"\r\n\r\n', True),
    "204 in small letters, with bare line feeds": (b'ICAP/1.0 204 ok\nistag: "a"\n\n', True),
    "204 after 100": (b"ICAP/1.0 100 Continue\r\n\r\n" + ALLOWED, True),
    "returned": (returned(CLEAN), True),
    "returned, with a trailer": (returned(CLEAN, trailer=b"X-A: b\r\n"), True),
    "200 with nothing in it": (bare("200 OK"), True),
    "no threat is named": (bare("204 OK", "X-Infection-Found: none\r\nX-Virus-ID: no threats\r\n"), True),
    "no violation": (bare("204 OK", "X-Violations-Found: 0\r\nX-Response-Info: Allowed\r\n"), True),
    "words that say clean": (bare("204 OK", "X-Response-Desc: No threats found\r\n"), True),
    "returned, changed": (returned(CLEAN.replace(b"harmless", b"harmful ")), False),
    "returned, longer": (returned(CLEAN + b"\n"), False),
    "returned, with a byte 0": (returned(CLEAN.replace(b" ", b"\0")), False),
    "returned, cut": (returned(CLEAN)[:-20], False),
    "returned, without an end": (returned(CLEAN)[:-5], False),
    "returned, at another place": (returned(CLEAN, shift=7), False),
    "200 without Encapsulated": (bare("200 OK", encapsulated=""), False),
    "a head and no body": (bare("200 OK", encapsulated=f"req-hdr=0, null-body={len(HEAD)}") + HEAD, False),
    "a page": (page("403 Forbidden"), False),
    "a page without an error": (page("200 OK"), False),
    "204, and not scanned": (bare("204 OK", "X-Response-Desc: Not Scanned\r\n"), False),
    "204, and a threat": (bare("204 OK", FOUND), False),
    "returned, and a threat": (returned(CLEAN, FOUND), False),
    "206": (bare("206 Partial Content"), False),
    "404": (bare("404 Not Found"), False),
    "500": (bare("500 Error"), False),
    "a head without its end": (b'ICAP/1.0 204 OK\r\nISTag: "a"\r\n', False),
    "nothing": (b"", False),
    "HTTP": (b"HTTP/1.1 204 No Content\r\n\r\n", False),
}
TO_EICAR: Mapping[str, tuple[bytes, bool]] = {
    "403 page": (page("403 Forbidden"), True),
    "403 page with a threat": (page("403 Forbidden", FOUND), True),
    "redirect": (page("307 Temporary Redirect"), True),
    "200 page": (page("200 OK"), True),
    "503 page with a threat": (page("503 Service Unavailable", FOUND), True),
    "threat, and nothing in it": (bare("200 OK", FOUND), True),
    "removed": (returned(b"removed"), True),
    "503 page": (page("503 Service Unavailable"), False),
    "page, and not scanned": (page("403 Forbidden", "X-Response-Desc: Not Scanned\r\n"), False),
    "page, and a licence that ended": (page("403 Forbidden", "X-Blocked-Reason: licence expired\r\n"), False),
    "204": (ALLOWED, False),
    "204 with a threat": (bare("204 OK", FOUND), False),
    "returned": (returned(eicar()), False),
    "returned among other text": (returned(b"a " + eicar() + b" b"), False),
    "200 with nothing in it": (bare("200 OK"), False),
    "403": (bare("403 Forbidden", FOUND), False),
    "500": (bare("500 Error"), False),
}
# What a verdict does not look at: an answer that breaks off or is malformed, and EICAR within other text.
STRICTER = {"returned, at another place", "a head without its end", "returned among other text"}


@contextmanager
def answering(to_clean: bytes, to_eicar: bytes) -> Iterator[int]:
    """The port of a server that gives these answers, and closes."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.connection.settimeout(LIMIT)
            request = b""
            while not request.endswith(b"\r\n\r\n") or (b"REQMOD" in request and b"ieof" not in request):
                more = self.connection.recv(65536)
                if not more:
                    return
                request += more
            uploaded = to_eicar if eicar() in request else to_clean
            answer = OPTIONS if request.startswith(b"OPTIONS") else uploaded
            self.connection.sendall(answer)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def speaks(folder: Path, to_clean: bytes, to_eicar: bytes = b"", *, with_eicar: bool = False) -> bool:
    with answering(to_clean, to_eicar) as port:
        pool = pool_from_urls([f"icap://127.0.0.1:{port}/avscan"])
        monitor = avi_monitor(pool, eicar=with_eicar, receive_timeout=LIMIT, send_interval=2 * LIMIT)
        (folder / "monitor.sh").write_text(monitor_script(monitor), "utf-8")
        command = ["bash", str(folder / "monitor.sh"), "127.0.0.1", str(port)]
        done = subprocess.run(command, env={}, capture_output=True, check=False, timeout=2 * LIMIT)
    assert b"" == done.stderr
    return bool(done.stdout)


def verdict(name: str, answer: bytes) -> str | None:
    """What the program says of this answer to the upload of this name; None for what is not an answer."""
    plan = avi_monitor(pool_from_urls(["icap://127.0.0.1/avscan"]), eicar=True).plan
    target = Target(member="a", host="127.0.0.1", port=1344)
    step: Step = next(each for each in steps(plan, target) if each.name == name)
    exchange = Exchange(step.request, limits=LIMITS)
    try:
        exchange.receive(answer)
        if not exchange.done:
            exchange.receive_eof()
    except ProtocolError:
        return None
    response = exchange.response
    if response is None or not response.complete or step.body is None:
        return None
    found = verdict_facts(response, step.body, method="REQMOD").verdict
    return None if found is None or response.status >= 300 else str(found)


@pytest.mark.parametrize(("answer", "expected"), TO_CLEAN.values(), ids=TO_CLEAN)
def test_answers_to_a_harmless_upload(tmp_path: Path, answer: bytes, expected: bool) -> None:
    assert expected == speaks(tmp_path, answer)


@pytest.mark.parametrize(("answer", "expected"), TO_EICAR.values(), ids=TO_EICAR)
def test_answers_to_eicar(tmp_path: Path, answer: bytes, expected: bool) -> None:
    assert expected == speaks(tmp_path, ALLOWED, answer, with_eicar=True)


@pytest.mark.parametrize("name", TO_CLEAN)
def test_the_program_allows_the_same(name: str) -> None:
    answer, expected = TO_CLEAN[name]

    assert (verdict("clean", answer) == "allowed") is (expected or name in STRICTER)


@pytest.mark.parametrize("name", TO_EICAR)
def test_the_program_blocks_the_same(name: str) -> None:
    answer, expected = TO_EICAR[name]

    assert (verdict("eicar", answer) in {"blocked", "modified"}) is (expected or name in STRICTER)
