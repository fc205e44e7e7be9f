"""From what was read out of logs to the report: subject, groups with their findings, notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from icapdiag.model import Facts, JSONValue, Observation, Report
from icapdiag.report.build import ReadLogs, build_explain_report
from icapdiag.report.vantage import reading_facts
from icapdiag.runbook import match

if TYPE_CHECKING:
    from icapdiag.logs.counting.filters import Filters
    from icapdiag.logs.notes import Problem, Repair, SourceReport
    from icapdiag.logs.reading import Reading
    from icapdiag.runbook import Library

POOL_IS_GROUP = "The pool of a log entry is usually the pool group; its members are told by the ICAP URIs."
INTERRUPTED = "Interrupted: what had not been read by then is not counted."
_NOTES_SHOWN = 12  # on repairs and problems, over all sources
_EXCERPT = 60


def build_report(
    reading: Reading,
    library: Library,
    *,
    inputs: Sequence[str],
    filters: Filters,
    started_at: datetime,
    complete: bool,
) -> Report:
    """Judge what was read. ``complete`` False: the reading was cut short."""
    observations = reading.observations
    matched = match(library, observations)
    summary = reading.summary
    tallies = iter(summary.tallies())  # in the order of their observations
    groups = [
        {
            "probe": observation.probe,
            **(_answer(observation) if observation.probe else {**observation.facts, **next(tallies)}),
            "findings": ids,
        }
        for observation, ids in zip(observations, matched.explained, strict=True)
        if observation.probe != "summary"
    ]
    head = summary.head()
    notes = [*([] if complete else [INTERRUPTED]), *_filtered(head)]
    notes += _notes(reading.sources)
    if any(group.get("pools") for group in groups):
        notes.append(POOL_IS_GROUP)
    notes += [f"A runbook of yours replaces the built-in {name}." for name in library.replaced]
    report = build_explain_report(
        logs=ReadLogs(
            subject={
                "inputs": list(inputs),
                "sources": [_source(source) for source in reading.sources],
                "records": {
                    "total": reading.total,
                    "read": reading.read,
                    "skipped": reading.skipped,
                    "unreadable": reading.unreadable,
                },
                "entries": head,
                "filters": _filters(filters),
            },
            groups=tuple(groups),
            timeline=tuple(summary.timeline()),
        ),
        vantage=reading_facts(),
        findings=matched.findings,
        unmatched=matched.unmatched,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=complete,
        notes=notes,
    )
    return replace(report, tool={**report.tool, "runbooks": library.digest})


def _answer(observation: Observation) -> dict[str, JSONValue]:
    """A raw ICAP answer as a group of its own."""
    status, reason = str(observation.status), observation.reason
    return {"count": 1, **observation.facts, "member": observation.member, "status": status, "reason": reason}


def unusable(source: SourceReport) -> bool:
    """Whether nothing at all could be read out of this input; an empty list of results is not such a case."""
    return not source.read and not source.skipped and (bool(source.unreadable) or source.container in _NOTHING)


_NOTHING = frozenset({"empty", "unknown"})


def complaint(source: SourceReport) -> str:
    """What to say on stderr about an unusable input."""
    if source.container == "empty":
        return f"icapdiag: {source.name} is empty"
    first = source.problems[0] if source.problems else None
    why = "" if first is None else f" ({': '.join(part for part in (first.place, first.reason) if part)})"
    return f"icapdiag: {source.name}: nothing in it is an Avi log or an ICAP answer{why}"


def _filters(filters: Filters) -> dict[str, JSONValue]:
    return {
        "since": None if filters.since is None else filters.since.isoformat(),
        "until": None if filters.until is None else filters.until.isoformat(),
        "pool": filters.pool,
        "member": filters.member,
        "actions": sorted(filters.actions),
    }


def _filtered(head: Facts) -> list[str]:
    number = head.get("filtered")
    if not isinstance(number, int) or not number:
        return []
    return [f"{number:,} {'entry was' if number == 1 else 'entries were'} left out by the filters."]


def _source(source: SourceReport) -> dict[str, JSONValue]:
    return {
        "name": source.name,
        "container": source.container,
        "label": source.label,
        "compressed": source.compressed,
        "bytes": source.bytes,
        "total": source.total,
        "read": source.read,
        "skipped": source.skipped,
        "unreadable": source.unreadable,
        "repairs": [{"what": note.what, **_place(note)} for note in source.repairs],
        "repairs_total": source.repairs_total,
        "problems": [
            {"kind": note.kind, "reason": note.reason, **_place(note), "excerpt": note.excerpt}
            for note in source.problems
        ],
        "problems_total": source.problems_total,
    }


def _place(note: Repair | Problem) -> dict[str, JSONValue]:
    return {"line": note.line, "column": note.column, "offset": note.offset}


def _notes(sources: Iterable[SourceReport]) -> list[str]:
    """What was repaired and what could not be read, the first of it."""
    notes = [note for source in sources for note in _notes_on(source)]
    if len(notes) > _NOTES_SHOWN:
        more = len(notes) - _NOTES_SHOWN
        notes[_NOTES_SHOWN:] = [f"And {more} more notes on what was read: see -o json."]
    return notes


def _notes_on(source: SourceReport) -> Iterator[str]:
    for repair in source.repairs:
        yield f"{source.name}: repaired{_at(repair.place)}: {repair.what}"
    if source.repairs_total > len(source.repairs):
        yield f"{source.name}: {source.repairs_total - len(source.repairs):,} more repairs"
    problems = [problem for problem in source.problems if problem.kind != "skipped"]
    for problem in problems:
        yield f"{source.name}: {_problem(problem)}"
    unreadable = sum(problem.kind == "unreadable" for problem in problems)
    if source.unreadable > unreadable:
        yield f"{source.name}: {source.unreadable - unreadable:,} more records could not be read"


def _problem(problem: Problem) -> str:
    what = "could not be read" if problem.kind == "unreadable" else "note"
    excerpt = f": {problem.excerpt[:_EXCERPT]}" if problem.excerpt else ""
    return f"{what}{_at(problem.place)}: {problem.reason}{excerpt}"


def _at(place: str) -> str:
    return f" ({place})" if place else ""
