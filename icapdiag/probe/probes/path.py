"""path: packet loss, from the kernel's counters on all connections of the run.

A single lost packet means nothing: a few more connections show whether the path loses packets.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from msgspec.structs import replace

from icapdiag.facts.connection import TCP, Transfer
from icapdiag.icap.message import BUSY
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.options import options_of
from icapdiag.probe.probes.refusals import served

_ENOUGH = 12  # connections to judge by
_BUDGET = 8.0  # seconds for those that are still wanting
_TIMEOUT = 3.0  # seconds for one of them
_SENT_AGAIN = 190.0  # ms; Linux does not send a segment again sooner, unless what came behind it was confirmed
_STEPS = ((195.0, 270.0), (590.0, 700.0), (995.0, 1100.0))  # ms: 0.2, twice that more; 1 s where no time is known yet
_JITTER = 20.0  # ms that answers may differ by
_LEAST_LATE = 5.0  # ms; reordering makes no packet later


class Answered(NamedTuple):
    """One answer: its time in ms, and the kernel's counters of its connection."""

    took: float
    gap: bool = False  # something of the peer's came before what belongs in front of it
    twice: bool = False  # a segment of ours was sent again although it had arrived


async def _run(context: Context) -> Outcome:
    await context.close()
    facts = context.path
    if served(context, "options"):  # else what it loses is for others to say
        seen: list[Answered] = []
        await context.within(_BUDGET, _look_again(context, seen))
        facts.answers_lost = answers_lost(seen, context.found("tcp", TCP).rtt_ms or 0.0)
        facts.answers_late = answers_late(seen)
    if facts.segments_sent:
        facts.loss_percent = round(100 * (facts.segments_lost or 0) / facts.segments_sent, 1)
    return ok(facts)


async def _look_again(context: Context, seen: list[Answered]) -> str:
    for _ in range(_ENOUGH - (context.path.connections or 0)):
        await context.wait_for_rate()
        gaps, twice = context.path.out_of_order or 0, context.path.sent_twice or 0
        result = await transact(context, options_of(context), timeout=_TIMEOUT, look=True)
        if result.transfer.answer_ms is not None and not result.transfer.segments_lost:
            met = context.path
            seen.append(
                Answered(result.transfer.answer_ms, (met.out_of_order or 0) > gaps, (met.sent_twice or 0) > twice)
            )
        if result.answer.icap_status in BUSY:
            return "busy"
    return ""


def answers_lost(seen: list[Answered], rtt_ms: float) -> int:
    """The number of answers that were lost on the way back and retransmitted.

    Reordering also causes gaps, but they close within a round trip; a slow server is slow without a gap.
    """
    usual = median(each.took for each in seen) if seen else 0.0
    asked_for = max(rtt_ms, _LEAST_LATE)  # what is behind the gap has the peer's kernel send again what was in front
    return sum(
        (each.gap and each.took >= usual + asked_for) or (each.twice and each.took >= usual + _SENT_AGAIN)
        for each in seen
    )


def answers_late(seen: list[Answered]) -> int:
    """The number of answers delayed by a retransmission timeout of the peer's kernel, if the others came at once.

    A server can be late by any amount; if one was, these times show nothing.
    """
    usual = median(each.took for each in seen) if seen else 0.0
    late = [each.took - usual for each in seen if each.took > usual + _JITTER]
    return len(late) if all(any(low <= each <= high for low, high in _STEPS) for each in late) else 0


def _unneeded(context: Context) -> bool:
    met = context.path
    return not (met.segments_lost or met.out_of_order or met.sent_twice or _options_waited(context))


def _options_waited(context: Context) -> bool:
    """Whether OPTIONS took longer than a scan by a retransmission timeout."""
    options, scan = (context.found(probe, Transfer).answer_ms for probe in ("options", "clean"))
    usual = max(scan or 0.0, context.found("tcp", TCP).rtt_ms or 0.0)
    return None not in {options, scan} and (options or 0.0) >= usual + _SENT_AGAIN


def _plan(context: Context) -> tuple[Planned, ...]:
    planned = context.connections(icap_message(options_of(context)), condition="if a packet got lost")
    return (replace(planned, times=_ENOUGH - 1),)


PROBE: Probe = Probe(
    name="path",
    run=_run,
    plan=_plan,
    sends="a few more OPTIONS if the kernel had to retransmit a packet, to see how often it does",
    depth="quick",
    needs=("tcp",),
    follows=True,
    skip=lambda context: None if "tcp" in context.chosen else "not-asked",
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
