"""The response reader: lenient, incremental, framed by Encapsulated alone (RFC 3507, 4.3.3 and 4.4)."""

from __future__ import annotations

import re

from icapdiag.icap.conformance import field_deviations
from icapdiag.icap.encapsulated import EncapsulatedReader, body_name, parse_encapsulated
from icapdiag.icap.headers import end_of_head, parse_fields, parse_http_head, split_lines, take_head
from icapdiag.icap.message import (
    CONTENT_AFTER_NULL_BODY,
    LIMITS,
    SEEN,
    Deviation,
    Headers,
    Limits,
    NotICAP,
    PeerClosed,
    ProtocolError,
    Response,
)

_STATUS_LINE = re.compile(r"(ICAP/\S*)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?[ \t]*", re.IGNORECASE)
_GLUED = re.compile(r'("[^"]*")\s*+(Encapsulated)\s*+:\s*+(.+)', re.IGNORECASE)


class ResponseReader:
    """Reads one response; a 100 Continue counts as one.

    ``head`` is the response without its body as soon as the head is read, so that a client
    still sending knows that the answer has begun. ``excess`` are bytes after the end.
    ``method`` is the request's: an OPTIONS answer has rules of its own.
    """

    def __init__(self, limits: Limits = LIMITS, *, method: str = "REQMOD") -> None:
        self._limits = limits
        self._method = method.upper()
        self._buffer = bytearray()
        self.received = 0  # bytes fed so far
        self._searched = 0
        self._deviations: list[Deviation] = []
        self._parts = EncapsulatedReader((), limits)
        self._result: Response | None = None
        self.head: Response | None = None

    @property
    def excess(self) -> bytes:
        return bytes(self._buffer) if self._result else b""

    def feed(self, data: bytes) -> Response | None:
        """The response once it is complete, else None.

        Raises `NotICAP`, `CapExceeded` or another `ProtocolError`, with the part that was read as its ``response``.
        """
        self._buffer += data
        self.received += len(data)
        try:
            return self._with_content(self._result) if self._result else self._advance()
        except ProtocolError as error:
            error.response = self._partial()
            raise

    def take(self, data: bytes, start: int, end: int) -> bool:
        """As `ChunkedReader.take`."""
        if self._result is not None or self.head is None or self._buffer or not self._parts.take(data, start, end):
            return False
        self.received += end - start
        return True

    def miss(self, size: int) -> bool:
        """This number of bytes is lost: True if all were data of the body's current chunk, which goes on."""
        return self._result is None and self.head is not None and not self._buffer and self._parts.miss(size)

    def feed_eof(self) -> Response:
        """The peer has closed: the response, ``complete=False`` if it was cut short.

        Raises `PeerClosed` if there is less than a status line, `NotICAP` for another protocol.
        """
        if self._result:
            return self._result
        if self.head is None:
            self._end_head_early()
            if whole := self._advance():
                return whole
        return self._finish(complete=self._parts.close(self._buffer))

    def salvage(self) -> Response | None:
        """What has been read so far, as if the peer had closed; None if that is less than a status line."""
        try:
            return self.feed_eof()
        except ProtocolError:
            return None

    def _advance(self) -> Response | None:
        if self.head is None and not self._read_head():
            return None
        return self._finish(complete=True) if self._parts.feed(self._buffer) else None

    def _read_head(self) -> bool:
        if blank := len(self._buffer) - len(self._buffer.lstrip(b"\r\n")):
            if all(known.rule != "empty-line-before-head" for known in self._deviations):
                self._deviate("empty-line-before-head", "4.3.3", "empty lines come before the status line")
            del self._buffer[:blank]
        if not may_be_icap(self._buffer):
            peer = guess_protocol(self._buffer)
            if peer is None:
                return False
            raise NotICAP(peer, self._buffer)
        block = take_head(self._buffer, self._searched, self._limits)
        self._searched = len(self._buffer)
        if block is not None:
            self._parse_head(block)
        return block is not None

    def _end_head_early(self) -> None:
        """The stream ended before an empty line came."""
        if not may_be_icap(self._buffer) or not self._buffer.strip():
            peer = guess_protocol(self._buffer, ended=True)
            if not self._buffer.strip() or peer is None:
                raise PeerClosed("closed", "the peer closed without an answer", bytes(self._buffer))
            raise NotICAP(peer, self._buffer)
        block = bytes(self._buffer)
        if b"\n" not in block:
            raise PeerClosed("closed", "the peer closed inside the status line", block)
        self._buffer.clear()
        self._deviate("head-without-empty-line", "4.3", "the head does not end with an empty line", block[-SEEN:])
        self._parse_head(block)

    def _parse_head(self, block: bytes) -> None:
        lines = split_lines(block)
        found = _STATUS_LINE.fullmatch(lines[0].decode("latin-1"))
        if found is None:
            raise ProtocolError("status-line", "the status line is not ICAP/1.0 and a status from 100 to 999", lines[0])
        version, status, reason = found[1], int(found[2]), (found[3] or "").strip()
        if version != "ICAP/1.0":
            self._deviate("icap-version", "4.3.3", "the version is not ICAP/1.0", lines[0])
        if not reason:
            self._deviate("reason-missing", "4.3.3", "the status line has no reason phrase", lines[0])
        if re.search(rb"(?<!\r)\n", block):
            self._deviate("head-line-ends", "4.3", "a head line ends with LF instead of CRLF", lines[0])
        headers, deviations = parse_fields(lines[1:], self._limits)
        self._deviations += deviations
        headers = self._unglue(headers)
        value = headers.get("Encapsulated")
        encapsulated = None
        if value is not None:
            encapsulated, deviations = parse_encapsulated(value)
            self._deviations += deviations
        self.head = Response(
            version=version,
            status=status,
            reason=reason,
            headers=headers,
            encapsulated=encapsulated,
            body_name=body_name(encapsulated or ()),
        )
        if status != 100:
            self._deviations += field_deviations(self._method, status, headers, encapsulated)
        # 1xx and 204 have no body whatever they announce (4.5, 4.6): a client that waited for one would hang.
        if encapsulated and status != 204 and status >= 200:
            self._parts = EncapsulatedReader(encapsulated, self._limits)

    def _unglue(self, headers: Headers) -> Headers:
        """Part an Encapsulated header from the ISTag line that a lost CRLF glued it to."""
        if "Encapsulated" in headers:
            return headers
        fields: list[tuple[str, str]] = []
        for name, value in headers:
            found = _GLUED.fullmatch(value)
            if found:
                self._deviate("header-glued", "4.3", "two headers share one line", f"{name}: {value}".encode("latin-1"))
                fields += [(name, found[1]), (found[2], found[3])]
            else:
                fields.append((name, value))
        return Headers.of(fields)

    def _deviate(self, rule: str, section: str, detail: str, seen: bytes = b"") -> None:
        self._deviations.append(Deviation(rule, section, detail, seen))

    def _partial(self, *, complete: bool = False) -> Response | None:
        if self.head is None:
            return None
        parts, body = self._parts, self._parts.body
        return self.head._replace(
            http_request=parts.http_request,
            http_response=parts.http_response,
            body=bytes(body.body),
            body_size=body.size,
            use_original_body=_original_offset(body.extensions),
            trailers=body.trailers,
            complete=complete,
            deviations=(*self._deviations, *parts.deviations),
            size=self.received - len(self._buffer),
        )

    def _finish(self, *, complete: bool) -> Response:
        self._result = self._partial(complete=complete)
        assert self._result is not None  # noqa: S101 - there is a head
        return self._with_content(self._result)

    def _with_content(self, response: Response) -> Response:
        """The answer with what follows ``null-body=0``, which should be nothing: some send their block page there."""
        if not response.says_nothing_returns:
            return response
        content = bytes(self._buffer[: self._limits.head_size]).lstrip(b"\r\n")
        if not content or may_be_icap(content):
            return response
        known = (each for each in response.deviations if each.rule != CONTENT_AFTER_NULL_BODY)  # of what came so far
        detail = "content follows, although Encapsulated has null-body=0"
        deviation = Deviation(CONTENT_AFTER_NULL_BODY, "4.4.1", detail, content[:SEEN])
        response = response._replace(deviations=(*known, deviation))
        if content.startswith(b"HTTP/") and (end := end_of_head(content)) > 0:
            response = response._replace(http_response=parse_http_head(content[:end], self._limits))
        self._result = response
        return response


