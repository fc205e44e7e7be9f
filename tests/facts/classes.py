"""All classes of facts, for tests that hold for each of them."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.facts import config, connection, groups, joined, logs, pool, run, scanner
from icapdiag.facts.fields import SHEETS
from icapdiag.facts.sheet import Record, Sheet, facts_of, parts_of


def every_class() -> Iterator[type[Record]]:
    """Every class of facts that an observation or a report can hold, once each, parts and records included."""
    seen: set[type[Record]] = set()
    waiting: list[type[Record]] = [
        *SHEETS.values(),
        *(each for each in vars(run).values() if isinstance(each, type) and issubclass(each, Record)),
        config.LintSubject,
        joined.JoinedSubject,
        config.Place,
        connection.TranscriptEntry,
        groups.ReportedGroup,
        groups.ReportedAnswer,
        logs.Bucket,
        scanner.ReportedEvent,
        scanner.ReportedRequests,
        pool.ComparedFact,
        pool.RuleOverview,
        pool.SuppressedFinding,
    ]
    while waiting:
        cls = waiting.pop(0)
        if cls in seen or cls in {Record, Sheet}:
            continue
        seen.add(cls)
        yield cls
        waiting += [*parts_of(cls), *(fact.type for fact in facts_of(cls) if issubclass(fact.type, Record))]
