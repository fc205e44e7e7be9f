"""What only a report on logs has: what was read, how it went over time, and the groups of requests alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from icapdiag.report.sections.chart import draw_chart
from icapdiag.report.sections.evidence import deviations, telling, telling_reason
from icapdiag.report.text.grid import draw_grid
from icapdiag.report.text.lines import columns, count, cut, milliseconds, names, shown, texts, whole, wrap
from icapdiag.report.text.paint import Paint
from icapdiag.report.untyped import Facts, Finding, JSONValue, Report
from icapdiag.text import from_wire, visible

GROUP_HEADINGS = ("count", "action", "client", "ICAP", "p50", "p95", "max", "reason")
ANSWER = "answer"  # `probe` of the group that stands for one raw ICAP answer
_GROUPS_SHOWN = 15
_SOURCES_SHOWN = 20
_EXAMPLES = 3  # names of a kind in the details of a group
_NUMBERS = (0, 4, 5, 6)  # columns of the groups that end flush
_INDENT = " " * 8
_ACTIONS = ("passed", "modified", "blocked", "failed", "disabled")


def draw_head(report: Report, width: int, paint: Paint) -> Iterator[str]:
    """The verdict, the counts, the span and what was read."""
    label = report.verdict.value.upper()
    state = "" if report.complete else " (interrupted: only a part was read)"
    first, *lines = wrap(f"{label}  {log_title(report.subject)}{state}", width, rest="  ", break_words=True)
    yield first.replace(label, paint(report.verdict.value, label), 1)
    yield from lines
    entries = _mapping(report.subject.get("entries"))
    if whole(entries.get("entries_total")) or not any(group.get("probe") == ANSWER for group in report.groups):
        yield from wrap(entry_counts(entries), width)
        if told := span(entries.get("first_seen"), entries.get("last_seen")):
            yield f"{told}."
    yield from _sources(report.subject, width)


def draw_body(report: Report, width: int, paint: Paint, *, plain: bool) -> Iterator[list[str]]:
    """The blocks between the head and the findings."""
    yield draw_chart(report.timeline, width, plain=plain)
    for group in report.groups:
        if group.get("probe") == ANSWER:
            yield list(_answer(group, width, paint))


def draw_counts(report: Report, width: int, paint: Paint) -> list[str]:
    """When, how bad, and how many: a short form of the head, for a log that grows."""
    label = report.verdict.value.upper()
    moment = datetime.fromisoformat(report.finished_at)
    first, *lines = wrap(
        f"{moment:%T} UTC  {label}  {entry_counts(_mapping(report.subject.get('entries')))}", width, rest="  "
    )
    return [first.replace(label, paint(report.verdict.value, label), 1), *lines]


def draw_groups(report: Report, width: int) -> list[str]:
    """A row a group, the most frequent first, with its details below it; nothing where there are none."""
    groups = [group for group in report.groups if group.get("probe") != ANSWER]
    if not groups:
        return []
    listed = groups[:_GROUPS_SHOWN]
    rows = [group_cells(group) for group in listed]
    reasons = [telling_reason(group) for group in listed]
    lines = draw_grid(
        GROUP_HEADINGS, [(*row, reason) for row, reason in zip(rows, reasons, strict=True)], right=_NUMBERS
    )
    apart = max(map(columns, lines)) > width
    if apart:
        lines = draw_grid(GROUP_HEADINGS[:-1], rows, right=_NUMBERS)
    drawn = ["Requests alike:", *(cut(line, width) for line in lines[:2])]
    for line, reason, group in zip(lines[2:], reasons, listed, strict=True):
        drawn.append(cut(line, width))
        for text in (reason if apart else "", group_details(group)):
            drawn += wrap(text, width, _INDENT, break_words=True)
    if len(groups) > len(listed):
        rest = sum(whole(group.get("count")) for group in groups[_GROUPS_SHOWN:])
        drawn += wrap(
            f"and {count(len(groups) - len(listed), 'more group')} of {count(rest, 'request')}: see -o json", width
        )
    return drawn


def finding_span(finding: Finding, width: int) -> list[str]:
    """How often and when, below the title of a finding from a log; a probe has no times to tell."""
    if not any(evidence.get("source") == "log" for evidence in finding.evidence):
        return []
    if all(evidence.get("probe") for evidence in finding.evidence):
        return []  # about an answer, or about the log as a whole: nothing was counted
    told = span(finding.first_seen, finding.last_seen)
    return wrap(f"{count(finding.count, 'request')}{f', {told}' if told else ''}", width, "  ")


def _mapping(value: JSONValue) -> Facts:
    return value if isinstance(value, Mapping) else {}


def _records(value: JSONValue) -> list[Facts]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def log_title(subject: Facts) -> str:
    """``ICAP in log.json``, or in how many files."""
    sources = _records(subject.get("sources"))
    if len(sources) == 1:
        return f"ICAP in {shown(sources[0].get('name'))}"
    return f"ICAP in {count(len(sources), 'file')}"


def entry_counts(entries: Facts) -> str:
    """How many entries, and what ICAP did with them, as a sentence."""
    parts = [f"{whole(entries.get(f'entries_{action}')):,} {action}" for action in _ACTIONS]
    if other := whole(entries.get("entries_other")):
        parts.append(f"{other:,} other")
    total = count(whole(entries.get("entries_total")), "entry", "entries")
    unscanned = whole(entries.get("unscanned_count"))
    return f"{total}, {whole(entries.get('entries_icap')):,} with ICAP: {', '.join(parts)}" + (
        f"; {unscanned:,} passed unscanned." if unscanned else "."
    )


def _sources(subject: Facts, width: int) -> list[str]:
    sources = _records(subject.get("sources"))
    if len(sources) == 1:
        source = sources[0]
        return wrap(f"{source_form(source)}: {_sum(source)}.", width, rest="  ", break_words=True)
    if not sources:
        return []
    room = max(width - 45, 20)  # for names
    rows = [
        (*_numbers(source), visible(str(source.get("name") or ""), room), source_form(source))
        for source in sources[:_SOURCES_SHOWN]
    ]
    if len(sources) > len(rows):
        rows.append(("", "", "", "", f"and {count(len(sources) - len(rows), 'more file')}", ""))
    rows.append((*_numbers(_mapping(subject.get("records"))), "in all", ""))
    lines = draw_grid(("records", "read", "skipped", "unreadable", "file", "form"), rows, right=(0, 1, 2, 3))
    return ["", *(cut(line, width) for line in lines)]


def source_form(source: Facts) -> str:
    """What one file was taken for."""
    compressed = shown(source.get("compressed"))
    return (shown(source.get("label")) or shown(source.get("container"))) + (f" ({compressed})" if compressed else "")


def _numbers(counts: Facts) -> tuple[str, str, str, str]:
    total, read, skipped, unreadable = (
        f"{whole(counts.get(key)):,}" for key in ("total", "read", "skipped", "unreadable")
    )
    return total, read, skipped, unreadable


def _sum(source: Facts) -> str:
    total, read, skipped, unreadable = _numbers(source)
    records = "1 record" if total == "1" else f"{total} records"
    return f"{records}, {read} read + {skipped} skipped + {unreadable} unreadable"


def span(first: JSONValue, last: JSONValue) -> str:
    """``2020-11-19 13:25:15 to 14:00:00 UTC``; empty without a time."""
    start, end = _moment(first), _moment(last)
    if start is None or end is None:
        return ""
    if f"{start:%F %T}" == f"{end:%F %T}":
        return f"{start:%F %T} UTC"
    return f"{start:%F %T} to {end:%T} UTC" if start.date() == end.date() else f"{start:%F %T} to {end:%F %T} UTC"


def _moment(value: JSONValue) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def group_cells(group: Facts) -> tuple[str, ...]:
    """One group under `GROUP_HEADINGS`, but for its reason; safe to show."""
    action = shown(group.get("icap_action")).removeprefix("ICAP_").lower() or "-"
    client, code = shown(group.get("client_outcome")), group.get("response_code")
    inside = [str(value) for key in ("icap_status", "http_status") if (value := group.get(key)) is not None]
    return (
        f"{whole(group.get('count')):,}",
        action,
        visible(f"{client} {'' if code is None else code}".strip(), 20) or "-",
        visible("/".join(inside), 12) or "-",
        *(_latency(group.get(f"latency_{which}_ms")) or "-" for which in ("p50", "p95", "max")),
    )


def _latency(value: JSONValue) -> str:
    return milliseconds(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def group_details(group: Facts) -> str:
    """When, to whom, and examples of request ids, of one group; safe to show."""
    pools = texts(group.get("pools"))
    ids = texts(group.get("request_ids"))
    found = texts(group.get("findings"))
    parts = [
        span(group.get("first_seen"), group.get("last_seen")),
        names(texts(group.get("members")), _EXAMPLES),
        f"pool {names(pools, _EXAMPLES)}" if pools else "",
        f"request ids {names(ids[:_EXAMPLES], _EXAMPLES)}" if ids else "",
        f"see {names(found)}" if found else "",
    ]
    return "; ".join(part for part in parts if part)


def _answer(group: Facts, width: int, paint: Paint) -> Iterator[str]:
    status, inside = _number(group.get("icap_status")), _number(group.get("http_status"))
    member = shown(group.get("member"))
    head = f"ICAP answer{f' of {member}' if member else ''}"
    head += f": ICAP {status} {shown(group.get('icap_reason'))}".rstrip() if status else ""
    yield from wrap(f"{head}, HTTP {inside} inside" if inside else head, width, rest="  ", break_words=True)
    verdict, reason = shown(group.get("verdict")), _wire(group.get("verdict_reason"))
    if not verdict:
        yield from wrap(f"Not understood: {telling(group)}", width, "  ", "    ", break_words=True)
        return
    first, *lines = wrap(f"Verdict: {verdict}{f': {reason}' if reason else ''}", width, "  ", "    ", break_words=True)
    yield first.replace(verdict, paint("bold", verdict), 1)
    yield from lines
    for title, values in (
        ("Decided by", texts(group.get("decided_by"))),
        ("Threats", texts(group.get("threats"))),
        ("Deviations from the standard", deviations(group, None)),
    ):
        if values:
            told = "; ".join(visible(from_wire(value)) for value in values)
            yield from wrap(f"{title}: {told}", width, "  ", "    ", break_words=True)


def _number(value: JSONValue) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _wire(value: JSONValue) -> str:
    return visible(from_wire(value)) if isinstance(value, str) else ""
