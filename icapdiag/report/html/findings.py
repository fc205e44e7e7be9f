"""Findings, evidence and what no runbook explains, as the page shows them: bounded, and safe to show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from icapdiag.report.sections.evidence import telling, where
from icapdiag.report.sections.further import show_command
from icapdiag.report.sections.logtable import span
from icapdiag.report.text.lines import count, prose, shown
from icapdiag.report.untyped import Facts, Finding, JSONValue, Report
from icapdiag.text import from_wire, visible

_NAMES_OPEN, _NAMES_FOLDED = 6, 300
_SEEN = 5  # observations that have a line
_WHOLE = 2  # of them with all their facts
_FACTS = 90  # of one observation
_COMMAND = 300  # characters of a command to paste
_VALUE = 300  # characters of one fact
_LINE = 600  # characters of what one observation has to say
_BUDGET = 900_000  # characters of facts on the whole page


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation: whose, what it says, and all that is known about it."""

    where: str
    words: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One finding."""

    anchor: str
    id: str
    severity: str
    title: str
    summary: str  # how many and when
    names: tuple[str, ...]
    folded: tuple[str, ...]  # names beyond
    beyond: int  # members that have no room at all
    meaning: str
    remedy: tuple[str, ...]
    seen: tuple[Seen, ...]
    more: int  # observations without a line
    command: str  # prints the whole runbook


class Budget:
    """Characters that may still be written; a hostile server must not make a page that no browser opens."""

    def __init__(self, characters: int = _BUDGET) -> None:
        self._left = characters

    def rows(self, facts: Facts) -> tuple[tuple[str, str], ...]:
        """The rows of ``facts`` if there is room for all of them, else none."""
        if self._left <= 0:
            return ()
        rows = fact_rows(facts)
        self._left -= sum(len(name) + len(value) for name, value in rows)
        return rows if self._left >= 0 else ()


def cards(report: Report, budget: Budget) -> list[Card]:
    """The findings in the report's order, which is worst first."""
    uri = report.subject.get("service_uri")
    return [
        _card(number, finding, budget, show_command(finding, uri, _COMMAND))
        for number, finding in enumerate(report.findings)
    ]


def seen(examples: Sequence[Facts], budget: Budget) -> tuple[Seen, ...]:
    """The first few observations, the first of them whole."""
    return tuple(
        Seen(
            where(facts),
            visible(telling(facts), _LINE),
            budget.rows(facts) if number < _WHOLE else (),
        )
        for number, facts in enumerate(examples[:_SEEN])
    )


def fact_rows(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Names and values of one flat observation, those without a value left out."""
    rows = ((visible(str(name), 60), _value(value)) for name, value in islice(facts.items(), _FACTS))
    return tuple((name, value) for name, value in rows if value)


def _card(number: int, finding: Finding, budget: Budget, command: str) -> Card:
    members = [visible(name, 80) for name in finding.members]
    return Card(
        anchor=f"f{number}",
        id=shown(finding.id),
        severity=finding.severity.value,
        title=prose(finding.title),
        summary=_summary(finding),
        names=tuple(members[:_NAMES_OPEN]),
        folded=tuple(members[_NAMES_OPEN:_NAMES_FOLDED]),
        beyond=max(len(members) - _NAMES_FOLDED, 0),
        meaning=prose(finding.meaning),
        remedy=tuple(prose(step) for step in finding.remedy),
        seen=seen(finding.evidence, budget),
        command=command,
        more=max(finding.count - min(len(finding.evidence), _SEEN), 0),
    )


def _summary(finding: Finding) -> str:
    logs = any(evidence.get("source") == "log" and not evidence.get("probe") for evidence in finding.evidence)
    who = count(len(finding.members), "member") if finding.members else ""
    parts = [who, count(finding.count, "request") if logs else "", span(finding.first_seen, finding.last_seen)]
    return ", ".join(part for part in parts if part)


def _value(value: JSONValue) -> str:
    if value is None or value in ("", [], ()):
        return ""
    if isinstance(value, str):
        return visible(from_wire(value), _VALUE)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        return visible(", ".join(from_wire(str(item)) for item in value[:40]), _VALUE)
    return visible(json.dumps(value, ensure_ascii=False, default=list), _VALUE)
