"""Sections of a report on logs: what was read, what clients got, request groups, pasted answers, the timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import Bucket, LogSource, RecordCounts, Remark
from icapdiag.model import Report
from icapdiag.report.document.evidence import describe_group, deviations, reason
from icapdiag.report.document.words import (
    asked_again,
    count,
    is_blocked_wrongly,
    is_detected,
    is_let_through,
    logs_of,
    milliseconds,
    moment,
    names,
    records_read,
    safe_text,
    server_text,
    span,
)
from icapdiag.text import visible
from icapdiag.vocabulary import SEVERITY_ORDER, Severity, Status

WRONGLY = "blocked wrongly"  # an outcome: by a scanner that detected nothing
LET_THROUGH = "let through"  # an outcome: passed by the scanner's own word, without a scan
DETECTED = "passed despite a detection"  # an outcome: scanned, and let pass
PASTED = "answer"  # `probe` of the group that stands for one raw ICAP response
_EXAMPLES = 3  # names of a kind in the details of a group
_REMARKS = 5  # corrections and problems of one file
_VALUES = 40  # of a kind in an answer


def record_counts(counts: RecordCounts | None) -> tuple[str, ...]:
    """Total, read, skipped, unreadable."""
    counts = counts or RecordCounts()
    return tuple(f"{number:,}" for number in (counts.total, counts.read, counts.skipped, counts.unreadable))


class SourceBlock:
    """A file that was read: its name, format and records, and what was corrected or lost."""

    def __init__(self, source: LogSource) -> None:
        self.name = source.name
        compressed = f" ({safe_text(source.compressed)})" if source.compressed else ""
        self.form = (safe_text(source.label) or safe_text(source.container)) + compressed
        self.records = record_counts(source)
        self.read = records_read(source)  # the same in words
        self.remarks = [
            *_remarks("corrected", [(each.what, each) for each in source.corrections], source.corrections_total),
            *_remarks("lost", [(each.reason, each) for each in source.problems], source.problems_total),
        ]


def _remarks(word: str, found: Sequence[tuple[str | None, Remark]], total: int) -> Iterator[str]:
    for what, remark in found[:_REMARKS]:
        place = "" if remark.offset is None else f", byte {remark.offset:,}"
        if remark.line is not None:
            place = f", line {remark.line}" + (f", column {remark.column}" if remark.column is not None else "")
        yield f"{word}: {server_text(what)}{place}"
    if (more := total - min(len(found), _REMARKS)) > 0:
        yield f"{word}: {more:,} more"


OUTCOME_WORDS = {  # what the client got, the most harm first
    "unscanned": "unscanned",
    LET_THROUGH: "unscanned, let through",
    DETECTED: "detected, let through",
    "refused-500": "fail closed",
    "refused-413": "too large",
    WRONGLY: WRONGLY,
    "unknown": "unknown",
    "disabled": "not offered to ICAP",
    "blocked": "blocked",
    "modified": "modified",
    "passed": "passed",
}
_TO_APPLICATION = ("unscanned", LET_THROUGH, DETECTED, "passed", "modified")
_ERRORS = 400  # the first HTTP status that is one
_CODES = 3  # HTTP statuses of one outcome


def client_got(outcome: str | None, codes: Iterable[int | None]) -> str:
    """``500 (fail closed)``, ``200 (unscanned)``; only the outcome if no status is logged."""
    word = OUTCOME_WORDS.get(outcome or "") or safe_text(outcome, 20)
    listed = ", ".join(dict.fromkeys(str(code) for code in codes if code is not None))
    return f"{listed} ({word})" if listed and word else listed or word


def _got(outcome: str, groups: Sequence[ReportedGroup]) -> str:
    """The same, and who answered: of requests that ICAP let pass, errors are the application's."""
    codes = _codes(groups)
    words = client_got(outcome, codes)
    if outcome in _TO_APPLICATION and any(code >= _ERRORS for code in codes):
        return words.replace(" (", " from app (", 1)
    by_avi = outcome == "disabled" and all(each.answered_by == "avi" for each in groups)
    return words.replace(" (", " from Avi (", 1) if by_avi else words


