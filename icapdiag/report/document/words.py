"""Words that all formats share: how many, how long, when, how bad, what a report is about.

All text is one line and safe for a terminal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from icapdiag.avi.addresses import host_port
from icapdiag.facts.config import LintSubject
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.joined import JOINED, JoinedSubject
from icapdiag.facts.logs import EntryCounts, LogSource, RecordCounts
from icapdiag.facts.pool import SuppressedFinding
from icapdiag.facts.run import LogSubject, PoolSubject, Subject
from icapdiag.facts.scanner import SCANNER
from icapdiag.model import Finding, MemberReport, Report
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import HEALTH_ORDER, SEVERITY_ORDER, Effect, Severity, Verdict

_REFUSED = (Severity.CRITICAL, Effect.REFUSED)
_LET_THROUGH = (Severity.CRITICAL, Effect.UNSCANNED)
SERVED = frozenset({"passed", "modified"})  # outcomes for the client
OTHER = "other"  # an action that this program does not know
INCOMPLETE = "incomplete: not all probes ran"
CUT_SHORT = "interrupted: only partly read"
PARTLY = "incomplete: a source is only a part"
NOT_PULLED = "incomplete: a part of the log was not pulled"
TOO_MANY = "incomplete: too many objects to look at all of them"
NAMES_SHOWN = 5


# --- texts and numbers -----------------------------------------------------------------------------


def safe_text(text: str | None, limit: int | None = 200) -> str:
    """A text of the report made safe and cut; empty for None."""
    return visible(text, limit) if text else ""


def server_text(text: str | None, limit: int = 200) -> str:
    """A server's text on one line: the header parser joins folded lines with a line end."""
    return visible(from_wire(text).replace("\r\n", "\n").replace("\n", " / "), limit) if text else ""


def prose(text: str) -> str:
    """A runbook's text as one safe line of any length."""
    return visible(" ".join(text.split()), None)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 member``, ``3 members``, ``12,345 entries``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def names(found: Sequence[str], limit: int = NAMES_SHOWN) -> str:
    """The first few names, safe to show, and the number of others."""
    more = len(found) - limit
    listed = ", ".join(visible(name, 80) for name in found[:limit])
    return f"{listed} and {more} more" if more > 0 else listed


# --- times -----------------------------------------------------------------------------------------


def milliseconds(value: float | None) -> str:
    """A duration for people: ``0.4 ms``, ``31 ms``, ``1.5 s``; empty for None."""
    if value is None or not math.isfinite(value):
        return ""
    if value < 9.95:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 999.5 else f"{value / 1000:.1f} s"


def measured(value: float | None, *, doubtful: bool | None = False, nothing: str = "") -> str:
    """A measured time in ms; with ``~`` if it may include client-side delay, ``nothing`` for None.

    Times too short to matter are shown as such. Client-side delay only makes a time longer, so a tiny one
    is never doubtful.
    """
    if value is None:
        return nothing
    words = "<0.1 ms" if 0 <= value < 0.05 else milliseconds(value)
    return f"~{words}" if doubtful and not words.startswith("<") else words


def moment(text: str | None) -> datetime | None:
    """A time of the report in UTC; None if it is not a time."""
    try:
        found = datetime.fromisoformat(text or "")
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one at the end of all times
        return None


def span(first: str | None, last: str | None) -> str:
    """``2020-11-19 13:25:15 to 14:00:00 UTC``; empty without a time."""
    start, end = moment(first), moment(last)
    if start is None or end is None:
        return ""
    if f"{start:%F %T}" == f"{end:%F %T}":
        return f"{start:%F %T} UTC"
    return f"{start:%F %T} to {end:%T} UTC" if start.date() == end.date() else f"{start:%F %T} to {end:%F %T} UTC"


def took(report: Report) -> str:
    """The duration of the run; empty if the report does not have it."""
    start, end = moment(report.started_at), moment(report.finished_at)
    return milliseconds((end - start).total_seconds() * 1000) if start is not None and end is not None else ""


# --- the report as a whole -------------------------------------------------------------------------


