"""Requests and answers, apart from how they travel."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_SLASHES = re.compile("//+")
OLDEST = "16_4_2"  # what a request without X-Avi-Version is answered as


@dataclass(slots=True)
class Request:
    """A request, as it arrived."""

    method: str
    target: str  # path and query
    headers: dict[str, str]  # names in lower case
    body: bytes
    time: float  # s, monotonic
    status: int | None = None  # what it was answered with; None: not at all
    unknown: tuple[str, ...] = ()  # query parameters that the Controller doesn't have

    @property
    def path(self) -> str:
        """Without the slash at the end and double ones, which make no difference: avisdk asks for /api//analytics."""
        return _SLASHES.sub("/", urlsplit(self.target).path).rstrip("/")

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body of a form, or of the same in JSON."""
        if "json" in self.headers.get("content-type", ""):
            found = json.loads(self.body or b"{}")
            return {str(name): str(value) for name, value in found.items()}
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def cookies(self) -> list[tuple[str, str]]:
        """In order; a name may come twice, as avisdk sends them."""
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return [(name, value) for name, _, value in pairs if name]

    @property
    def version(self) -> str:
        """The API version that it asks for."""
        return self.headers.get("x-avi-version", OLDEST)

    @property
    def origin(self) -> str:
        """The address that references in the answer begin with."""
        return f"https://{self.headers.get('host', 'controller')}"


@dataclass(slots=True)
class Answer:
    """An answer, without the headers that every one has."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    allow: str = "HEAD, POST, GET, OPTIONS"


class Refused(Exception):
    """The answer to a request that can't be fulfilled."""

    def __init__(self, status: int, **body: str) -> None:
        super().__init__(status, body)
        self.answer = as_json(body, status)


def as_json(body: Any, status: int = 200, **how: Any) -> Answer:
    """An answer with a body in JSON."""
    return Answer(status, json.dumps(body).encode(), **how)


def number(request: Request, name: str, default: int, allowed: range) -> int:
    """A whole number of the query. Raises `Refused`."""
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) not in allowed:
        raise Refused(400, error=f"Invalid {name}: {text}")
    return int(text)


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Yes or no, of the query. Raises `Refused`."""
    text = request.query.get(name, str(default)).lower()
    if text not in {"true", "false"}:
        raise Refused(400, error=f"Invalid {name}: {text}")
    return text == "true"
