"""Shared by the probes that follow up a refusal: what was refused, and a connection that is reused."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Transfer
from icapdiag.facts.standard import Options
from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context
from icapdiag.probe.connection.connect import open_connection
from icapdiag.probe.connection.exchange import ExchangeResult, exchange_messages
from icapdiag.probe.messages import Message, Planned
from icapdiag.vocabulary import Reason, Status

QUICK = 0.2  # seconds for the end of a refusal's head, where another refusal of the same server had its time
_GONE = (Reason.CLOSED, Reason.RESET)
_UNANSWERED = (Reason.TIMEOUT, *_GONE, Reason.PROTOCOL)


def refusal(context: Context, probe: str) -> int | None:
    """The ICAP status with which this probe's request was refused; None if it was not, or did not run."""
    status = context.found(probe, Answer).icap_status
    return status if status is not None and status >= 400 else None


def unanswered(context: Context, probe: str) -> Reason | None:
    """Why this probe's request got no readable answer although it was connected; None if it got one."""
    outcome = context.outcome(probe)
    if outcome is None or outcome.status is not Status.FAILED or refusal(context, probe):
        return None
    known = context.found(probe, Transfer).bytes_sent or outcome.reason in _GONE or probe == "tls"
    return next((reason for reason in _UNANSWERED if known and reason == outcome.reason), None)


def refuses_reqmod(context: Context) -> bool:
    """Whether OPTIONS lists only other methods, and REQMOD was refused or not answered (a refusal, too)."""
    failed = refusal(context, "clean") or unanswered(context, "clean")
    return bool(failed) and lists_reqmod(context) is False


def served(context: Context, probe: str) -> bool:
    """Whether this probe ran and its request was accepted."""
    outcome = context.outcome(probe)
    return outcome is not None and outcome.status is Status.OK


def lists_reqmod(context: Context) -> bool | None:
    """Whether OPTIONS lists REQMOD; None if it lists no methods, or was not answered."""
    options = context.found("options", Options)
    return options.offers_reqmod is True if options.answer.methods else None


def planned(context: Context, messages: Sequence[Message], condition: str) -> Planned:
    """These ICAP messages, each on a new connection in case none is kept."""
    shaken = context.handshakes("handshake on each connection")
    return Planned(to=context.peer, connections=len(messages), messages=(*shaken, *messages), condition=condition)


class PersistentConnection:
    """Sends requests one after another. ``limit``: how many seconds one answer may take."""

    def __init__(self, context: Context, limit: float) -> None:
        self._context = context
        self._limit = limit
        self._stream: trio.abc.Stream | None = None
        self._may_keep = True

    async def ask(self, request: PreparedRequest) -> ExchangeResult | None:
        """The result; None if a reused connection had been closed: then ask again, on a new one.

        Raises `ConnectError`.
        """
        kept = self._stream is not None
        if self._stream is None:
            await self._context.wait_for_rate()
            self._stream = await open_connection(self._context)
        result = await exchange_messages(
            self._stream, request, timeout=self._context.time_for(self._limit), ending=QUICK
        )
        gone = kept and result.response is None and result.reason in _GONE
        if gone:
            self._may_keep = False  # it closes without a word: no more guessing
        if gone or not self._may_keep or not _stays_open(result):
            await self.close()
        return None if gone else result

    async def close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)


def _stays_open(result: ExchangeResult) -> bool:
    """Whether the answer was complete and did not announce a close (RFC 3507, 4.1)."""
    if result.response is None or not (result.status is Status.OK or result.reason is Reason.ICAP_STATUS):
        return False
    return "close" not in (token.lower() for token in result.response.headers.tokens("Connection"))
