"""The request reader: the server's side of RFC 3507, for the lab, for captures and for golden tests."""

from __future__ import annotations

import re

from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.encapsulated import EncapsulatedReader, body_name, parse_encapsulated
from icapdiag.icap.headers import parse_fields, split_lines, take_head
from icapdiag.icap.message import Deviation, Limits, ProtocolError, Request

_REQUEST_LINE = re.compile(r"(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]*")
SERVER_LIMITS = Limits(body_kept=64 * 1024 * 1024)


class RequestReader:
    """Reads one request after the other from a connection, split anywhere.

    `next_request` gives a request as soon as a server can answer it: with its preview if it has one, else with the
    whole body. After a 100 Continue, `next_body` gives the same request with preview and rest joined. Both return None
    while bytes are missing and raise `ProtocolError` (rules ``request-line``, ``encapsulated-invalid``,
    ``chunk-invalid``, …), after which the connection can't be read any further.
    """

    def __init__(self, limits: Limits = SERVER_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._head: Request | None = None
        self._parts = EncapsulatedReader((), limits)
        self._waiting: tuple[Request, ChunkedReader] | None = None

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def chunk(self) -> ChunkedReader | None:
        """The body's reader while all that is at hand was read and data of a chunk come next: it may `take` them."""
        body = self._parts.body if self._waiting is None else self._waiting[1]
        return body if body.inside_chunk and not self._buffer else None

    @property
    def unread(self) -> bytes:
        """Bytes that belong to nothing that was read so far: the beginning of a head, or of a chunk's size."""
        return bytes(self._buffer)

    @property
    def withheld(self) -> bool:
        """Whether the last request had a preview that its body did not fit into, and no rest was read since."""
        return self._waiting is not None

    @property
    def held(self) -> int:
        """Bytes of bodies, and of what was not read, that are kept."""
        preview = 0 if self._waiting is None else len(self._waiting[0].body) + len(self._waiting[1].body)
        return len(self._buffer) + len(self._parts.body.body) + preview

    @property
    def begun(self) -> Request | None:
        """The request that is being read, as much of it as there is; None before its head is complete."""
        if self._head is None:
            return None
        return self._with(self._head, self._parts)

    def miss(self, size: int) -> bool:
        """This number of bytes is lost: True if all were data of the body's current chunk, which goes on."""
        if self._buffer:
            return False
        if self._waiting is not None:
            return self._waiting[1].miss(size)
        return self._head is not None and self._parts.miss(size)

    def forget_body(self) -> None:
        """No rest of the last request comes: what follows is the next one."""
        self._waiting = None

    @staticmethod
    def _with(head: Request, parts: EncapsulatedReader) -> Request:
        return head._replace(
            http_request=parts.http_request,
            http_response=parts.http_response,
            body=bytes(parts.body.body),
            ieof="ieof" in parts.body.extensions,
            deviations=(*head.deviations, *parts.deviations),
            body_size=parts.body.size,
        )

    def next_request(self) -> Request | None:
        if self._head is None and not self._read_head():
            return None
        head, parts = self._head, self._parts
        assert head is not None  # noqa: S101 - set by _read_head
        if not parts.feed(self._buffer):
            return None
        request = self._with(head, parts)
        withheld = parts.body.done and request.preview is not None and not request.ieof
        self._waiting = (request, ChunkedReader(self._limits)) if withheld else None
        self._head = None
        return request

    def next_body(self) -> Request | None:
        """The request of the last `next_request`, whole; call it after answering 100 Continue."""
        if self._waiting is None:
            return None
        request, reader = self._waiting
        if not reader.feed(self._buffer):
            return None
        self._waiting = None
        kept = (request.body + bytes(reader.body))[: self._limits.body_kept]
        return request._replace(body=kept, body_size=request.body_size + reader.size)

    def _read_head(self) -> bool:
        start = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        del self._buffer[:start]
        block = take_head(self._buffer, self._searched, self._limits)
        self._searched = len(self._buffer) if block is None else 0
        if block is None:
            return False
        self._parse_head(block)
        return True

    def _parse_head(self, block: bytes) -> None:
        lines = split_lines(block)
        found = _REQUEST_LINE.fullmatch(lines[0].decode("latin-1"))
        if found is None:
            raise ProtocolError("request-line", "the request line is not METHOD URI ICAP/1.0", lines[0])
        headers, deviations = parse_fields(lines[1:], self._limits)
        value = headers.get("Encapsulated")
        encapsulated = None
        if value is not None:
            encapsulated, more = parse_encapsulated(value)
            deviations += more
        elif found[1].upper() in {"REQMOD", "RESPMOD"}:
            detail = "the request has no Encapsulated header"
            deviations.append(Deviation("encapsulated-missing", "4.4.1", detail, lines[0]))
        preview = headers.get("Preview")
        self._head = Request(
            method=found[1],
            uri=found[2],
            version=found[3],
            headers=headers,
            encapsulated=encapsulated,
            body_name=body_name(encapsulated or ()),
            preview=int(preview) if preview and preview.isascii() and preview.isdigit() else None,
            deviations=tuple(deviations),
        )
        self._parts = EncapsulatedReader(encapsulated or (), self._limits)