class OutcomeRow(NamedTuple):
    """What clients got, and how often; ``kind``: how bad that is."""

    kind: str
    cells: tuple[str, ...]


_MOSTLY, _MOSTLY_ICAP = "mostly at", "mostly at (ICAP requests)"
OUTCOME_HEAD = ("client got", "requests", "share", _MOSTLY, "main reason")
_RETRIED_HEAD = ("client got", "requests", "share", _MOSTLY_ICAP, "main reason")
_ICAP_HEAD = ("client got", "ICAP requests", "share", _MOSTLY_ICAP, "main reason")
OUTCOME_LEAST = 3  # columns that are always shown
OUTCOME_RIGHT = (1, 2)
_ANSWERED = (LET_THROUGH, DETECTED, WRONGLY, "blocked", "modified", "passed")  # by an ICAP server
_KINDS = {
    "unscanned": "critical",
    LET_THROUGH: "critical",
    DETECTED: "critical",
    WRONGLY: "critical",
    "refused-500": "critical",
    "refused-413": "warning",
    "unknown": "unknown",
    "disabled": "disabled",
}


def outcome_head(report: Report) -> tuple[str, ...]:
    """The header of the outcomes. A report from before requests of clients were counted names ICAP requests."""
    if not asked_again(report):
        return OUTCOME_HEAD
    return _RETRIED_HEAD if _by_outcome(report) else _ICAP_HEAD


def _by_outcome(report: Report) -> Mapping[str, int]:
    """Requests of clients by outcome; empty where they are as many as ICAP requests, or were not counted."""
    subject = logs_of(report)
    return (subject.entries.by_outcome if subject and subject.entries else None) or {}


def _counted(report: Report, found: Mapping[str, Sequence[ReportedGroup]]) -> dict[str, int]:
    """How many requests had which outcome."""
    asked = {outcome: sum(each.count or 0 for each in own) for outcome, own in found.items()}
    if not (known := _by_outcome(report)):
        return asked
    counts = {outcome: known.get(outcome, 0) for outcome in found}
    for outcome in ("passed", "modified"):  # where the log has what was let through
        for passed in (LET_THROUGH, DETECTED):
            let = sum(each.count or 0 for each in found[passed] if each.client_outcome == outcome)
            counts[passed] += (moved := min(let, counts[outcome]))
            counts[outcome] -= moved
    counts[WRONGLY] = min(sum(each.count or 0 for each in found[WRONGLY]), counts["blocked"])
    counts["blocked"] -= counts[WRONGLY]
    return counts


def outcomes(report: Report) -> list[OutcomeRow]:
    """What clients got, the most harmful first, with the member where it happened most."""
    requests = [each for each in report.groups if each.probe != PASTED and each.count]
    all_at = _by_member(requests)
    found: dict[str, list[ReportedGroup]] = {name: [] for name in OUTCOME_WORDS}
    for each in requests:
        outcome = _outcome(report, each)
        found[outcome if outcome in found else "unknown"].append(each)
    counts = _counted(report, found)
    total = sum(counts.values())
    return [
        OutcomeRow(
            _KINDS.get(outcome, ""),
            (
                _got(outcome, own),
                f"{number:,}",
                f"{100 * number / total:.1f} %",
                "" if outcome == "disabled" else _most(_by_member(_answering(outcome, own)), all_at),
                reason(_decisive(outcome, own)),
            ),
        )
        for outcome, own in found.items()
        if own and (number := counts[outcome])
    ]


def _outcome(report: Report, group: ReportedGroup) -> str:
    """What the client got, and whether the scanner was right to decide so."""
    if is_let_through(report, group):
        return DETECTED if is_detected(group) else LET_THROUGH
    return WRONGLY if is_blocked_wrongly(report, group) else group.client_outcome or ""


