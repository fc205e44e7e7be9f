"""path: packets that got lost on the way, by what the kernel counted on all connections of the run.

One lost packet means nothing: a few more connections show whether it is the way of this path.
"""

from __future__ import annotations

from statistics import median

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
_SENT_AGAIN = 190.0  # ms; no kernel sends a lost segment again much sooner, for want of another one behind it


async def _run(context: Context) -> Outcome:
    await context.close()
    facts = context.path
    if served(context, "options"):  # else what it loses is for others to say
        behind_gap = [context.found("options", Transfer).answer_ms] if context.path.out_of_order else []
        seen = [(known, True) for known in behind_gap if known is not None]
        await context.within(_BUDGET, _look_again(context, seen))
        facts.answers_lost = _late_behind_a_gap(seen)
    if facts.segments_sent:
        facts.loss_percent = round(100 * (facts.segments_lost or 0) / facts.segments_sent, 1)
    return ok(facts)


async def _look_again(context: Context, seen: list[tuple[float, bool]]) -> str:
    """``seen`` gets how long each answer took, in ms, and whether a gap was seen on its connection."""
    for _ in range(_ENOUGH - (context.path.connections or 0)):
        await context.wait_for_rate()
        gaps = context.path.out_of_order or 0
        result = await transact(context, options_of(context), timeout=_TIMEOUT, look=True)
        if result.transfer.answer_ms is not None:
            seen.append((result.transfer.answer_ms, (context.path.out_of_order or 0) > gaps))
        if result.answer.icap_status in BUSY:
            return "busy"
    return ""


def _late_behind_a_gap(seen: list[tuple[float, bool]]) -> int:
    """Reordering alone makes gaps that close at once, and a slow server is slow without any."""
    usual = median(took for took, _ in seen) if seen else 0.0
    return sum(gap and took >= usual + _SENT_AGAIN for took, gap in seen)


def _unneeded(context: Context) -> bool:
    met = context.path
    return not (met.segments_lost or met.out_of_order or met.sent_twice or _options_waited(context))


def _options_waited(context: Context) -> bool:
    """OPTIONS took longer than a scan, by as much as a segment that is sent again."""
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
    sends="a few OPTIONS more where the kernel had to send a packet again, to see how often it has to",
    depth="quick",
    needs=("tcp",),
    follows=True,
    skip=lambda context: None if "tcp" in context.chosen else "not-asked",
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
