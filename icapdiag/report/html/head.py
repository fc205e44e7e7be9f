"""The top of the page: the verdict, the worst finding, what was looked at, from where and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from icapdiag.report.sections.logtable import entry_counts, log_title, span
from icapdiag.report.sections.place import ways
from icapdiag.report.text.lines import count, milliseconds, names, prose, shown, texts, whole
from icapdiag.report.untyped import Facts, Finding, JSONValue, Report
from icapdiag.text import visible
from icapdiag.vocabulary import SEVERITY_ORDER, Health, Severity

HEALTH_ORDER = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)
# Of the subject.
_ELSEWHERE = (
    "pool", "service_uri", "source", "sources", "inputs", "records", "entries", "filters", "warn_ms", "crit_ms",
)  # fmt: skip
_UNITS = {"preview_size": "bytes", "response_timeout": "ms", "slow_response_warning_threshold": "ms"}
_MEANING = 420  # characters of the worst finding's meaning
_LISTED = 8  # addresses, interfaces, DNS servers


@dataclass(frozen=True, slots=True)
class Headline:
    """What a reader sees first. ``kind`` is a severity or a health; ``anchor`` where the whole finding stands."""

    kind: str
    eyebrow: str
    title: str
    where: str = ""
    text: str = ""
    step: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a tally: ``kind`` a health or severity, ``percent`` of the whole."""

    kind: str
    number: int
    percent: float


def headline(report: Report) -> Headline:
    """The worst finding, or in words why there is none."""
    if report.findings and report.findings[0].severity is not Severity.INFO:
        worst = report.findings[0]
        alike = sum(finding.severity is worst.severity for finding in report.findings) - 1
        return Headline(
            kind=worst.severity.value,
            eyebrow="The worst finding" + (f", and {alike} more {worst.severity.value}" if alike else ""),
            title=prose(worst.title),
            where=_where(worst),
            text=_shortened(prose(worst.meaning), _MEANING),
            step=prose(worst.remedy[0]) if worst.remedy else "",
            anchor="f0",
        )
    known = len(report.findings)
    more = f"{count(known, 'thing')} worth knowing below." if known else ""
    if report.verdict is Health.OK:
        return Headline(kind="ok", eyebrow="Nothing to repair", title="No problem was found", text=more)
    if report.unmatched.count:
        noun = "request" if "sources" in report.subject else "observation"
        title = f"{count(report.unmatched.count, noun)} that no runbook explains"
        return Headline(kind="unknown", eyebrow="No known problem, and not healthy either", title=title, text=more)
    text = "Part of what was asked for could not be tested, so that this report proves nothing about it."
    return Headline(
        kind="unknown",
        eyebrow="No problem was found so far",
        title="Not everything could be tested",
        text=f"{text} {more}",
    )


def subject_title(report: Report) -> str:
    """``ICAP pool av-pool, service /avscan``, or which logs were read."""
    if "sources" in report.subject:
        return log_title(report.subject)
    service = shown(report.subject.get("service_uri"))
    return f"ICAP pool {shown(report.subject.get('pool'))}" + (f", service {service}" if service else "")


def incomplete(report: Report) -> str:
    """Why the report is not whole; empty if it is."""
    if report.complete:
        return ""
    if "sources" in report.subject:
        return "Interrupted: only a part was read."
    return "Incomplete: not every probe could run."


def member_tally(report: Report) -> list[Share]:
    return _shares({health.value: n for health, n in Counter(m.verdict for m in report.members).items()}, HEALTH_ORDER)


def finding_tally(report: Report) -> list[Share]:
    return _shares(
        {severity.value: n for severity, n in Counter(f.severity for f in report.findings).items()}, SEVERITY_ORDER
    )


def entries_line(report: Report) -> str:
    """What a log holds, as a sentence; empty for a check."""
    entries = report.subject.get("entries")
    return entry_counts(entries) if isinstance(entries, Mapping) else ""


