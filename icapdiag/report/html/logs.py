"""What only a report on logs has: the files read, the groups of requests alike, and raw answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from icapdiag.report.sections.evidence import deviations, telling, telling_reason
from icapdiag.report.sections.logtable import ANSWER, group_cells, group_details, source_form
from icapdiag.report.text.lines import count, shown, texts, whole
from icapdiag.report.untyped import Facts, JSONValue, Report
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import SEVERITY_ORDER, Severity

_GROUPS = 60
_SOURCES = 50
_REMARKS = 5  # repairs and problems of one file


@dataclass(frozen=True, slots=True)
class Source:
    """One file: name, form, total, read, skipped, unreadable, and remarks on what was repaired or lost."""

    cells: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that went alike."""

    cells: tuple[str, ...]  # count, action, client, ICAP, p50, p95, max
    kind: str  # the severity of the worst finding that explains them; ok without one
    reason: str
    details: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One raw ICAP answer, as labels and values."""

    title: str
    rows: tuple[tuple[str, str], ...]


def sources(report: Report) -> tuple[list[Source], int]:
    """The files, and how many are left out."""
    found = _records(report.subject.get("sources"))
    return [_source(item) for item in found[:_SOURCES]], max(len(found) - _SOURCES, 0)


def groups(report: Report) -> tuple[list[Group], str]:
    """The groups, the most frequent first, and what is left out in words."""
    found = [group for group in report.groups if group.get("probe") != ANSWER]
    rest = found[_GROUPS:]
    requests = count(sum(whole(group.get("count")) for group in rest), "request")
    left_out = f"and {count(len(rest), 'more group')} of {requests}: see the JSON report" if rest else ""
    severities = {finding.id: finding.severity for finding in report.findings}
    return [_group(group, severities) for group in found[:_GROUPS]], left_out


def answers(report: Report) -> list[Answer]:
    return [_answer(group) for group in report.groups if group.get("probe") == ANSWER]


def _source(source: Facts) -> Source:
    numbers = (f"{whole(source.get(key)):,}" for key in ("total", "read", "skipped", "unreadable"))
    remarks = [*_remarks(source, "repairs", "what", "repaired"), *_remarks(source, "problems", "reason", "lost")]
    return Source((shown(source.get("name")), source_form(source), *numbers), tuple(remarks))


def _remarks(source: Facts, key: str, said: str, word: str) -> list[str]:
    found = _records(source.get(key))
    lines = [f"{word}: {_wire(item.get(said))}{_place(item)}" for item in found[:_REMARKS]]
    more = whole(source.get(f"{key}_total")) - len(lines)
    return [*lines, *([f"{word}: {more:,} more"] if more > 0 else [])]


def _place(remark: Facts) -> str:
    line, offset = remark.get("line"), remark.get("offset")
    if isinstance(line, int):
        column = remark.get("column")
        return f", line {line}" + (f", column {column}" if isinstance(column, int) else "")
    return f", byte {offset:,}" if isinstance(offset, int) else ""


def _group(group: Facts, severities: Mapping[str, Severity]) -> Group:
    found = [severities[name] for name in texts(group.get("findings")) if name in severities]
    worst = min(found, key=SEVERITY_ORDER.index, default=None)
    kind = "disabled" if group.get("client_outcome") == "disabled" else "ok" if worst is None else worst.value
    return Group(group_cells(group), kind, telling_reason(group), group_details(group))


def _answer(group: Facts) -> Answer:
    status, member = group.get("icap_status"), shown(group.get("member"))
    title = f"ICAP answer{f' of {member}' if member else ''}"
    if isinstance(status, int):
        title += f": ICAP {status} {shown(group.get('icap_reason'))}".rstrip()
    if isinstance(inside := group.get("http_status"), int):
        title += f", HTTP {inside} inside"
    verdict, reason = shown(group.get("verdict")), _wire(group.get("verdict_reason"))
    if not verdict:
        return Answer(title, (("Not understood", visible(telling(group), 600)),))
    rows = [
        ("Verdict", verdict + (f": {reason}" if reason else "")),
        ("Decided by", _joined(group.get("decided_by"))),
        ("Threats", _joined(group.get("threats"))),
        ("Deviations from the standard", "; ".join(deviations(group, 20))),
    ]
    return Answer(title, tuple(row for row in rows if row[1]))


def _records(value: JSONValue) -> list[Facts]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _joined(value: JSONValue) -> str:
    return "; ".join(visible(from_wire(item)) for item in texts(value)[:40])


def _wire(value: JSONValue) -> str:
    return visible(from_wire(value)) if isinstance(value, str) else ""
