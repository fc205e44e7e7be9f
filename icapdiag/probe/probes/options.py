"""options: asks the service for its options (RFC 3507, 4.10)."""

from __future__ import annotations

from icapdiag.facts.standard import Options
from icapdiag.icap.request import PreparedRequest, options_request
from icapdiag.probe.base import Context, Outcome, Probe
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import answered, exchange_messages
from icapdiag.probe.connection.tcp import half_close, no_answer_facts
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.vocabulary import Reason


def options_of(context: Context) -> PreparedRequest:
    """OPTIONS for the service that the profile names."""
    return options_request(*context.place, context.pool.profile.service_uri, close=True)


def _plan(context: Context) -> tuple[Planned, ...]:
    return (Planned(to=context.peer, messages=(icap_message(options_of(context)),)),)


async def _run(context: Context) -> Outcome:
    stream = context.stream
    assert stream is not None  # noqa: S101 - tcp has run
    result = await exchange_messages(stream, options_of(context), timeout=context.time_for(context.settings.timeout))
    facts = Options(error=result.error, profile=profile_facts(context), transfer=result.transfer, answer=result.answer)
    if result.reason is Reason.TIMEOUT and not result.exchange.received:
        facts.no_answer = await no_answer_facts(context, stream)
    elif result.failure is None:
        await half_close(context, stream)
    await context.close()
    if result.response is not None and result.response.status == 200:
        facts.offers_reqmod = "REQMOD" in (name.upper() for name in result.response.headers.tokens("Methods"))
        facts.offers_204 = "204" in result.response.headers.tokens("Allow")
    return Outcome(result.status, result.reason, facts)


# Avi never asks for OPTIONS, so a server that refuses it may scan all the same; one that
# can't hold a conversation won't.
PROBE: Probe = Probe(
    name="options",
    run=_run,
    sends="one OPTIONS request on the same connection",
    plan=_plan,
    depth="quick",
    needs=("tcp", "tls"),
    blocks=lambda outcome: not answered(outcome),
)
