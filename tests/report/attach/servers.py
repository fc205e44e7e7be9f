"""Servers on loopback that imitate what the documentation of the ticket systems' APIs says, and its misfortunes."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

PATIENCE = 10  # seconds


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def what(self) -> str:
        return f"{self.method} {self.path}"


Misfortune = Callable[[socket.socket, Request], None]
Answer = bytes | Misfortune


def answer(status: int, document: object = None, **headers: str) -> bytes:
    """An answer in JSON; ``retry_after="1"`` becomes a header."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}",
             "Content-Type: application/json;charset=UTF-8",
             *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(stream: socket.socket, _: Request) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def nothing(_: socket.socket, __: Request) -> None:
    """Closed without a word."""


def drip(stream: socket.socket, _: Request) -> None:
    """A byte now and then: no single wait is long."""
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 2000:
            stream.send(bytes([byte]))
            time.sleep(0.05)


@dataclass
class Server:
    """``respond`` says what each request gets; ``seen`` are the requests, in order."""

    port: int
    seen: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        return [request.what for request in self.seen]


@contextmanager
def serve(
    respond: Callable[[Request], Answer], tls: ssl.SSLContext | None = None, *, port: int = 0, early: bytes = b""
) -> Iterator[Server]:
    """One connection at a time, one request on each. ``early``: the answer to a POST, before its body is read."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.settimeout(PATIENCE)
        server = Server(listening.getsockname()[1])
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                try:
                    stream, _ = listening.accept()
                except OSError:
                    return
                stream.settimeout(PATIENCE)
                with stream, suppress(OSError):
                    _handle(tls.wrap_socket(stream, server_side=True) if tls else stream, respond, server, early)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def _handle(stream: socket.socket, respond: Callable[[Request], Answer], server: Server, early: bytes) -> None:
    with stream, stream.makefile("rb") as reader:
        line = reader.readline(65536).decode("ascii")
        if not line:
            return
        method, target, _ = line.split(" ")
        headers = {name.lower(): value for name, value in _headers(reader)}
        parts = urlsplit(target)
        if early and method == "POST":
            server.seen.append(Request(method, parts.path, {}, headers, b""))
            stream.sendall(early)
            time.sleep(0.2)  # the client still sends
            return
        body = reader.read(int(headers.get("content-length", "0")))
        request = Request(method, parts.path, parse_qs(parts.query), headers, body)
        server.seen.append(request)
        said = respond(request)
        if isinstance(said, bytes):
            stream.sendall(said)
            stream.shutdown(socket.SHUT_WR)
        else:
            said(stream, request)


def _headers(reader: object) -> Iterator[tuple[str, str]]:
    while (line := reader.readline(65536).decode("latin-1").strip()) != "":  # type: ignore[attr-defined]
        name, _, value = line.partition(":")
        yield name, value.strip()


class Tickets:
    """What a system holds; ``next`` are answers that come before its own to requests that store something."""

    token = ""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.next: list[Answer] = []
        self.store_first = False  # a misfortune comes after the file was stored

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != self.token:
            return answer(401, {"message": "no"})
        if request.method == "POST" and self.next:
            if self.store_first:
                self.own(request)
            return self.next.pop(0)
        return self.own(request)

    def own(self, request: Request) -> Answer:
        raise NotImplementedError


class JiraServer(Tickets):
    """Get issue and Add attachment of the REST API, as developer.atlassian.com has them."""

    token = "Basic amRvZTpzM2NyZXQ="  # noqa: S105 - jdoe:s3cret

    def own(self, request: Request) -> Answer:
        match request.what:
            case "GET /rest/api/2/issue/OPS-123":
                listed = [{"id": str(n), "filename": name, "size": len(data)} for n, (name, data) in
                          enumerate(self.stored)]  # fmt: skip
                return answer(200, {"key": "OPS-123", "fields": {"attachment": listed}})
            case "POST /rest/api/2/issue/OPS-123/attachments":
                if request.headers.get("x-atlassian-token") != "no-check":
                    return answer(403, b"XSRF check failed")
                boundary = request.headers["content-type"].partition("; boundary=")[2].encode()
                start, part, end = request.body.split(b"--" + boundary)
                assert (b"", b"--\r\n") == (start, end)
                head, _, data = part.removesuffix(b"\r\n").partition(b"\r\n\r\n")
                found = re.search(rb'form-data; name="file"; filename="([^"]*)"\r\n', head)
                assert found
                name = found[1].decode()
                self.stored.append((name, data))
                return answer(200, [{"id": "10001", "filename": name, "size": len(data)}])
            case _:
                return answer(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})


class ServiceNowServer(Tickets):
    """Table API and Attachment API, as docs.servicenow.com has them: sizes are texts, bad queries are ignored."""

    token = "Bearer 0AuthAccess"  # noqa: S105
    sys_id = "d71f7935c0a8016700802b64c67c11c6"
    number = "INC0012345"

    def own(self, request: Request) -> Answer:
        match request.what:
            case "GET /api/now/table/incident":
                return answer(200, {"result": [{"sys_id": self.sys_id, "number": self.number}]})
            case "GET /api/now/attachment":
                wanted = dict(part.split("=", 1) for part in request.query["sysparm_query"][0].split("^"))
                rows = [{"file_name": name, "size_bytes": str(len(data)), "table_sys_id": self.sys_id}
                        for name, data in self.stored if name == wanted["file_name"]]  # fmt: skip
                return answer(200, {"result": [*rows, {"file_name": "bundle.zip", "table_sys_id": "another"}]})
            case "POST /api/now/attachment/file":
                assert [self.sys_id] == request.query["table_sys_id"]
                assert ["incident"] == request.query["table_name"]
                self.stored.append((request.query["file_name"][0], request.body))
                name, data = self.stored[-1]
                return answer(201, {"result": {"file_name": name, "size_bytes": str(len(data))}})
            case _:
                return answer(404, {"error": {"message": "Requested URI does not represent any resource"}})


class GitHubServer(Tickets):
    """Issue comments of the REST API, as docs.github.com has them: pages of at most 100."""

    token = "Bearer github_pat_11"  # noqa: S105

    def own(self, request: Request) -> Answer:
        match request.what:
            case "GET /repos/owner/repo/issues/7/comments":
                size, page = (int(request.query[name][0]) for name in ("per_page", "page"))
                bodies = [data.decode() for _, data in self.stored][size * (page - 1) : size * page]
                return answer(200, [{"id": n, "body": body} for n, body in enumerate(bodies)])
            case "POST /repos/owner/repo/issues/7/comments":
                body = json.loads(request.body)["body"]
                assert re.search(r"^2022-11-28$", request.headers["x-github-api-version"])
                self.stored.append(("", body.encode()))
                return answer(201, {"id": 1, "body": body})
            case _:
                return answer(404, {"message": "Not Found"})


def nothing_of(_: object) -> Answer:
    return answer(200)
