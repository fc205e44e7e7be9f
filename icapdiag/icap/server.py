"""The request reader: the server's side of RFC 3507, for the lab and for golden tests."""

from __future__ import annotations

import re
from dataclasses import replace

from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.encapsulated import HeadsReader, body_name, parse_encapsulated
from icapdiag.icap.headers import end_of_head, parse_fields, split_lines
from icapdiag.icap.message import SEEN, CapExceeded, Deviation, Limits, ProtocolError, Request

_REQUEST_LINE = re.compile(r"(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]*")
SERVER_LIMITS = Limits(body_kept=64 * 1024 * 1024)


class RequestReader:
    """Reads one request after the other from a connection, split anywhere.

    `next_request` gives a request as soon as a server can answer it: with its preview if it
    has one, else with the whole body. After a 100 Continue, `next_body` gives the same
    request with preview and rest joined. Both return None while bytes are missing and raise
    `ProtocolError` (rules ``request-line``, ``encapsulated-invalid``, ``chunk-invalid``, …),
    after which the connection can't be read any further.
    """

    def __init__(self, limits: Limits = SERVER_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._head: Request | None = None
        self._heads: HeadsReader | None = None
        self._body: ChunkedReader | None = None
        self._waiting: tuple[Request, ChunkedReader] | None = None

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def head(self) -> Request | None:
        """The request whose body is being read; its head is complete."""
        return self._head

    def next_request(self) -> Request | None:
        if self._head is None and not self._read_head():
            return None
        head = self._head
        assert head is not None  # noqa: S101 - set by _read_head
        if self._heads and not self._heads.feed(self._buffer):
            return None
        if self._body and not self._body.feed(self._buffer):
            return None
        request = replace(
            head,
            http_request=self._heads.http_request if self._heads else None,
            http_response=self._heads.http_response if self._heads else None,
            body=bytes(self._body.body) if self._body else b"",
            ieof=bool(self._body) and "ieof" in self._body.extensions if self._body else False,
            deviations=(
                *head.deviations,
                *(self._heads.deviations if self._heads else ()),
                *(self._body.deviations if self._body else ()),
            ),
        )
        if self._body and request.preview is not None and not request.ieof:
            self._waiting = (request, ChunkedReader(self._limits))
        else:
            self._waiting = None
        self._head = self._heads = self._body = None
        return request

    def next_body(self) -> Request | None:
        """The request of the last `next_request`, whole; call it after answering 100 Continue."""
        if self._waiting is None:
            return None
        request, reader = self._waiting
        if not reader.feed(self._buffer):
            return None
        self._waiting = None
        return replace(request, body=request.body + bytes(reader.body))

    def _read_head(self) -> bool:
        start = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        del self._buffer[:start]
        end = end_of_head(self._buffer, self._searched)
        self._searched = len(self._buffer)
        if (len(self._buffer) if end < 0 else end) > self._limits.head_size:
            raise CapExceeded("head-size", f"a head of more than {self._limits.head_size} bytes")
        if end < 0:
            return False
        block = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._searched = 0
        self._parse_head(block)
        return True

    def _parse_head(self, block: bytes) -> None:
        lines = split_lines(block)
        found = _REQUEST_LINE.fullmatch(lines[0].decode("latin-1"))
        if found is None:
            raise ProtocolError("request-line", "the request line is not METHOD URI ICAP/1.0", lines[0])
        headers, found_deviations = parse_fields(lines[1:], self._limits)
        deviations: list[Deviation] = list(found_deviations)
        value = headers.get("Encapsulated")
        encapsulated = None
        if value is not None:
            encapsulated, more = parse_encapsulated(value)
            deviations += more
        elif found[1].upper() in {"REQMOD", "RESPMOD"}:
            deviations.append(
                Deviation("encapsulated-missing", "4.4.1", "the request has no Encapsulated header", lines[0][:SEEN])
            )
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
        if encapsulated:
            self._heads = HeadsReader(encapsulated, self._limits)
            if self._head.body_name not in {None, "null-body"}:
                self._body = ChunkedReader(self._limits)