def joined_of(report: Report) -> JoinedSubject | None:
    """The sources that were held side by side; None if it is about one of them."""
    return report.subject if isinstance(report.subject, JoinedSubject) else None


def logs_of(report: Report) -> LogSubject | None:
    """The logs of the report; None if there are none."""
    if joined := joined_of(report):
        return joined.log
    return report.subject if isinstance(report.subject, LogSubject) else None


def lint_of(report: Report) -> LintSubject | None:
    """The configuration that it tells of; None where it tells of something else."""
    if joined := joined_of(report):
        return joined.configuration
    return report.subject if isinstance(report.subject, LintSubject) else None


def pool_of(report: Report) -> PoolSubject:
    """The pool that was probed; an empty one if there is none."""
    if joined := joined_of(report):
        return joined.tested or PoolSubject()
    return report.subject if isinstance(report.subject, PoolSubject) else PoolSubject()


def by_source(report: Report, finding: Finding) -> Report:
    """The report as that of the one source that a finding was made in; the report itself if it is of one source."""
    joined = joined_of(report)
    source = next((each.source for each in finding.evidence), JOINED)
    if joined is None or source == JOINED:
        return report
    subject: Subject = joined.tested or PoolSubject()
    if source in {"log", SCANNER}:
        subject = joined.log or LogSubject()
    elif source == "config":
        subject = joined.configuration or LintSubject()
    return replace(report, subject=subject)


def title(report: Report) -> str:
    """``ICAP pool P, service /S`` or ``ICAP in log.json``."""
    if joined := joined_of(report):
        return f"ICAP in {count(len(joined.evidence), 'source')}"
    if logs := logs_of(report):
        number = len(logs.sources)
        return f"ICAP in {safe_text(logs.sources[0].name) if number == 1 else count(number, 'file')}"
    if lint := lint_of(report):
        number = len(lint.inputs)
        return f"ICAP configuration in {safe_text(lint.inputs[0]) if number == 1 else count(number, 'file')}"
    pool = pool_of(report)
    service = safe_text(pool.service_uri)
    return f"ICAP pool {safe_text(pool.pool)}".rstrip() + (f", service {service}" if service else "")


def gap(report: Report) -> str:
    """Why the report is incomplete, and whether detection was tested; empty if there is nothing to say."""
    logs = logs_of(report)
    page = page_gap(logs.sources) if logs else ""
    cut = cut_gap(logs.sources) if logs else ""
    if logs and page and not cut:
        page = f"the file{' holds' if len(logs.sources) == 1 else 's hold'} {page}"
    elif logs and page:
        page = f"{cut} and holds {page}" if len(logs.sources) == 1 else f"{cut}; the files hold {page}"
    page = page or cut
    missing = (NOT_PULLED if report.not_tested else CUT_SHORT) if logs else TOO_MANY if lint_of(report) else INCOMPLETE
    if joined_of(report):
        missing = PARTLY
    state = [] if report.complete else [f"incomplete: {page}" if page else missing]
    first = safe_text(next(iter(report.not_tested or ()), ""))
    if first.startswith(("detection (", "uploads and detection (", "uploads of a harmless file (")):
        state.append(f"{first.partition(' (')[0]} not tested")
    return ", ".join(state)


def cut_gap(sources: Sequence[LogSource]) -> str:
    """``the file is cut off``, ``1 of 3 files is cut off``; empty if all have their ends."""
    number = sum(bool(source.cut_off) for source in sources)
    if not number or len(sources) == 1:
        return "the file is cut off" if number else ""
    return f"{number:,} of {len(sources):,} files {'is' if number == 1 else 'are'} cut off"


def page_gap(sources: Iterable[LogSource]) -> str:
    """``200 of 60,000 entries`` if API responses have only some of the matching entries; empty if they have all.

    Pages of one query, with the same count, may be in several files.
    """
    held: dict[int, int] = {}
    more = 0
    for source in sources:
        if source.matching:
            held[source.matching] = held.get(source.matching, 0) + source.total
        elif source.more or source.percent_remaining:
            more += source.total
    missing = {matching: total for matching, total in held.items() if total < matching}
    total = sum(missing.values()) + more
    if more:
        return f"{total:,} entries, and more on the next page"
    return f"{total:,} of {sum(missing):,} entries" if missing else ""


