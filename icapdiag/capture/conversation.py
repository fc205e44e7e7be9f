"""ICAP on one connection, from both directions' bytes: the transactions, with their times.

The requests are read by `RequestReader` as a server reads them, the answers by `Exchange` as the client does. After a
gap that the framing does not survive, reading goes on at the next message that begins a packet.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.client import Exchange
from icapdiag.icap.message import Headers, Limits, ProtocolError, Request, Response
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.server import RequestReader

LIMITS = Limits(body_kept=64 * 1024, body_total=1 << 40, chunk_size=1 << 40)
_REQUEST = re.compile(rb"(?:OPTIONS|REQMOD|RESPMOD)[ \t]+\S|[A-Z]{3,16}[ \t]+\S+[ \t]+ICAP/\d", re.IGNORECASE)
_HEX = frozenset(b"0123456789abcdefABCDEF")
_OPEN = 64  # requests without an answer on one connection
_HELD = LIMITS.body_kept + 3 * LIMITS.head_size  # bytes that are kept of a message, at most
_REST = b"."  # stands for what a client withholds


def begins_request(data: bytes) -> bool:
    """Whether an ICAP request begins with these bytes."""
    return _REQUEST.match(data) is not None


def begins_response(data: bytes) -> bool:
    """Whether an ICAP response begins with these bytes."""
    return data[:7].upper() == b"ICAP/1."


class Transaction:
    """A request and what came of it. Times in ns since 1970.

    ``request`` has as much as was seen of it, None where the capture has the answer only. ``ending`` says why no
    complete answer came: ``closed`` or ``reset`` by the server, ``client-closed``, ``client-reset``, ``gap``,
    ``unreadable``, ``end`` of the capture; empty where one came. ``missing``: bytes that the capture has not.
    """

    __slots__ = (
        "answer_begun", "begun", "body_sent", "continued", "done", "ending", "error", "exchange", "first_byte",
        "missing", "request", "reset_after", "sent", "sent_bytes", "unread_rule",
    )  # fmt: skip

    def __init__(self, begun: int, request: Request | None) -> None:
        self.begun = begun
        self.request = request
        self.sent = begun  # the last byte of the request so far
        self.sent_bytes = 0
        self.body_sent = False  # the whole body, not the preview only
        self.unread_rule = ""  # why the request can't be read
        self.exchange: Exchange | None = None
        self.first_byte: int | None = None  # of anything that the server sent, 100 Continue too
        self.continued: int | None = None
        self.answer_begun: int | None = None  # of the final answer
        self.done: int | None = None
        self.error: ProtocolError | None = None  # of the answer
        self.missing = 0
        self.ending = ""
        self.reset_after = False  # the server reset the connection after a complete answer

    @property
    def method(self) -> str:
        """In capitals; of an answer without its request as far as it shows."""
        if self.request is not None:
            return self.request.method.upper()
        response = self.response
        return "OPTIONS" if response is not None and "Methods" in response.headers else "REQMOD"

    @property
    def response(self) -> Response | None:
        """The final answer, or as much of it as there is."""
        if self.exchange is None:
            return None
        return self.exchange.response or self.exchange.salvage()

    @property
    def held(self) -> int:
        """Bytes that are kept, at most."""
        returned = 0 if self.exchange is None else self.exchange.received
        return min(self.sent_bytes, _HELD) + min(returned, _HELD)

    def begin_answer(self) -> Exchange:
        """The answer's reader, which knows the request as far as it was seen by now."""
        if self.exchange is None:
            self.exchange = Exchange(_prepared(self.request), limits=LIMITS)
        return self.exchange


def _prepared(request: Request | None) -> PreparedRequest:
    if request is None:
        return PreparedRequest(method="REQMOD", first=b"", allows_204=True)
    withholds = request.preview is not None and not request.ieof and request.body_name not in {None, "null-body"}
    return PreparedRequest(
        method=request.method.upper(),
        first=b"",
        rest=_REST if withholds else b"",
        preview=request.preview,
        ieof=request.ieof,
        allows_204="204" in request.headers.tokens("Allow"),
    )


