"""path: packets that got lost on the way, by what the kernel counted on all connections of the run.

One lost packet means nothing: a few more connections show whether it is the way of this path.
"""

from __future__ import annotations

from msgspec.structs import replace

from icapdiag.icap.message import BUSY
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.options import options_of
from icapdiag.probe.probes.refusals import served

_ENOUGH = 12  # connections to judge by
_BUDGET = 8.0  # seconds for those that are still wanting
_TIMEOUT = 3.0  # seconds for one of them


async def _run(context: Context) -> Outcome:
    await context.close()
    if served(context, "options"):  # else what it loses is for others to say
        await context.within(_BUDGET, _look_again(context))
    facts = context.path
    if facts.segments_sent:
        facts.loss_percent = round(100 * (facts.segments_lost or 0) / facts.segments_sent, 1)
    return ok(facts)


async def _look_again(context: Context) -> str:
    for _ in range(_ENOUGH - (context.path.connections or 0)):
        await context.wait_for_rate()
        result = await transact(context, options_of(context), timeout=_TIMEOUT)
        if result.answer.icap_status in BUSY:
            return "busy"
    return ""


def _unneeded(context: Context) -> bool:
    return not (context.path.segments_lost or context.path.out_of_order)


def _plan(context: Context) -> tuple[Planned, ...]:
    planned = context.connections(icap_message(options_of(context)), condition="if a packet got lost")
    return (replace(planned, times=_ENOUGH - 1),)


PROBE: Probe = Probe(
    name="path",
    run=_run,
    plan=_plan,
    sends="a few OPTIONS more where the kernel had to send a packet again, to see how often it has to",
    depth="quick",
    needs=("tcp",),
    follows=True,
    skip=lambda context: None if "tcp" in context.chosen else "not-asked",
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