def _original_offset(extensions: tuple[str, ...]) -> int | None:
    """``use-original-body=N`` of a 206 (draft-icap-ext-partial-content)."""
    found = (re.fullmatch(r"use-original-body\s*=\s*([0-9]{1,18})\s*", extension) for extension in extensions)
    return next((int(offset[1]) for offset in found if offset), None)


ENOUGH = 16  # bytes, or a line end, that settle the question

_TLS_RECORDS = (0x14, 0x15, 0x16, 0x17)  # change cipher spec, alert, handshake, application data (RFC 8446, 5.1)
_ICAP = b"ICAP/"
_STARTS = (
    (b"HTTP/", "http"),
    (b"<", "http"),  # a page without a status line, as HTTP/0.9 had it
    (b"SSH-", "ssh"),
    (b"220 ", "smtp"),
    (b"220-", "smtp"),
    (b"554 ", "smtp"),
    (b"554-", "smtp"),
    (b"UNKNOWN COMMAND", "clamd"),
    (b"PONG", "clamd"),
    (b"OPTIONS ICAP://", "echo"),  # our own request
    (b"REQMOD ICAP://", "echo"),
)


def may_be_icap(data: bytes | bytearray) -> bool:
    """Whether the bytes are, or can still become, the start of an ICAP status line."""
    return _ICAP.startswith(bytes(data[: len(_ICAP)]).upper())


def guess_protocol(data: bytes | bytearray, *, ended: bool = False) -> str | None:
    """``http``, ``tls``, ``ssh``, ``smtp``, ``clamd``, ``echo`` or ``unknown``; None while more bytes may tell.

    Only the first line counts, and at most its first 16 bytes, so that the answer does not
    depend on how the bytes were split. ``ended``: no more bytes will come.
    """
    if len(data) >= 2 and data[0] in _TLS_RECORDS and data[1] == 3:
        return "tls"
    line, newline, _ = bytes(data[:ENOUGH]).partition(b"\n")
    if not (newline or ended or len(line) >= ENOUGH):
        return None
    return next((name for start, name in _STARTS if line.upper().startswith(start)), "unknown")
