"""What the probes of connections and load have to say: a line of evidence, and a line a member under load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from icapdiag.report.text.grid import draw_grid
from icapdiag.report.text.lines import columns, milliseconds, shown, texts, whole, wrap
from icapdiag.report.untyped import Facts, MemberReport, Observation
from icapdiag.text import from_wire, visible

_REUSE = {
    "honoured": "answered on the same connection",
    "announced-close": "not sent: the server said that it closes",
    "closed": "not answered: the server had closed and not said so",
    "unanswered": "not answered",
    "desynchronised": "not answered rightly",
}


def telling_reuse(facts: Facts) -> Iterator[str]:
    """Of two requests on one connection."""
    if reuse := shown(facts.get("reuse")):
        yield f"second request {_REUSE.get(reuse, reuse)}"
    after = facts.get("closed_after_ms")
    if isinstance(after, int | float):
        yield f"closed {milliseconds(after)} after the first answer"
    if signs := texts(facts.get("desync_signs")):
        yield visible(", ".join(signs))
    if extra := shown(facts.get("extra_excerpt")):
        yield f"{whole(facts.get('extra_bytes'))} bytes left over: {visible(from_wire(extra))}"
    idle = facts.get("idle_close_s")
    if isinstance(idle, int | float):
        yield f"closed after {idle:g} s without a request"
    if offered := whole(facts.get("offered_connections")):
        yield f"Max-Connections {offered}"
    yield from _need(facts)


_ENDED = {
    "ceiling": "the ceiling: no limit met",
    "busy": "turned away",
    "refused": "connection refused",
    "failed": "failed",
    "slower": "twice as slow",
    "deadline": "no time left",
    "local": "this host's own limit",
}
_NAME = 40  # columns of a member's name
_HEADINGS = ("member", "held", "scans/s", "p95 alone", "p95 then", "ended by")


def telling_load(facts: Facts) -> Iterator[str]:
    """Of the ramp of parallel scans."""
    held = whole(facts.get("held_connections"))
    yield f"stood {held} at a time, ceiling {whole(facts.get('ceiling'))}"
    if facts.get("broke_at") is not None:
        why = _ENDED.get(shown(facts.get("load_ended")), "")
        detail = whole(facts.get("broke_status")) or shown(facts.get("broke_reason"))
        yield f"at {whole(facts.get('broke_at'))}: {why}" + (f" ({detail})" if detail else "")
    if steps := load_steps(facts):
        timed = [step for step in steps if step.get("p95_ms") is not None] or steps
        yield f"p95 {_time(timed[0])} alone, {_time(timed[-1])} at the end"
    if offered := whole(facts.get("offered_connections")):
        yield f"Max-Connections {offered}"
    yield from _need(facts)


def _need(facts: Facts) -> Iterator[str]:
    needed, rps, latency = (facts.get(name) for name in ("needed_connections", "expected_rps", "expected_latency_ms"))
    if isinstance(needed, int) and isinstance(rps, int | float) and isinstance(latency, int | float):
        yield f"{rps:g} requests/s x {milliseconds(latency)} need {needed} connections"


def load_steps(facts: Facts) -> list[Facts]:
    """The steps of the ramp: concurrency, requests, errors, p50_ms, p95_ms, max_ms."""
    found = facts.get("steps")
    return [step for step in found if isinstance(step, Mapping)] if isinstance(found, list | tuple) else []


def draw_load(members: Sequence[MemberReport], width: int) -> list[str]:
    """A line for each member that was put under load, names cut to fit ``width``; nothing if none was."""
    rows = [_row(member, o) for member in members for o in member.probes if o.probe == "load" and load_steps(o.facts)]
    if not rows:
        return []
    beyond = max(columns(line) for line in draw_grid(_HEADINGS, rows)) - width
    limit = max(max(columns(row[0]) for row in rows) - max(0, beyond), len(_HEADINGS[0]))
    cut = [[visible(row[0], limit), *row[1:]] for row in rows]
    needs = [
        line
        for member in members
        for o in member.probes
        if o.probe == "load"
        for need in _need(o.facts)
        for line in wrap(f"{visible(member.name, _NAME)}: {need}; held: {shown(o.facts.get('needed_held'))}", width)
    ]
    title = "Under load (scans at the same time; ~: our own delays may be in it):"
    return [title, *draw_grid(_HEADINGS, cut, right=range(1, 5)), *needs]


def _row(member: MemberReport, observation: Observation) -> list[str]:
    facts, steps = observation.facts, load_steps(observation.facts)
    held = whole(facts.get("held_connections"))
    stood = next((step for step in steps if step.get("concurrency") == held), {})
    address = shown(facts.get("address"))
    several = len({o.facts.get("address") for o in member.probes if o.probe == "load"}) > 1
    ended = _ENDED.get(shown(facts.get("load_ended")), "")
    at = f" at {whole(facts.get('broke_at'))}" if facts.get("broke_at") is not None else ""
    rate = stood.get("rps")
    return [
        visible(f"{member.name} at {address}" if several and address else member.name, _NAME),
        str(held),
        f"{rate:.0f}" if isinstance(rate, int | float) else "-",
        _time(steps[0]),
        _time(stood),
        f"{ended}{at}",
    ]


def _time(step: Facts) -> str:
    value = step.get("p95_ms")
    if not isinstance(value, int | float):
        return "-"
    return ("~" if step.get("uncertain") is True else "") + milliseconds(value)
