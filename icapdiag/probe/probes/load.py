"""load: a growing number of parallel clean scans, up to a ceiling. When does the member refuse, or slow down?

As with Avi, each scan has its own connection. The ramp ends at the first refusal, failure or doubling
of the 95th percentile, so that it never goes far beyond what the server handles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import trio
from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.load import Capacity, Load, LoadStep
from icapdiag.icap.message import BUSY
from icapdiag.probe.base import NEVER, Context, Outcome, Probe, failed, ok
from icapdiag.probe.connection.exchange import Transaction, transact
from icapdiag.probe.connection.loop import loop_delay_since, occupation
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.sample import scan_request
from icapdiag.vocabulary import Reason, Status

_LEAST = 8  # scans of a step
_EACH = 2  # scans that each of the parallel ones makes in a step, one after the other
_CLOSING = 0.05  # seconds that a server has to close after its answer; until then it may refuse the next scan
_REST = 0.1  # seconds between two steps, in which the server ends the connections of the last one
_ALLOWANCE = 60.0  # seconds that the member's deadline is put off for the ramp
# When to stop sending is no judgement on the server and can't wait for one: a load that doubled the time of every
# user's scan goes no further. What "slower" means is for runbooks to say, from the steps' figures.
_DOUBLED = 2.0
_FLOOR = 50.0  # ms by which p95 must have grown as well: twice a microsecond is no slowness
_LATE = 0.25  # of p95; an event loop that was late by more, and by more than this, can't vouch for it:
_LEAST_LATE = 5.0  # ms
_DROPPED = 0.05  # of the scans of a step: SYNs that had to be sent again
_SATURATED = 0.7  # of the time; a program that was busy for more of it may have measured itself


def concurrency_steps(ceiling: int) -> tuple[int, ...]:
    """The number of parallel scans, step by step: 1, 2, 4 and so on, finally the ceiling."""
    doubling = [2**power for power in range(ceiling.bit_length()) if 2**power < ceiling]
    return (*doubling, ceiling)


def scans_of(concurrency: int) -> int:
    """The number of scans in a step."""
    return max(_LEAST, _EACH * concurrency)


class ConcurrencyStep(Struct):
    """One step during and after its run. ``times``: of the answers received; ``held``: of their connections; in ms."""

    concurrency: int
    times: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    errors: int = 0
    failed: Transaction | None = None  # the first that did
    seconds: float = 0.0
    uncertain: bool = False
    syn_retries: int = 0

    def add(self, result: Transaction, held: float) -> None:
        self.syn_retries += result.transfer.syn_retries or 0
        if result.failure is None:
            measured = result.transfer.answer_ms
            self.times.append(held if measured is None else measured)
            self.held.append(held)
        else:
            self.errors += 1
            self.failed = self.failed or result

    @property
    def p95(self) -> float:
        return nearest_rank(self.times, 95)

    def record(self) -> LoadStep:
        record = LoadStep(
            concurrency=self.concurrency,
            requests=len(self.times) + self.errors,
            errors=self.errors,
            uncertain=True if self.uncertain else None,
            syn_retries=self.syn_retries or None,
        )
        if self.times:
            record.p50_ms = round(nearest_rank(self.times, 50), 3)
            record.p95_ms = round(self.p95, 3)
            record.max_ms = round(max(self.times), 3)
        if self.times and self.seconds > 0:
            record.rps = round(len(self.times) / self.seconds, 1)
        return record


def nearest_rank(figures: list[float], percent: int) -> float:
    """The percentile as one of the measured values."""
    return sorted(figures)[-(-percent * len(figures) // 100) - 1]


async def _run(context: Context) -> Outcome:
    await context.close()
    steps: list[ConcurrencyStep] = []
    ended = await context.within(NEVER, _ramp(context, steps))
    facts = _facts(context, steps, ended)
    if ended == "local" and (scan := steps[-1].failed) is not None and scan.failure is not None:
        return failed(scan.failure, facts)
    return ok(facts)


async def _ramp(context: Context, steps: list[ConcurrencyStep]) -> str:
    """Run the steps, and return why the ramp ended."""
    numbers = count(1)
    for concurrency in concurrency_steps(context.settings.load_ceiling):
        if steps:
            await trio.sleep(_REST)
        steps.append(ConcurrencyStep(concurrency))
        await _take(context, steps[-1], numbers)
        if ended := _ending(steps):
            return ended
    return "ceiling"


async def _take(context: Context, step: ConcurrencyStep, numbers: Iterator[int]) -> None:
    """Run all scans of one step in parallel; after a failure no more are started."""
    left = scans_of(step.concurrency)
    started = trio.current_time()

    async def worker() -> None:
        nonlocal left
        while left > 0 and step.failed is None:
            left -= 1
            await context.wait_for_rate()
            begun = trio.current_time()
            request = scan_request(context, _body(context, next(numbers)))
            result = await transact(context, request, closing=_CLOSING)
            step.add(result, (trio.current_time() - begun) * 1000)

    with occupation() as ours:
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(step.concurrency):
                    nursery.start_soon(worker)
        finally:
            step.seconds = trio.current_time() - started
            late = loop_delay_since(started)
            doubtful = not step.times or late is None or late * 1000 > max(_LEAST_LATE, _LATE * step.p95)
            step.uncertain = doubtful or ours.share > _SATURATED


def _ending(steps: list[ConcurrencyStep]) -> str:
    """Why the ramp ends after the last step, if it does."""
    base, last = steps[0], steps[-1]
    if last.failed is not None:
        if last.failed.status is Status.ERROR:
            return "local"
        if last.failed.answer.icap_status in BUSY:
            return "busy"
        return "refused" if last.failed.reason is Reason.REFUSED else "failed"
    if not last.uncertain and last.p95 > max(_DOUBLED * base.p95, base.p95 + _FLOOR):
        return "slower"
    # A second more, which no figure of an answer has. One or two may be chance.
    dropped = last.syn_retries > _DROPPED * (len(last.times) + last.errors)
    return "slower" if dropped and not base.syn_retries else ""


def _facts(context: Context, steps: list[ConcurrencyStep], ended: str) -> Load:
    broken = ended in {"busy", "refused", "failed", "slower"}
    stood = steps if ended == "ceiling" else steps[:-1]
    held = stood[-1].concurrency if stood else 0
    base = steps[0].held if steps else []
    facts = Load(
        ceiling=context.settings.load_ceiling,
        steps=tuple(step.record() for step in steps if step.times or step.errors),
        load_ended=ended,
        held_connections=held,
        capacity=capacity_facts(context, sum(base) / len(base) if base else None),
    )
    if broken:
        facts.broke_at = steps[-1].concurrency
        if (scan := steps[-1].failed) is not None:
            facts.broke_status = scan.answer.icap_status
            facts.broke_reason = scan.reason
            facts.broke_connecting = not scan.transfer.bytes_sent or None
        if context.path.connections and not steps[0].syn_retries:  # the kernel counts them, where it can
            facts.broke_syn_retries = steps[-1].syn_retries
    needed = facts.capacity.needed_connections
    if needed is not None:
        beyond = broken and needed >= steps[-1].concurrency
        facts.needed_held = "yes" if needed <= held else "no" if beyond else "unknown"
    return facts


def _body(context: Context, number: int) -> bytes:
    """A harmless body, different from all others, as a scanner may cache verdicts."""
    return f"icapdiag: scan {number:06} of a load test of {context.peer} {context.settings.correlation_id}\n".encode()


def _plan(context: Context) -> tuple[Planned, ...]:
    body = _body(context, 1)
    message = replace(icap_message(scan_request(context, body), body), body_sha256=None)
    return tuple(
        replace(
            context.connections(message, condition="" if concurrency == 1 else "if it stood what came before"),
            times=scans_of(concurrency),
            at_once=concurrency,
        )
        for concurrency in concurrency_steps(context.settings.load_ceiling)
    )


def capacity_facts(context: Context, measured_ms: float | None = None) -> Capacity:
    """The server's Max-Connections and, with an expected rate, the connections that it needs.

    Avi opens one for each request (Little's law: L = λW). ``measured_ms``: how long a scan holds its connection;
    None: as measured by the clean probe. The user's value (``expected_latency_ms``) takes precedence.
    """
    settings = context.settings
    offered = context.found("options", Answer).max_connections
    facts = Capacity(offered_connections=offered, expected_rps=settings.expected_rps)
    if measured_ms is None and "clean" in context.outcomes:
        _, measured_ms = context.outcomes["clean"]
    latency = measured_ms if settings.expected_latency_ms is None else settings.expected_latency_ms
    if settings.expected_rps is not None and latency is not None:
        facts.expected_latency_ms = round(latency, 3)
        facts.needed_connections = max(1, math.ceil(settings.expected_rps * latency / 1000))
    return facts


PROBE: Probe = Probe(
    name="load",
    run=_run,
    plan=_plan,
    sends="only with --load: clean scans at the same time, 1, 2, 4 and so on up to --load-ceiling; ends at the first "
    "refusal or failure, or when they take twice as long",
    label="load",
    depth="deep",
    needs=("tcp", "tls", "options", "clean"),
    more_time=lambda _: _ALLOWANCE,
)
