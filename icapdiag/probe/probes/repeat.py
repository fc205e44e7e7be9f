"""repeat: repeats the harmless steps to measure loss and the spread of times."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import trio

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP, Transfer
from icapdiag.facts.standard import Repeat, RepeatedStep
from icapdiag.icap.message import BUSY
from icapdiag.probe.base import NEVER, Context, Outcome, Probe, found_in, ok, run_with_deadline
from icapdiag.probe.connection.exchange import answered
from icapdiag.probe.messages import Planned
from icapdiag.probe.probes import options, sample, tcp, tls
from icapdiag.probe.probes.load import nearest_rank
from icapdiag.vocabulary import Status

_ROUNDS = ((tcp.PROBE, tls.PROBE, options.PROBE), (sample.CLEAN_PROBE,))  # what shares a connection
_ALLOWANCE = 1.0  # seconds that each more round may take of its own, on average
_TAGS = 20  # that are kept


class _Step:
    """The results of one step, round by round: ms, or None for a loss."""

    def __init__(self) -> None:
        self.figures: list[float | None] = []
        self.clocks: set[str] = set()
        self.uncertain = False

    def add(self, outcome: Outcome, elapsed: float) -> None:
        if outcome.status is Status.ERROR:
            return  # our own fault says nothing about the server
        # The best figure that there is: the kernel's clock has those that are not our own.
        figure, clock = elapsed, "application"
        transfer = found_in(outcome.facts, Transfer)
        if transfer.answer_ms is not None:
            figure, clock = transfer.answer_ms, transfer.answer_clock or clock
        elif (rtt_ms := found_in(outcome.facts, TCP).rtt_ms) is not None:
            figure, clock = rtt_ms, "kernel"
        arrived = answered(outcome) if outcome.facts.part(Answer) else outcome.status is Status.OK
        self.figures.append(figure if arrived else None)
        self.clocks |= {clock} if arrived else set()
        self.uncertain |= transfer.answer_uncertain is True

    def record(self, name: str) -> RepeatedStep:
        known = [figure for figure in self.figures if figure is not None]
        sent = len(self.figures)
        record = RepeatedStep(
            step=name,
            sent=sent,
            lost=sent - len(known),
            loss_percent=round(100 * (sent - len(known)) / sent, 1),
            uncertain=True if self.uncertain else None,
        )
        if known:
            record.min_ms = round(min(known), 3)
            record.avg_ms = round(sum(known) / len(known), 3)
            record.p95_ms = round(nearest_rank(known, 95), 3)
            record.max_ms = round(max(known), 3)
        if self.clocks:
            record.clock = self.clocks.pop() if len(self.clocks) == 1 else "both"
        return record


async def _run(context: Context) -> Outcome:
    steps: dict[str, _Step] = {}
    for name, (outcome, elapsed) in context.outcomes.items():
        steps.setdefault(name, _Step()).add(outcome, elapsed)
    tags = _tags(outcome for outcome, _ in context.outcomes.values())
    await context.close()
    stopped = await context.within(
        NEVER, _rounds(context, steps, tags)
    )  # what it cuts off is no loss, and is not counted
    repeated = [probe.name for shared in _ROUNDS for probe in shared if probe.name in context.outcomes]
    records = tuple(steps[name].record(name) for name in repeated if steps[name].figures)
    facts = Repeat(samples=records, stopped=stopped or None)
    if tags:
        distinct = tuple(dict.fromkeys(tags))
        facts.istags, facts.istags_distinct, facts.istag_answers = distinct[:_TAGS], len(distinct), len(tags)
        facts.istag_switches = sum(before != after for before, after in pairwise(tags))
    return ok(facts)


def _tags(outcomes: Iterable[Outcome]) -> list[str]:
    """The ISTags of the answers, without their quotes."""
    found = (found_in(outcome.facts, Answer).istag for outcome in outcomes)
    return [tag.strip().strip('"') for tag in found if tag is not None]


async def _rounds(context: Context, steps: dict[str, _Step], tags: list[str]) -> str:
    """Run the rounds after the first; returns why there were fewer, or "". Extends ``tags``."""
    outcomes = [outcome for outcome, _ in context.outcomes.values()]
    for _ in range(context.settings.count - 1):
        if any(found_in(outcome.facts, Answer).icap_status in BUSY for outcome in outcomes):
            return "busy"  # RFC 3507, 4.3.3: a client should not press a server that says so
        await trio.sleep(context.settings.pause)
        outcomes = await _round(context, steps)
        tags += _tags(outcomes)
    return ""


async def _round(context: Context, steps: dict[str, _Step]) -> list[Outcome]:
    """Repeat every step, at most one connection at a time."""
    outcomes: list[Outcome] = []
    for shared in _ROUNDS:
        for probe in shared:
            if probe.name not in context.outcomes:
                continue
            if probe.connects:
                await context.wait_for_rate()
            started = trio.current_time()
            outcome = await run_with_deadline(context, probe)
            steps[probe.name].add(outcome, (trio.current_time() - started) * 1000)
            outcomes.append(outcome)
            if probe.carries and outcome.status is not Status.OK:
                break
        await context.close()
    return outcomes


def _plan(context: Context) -> tuple[Planned, ...]:
    again = [
        planned
        for shared in _ROUNDS
        for probe in shared
        if probe.name in context.chosen and probe.skip(context) is None
        for planned in probe.plan(context)
        if not planned.condition
    ]
    return tuple(again) * (context.settings.count - 1)


PROBE: Probe = Probe(
    name="repeat",
    run=_run,
    sends="with --count N: connection, OPTIONS and clean upload N times in all, one after the other, with a pause",
    plan=_plan,
    depth="quick",
    needs=("tcp", "tls"),
    follows=True,
    more_time=lambda settings: (settings.count - 1) * (settings.pause + _ALLOWANCE),
    skip=lambda context: None if context.settings.count > 1 else "not-asked",
)
