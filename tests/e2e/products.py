"""Servers that answer as a product does, with a fault; logs, pastes and exports: what the cases are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from icapdiag.icap.message import Request
from icapdiag.icap.samples import eicar
from icapdiag.lab import DIALECTS
from icapdiag.lab.connection import Connection
from icapdiag.lab.members import Behaviour
from icapdiag.lab.scanner import (
    OFFERS,
    RESET,
    Answer,
    AsUsual,
    Fields,
    Scanner,
    allow,
    changed,
    decide,
    path_of,
)
from tests.runbook.logged import Entry

ONE = "scanner"  # the name of a member that is the only one
First = tuple[str, str, str]  # the first problem: finding, cause, how sure it is


@dataclass(frozen=True, kw_only=True)
class Live:
    """A pool, what a check of it must say first, and which words its steps must and must not have."""

    servers: Mapping[str, Behaviour | None]  # None: nothing listens
    first: First | None
    profile: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    probes: Sequence[str] = ()
    steps: str = ""
    never: str = ""
    compare: bool = False
    not_tested: str | None = None  # what the report says it did not test


@dataclass(frozen=True, kw_only=True)
class Read:
    """A log or a paste, and what `explain` must say first; ``refused``: words of the refusal to read it."""

    text: bytes
    first: First | None = None
    refused: str = ""
    severity: str = ""
    never: str = ""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An Avi export with one healthy server of a product, what else it says, and the findings of a check of it."""

    product: str
    found: Mapping[str, str]  # finding: severity
    profile: Mapping[str, Any] = field(default_factory=dict)
    group: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] = field(default_factory=dict)
    monitors: Sequence[Mapping[str, Any]] = ()

    def text(self, port: int) -> str:
        server = {"ip": {"addr": "127.0.0.1", "type": "V4"}, "port": port}
        objects = {
            "IcapProfile": [{"name": "icap", "service_uri": "/avscan", "pool_group_ref": "g", **self.profile}],
            "PoolGroup": [{"name": "g", "members": [{"pool_ref": "av"}], **self.group}],
            "Pool": [{"name": "av", "servers": [server], **self.pool}],
            "HealthMonitor": self.monitors,
        }
        return json.dumps(objects)


# --- how the products answer ------------------------------------------------------------------------


def of(product: str, **changes: Any) -> Scanner:
    """The healthy product, with something changed; ``offers`` are those of its OPTIONS that differ."""
    scanner = DIALECTS[product].behaviour
    assert isinstance(scanner, Scanner)
    if "offers" in changes:
        changes["offers"] = changed(scanner.offers, **changes["offers"])
    return replace(scanner, **changes)


def named(service: str, *, istag: str = "x-1", server: str = "", **changes: Any) -> Scanner:
    """A product that no dialect of the lab stands for."""
    common: Fields = (("ISTag", f'"{istag}"'), *((("Server", server),) if server else ()))
    offers = changed(OFFERS, Service=service, **changes.pop("offers", {}))
    return Scanner(common=common, offers=offers, **changes)


async def hangs(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
    """OPTIONS at once, and no scan ever."""
    if request.method != "OPTIONS":
        await connection.discard()
    return await as_usual(connection, request)


async def closes(connection: Connection, request: Request, as_usual: AsUsual) -> Answer | None:
    if request.method != "OPTIONS":
        await connection.finish()
        return None
    return await as_usual(connection, request)


def longer_previews_refused(most: int) -> Any:
    return lambda request: Answer(400, "Bad request") if (request.preview or 0) > most else None


def only_at(*paths: str) -> Any:
    """404 elsewhere."""

    def refuse(request: Request) -> Answer | None:
        return None if path_of(request.uri) in paths else Answer(404, "Service not found")

    return refuse


def reqmod_at(path: str, *, reset: bool = False) -> Any:
    """REQMOD at this path, RESPMOD at the profile's, where REQMOD is reset or refused; 404 elsewhere."""

    def refuse(request: Request) -> Answer | None:
        asked = path_of(request.uri)
        if asked not in {path, "/avscan"}:
            return Answer(404, "Service not found")
        if request.method == "OPTIONS":
            return Answer(200, "OK", changed(OFFERS, Methods="REQMOD" if asked == path else "RESPMOD"))
        if asked == "/avscan" and request.method == "REQMOD":
            return RESET if reset else Answer(405, "Method not allowed")
        return None

    return refuse


def without_inner_length(request: Request) -> Answer | None:
    inner = request.http_request
    return Answer(400, "Bad Request") if inner and "Content-Length" not in inner.headers else None


def empty_refused(request: Request) -> Answer:
    return Answer(400, "Bad Request") if not request.body else decide()(request)


def page_behind_null_body(request: Request) -> Answer:
    """ICAP 200 with null-body=0, and then a 403 page that nothing announces (as some pyicap services do)."""
    page = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nblocked"
    return Answer(200, "OK", (("Encapsulated", "null-body=0"),), damage=lambda wire: wire + page)


def previews_only(request: Request) -> Answer:
    """squidclamav that decides in its preview handler: what comes without a preview is never looked at."""
    return allow(request) if request.preview is None else decide()(request)


def raw_only(request: Request) -> Answer:
    """Finds EICAR where it is the whole upload, as ClamAV does with what it takes for text."""
    return decide()(request) if request.body == eicar() else allow(request)


def answers(data: bytes) -> Behaviour:
    """These bytes to whatever comes, then the end."""

    async def behaviour(connection: Connection) -> None:
        await connection.receive()
        await connection.send(data)
        await connection.finish()

    return behaviour


def taking_turns(*tags: str) -> Scanner:
    """Backends behind one address."""
    number = iter(range(10**6))
    return replace(
        named("Antivirus", server="C-ICAP/0.5.10"),
        common=lambda: (("ISTag", f'"{tags[next(number) % len(tags)]}"'), ("Server", "C-ICAP/0.5.10")),
    )


def log(*entries: Entry) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in entries)
