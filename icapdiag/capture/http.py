"""HTTP/1 on one connection: which requests came when, and what they were answered with. Bodies are skipped."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.headers import end_of_head, parse_http_head
from icapdiag.icap.message import HttpHead, Limits, ProtocolError

_LIMITS = Limits(body_kept=0, body_total=1 << 40, chunk_size=1 << 40)
_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT)[ \t]+\S+[ \t]+HTTP/1|"
                      rb"(?:GET|POST|PUT|PATCH|DELETE|HEAD) [/h*]")  # fmt: skip
_OPEN = 32  # requests without an answer on one connection


def begins_http(data: bytes) -> bool:
    """Whether an HTTP/1 request begins with these bytes."""
    return _REQUEST.match(data) is not None


class Upload:
    """An HTTP request of a client, and the status that it got. Times in ns; ``answered`` None: no answer was seen."""

    __slots__ = ("answered", "begun", "host", "method", "status", "target")

    def __init__(self, method: str, target: str, host: str, begun: int) -> None:
        self.method, self.target, self.host, self.begun = method, target, host, begun
        self.status: int | None = None
        self.answered: int | None = None


class _Side:
    """The heads of one direction."""

    __slots__ = ("_buffer", "_chunks", "_lost", "_searched", "_skip", "_whole")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._skip = 0  # bytes of a body that are still to come
        self._chunks: ChunkedReader | None = None
        self._whole = False  # a body until the connection closes
        self._lost = False

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._buffer)

    def feed(self, data: bytes, body_of: Callable[[HttpHead], str | int], starts: bytes | None) -> list[HttpHead]:
        """The heads that ended. ``body_of`` says what follows one: a length, ``chunked`` or ``rest``."""
        found: list[HttpHead] = []
        if self._whole:
            return found
        if self._lost:
            if not (begins_http(data) if starts is None else data.startswith(starts)):
                return found
            self._lost = False
        self._buffer += data
        try:
            while self._buffer:
                if self._skip:
                    taken = min(self._skip, len(self._buffer))
                    del self._buffer[:taken]
                    self._skip -= taken
                elif self._chunks is not None:
                    if not self._chunks.feed(self._buffer):
                        break
                    self._chunks = None
                elif (head := self._head()) is not None:
                    found.append(head)
                    self._expect(body_of(head))
                else:
                    break
        except ProtocolError:
            self._lose()
        return found

    def skip(self, data: bytes, start: int, end: int, _: int) -> bool:
        """Take bytes if all are of a body; else False, and nothing is changed."""
        if self._whole:
            return True
        if self._buffer:
            return False
        if self._skip >= end - start:
            self._skip -= end - start
            return True
        return self._chunks is not None and self._chunks.take(data, start, end)

    def _head(self) -> HttpHead | None:
        end = end_of_head(self._buffer, self._searched)
        self._searched = len(self._buffer)
        if end < 0:
            if len(self._buffer) > _LIMITS.head_size:
                self._lose()
            return None
        block = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._searched = 0
        return parse_http_head(block, _LIMITS)

    def _expect(self, body: str | int) -> None:
        if isinstance(body, int):
            self._skip = body
        elif body == "chunked":
            self._chunks = ChunkedReader(_LIMITS)
        else:
            self._whole = True
            self._buffer.clear()

    def _lose(self) -> None:
        self._buffer.clear()
        self._searched = self._skip = 0
        self._chunks, self._lost = None, True

    def miss(self, size: int) -> None:
        """This number of bytes is missing from the capture."""
        if self._skip >= size and not self._buffer:
            self._skip -= size
        elif not (self._chunks is not None and not self._buffer and self._chunks.miss(size)):
            self._lose()


class HttpConversation:
    """Feed it both directions. ``take`` gets each request as its head is read; its status follows later."""

    def __init__(self, take: Callable[[Upload], None]) -> None:
        self._take = take
        self._client, self._server = _Side(), _Side()
        self.skip_sent, self.skip_received = self._client.skip, self._server.skip
        self._open: deque[Upload] = deque(maxlen=_OPEN)

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self._client.held + self._server.held + sum(len(each.target) for each in self._open)

    def sent(self, data: bytes, time: int) -> None:
        """Bytes of the client."""
        for head in self._client.feed(data, _request_body, None):
            words = head.start_line.split(None, 2)
            if len(words) == 3:
                upload = Upload(words[0][:16], words[1][:2048], (head.headers.get("Host") or "")[:255], time)
                self._open.append(upload)
                self._take(upload)

    def received(self, data: bytes, time: int) -> None:
        """Bytes of the server."""
        for head in self._server.feed(data, self._response_body, b"HTTP/1."):
            status = head.status
            if self._open and status is not None and status >= 200:
                upload = self._open.popleft()
                upload.status, upload.answered = status, time

    def sent_gap(self, size: int) -> None:
        self._client.miss(size)

    def received_gap(self, size: int) -> None:
        self._server.miss(size)

    def _response_body(self, head: HttpHead) -> str | int:
        status = head.status or 0
        asked = self._open[0].method if self._open else ""
        if status in {204, 304} or status < 200 or asked == "HEAD":
            return 0
        return _body(head, "rest")


def _request_body(head: HttpHead) -> str | int:
    method = head.start_line.split(None, 1)[0] if head.start_line.split() else ""
    return "rest" if method == "CONNECT" else _body(head, 0)


def _body(head: HttpHead, otherwise: str | int) -> str | int:
    if "chunked" in (head.headers.get("Transfer-Encoding") or "").lower():
        return "chunked"
    length = head.headers.get("Content-Length") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else otherwise