def about(report: Report) -> list[tuple[str, str]]:
    """Where the program ran and when, as labels and values; safe to show."""
    return [(label, value) for label, value in _about(report) if value]


def profile(report: Report) -> list[tuple[str, str]]:
    """The settings of the ICAP profile that the report carries, by Avi's names."""
    settings = ((name, _plain(value)) for name, value in report.subject.items() if name not in _ELSEWHERE)
    return [(visible(name, 60), f"{value} {_UNITS.get(name, '')}".rstrip()) for name, value in settings if value]


def _about(report: Report) -> Iterator[tuple[str, str]]:
    vantage = report.vantage
    start, end = datetime.fromisoformat(report.started_at), datetime.fromisoformat(report.finished_at)
    yield "Started", f"{start:%Y-%m-%d %H:%M:%S} UTC, took {milliseconds((end - start).total_seconds() * 1000)}"
    entries = report.subject.get("entries")
    if isinstance(entries, Mapping):
        yield "Log covers", span(entries.get("first_seen"), entries.get("last_seen"))
    else:
        yield "Pool from", shown(report.subject.get("source"))
    yield "Host", shown(vantage.get("host"))
    yield "Source address", _listed(vantage.get("source_addresses"))
    yield "Interface", ", ".join(_interfaces(vantage))
    yield "Route", ", ".join(ways(vantage)[:_LISTED])
    yield (
        "DNS servers",
        _listed(vantage.get("resolvers")) + (" (given)" if vantage.get("resolvers_given") is True else ""),
    )
    yield "Clock", _clock(vantage)
    limits = [milliseconds(float(whole(report.subject.get(name)))) for name in ("warn_ms", "crit_ms")]
    yield "Slow, too slow", f"after {' and '.join(limits)}" if "warn_ms" in report.subject else ""
    yield "System", shown(vantage.get("platform"))
    yield (
        "Tool",
        f"{shown(report.tool.get('name'))} {shown(report.tool.get('version'))}, Python {shown(vantage.get('python'))}",
    )


def _interfaces(vantage: Facts) -> Iterator[str]:
    found = vantage.get("interfaces")
    for item in (
        [item for item in found if isinstance(item, Mapping)][:_LISTED] if isinstance(found, list | tuple) else []
    ):
        mtu = item.get("mtu")
        yield shown(item.get("name")) + (f" (MTU {mtu})" if isinstance(mtu, int) else "")


def _clock(vantage: Facts) -> str:
    synchronised = vantage.get("clock_synchronised")
    if not isinstance(synchronised, bool):
        return "whether it is synchronised is not known" if "clock_synchronised" in vantage else ""
    bound = vantage.get("clock_max_error_ms")
    within = f" to within {milliseconds(bound)}" if synchronised and isinstance(bound, int | float) else ""
    return f"synchronised{within}" if synchronised else "not synchronised: times may be off"


def _listed(value: JSONValue) -> str:
    found = texts(value)
    return names(found, _LISTED) if found else ""


def _plain(value: JSONValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return shown(value)


def _where(finding: Finding) -> str:
    told = span(finding.first_seen, finding.last_seen)
    who = f"{count(len(finding.members), 'member')}: {names(finding.members)}" if finding.members else ""
    return "; ".join(part for part in (who, told) if part)


def _shortened(words: str, limit: int) -> str:
    """Whole sentences up to ``limit`` characters, and never less than one."""
    kept = ""
    for sentence in words.split(". "):
        longer = f"{kept}. {sentence}" if kept else sentence
        if kept and len(longer) > limit:
            return kept + "."
        kept = longer
    return kept


def _shares(numbers: Mapping[str, int], order: tuple[Health, ...] | tuple[Severity, ...]) -> list[Share]:
    whole = sum(numbers.values())
    return [Share(k.value, numbers[k.value], 100 * numbers[k.value] / whole) for k in order if numbers.get(k.value)]
