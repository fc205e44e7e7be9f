"""What a report on a scanner's own log has to say: how many requests, what they got; and both in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from icapdiag.facts.scanner import CONTAINERS, ReportedEvent, ReportedRequests, ScannerEvent, ScannerRequests
from icapdiag.model import Problem, Report
from icapdiag.report.document.measured import Figures
from icapdiag.report.document.words import count, logs_of, milliseconds, names, safe_text, server_text, span
from icapdiag.vocabulary import Effect

_SHOWN = 3  # names in a line
_PROGRAMS = {"c-icap": "c-icap", "squid": "Squid"}
_ZONE = "time zone not logged, taken as UTC"
_UNSCANNED_BY_SQUID = "passed unscanned"

Logged = ReportedEvent | ReportedRequests


def logged(report: Report) -> tuple[Logged, ...]:
    """Messages and requests of scanners' own logs."""
    return (*(report.scanner_events or ()), *(report.scanner_requests or ()))


def is_there(report: Report) -> bool:
    """Whether some of the files are a scanner's own log, be there something of use in it or not."""
    logs = logs_of(report)
    return bool(logged(report)) or (logs is not None and any(each.container in CONTAINERS for each in logs.sources))


def passed(found: Iterable[Logged]) -> int:
    """Requests that passed unscanned, as messages say or an ICAP log shows; the larger, as one may be in two logs."""
    said = sum(each.passed_count or 0 for each in found if isinstance(each, ReportedEvent))
    shown = sum(each.count or 0 for each in found if isinstance(each, ReportedRequests) and each.bypassed)
    return max(said, shown)


def refused(found: Iterable[Logged]) -> int:
    """Requests that got an ICAP error; of those in both logs of a server the larger number."""
    said = sum(each.refused_count or 0 for each in found if isinstance(each, ReportedEvent))
    shown = sum(
        each.count or 0
        for each in found
        if isinstance(each, ReportedRequests) and each.verdict == "error" and each.icap_method != "OPTIONS"
    )
    return max(said, shown)


def answer(report: Report, titles: Iterable[str]) -> str:
    """The first line on logs of scanners only: the worst problem, how many requests, from when to when."""
    found = logged(report)
    first = next(iter(titles), "")
    worst = next(iter(report.findings), None)
    telling = [each for each in found if worst is not None and worst.id in each.findings] if first else list(found)
    said = "; ".join(_requests(telling, _asked(report))) if first else _without_a_problem(report)
    when = _when(telling or found)
    return ", ".join(part for part in (f"{first}: {said}" if first and said else first or said, when) if part)


def _asked(report: Report) -> int:
    """How many requests access logs and ICAP logs have, those for OPTIONS left out."""
    return sum(each.count or 0 for each in report.scanner_requests or () if each.icap_method != "OPTIONS")


def _requests(found: list[Logged], asked: int) -> Iterator[str]:
    """``at least 2 requests passed unscanned``, ``3 of 19 requests failed in ICAP``."""
    if number := passed(found):
        yield f"at least {count(number, 'request')} passed unscanned"
    if number := refused(found):
        shown = f"{number:,} of {count(asked, 'request')}" if number <= asked else count(number, "request")
        yield f"{shown} failed in ICAP"


def _of_squid(found: Iterable[Logged]) -> bool:
    return all(each.program == "squid" for each in found)


def _without_a_problem(report: Report) -> str:
    requests = [each for each in report.scanner_requests or () if each.icap_method != "OPTIONS"]
    total = _asked(report)
    if not total:
        found = [each for each in report.scanner_events or () if each.event == "virus-found"]
        number = sum(each.messages or 0 for each in found)
        return (
            f"{count(number, 'detection')} and no ICAP fault in it"
            if number
            else "no message about an ICAP fault in it"
        )
    kinds: Counter[str] = Counter()
    for each in requests:
        kinds[_word(each)] += each.count or 0
    listed = ", ".join(f"{number:,} {word}" for word, number in kinds.most_common())
    return f"{count(total, 'ICAP request')}: {listed}"


def _word(group: ScannerRequests) -> str:
    if group.bypassed:
        return _UNSCANNED_BY_SQUID
    return safe_text(group.verdict) or _WORDS.get(group.outcome or group.icap_status or "", "result not logged")


_WORDS: Mapping[str | int, str] = {"ICAP_ERR_GONE": "client gone", "ICAP_ERR_RACE": "sent again", 408: "client gone"}


def _when(found: Iterable[Logged]) -> str:
    moments = sorted(moment for each in found for moment in (each.first_seen, each.last_seen) if moment)
    when = span(moments[0], moments[-1]) if moments else ""
    return f"{when} ({_ZONE})" if when and any(each.zone_assumed for each in found) else when


