"""One transaction on a connection of its own, as Avi has each: connect, TLS, request, answer, close."""

from __future__ import annotations

import trio

from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context, Facts, Outcome
from icapdiag.probe.connection.answer import deviation_facts, response_facts, verdict_facts
from icapdiag.probe.connection.conversation import ENDING, Conversation, converse
from icapdiag.probe.connection.opening import NotOpened, opened


async def transact(
    context: Context,
    request: PreparedRequest,
    *,
    sent_body: bytes | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - seconds for request and answer
    ending: float = ENDING,
) -> Outcome:
    """Send the request and read the answer; the facts say how it went, and what the answer says.

    ``sent_body`` (decoded) adds the verdict on it. ``timeout`` is that of the settings if it is None;
    the member's deadline comes first; ``ending`` as in `converse`. It takes no turn: see `Context.turn`.
    """
    try:
        stream = await opened(context)
    except NotOpened as exc:
        found = exc.outcome
        return Outcome(found.status, found.reason, {"bytes_sent": 0, "bytes_received": 0, **found.facts})
    limit = context.time_for(context.settings.timeout if timeout is None else timeout)
    try:
        talk = await converse(stream, request, timeout=limit, ending=ending)
    finally:
        await trio.aclose_forcefully(stream)
    return Outcome(talk.outcome.status, talk.outcome.reason, talk.facts | answer_facts(talk, sent_body))


def answer_facts(talk: Conversation, sent_body: bytes | None = None) -> Facts:
    """What the answer says; where there is none, what the server did wrong before (a 100 that may not come)."""
    if talk.response is None:
        return deviation_facts(talk.exchange.deviations) if talk.exchange.deviations else {}
    facts = response_facts(talk.response, talk.exchange)
    if talk.head_read and sent_body is not None:
        facts |= verdict_facts(talk.response, sent_body, method=talk.exchange.request.method)
    return facts
