"""From observations to findings: which runbooks explain what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from icapdiag.model import SEVERITY_ORDER, Facts, Finding, JSONValue, Observation, Status, Unmatched, Verdict
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.fields import flatten
from icapdiag.runbook.library import FOLDER, Library

EVIDENCE = 5  # observations kept with a finding, and examples kept of what nothing explains
STEPS = 4  # of the fixes
TEXT = 400  # characters of one text in the evidence
ELEMENTS = 20  # of one list in the evidence
_DEPTH = 4

_FIXES = {"Fix on Avi": "On Avi", "Fix on the ICAP server": "On the ICAP server"}
_NEEDS_EXPLANATION = (Verdict.BLOCKED, Verdict.UNSCANNABLE, Verdict.ERROR, Verdict.UNKNOWN)
_ITEM = re.compile(r"(?:[-*+]|[0-9]{1,3}[.)])\s+(.*)")
_BREAKS = ("```", "~~~", "#", "|")  # what ends a paragraph without a blank line
_LINK = re.compile(r"\[([^\]]{1,200})\]\([^)]{0,500}\)")
_CODE = re.compile(r"(`[^`]*`)")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]{1,300})(?<=\S)\*(?![\w*])")


@dataclass(frozen=True, slots=True)
class Matched:
    """Findings worst first, and what no runbook explains."""

    findings: tuple[Finding, ...]
    unmatched: Unmatched


def match(library: Library, observations: Iterable[Observation]) -> Matched:
    """Judge observations.

    Each one is explained by every runbook that applies to it, less those that another of them
    supersedes. The findings are sorted by severity, then by the number of members, then by id.
    """
    found: dict[str, _Gathered] = {}
    unexplained = 0
    examples: list[Facts] = []
    for observation in observations:
        record = flatten(observation)
        runbooks = explaining(library, record)
        for runbook in runbooks:
            found.setdefault(runbook.id, _Gathered(runbook)).add(record)
        if not runbooks and needs_explanation(observation):
            unexplained += 1
            if len(examples) < EVIDENCE:
                examples.append(bounded(record))
    findings = sorted((gathered.finding() for gathered in found.values()), key=_worst_first)
    return Matched(tuple(findings), Unmatched(count=unexplained, examples=tuple(examples)))


def explaining(library: Library, record: Facts) -> tuple[Runbook, ...]:
    """The runbooks that explain one flat record, superseded ones left out."""
    applying = [runbook for runbook in library.runbooks if runbook.applies(record)]
    if len(applying) < 2:
        return tuple(applying)
    beaten = frozenset[str]().union(*(library.supersedes(runbook.id) for runbook in applying))
    return tuple(runbook for runbook in applying if runbook.id not in beaten)


def needs_explanation(observation: Observation) -> bool:
    """Whether an observation that no runbook explains is a gap.

    Failures and errors are. So is a verdict other than a clean pass, except that an EICAR
    sample should be blocked, and that OPTIONS has no body to judge. ``blocked`` and ``skipped`` only follow from
    something else.
    """
    if observation.status in {Status.FAILED, Status.ERROR}:
        return True
    if observation.status is not Status.OK or observation.probe == "options":
        return False
    verdict = observation.facts.get("verdict")
    if observation.probe == "eicar" and verdict == Verdict.BLOCKED:
        return False
    return verdict in _NEEDS_EXPLANATION


class _Gathered:
    """The observations that one runbook explains."""

    def __init__(self, runbook: Runbook) -> None:
        self._runbook = runbook
        self._members: dict[str, None] = {}
        self._count = 0
        self._evidence: list[Facts] = []
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, record: Facts) -> None:
        self._count += 1
        if record["member"]:
            self._members.setdefault(str(record["member"]))
        if len(self._evidence) < EVIDENCE:
            self._evidence.append(bounded(record))
        moment = _moment(record.get("timestamp"))
        if moment is not None:
            self._first = moment if self._first is None else min(self._first, moment)
            self._last = moment if self._last is None else max(self._last, moment)

    def finding(self) -> Finding:
        runbook = self._runbook
        return Finding(
            id=runbook.id,
            severity=runbook.severity,
            title=runbook.title,
            members=tuple(self._members),
            count=self._count,
            first_seen=_iso(self._first),
            last_seen=_iso(self._last),
            evidence=tuple(self._evidence),
            meaning=first_paragraph(runbook.sections.get("What it means", "")),
            remedy=first_steps(runbook.sections),
            runbook=f"{FOLDER}/{runbook.id}.md",
        )


def _worst_first(finding: Finding) -> tuple[int, int, str]:
    return (SEVERITY_ORDER.index(finding.severity), -len(finding.members), finding.id)


def _moment(value: JSONValue) -> datetime | None:
    """A time written by ISO 8601; without an offset it is UTC, as in every Avi log."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bounded(record: Facts) -> dict[str, JSONValue]:
    """A copy of a flat record with its texts and lists cut to what a report should carry."""
    return {name: _bounded(value, 0) for name, value in record.items()}


def _bounded(value: JSONValue, depth: int) -> JSONValue:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= TEXT else f"{value[:TEXT]}…"
    if depth >= _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {name: _bounded(inner, depth + 1) for name, inner in list(value.items())[:ELEMENTS]}
    return [_bounded(inner, depth + 1) for inner in value[:ELEMENTS]]


def first_paragraph(markdown: str) -> str:
    """The first paragraph as one line of plain text; code keeps its backticks."""
    lines: list[str] = []
    for line in markdown.splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return _plain(" ".join(lines))


def first_steps(sections: Mapping[str, str]) -> tuple[str, ...]:
    """The first steps of both fixes, half from each, in the order that the runbook has them.

    Where one fix has fewer, the other gives more. Each step says where it is done.
    """
    fixes = [(_FIXES[heading], _items(text)) for heading, text in sections.items() if heading in _FIXES]
    shares = [min(len(items), STEPS // 2) for _, items in fixes]
    for index, (_, items) in enumerate(fixes):
        shares[index] = min(len(items), shares[index] + STEPS - sum(shares))
    return tuple(
        f"{place}: {step}" for (place, items), share in zip(fixes, shares, strict=True) for step in items[:share]
    )


def _items(markdown: str) -> Sequence[str]:
    """The top-level list items, each with the rest of its first paragraph, as plain text."""
    items: list[list[str]] = []
    open_item = False
    for line in markdown.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            items.append([item[1]])
            open_item = True
        elif not line.strip() or line.lstrip().startswith(_BREAKS) or _ITEM.match(line.lstrip()):
            open_item = False
        elif open_item:
            items[-1].append(line.strip())
    return [_plain(" ".join(lines)) for lines in items]


def _plain(markdown: str) -> str:
    pieces = _CODE.split(_LINK.sub(r"\1", markdown))
    pieces[::2] = [_EMPHASIS.sub(r"\1", piece.replace("**", "")) for piece in pieces[::2]]
    return "".join(pieces).strip()
