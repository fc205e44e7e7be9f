"""What happened when, on one axis: outcomes of logs, health monitors, changed configuration, checks and captures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec.structs import replace

from icapdiag.facts.joined import Event
from icapdiag.joined.members import Member, called, engines_of
from icapdiag.joined.source import EARLY, Source, latest, moment
from icapdiag.joined.tested import tested

_WORDS = {
    "unscanned": "requests fail and pass unscanned",
    "refused-500": "requests fail and are refused (500)",
    "refused-413": "requests are refused as too large (413)",
}
_MOST = 200
_BEFORE = timedelta(days=1)


def events(sources: Sequence[Source], members: Sequence[Member], changes: Sequence[Event]) -> tuple[Event, ...]:
    """In order. ``changes``: those that the Controller or a configuration dates; of the day before all else, too."""
    found = [*_of_members(members), *_of_tests(sources, members), *_of_sources(sources)]
    times = [at for each in found if (at := moment(each.time)) is not None]
    since = min(times, default=EARLY + _BEFORE) - _BEFORE
    found += (each for each in changes if (moment(each.time) or EARLY) >= since)
    dated = [replace(each, time=time) for each in found if (time := latest((each.time,)))]
    return tuple(sorted(dated, key=lambda each: (moment(each.time) or EARLY, each.what, each.member or ""))[:_MOST])


def _of_members(members: Sequence[Member]) -> Iterator[Event]:
    for each in members:
        facts = each.facts
        for time, kind, what in (
            (facts.first_failure, "log", f"first failure: {_WORDS.get(facts.client_outcome or '', 'requests fail')}"),
            (facts.last_failure, "log", "last failure in the log"),
            (facts.last_success if facts.logged == "recovered" else None, "log", "succeeds, without a failure since"),
            (facts.monitor_since, "controller", _monitor(facts.monitored, facts.monitor_reason)),
            (facts.changed_before if facts.istag_replaced else None, "check", "a new ISTag"),
        ):
            if time and what:
                yield Event(time=time, source=kind, what=what, member=each.name)


def _of_tests(sources: Sequence[Source], members: Sequence[Member]) -> Iterator[Event]:
    """What each check, script and capture saw of each member, at its end."""
    names = called(sources, members)
    for source in sources:
        for member in source.report.members:
            result = tested(member)
            what = _tested(result.state, result.step, result.reason, result.eicar)
            if what:
                at = f" at {', '.join(engines_of(source, member))}" if source.kind == "script" else ""
                yield Event(
                    time=source.span[1] or "",
                    source=source.kind,
                    what=what + at,
                    member=names.get(member.name, member.name),
                )


def _monitor(state: str | None, reason: str | None) -> str:
    if state is None:
        return ""
    on = "up on some Service Engines and down on others" if state == "mixed" else state
    return f"health monitor: {on}" + (f" ({reason})" if reason else "")


def _tested(state: str | None, step: str | None, reason: str | None, eicar: str | None) -> str:
    if eicar == "missed":
        return "EICAR not detected"
    if state is None:
        return ""
    if state == "ok":
        return "works, and blocks EICAR" if eicar == "blocked" else "works"
    why = ": ".join(filter(None, (step, reason)))
    return ("fails" if state == "failing" else "fails sometimes") + (f" ({why})" if why else "")


def _of_sources(sources: Sequence[Source]) -> Iterator[Event]:
    for each in sources:
        first, last = each.span
        if each.kind in {"log", "capture"}:
            yield Event(time=first or "", source=each.kind, what=f"{each.kind} begins")
            yield Event(time=last or "", source=each.kind, what=f"{each.kind} ends")