class Conversation:
    """What one connection carries. ``take`` gets each transaction once nothing can be added to it."""

    def __init__(self, take: Callable[[Transaction], None]) -> None:
        self._take = take
        self._reader = RequestReader(LIMITS)
        self._chunk: ChunkedReader | None = None  # its reader while data of a chunk of the request come next
        self._reading: Transaction | None = None  # whose request is being read
        self._begun: int | None = None  # when the request that is being read began
        self._resting = False  # the rest of a body is being read, behind its preview
        self._lost = False  # the requests are out of step
        self._deaf = False  # the answers are
        self._open: deque[Transaction] = deque()
        self._answered: Transaction | None = None  # the last one: more may follow
        self.readable = 0  # messages that were read

    @property
    def held(self) -> int:
        """Bytes that are kept, at most."""
        answered = 0 if self._answered is None else self._answered.held
        return self._reader.held + answered + sum(each.held for each in self._open)

    # --- the client's side -------------------------------------------------------------------------

    def sent(self, data: bytes, time: int) -> None:
        """Bytes of the client, in order. Raises nothing."""
        if self.skip_sent(data, 0, len(data), time):
            return
        if self._lost:
            if not begins_request(data):
                return
            self._reader, self._reading, self._begun = RequestReader(LIMITS), None, None
            self._lost = self._resting = False
        if self._begun is None:
            self._begun = time
        if self._reading is not None:
            self._reading.sent = time
            self._reading.sent_bytes += len(data)
        self._reader.feed(data)
        try:
            while self._read_request(time, len(data)):
                pass
        except ProtocolError as error:
            self._lose(error.rule)
        self._chunk = None if self._lost else self._reader.chunk

    def skip_sent(self, data: bytes, start: int, end: int, time: int) -> bool:
        """Take bytes of the client if all are data of a chunk; else False, and nothing is changed."""
        chunk, current = self._chunk, self._reading
        if chunk is None or current is None or not chunk.take(data, start, end):
            return False
        current.sent = time
        current.sent_bytes += end - start
        return True

    def _read_request(self, time: int, size: int) -> bool:
        """Take one step; False where more bytes are needed. Raises `ProtocolError`."""
        current, reader = self._reading, self._reader
        if current is not None and reader.withheld:
            if not self._resting:
                following = reader.unread
                if not following:
                    return False
                self._resting = following[0] in _HEX
                if not self._resting:
                    reader.forget_body()
            if self._resting:
                whole = reader.next_body()
                if whole is None:
                    return False
                current.request, current.body_sent = whole, True
            self._reading, self._resting, self._begun = None, False, time if reader.unread else None
            return True
        request = reader.next_request()
        head = reader.begun if request is None else request
        if current is None and head is not None:
            current = self._begin(head, time, size)
        if request is None or current is None:
            return False
        current.request = request
        if not reader.withheld:
            current.body_sent = True
            self._reading, self._begun = None, time if reader.unread else None
        return True

    def _begin(self, head: Request, time: int, size: int) -> Transaction:
        self.readable += 1
        current = self._reading = Transaction(self._begun or time, head)
        current.sent, current.sent_bytes = time, size
        if len(self._open) >= _OPEN:
            self._end(self._open.popleft(), "gap", time)
        self._open.append(current)
        return current

    def _lose(self, why: str) -> None:
        """The requests can't be read on."""
        current = self._reading
        if current is None and (head := _part_of_head(self._reader.unread)) is not None:
            current = self._begin(head, self._begun or 0, 0)
        if current is not None:
            current.unread_rule = why
            self._catch_up(current)
        self._lost, self._reading, self._begun = True, None, None

    def _catch_up(self, current: Transaction) -> None:
        """What was read of a request that is not complete."""
        if current is self._reading and not self._reader.withheld and (head := self._reader.begun) is not None:
            current.request = head

    def sent_gap(self, size: int) -> None:
        """``size`` bytes of the client are not in the capture."""
        if self._reading is not None:
            self._reading.missing += size
        if not self._lost and not self._reader.miss(size):
            self._lose("gap")
        self._chunk = None if self._lost else self._reader.chunk

    # --- the server's side -------------------------------------------------------------------------

    def received(self, data: bytes, time: int) -> None:
        """Bytes of the server, in order. Raises nothing."""
        if self._deaf:
            if not begins_response(data):
                return
            self._deaf = False
        while data:
            if not self._open:
                self._unasked(data, time)
                return
            current = self._open[0]
            if current.exchange is None:
                self._catch_up(current)
            exchange = current.begin_answer()
            if current.first_byte is None:
                current.first_byte = time
            if current.answer_begun is None:
                current.answer_begun = time
            try:
                exchange.receive(data)
            except ProtocolError as error:
                current.error = error
                self._deaf = True
                self._end(self._open.popleft(), "unreadable", time)
                return
            if exchange.continued and current.continued is None:
                current.continued = time
            if exchange.continued and not exchange.answering:
                current.answer_begun = None
            if not exchange.done:
                return
            self._end(self._open.popleft(), "", time)
            data = b"" if exchange.nothing_returns else exchange.excess

    def skip_received(self, data: bytes, start: int, end: int, _: int) -> bool:
        """Take bytes of the server if all are data of a chunk of its answer; else False, and nothing is changed."""
        if self._deaf or not self._open:
            return False
        exchange = self._open[0].exchange
        return exchange is not None and exchange.take(data, start, end)

    def _unasked(self, data: bytes, time: int) -> None:
        """The end of an answer that announced nothing, or an answer whose request the capture has not."""
        last = self._answered
        if last is not None and last.exchange is not None and last.exchange.nothing_returns:
            try:
                last.exchange.receive(data)
            except ProtocolError:
                self._deaf = True
        elif begins_response(data):
            self._open.append(Transaction(time, None))
            self.readable += 1
            self.received(data, time)
        else:
            self._deaf = True

    def received_gap(self, size: int, time: int) -> None:
        """``size`` bytes of the server are not in the capture."""
        if self._deaf:
            return
        if not self._open:
            self._deaf = True
            return
        current = self._open[0]
        current.missing += size
        if not current.begin_answer().miss(size):
            self._deaf = True
            self._end(self._open.popleft(), "gap", time)

    # --- the end -----------------------------------------------------------------------------------

    def closed(self, time: int, given_up: int | None) -> None:
        """The server has closed its half. ``given_up``: when the client closed before, in ns; None: it did not."""
        while self._open:
            current = self._open.popleft()
            if current.first_byte is None and given_up is not None:
                self._end(current, "client-closed", given_up)
                continue
            self._catch_up(current)
            ending = ""
            try:
                current.begin_answer().receive_eof()
                response = current.response
                if response is not None and not response.complete:
                    ending = "closed"
            except ProtocolError as error:
                current.error, ending = error, "closed"
            self._end(current, ending, time)

    def reset(self, time: int, given_up: int | None) -> None:
        """The server has reset the connection; ``given_up`` as of `closed`."""
        if given_up is not None:
            self._end_all("client-closed", given_up)
        if not self._open and self._answered is not None and self._answered.done is not None:
            self._answered.reset_after = True
        self._end_all("reset", time)

    def abandoned(self, how: str, time: int) -> None:
        """The client has closed (``client-closed``), reset (``client-reset``), or the capture ends (``end``)."""
        self._end_all(how, time)

    def _end_all(self, ending: str, time: int) -> None:
        while self._open:
            self._end(self._open.popleft(), ending, time)

    def _end(self, current: Transaction, ending: str, time: int) -> None:
        self._catch_up(current)
        current.ending, current.done = ending, time
        if self._answered is not None:
            self._take(self._answered)
        self._answered = current

    def finish(self) -> None:
        """Nothing more comes: give out the last transaction."""
        last, self._answered = self._answered, None
        if last is not None:
            self._take(last)


def _part_of_head(data: bytes) -> Request | None:
    """What is known of a request whose head is not there to its end."""
    if not begins_request(data):
        return None
    lines = data[: data.rfind(b"\n") + 1] or data + b"\r\n"
    reader = RequestReader(LIMITS)
    reader.feed(lines + b"\r\n")
    try:
        found = reader.next_request() or reader.begun
    except ProtocolError:
        words = data.split(None, 2)
        found = Request(
            words[0].decode("latin-1")[:32], words[1].decode("latin-1")[:200] if words[1:] else "", "", Headers(), None
        )
    return None if found is None else found._replace(deviations=())