def untested(report: Report) -> str:
    """What was not tested, not visible or not pulled, in one sentence; empty if that is unknown."""
    listed = "; ".join(safe_text(each, 400) for each in report.not_tested or ())
    found = None if joined_of(report) else lint_of(report) or logs_of(report)
    done = "tested" if found is None else "visible" if found is lint_of(report) else "pulled"
    return f"Not {done}: {listed}." if listed else ""


def tally(report: Report) -> str:
    """Members by health, or entries of a log by action."""
    if joined := joined_of(report):
        return sources_tally(joined)
    if logs := logs_of(report):
        return entry_counts(report, logs.entries, brief=True)
    if lint := lint_of(report):
        return services_tally(lint)
    suppressed = f"; {count(len(report.suppressed), 'finding')} suppressed" if report.suppressed else ""
    return (members_tally(report.members) or "no members") + suppressed


def sources_tally(found: JoinedSubject) -> str:
    """``3 sources: 1 check, 2 log``."""
    kinds = [each.kind for each in found.evidence]
    listed = ", ".join(f"{kinds.count(kind)} {safe_text(kind, 20)}" for kind in dict.fromkeys(kinds))
    return count(len(kinds), "source") + (f": {listed}" if listed else "")


def services_tally(found: LintSubject) -> str:
    """``2 virtual services: 1 scanned, 1 not scanned``."""
    words = {"yes": "scanned", "no": "not scanned", "unknown": "unknown"}
    counts = {word: sum(each.scanned == key for each in found.services) for key, word in words.items()}
    listed = ", ".join(f"{number:,} {word}" for word, number in counts.items() if number)
    return count(len(found.services), "virtual service") + (f": {listed}" if listed else "")


def members_tally(members: Sequence[MemberReport]) -> str:
    """``3 members: 1 critical, 2 ok``; empty without members."""
    counts = Counter(member.verdict for member in members)
    listed = ", ".join(f"{counts[health]} {health.value}" for health in HEALTH_ORDER if counts[health])
    return f"{count(len(members), 'member')}: {listed}" if listed else ""


def entry_counts(report: Report, entries: EntryCounts | None, *, brief: bool = False) -> str:
    """Entries of a log by action; ``brief`` leaves out how many of them went through ICAP.

    Entries with an unknown action are counted if there are any, so that the parts add up.
    """
    entries = entries or EntryCounts()
    parts = [f"{number:,} {word}" for word, number in by_action(entries).items() if number or word != OTHER]
    total = count(entries.entries_total, "entry", "entries")
    icap = "" if brief else f", {entries.entries_icap:,} with ICAP"
    number = unscanned(report).total
    return f"{total}{icap}: {', '.join(parts)}" + (f"; {number:,} passed unscanned" if number else "")


def by_action(entries: EntryCounts) -> dict[str, int]:
    """Entries that went through ICAP, by action; the parts add up."""
    return {
        "passed": entries.entries_passed,
        "modified": entries.entries_modified,
        "blocked": entries.entries_blocked,
        "failed": entries.entries_failed,
        "disabled": entries.entries_disabled,
        OTHER: entries.entries_other,
    }


def base(entries: EntryCounts) -> tuple[int, str]:
    """The base of shares, in words: the requests with an icap_log, if some have none."""
    with_icap, total = entries.entries_icap, entries.entries_total
    return (with_icap, "requests with an icap_log") if 0 < with_icap < total else (total, "requests")


def asked_again(report: Report) -> bool:
    """Whether Avi sent several ICAP requests for one request of a client: a retry, or RESPMOD."""
    logs = logs_of(report)
    entries = logs.entries if logs else None
    return entries is not None and (entries.icap_requests or 0) > entries.entries_icap


def noun(report: Report) -> str:
    """What the requests of a log's findings are."""
    return "ICAP request" if asked_again(report) else "request"


