"""A file on its way to a ticket, on a clock that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from icapdiag.report.attach.document import Document
from icapdiag.report.attach.http import Client, Deadline
from icapdiag.report.attach.systems import SYSTEMS, System, send
from icapdiag.report.attach.target import AttachError, Token, parse_base, parse_target
from tests.report.attach.servers import (
    GitHubServer,
    JiraServer,
    Server,
    ServiceNowServer,
    Tickets,
)

ZIP = Document("bundle.zip", b"PK\x05\x06" + bytes(range(256)) * 5)

TEXT = Document("body.md", "# Röntgen\n`x`\n".encode())

EACH: dict[str, tuple[type[Tickets], str, str, Document]] = {
    "jira": (JiraServer, "jira:OPS-123", "jdoe:s3cret", ZIP),
    "servicenow": (ServiceNowServer, "servicenow:INC0012345", "0AuthAccess", ZIP),
    "github": (GitHubServer, "github:owner/repo#7", "github_pat_11", TEXT),
}

NAMES = sorted(EACH)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = list  # what others do when somebody waits

    def deadline(self, seconds: float = 120) -> Deadline:
        return Deadline(seconds, lambda: time.monotonic() + sum(self.slept), self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()


def system_at(url: str, name: str, deadline: Deadline, token: str = "", *, allow_http: bool = False) -> System:
    _, where, usual, _ = EACH[name]
    target, secret = parse_target(where), Token(token or usual)
    base = parse_base(target.kind, url, {}, allow_http=allow_http)
    return SYSTEMS[target.kind](Client(base, secret.header(target.kind), deadline, "icapdiag/test"), target, secret)


def sent(server: Server, name: str, clock: Clock, *, document: Document | None = None, seconds: float = 120) -> str:
    return send(system_at(server.url, name, clock.deadline(seconds)), document or EACH[name][3])


def refused(server: Server, name: str, clock: Clock, *, seconds: float = 120) -> str:
    with pytest.raises(AttachError) as caught:
        sent(server, name, clock, seconds=seconds)
    return str(caught.value).replace(server.url, "URL")
