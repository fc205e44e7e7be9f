"""One transaction from the client's side: when to send the rest, and when the answer is there.

States and what moves between them (RFC 3507, 4.5 and 4.6)::

    PREVIEW --100--> REST --final--> DONE
    PREVIEW --final--> DONE
    WHOLE   --final--> DONE

A 100 in WHOLE or REST, where the RFC allows none, is a deviation and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from itertools import chain

from icapdiag.icap.message import CONTENT_AFTER_NULL_BODY, LIMITS, Deviation, Limits, ProtocolError, Response
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.response import ResponseReader


class State(Enum):
    PREVIEW = auto()  # the server has the preview and decides
    REST = auto()  # 100 Continue came: the rest is being sent
    WHOLE = auto()  # the server was given everything at once
    DONE = auto()


class Exchange:
    """Feed it what arrives; it says what to do next.

    `pieces` has what may be sent, `receive` takes what came. ``answering`` turns True when a final answer has begun, so
    that a body still being sent can be dropped. The final answer is ``response``.
    """

    def __init__(self, request: PreparedRequest, *, limits: Limits = LIMITS) -> None:
        self.request = request
        self._limits = limits
        self._reader = ResponseReader(limits, method=request.method)
        self.received = 0  # bytes in all
        self._interim = 0
        self._deviations: list[Deviation] = []
        self._rest_released = False
        at_once = () if request.stream is None or request.withholds else request.stream
        self._to_send: list[Iterable[bytes]] = [chain((request.first,), at_once)]
        self.state = State.PREVIEW if request.withholds else State.WHOLE
        self.response: Response | None = None

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    @property
    def answering(self) -> bool:
        head = self._reader.head
        return self.done or (head is not None and head.status != 100)

    @property
    def continued(self) -> bool:
        """Whether a 100 Continue came."""
        return self._interim > 0

    @property
    def whole_body_sent(self) -> bool:
        """Whether the server was offered the body to its end."""
        return not self.request.withholds or self._rest_released

    @property
    def excess(self) -> bytes:
        """Bytes after the end of the final answer."""
        return self._reader.excess if self.done else b""

    @property
    def nothing_returns(self) -> bool:
        """Whether the answer to a request with a body says that nothing comes with it, and nothing has come yet."""
        response = self.response
        if response is None or not response.complete or self.request.method == "OPTIONS":
            return False
        return response.says_nothing_returns and response.http_response is None

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What the transaction as a whole did wrong, besides the answer's own deviations."""
        return tuple(self._deviations)

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer. Raises `ProtocolError`; ``response`` then holds what was readable."""
        self.received += len(data)
        while True:
            try:
                response = self._reader.feed(data)
            except ProtocolError as error:
                self.response = error.response
                raise
            if response is None:
                return
            if self.done:
                self.response = response
                return
            if response.status != 100:
                self._finish(response)
                return
            self._continue(response)
            data = self._reader.excess
            self._reader = ResponseReader(self._limits, method=self.request.method)

    def pieces(self) -> Iterator[bytes]:
        """What may be sent by now and was not given out yet: the request at first, the rest after a 100 Continue.

        Take it from one place; what another call has begun to give out is not given again.
        """
        while self._to_send:
            yield from self._to_send.pop(0)

    def take(self, data: bytes, start: int, end: int) -> bool:
        """As `ChunkedReader.take`, of the answer's body."""
        if self.done or not self._reader.take(data, start, end):
            return False
        self.received += end - start
        return True

    def miss(self, size: int) -> bool:
        """This number of bytes of the answer is lost: True if reading can continue, as they were data of its body."""
        if self.done or not self._reader.miss(size):
            return False
        self.received += size
        return True

    def receive_eof(self) -> None:
        """The peer closed. Raises `PeerClosed` or `NotICAP` if nothing was answered."""
        if self.done:
            return
        self._finish(self._reader.feed_eof())

    def salvage(self) -> Response | None:
        """What is readable of an answer that won't be waited for any longer."""
        return self.response or self._reader.salvage()

    def _continue(self, response: Response) -> None:
        self._interim += 1
        if self._interim > 100:  # a peer that sends nothing else would keep us here
            raise ProtocolError("endless-100", "more than 100 interim answers", b"", response)
        if self.state is State.PREVIEW:
            self.state = State.REST
            self._rest_released = True
            self._to_send.append((self.request.rest,) if self.request.stream is None else self.request.stream)
            return
        seen = f"{response.version} {response.status} {response.reason}".encode("latin-1")
        if self.request.ieof:
            self._deviate("100-after-ieof", "4.5", "100 Continue although the preview held the whole body", seen)
        elif self.request.preview is None:
            self._deviate("100-without-preview", "4.5", "100 Continue although no preview was sent", seen)
        else:
            self._deviate("100-repeated", "4.5", "a second 100 Continue", seen)

    def _finish(self, response: Response) -> None:
        self.response = response
        self.state = State.DONE
        outside = self.request.preview is None or self._rest_released  # of the preview, which 204 may always answer
        if response.status == 204 and not self.request.allows_204 and outside:
            self._deviate("204-without-allow", "4.6", "204 to a whole body, although Allow: 204 was not sent")
        if response.status == 206:
            self._deviate("206-without-allow", "draft-icap-ext-partial-content", "206 although Allow: 206 was not sent")
        if any(known.rule == CONTENT_AFTER_NULL_BODY for known in response.deviations):
            return
        if self.excess.strip(b"\r\n"):
            self._deviate("bytes-after-end", "4.3.3", "bytes follow the end of the answer", self.excess)
        elif self.excess:
            self._deviate("empty-line-after-end", "4.3.3", "empty lines follow the end of the answer", self.excess)

    def _deviate(self, rule: str, section: str, detail: str, seen: bytes = b"") -> None:
        if all(known.rule != rule for known in self._deviations):
            self._deviations.append(Deviation(rule, section, detail, seen))