def of_all(entries: EntryCounts, number: int) -> str:
    """``119 of 5,706 requests``, ``all 20 requests``, ``1 request``."""
    total, what = base(entries)
    if number == total == entries.entries_total:
        return f"all {count(total, 'request')}" if total > 1 else "1 request"
    return f"{number:,} of {total:,} {what if total != 1 else what.replace('requests', 'request')}"


def records_read(records: RecordCounts | None) -> str:
    """``1 record read``; ``20 of 22 records read, 1 skipped, 1 unreadable``."""
    records = records or RecordCounts()
    counted = ((records.skipped, "skipped"), (records.unreadable, "unreadable"))
    parts = [f"{number:,} {word}" for number, word in counted if number]
    whole = count(records.total, "record")
    return ", ".join([f"{records.read:,} of {whole} read" if parts else f"{whole} read", *parts])


class Unscanned(NamedTuple):
    """Requests of a log that reached the application without a scan, and why."""

    after_failure: int  # ICAP failed, or the body was too large, and the profile fails open
    not_offered: int  # uploads that ICAP was disabled for
    let_through: int  # the scanner did not scan, and let pass

    @property
    def total(self) -> int:
        return sum(self)


def unscanned(report: Report) -> Unscanned:
    """The one number that every format shows. Requests without a body that were not offered to ICAP do not count."""
    logs = logs_of(report)
    entries = (logs.entries if logs else None) or EntryCounts()
    not_offered = max(entries.unscanned_disabled or 0, 0)
    after_failure = max(entries.unscanned_count - not_offered, 0)
    return Unscanned(after_failure, not_offered, let_through(report, detected=False))


def let_through(report: Report, *, detected: bool) -> int:
    """Requests that the scanner let pass although it had detected something in them, or without a scan."""
    passed = (each for each in report.groups if is_let_through(report, each) and is_detected(each) is detected)
    return sum(each.count or 0 for each in passed)


def is_detected(group: ReportedGroup) -> bool:
    """Whether these requests were scanned, and something was detected in them."""
    answer = group.answer
    return bool(answer.threats or group.nsx_score_max) or answer.verdict == Verdict.BLOCKED


def refused_by_failure(report: Report) -> int:
    """Requests that Avi rejected because ICAP failed or the body was too large."""
    found = (each for each in report.groups if not each.probe and (each.client_outcome or "").startswith("refused"))
    return sum(each.count or 0 for each in found)


def blocked_wrongly(report: Report) -> int:
    """Legitimate requests that a scanner blocked, as without a scan."""
    return sum(each.count or 0 for each in report.groups if is_blocked_wrongly(report, each))


def is_blocked_wrongly(report: Report, group: ReportedGroup) -> bool:
    """Whether these requests were blocked though nothing was detected in them."""
    if group.probe or group.client_outcome != "blocked" or not group.findings:
        return False
    telling = (each.id for each in report.findings if (each.severity, each.effect) == _REFUSED)
    return any(each in group.findings for each in telling)


def passed_in_the_end(group: ReportedGroup) -> bool:
    """Whether these are attempts that failed for requests that passed in another one."""
    return group.icap_action == "ICAP_FAILED" and group.client_outcome in SERVED


def is_let_through(report: Report, group: ReportedGroup) -> bool:
    """Whether the scanner let these requests pass without a scan, or despite a detection."""
    if group.probe or group.client_outcome not in SERVED or not group.findings:
        return False
    telling = (each.id for each in report.findings if (each.severity, each.effect) == _LET_THROUGH)
    return any(each in group.findings for each in telling)


def worst_of(findings: Iterable[Finding]) -> Finding | None:
    """The worst finding; None if there is none."""
    return min(findings, key=lambda finding: SEVERITY_ORDER.index(finding.severity), default=None)


def named(finding: Finding | SuppressedFinding) -> str:
    """``The server refuses TCP connections [tcp-refused]``."""
    return f"{prose(finding.title)} [{safe_text(finding.id)}]"


def endpoint(member: MemberReport) -> str:
    """The member's name, with host and port if it does not contain them."""
    address = host_port(member.address, member.port)
    return safe_text(member.name) if address in member.name else f"{safe_text(member.name)} ({safe_text(address)})"