def _answering(outcome: str, groups: Sequence[ReportedGroup]) -> Sequence[ReportedGroup]:
    """Those that led to the outcome: if a member answered in the end, not the failed attempts before."""
    answered = [each for each in groups if outcome in _ANSWERED and each.status != Status.FAILED]
    return answered or groups


def _decisive(outcome: str, groups: Sequence[ReportedGroup]) -> ReportedGroup:
    """The reason for the outcome: if a member answered in the end, an earlier failed attempt is not the reason."""
    return _answering(outcome, groups)[0]


def _codes(groups: Sequence[ReportedGroup]) -> list[int]:
    """HTTP statuses that clients got, the most frequent first."""
    counts: Counter[int] = Counter()
    for each in groups:
        if each.response_code is not None:
            counts[each.response_code] += each.count or 0
    return [code for code, _ in counts.most_common(_CODES)]


def _by_member(groups: Sequence[ReportedGroup]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in groups:
        counts.update(each.by_member or {})
    return counts


def _most(counts: Counter[str], of_all: Counter[str]) -> str:
    """``10.0.0.7:1344 (119 of 131 there)``, and the number of other members where it happened."""
    if not counts:
        return ""
    ((name, number),) = counts.most_common(1)
    more = f" and {len(counts) - 1:,} more" if len(counts) > 1 else ""
    return f"{visible(name, 60)} ({number:,} of {of_all[name]:,} there){more}"


HEAD = ("count", "action", "client got", "ICAP", "p50", "p95", "max", "reason")  # the cells of a group, and its reason
MEDIAN = 4  # its column
RIGHT = (0, 4, 5, 6)  # columns whose cells end flush


class GroupBlock:
    """Requests with identical results."""

    def __init__(self, group: ReportedGroup, severities: Mapping[str, Severity]) -> None:
        self.count = group.count or 0
        inside = [str(status) for status in (group.answer.icap_status, group.answer.http_status) if status is not None]
        times = (group.latency_p50_ms, group.latency_p95_ms, group.latency_max_ms)
        self.cells = (
            f"{self.count:,}",
            safe_text(group.icap_action).removeprefix("ICAP_").lower() or "-",
            visible(client_got(group.client_outcome, [group.response_code]), 30) or "-",
            "/".join(inside) or "-",
            *(milliseconds(ms) or "-" for ms in times),
        )
        self.reason = reason(group)
        # When, to whom, and examples of request ids.
        details = (
            span(group.first_seen, group.last_seen),
            "RESPMOD" if group.answer.method == "RESPMOD" else "",
            names(group.members or (), _EXAMPLES),
            f"pool {names(group.pools, _EXAMPLES)}" if group.pools else "",
            f"uuid {names(group.pool_uuids, _EXAMPLES)}" if group.pool_uuids else "",
            f"request ids {names(group.request_ids[:_EXAMPLES], _EXAMPLES)}" if group.request_ids else "",
            f"ICAP source ports {names(group.source_ports[:_EXAMPLES], _EXAMPLES)}" if group.source_ports else "",
            f"see {names(group.findings)}" if group.findings else "",
        )
        self.details = "; ".join(part for part in details if part)
        found = [severities[name] for name in group.findings if name in severities]
        worst = min(found, key=SEVERITY_ORDER.index, default=None)
        # The severity of the worst finding that explains them; ok without one.
        self.kind = "disabled" if group.client_outcome == "disabled" else "ok" if worst is None else worst.value


def groups(report: Report) -> list[GroupBlock]:
    """The groups, the most harmful first, then the most frequent."""
    severities = {finding.id: finding.severity for finding in report.findings}
    harm = {outcome: rank for rank, outcome in enumerate(OUTCOME_WORDS)}
    found = [each for each in report.groups if each.probe != PASTED]

    def rank(group: ReportedGroup) -> tuple[int, int]:
        return harm.get(_outcome(report, group), harm["unknown"]), -(group.count or 0)

    found.sort(key=rank)
    return [GroupBlock(group, severities) for group in found]


class AnswerBlock:
    """A raw ICAP response as labels with values."""

    def __init__(self, group: ReportedGroup) -> None:
        answer, member = group.answer, safe_text(group.member)
        self.title = f"ICAP response of {member}" if member else "ICAP response"
        if answer.icap_status is not None:
            self.title += f": ICAP {answer.icap_status} {safe_text(answer.icap_reason)}".rstrip()
        if answer.http_status is not None:
            self.title += f", HTTP {answer.http_status} inside"
        why = server_text(answer.verdict_reason)
        rows = [
            ("Verdict", [safe_text(answer.verdict) + (f": {why}" if why else "")]),
            ("Decided by", [server_text(each) for each in (answer.decided_by or ())[:_VALUES]]),
            ("Threats", [server_text(each) for each in (answer.threats or ())[:_VALUES]]),
            ("Deviations from the standard", list(deviations(answer.deviations, _VALUES))),
        ]
        not_understood = [("Not understood", [visible(describe_group(group), 600)])]
        self.rows = [row for row in rows if row[1]] if answer.verdict else not_understood


# --- the time line ---------------------------------------------------------------------------------


class Counts(NamedTuple):
    """Requests over time, by outcome: one column per ``step_s`` seconds, from ``start``."""

    start: datetime  # UTC
    end: datetime
    step_s: int
    rows: tuple[tuple[str, tuple[int, ...]], ...]  # only outcomes that came
    caption: str

    def place(self, at: datetime) -> float:
        """Where a time is between the first column's beginning, 0, and the last one's end, 1; it may be outside."""
        return (at - self.start).total_seconds() / (self.step_s * len(self.rows[0][1]))


Outcomes = Sequence[tuple[str, tuple[str, ...]]]  # a label, and the counts of a bucket that it adds up
_NICE = tuple(  # seconds of one column
    [60 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30)]
    + [3600 * hours for hours in (1, 2, 3, 4, 6, 12)]
    + [86400 * days for days in (1, 2, 7, 14, 28)]
)
_LONGEST = 366 * 86400  # seconds of a bucket
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def over_time(timeline: Sequence[Bucket], room: int, outcomes: Outcomes) -> Counts | None:
    """The buckets in at most ``room`` columns, one row per outcome that occurred; None without a timeline.

    Adjacent buckets share a column if there are more buckets than columns.
    """
    buckets = sorted(
        ((start, each) for each in timeline if (start := moment(each.start)) is not None), key=lambda item: item[0]
    )
    if len(buckets) < 2:
        return None
    (first, bucket), (last, _) = buckets[0], buckets[-1]
    step = bucket.step_s if 1 <= bucket.step_s <= _LONGEST else 60
    slots = round((last - first).total_seconds() / step) + 1
    least = -(-slots // room)
    share = next((nice // step for nice in _NICE if nice % step == 0 and nice // step >= least), least)  # a column's
    rows = [[0] * -(-slots // share) for _ in outcomes]
    for start, each in buckets:
        place = round((start - first).total_seconds() / step) // share
        for row, (_, counted) in zip(rows, outcomes, strict=True):
            row[place] += sum(max(getattr(each, name), 0) for name in counted)
    drawn = tuple((label, tuple(row)) for row, (label, _) in zip(rows, outcomes, strict=True) if any(row))
    end = _after(last, step)
    size, unit = next((size, unit) for size, unit in _UNITS if step * share % size == 0)
    column = count(step * share // size, unit)
    caption = f"Over time, {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, each column is {column}"
    return Counts(first, end, step * share, drawn, caption) if drawn else None


def _after(last: datetime, step: int) -> datetime:
    try:
        return last + timedelta(seconds=step)
    except OverflowError:  # a log may claim to be of the year 9999
        return last