def users(problem: Problem, report: Report, *, by_fail_action: bool) -> str:
    """What users got, with figures where the log has them; empty where scanners' logs say nothing of the problem."""
    found = [each for each in logged(report) if problem.finding in each.findings]
    if not found:
        return ""
    said = []
    if number := passed(found):
        said.append(f"At least {count(number, 'request')} passed unscanned.")
    if number := refused(found):
        said.append(f"{count(number, 'request')} failed in ICAP.")
    if by_fail_action:
        said.append(_OF_SQUID if _of_squid(found) else _OF_AVI)
    elif not said:
        general = _GENERAL.get(problem.effect or Effect.NONE, "")
        ends = [each.ended_at if isinstance(each, ScannerEvent) else None for each in found]
        if problem.effect is Effect.REFUSED and all(ends):
            last = max(filter(None, ends))
            general = f"Requests got HTTP 500 (ERR_ICAP_FAILURE) until {span(last, last)}."
        said.append(general)
    return " ".join(said)


_OF_AVI = "On Avi, requests that fail pass unscanned (ICAP_FAIL_OPEN, Avi's default) or get HTTP 500."
_OF_SQUID = "Squid passes such requests unscanned (bypass=on) or answers them with HTTP 500 (bypass=off)."
_GENERAL = {
    Effect.UNSCANNED: "Requests pass unscanned.",
    Effect.REFUSED: "Requests get HTTP 500 (ERR_ICAP_FAILURE).",
    Effect.SLOW: "Requests are slow.",
}


# --- evidence --------------------------------------------------------------------------------------


def where(facts: ScannerEvent | ScannerRequests, member: str) -> str:
    """``server.log of c-icap``, ``icap.log of Squid, 10.0.0.5:1344``."""
    log = safe_text((facts.log or "").rpartition("/")[2]) or "log"
    program = _PROGRAMS.get(facts.program or "", "")
    said = f"{log} of {program}" if program else log
    return f"{said}, {server_text(member)}" if member else said


def describe(facts: ScannerEvent | ScannerRequests) -> Iterator[str]:
    """Messages or requests in words, the most specific first."""
    if isinstance(facts, ScannerEvent):
        yield f'"{server_text(facts.example)}"'
        if (facts.messages or 0) > 1:
            yield count(facts.messages or 0, "message")
        if facts.engine_address:
            yield f"clamd at {server_text(facts.engine_address)}"
        if facts.object_size_max is not None:
            yield f"largest {facts.object_size_max:,} bytes, limit {facts.object_size_limit or 0:,}"
        if facts.threats:
            yield names(facts.threats, _SHOWN)
        if facts.peers:
            yield f"from {names(facts.peers, _SHOWN)}"
        if facts.ended_at:
            yield f"over at {span(facts.ended_at, facts.ended_at)}"
        return
    status = f"ICAP {facts.icap_status}" if facts.icap_status else ""
    yield " ".join(word for word in (safe_text(facts.icap_method), server_text(facts.service_uri)) if word)
    yield " ".join(word for word in (safe_text(facts.outcome), status, _word(facts)) if word)
    yield count(facts.count or 0, "request")
    if facts.peers:
        yield f"from {names(facts.peers, _SHOWN)}"


# --- tables ----------------------------------------------------------------------------------------


def events_table(report: Report) -> Figures:
    """The messages of scanners' logs by what they say."""
    rows: list[tuple[str, ...]] = [
        (
            safe_text((each.log or "").rpartition("/")[2]),
            f"{each.messages or 0:,}",
            span(each.first_seen, each.last_seen).removesuffix(" UTC") or "-",
            safe_text(each.member) or "-",
            safe_text(each.event),
            server_text(each.example),
        )
        for each in report.scanner_events or ()
    ]
    head = ("log", "count", "when (UTC)", "server", "event", "first message")
    title = "Messages in the logs of scanners:"
    return Figures(title=title, head=head, rows=rows, right=range(1, 2), cut=((5, 20), (0, 10)))


def requests_table(report: Report) -> Figures:
    """The requests of scanners' access logs by service, status and verdict."""
    rows: list[tuple[str, ...]] = [
        (
            safe_text((each.log or "").rpartition("/")[2]),
            f"{each.count or 0:,}",
            safe_text(each.icap_method),
            server_text(each.service_uri) or "-",
            safe_text(each.member) or "-",
            safe_text(each.outcome) or "-",
            str(each.icap_status or "-"),
            _word(each) if each.icap_method != "OPTIONS" else "-",
            milliseconds(each.latency_p95_ms) or "-",
            names(each.peers, 2) if each.peers else "-",
        )
        for each in report.scanner_requests or ()
    ]
    head = ("log", "count", "method", "service", "server", "outcome", "ICAP", "result", "p95", "from")
    title = "Requests in the logs of scanners:"
    return Figures(title=title, head=head, rows=rows, right=range(1, 2), cut=((0, 10), (9, 9), (3, 10), (4, 12)))
