"""What several formats say in the same words: what a report is about, how bad it is, and why.

All text is one line and safe for a terminal; each format escapes it for its own sink besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from icapdiag.report.text.lines import count, prose, shown, texts, whole
from icapdiag.report.untyped import Facts, Finding, JSONValue, MemberReport, Report
from icapdiag.vocabulary import SEVERITY_ORDER, Health, Severity

HEALTH_ORDER = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)
INCOMPLETE = "incomplete: not every probe could run"
CUT_SHORT = "interrupted: only a part was read"

_ACTIONS = ("passed", "modified", "blocked", "failed", "disabled")
_OF_SEVERITY = {Severity.CRITICAL: Health.CRITICAL, Severity.WARNING: Health.WARNING, Severity.INFO: Health.OK}


def is_of_logs(report: Report) -> bool:
    """Whether it tells of what was logged, not of what was probed."""
    return "sources" in report.subject


def title(report: Report) -> str:
    """``ICAP pool P, service /S`` or ``ICAP in log.json``."""
    if is_of_logs(report):
        sources = mappings(report.subject.get("sources"))
        return f"ICAP in {shown(sources[0].get('name')) if len(sources) == 1 else count(len(sources), 'file')}"
    service = shown(report.subject.get("service_uri"))
    return f"ICAP pool {shown(report.subject.get('pool'))}".rstrip() + (f", service {service}" if service else "")


def gap(report: Report) -> str:
    """Why the report is not whole; empty if it is."""
    return "" if report.complete else CUT_SHORT if is_of_logs(report) else INCOMPLETE


def tally(report: Report) -> str:
    """How many members there are of each health, or what became of how many entries of a log."""
    if is_of_logs(report):
        return _entries(mapping(report.subject.get("entries")))
    counts = Counter(member.verdict for member in report.members)
    listed = ", ".join(f"{counts[health]} {health.value}" for health in HEALTH_ORDER if counts[health])
    suppressed = f"; {count(len(report.suppressed), 'finding')} suppressed" if report.suppressed else ""
    return (f"{count(len(report.members), 'member')}: {listed}" if listed else "no members") + suppressed


def vantage(report: Report) -> str:
    """Who looked, from where, and when."""
    addresses = ", ".join(shown(address) for address in texts(report.vantage.get("source_addresses"))[:5])
    start, end = moment(report.started_at), moment(report.finished_at)
    verb = "Read on" if is_of_logs(report) else "Probed from"
    when = f", {start:%F %T} UTC" if start is not None else ""
    took = f", took {(end - start).total_seconds():.1f} s" if start is not None and end is not None else ""
    return (
        f"{verb} {shown(report.vantage.get('host'))}"
        + (f" ({addresses})" if addresses else "")
        + f" by icapdiag {shown(report.tool.get('version'))}{when}{took}."
    )


def worst_of(findings: Iterable[Finding], member: str | None = None) -> Finding | None:
    """The worst finding, of a member if one is given; None if there is none."""
    of = [finding for finding in findings if member is None or member in finding.members]
    return min(of, key=lambda finding: SEVERITY_ORDER.index(finding.severity), default=None)


def named(finding: Finding) -> str:
    """``The server refuses TCP connections [tcp-refused]``."""
    return f"{prose(finding.title)} [{shown(finding.id)}]"


def endpoint(member: MemberReport) -> str:
    """The member's name, with host and port where these do not stand in it."""
    host = f"[{member.address}]" if ":" in member.address else member.address
    place = f"{host}:{member.port}"
    return shown(member.name) if place in member.name else f"{shown(member.name)} ({shown(place)})"


def logged_members(report: Report) -> dict[str, Health]:
    """The servers that a log names, in the order of their requests, each as sick as its worst finding."""
    found = dict.fromkeys(name for group in report.groups for name in texts(group.get("members")))
    found |= dict.fromkeys(name for finding in report.findings for name in finding.members)
    return {name: _health(worst_of(report.findings, name)) for name in found}


def moment(value: JSONValue) -> datetime | None:
    """A time of the report in UTC; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one at the end of all times
        return None


def number(value: JSONValue) -> float | None:
    """A finite number of the report; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None  # NaN is not either


def mapping(value: JSONValue) -> Facts:
    return value if isinstance(value, Mapping) else {}


def mappings(value: JSONValue) -> list[Facts]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _health(finding: Finding | None) -> Health:
    return Health.OK if finding is None else _OF_SEVERITY[finding.severity]


def _entries(entries: Facts) -> str:
    parts = [f"{whole(entries.get(f'entries_{action}')):,} {action}" for action in _ACTIONS]
    unscanned = whole(entries.get("unscanned_count"))
    return f"{count(whole(entries.get('entries_total')), 'entry', 'entries')}: {', '.join(parts)}" + (
        f"; {unscanned:,} passed unscanned" if unscanned else ""
    )
