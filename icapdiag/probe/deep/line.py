"""Several requests to one member, on one connection for as long as the server keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context, Message, Planned
from icapdiag.probe.connection.conversation import Conversation, converse
from icapdiag.probe.connection.message import handshakes
from icapdiag.probe.connection.opening import opened
from icapdiag.vocabulary import Reason, Status

QUICK = 0.2  # seconds for the end of a refusal's head, where another refusal of the same server had its time
_GONE = (Reason.CLOSED, Reason.RESET)


def planned(context: Context, messages: Sequence[Message], condition: str) -> Planned:
    """These ICAP messages, each on a new connection should none be kept."""
    shaken = handshakes(context, "handshake on each connection")
    return Planned(to=context.peer, connections=len(messages), messages=(*shaken, *messages), condition=condition)


class Line:
    """A way to ask one question after another. ``limit``: seconds that one answer may take."""

    def __init__(self, context: Context, limit: float) -> None:
        self._context = context
        self._limit = limit
        self._stream: trio.abc.Stream | None = None
        self._may_keep = True

    async def ask(self, request: PreparedRequest) -> Conversation | None:
        """The conversation; None where a connection that was kept had gone: ask again, on a new one.

        Raises `NotOpened`.
        """
        kept = self._stream is not None
        if self._stream is None:
            await self._context.turn()
            self._stream = await opened(self._context)
        talk = await converse(self._stream, request, timeout=self._context.time_for(self._limit), ending=QUICK)
        gone = kept and talk.response is None and talk.outcome.reason in _GONE
        if gone:
            self._may_keep = False  # it closes without a word: no more guessing
        if gone or not self._may_keep or not _stays_open(talk):
            await self.close()
        return None if gone else talk

    async def close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)


def _stays_open(talk: Conversation) -> bool:
    """Whether the answer came whole and did not announce the end of the connection (RFC 3507, 4.1)."""
    if talk.response is None or not (talk.outcome.status is Status.OK or talk.outcome.reason is Reason.ICAP_STATUS):
        return False
    return "close" not in (token.lower() for token in talk.response.headers.tokens("Connection"))
