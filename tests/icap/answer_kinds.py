"""What an answer met in the wild is expected to be, and the bytes of it that a reader gets."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """The bytes of one answer, whole or cut."""

    verdict: str
    decided_by: str = "status"  # what comes first; empty: nothing decides
    words: str = ""  # part of the reason
    threats: tuple[str, ...] = ()
    sent_body: bytes | None = None
    method: str = "REQMOD"


@dataclass(frozen=True)
class Printed(Wire):
    """The output of ``c-icap-client -v``: the head is printed with TABs below a title, bodies are left out."""


@dataclass(frozen=True)
class ParsedJSON(Wire):
    """A PHP client's parse result: heads as JSON objects."""


@dataclass(frozen=True)
class Fragment(Wire):
    """Header lines without a status line; read below a plain 200."""


@dataclass(frozen=True)
class NotICAP:
    """Another protocol, or text of another kind: no verdict, but a name for the peer."""

    peer: str
    why: str


@dataclass(frozen=True)
class Closed:
    """Not one byte came."""


Kind = Wire | NotICAP | Closed
OPTIONS = Wire("unknown", "Methods", "OPTIONS", method="OPTIONS")


def wire_bytes(data: bytes, expected: Kind) -> bytes:
    """What came from the server, out of what was kept of it."""
    if isinstance(expected, Printed):
        return printed_heads(data)
    if isinstance(expected, ParsedJSON):
        return parsed_heads(data)
    if isinstance(expected, Fragment):
        return b"ICAP/1.0 200 OK\r\n" + data
    return data


def printed_heads(data: bytes) -> bytes:
    """The ICAP head, and the head of a returned response, out of c-icap-client's print."""
    _, _, text = data.partition(b"ICAP HEADERS:")
    blocks = [
        [line.removeprefix(b"\t") for line in block.splitlines() if line.startswith(b"\t")]
        for block in text.split(b"RESPMOD HEADERS:")
    ]
    icap = b"".join(line + b"\r\n" for line in _before_other_titles(blocks[0])) + b"\r\n"
    return icap + b"".join(line + b"\r\n" for block in blocks[1:] for line in (*block, b""))


def _before_other_titles(lines: list[bytes]) -> list[bytes]:
    """020 prints the request that it had sent below "REQMOD HEADERS:"."""
    requests = [at for at, line in enumerate(lines) if line.endswith(b" HTTP/1.0")]
    return lines[: requests[0]] if requests else lines


def parsed_heads(data: bytes) -> bytes:
    """The heads that a parse result was made of; a second status line among the headers is the final one."""
    parsed = json.loads(data)
    final = [name for name in parsed["headers"] if name.startswith("ICAP/")]
    lines = final or [f"ICAP/1.0 {parsed['protocol']['code']} {parsed['protocol']['status']}"]
    lines += [f"{name}: {value}" for name, value in parsed["headers"].items() if name not in final]
    http = parsed["body"]["res-hdr"]
    start = [name for name, value in http.items() if not value]
    fields = [f"{name}: {value}" for name, value in http.items() if value and name != "HTTP_STATUS"]
    return "\r\n".join([*lines, "", *start, *fields, "", ""]).encode("latin-1")
