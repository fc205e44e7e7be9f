"""One line for Nagios, Icinga and compatible systems, with performance data, and the exit status.

Following the Monitoring Plugins Development Guidelines: a text, ``|``, and ``'label'=value[unit];warn;crit;min;max``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from enum import IntEnum

from icapdiag.facts.connection import Transfer
from icapdiag.facts.logs import EntryCounts
from icapdiag.model import Observation, Report
from icapdiag.report.document.joined import heading
from icapdiag.report.document.members import address_of
from icapdiag.report.document.words import (
    by_action,
    gap,
    logs_of,
    named,
    names,
    safe_text,
    tally,
    unscanned,
    worst_of,
)
from icapdiag.text import visible
from icapdiag.vocabulary import Health, Severity, Status

LINE = 1000  # bytes: what every plugin runner takes; Nagios takes 8 KiB, NRPE 2 had 1 KiB
_TEXT = 400  # bytes of the line before the performance data
_LABEL = 60  # characters
_SPECIAL = re.compile(r"[|<>$`]")  # separator, markup in a web page, macro, shell


class PluginStatus(IntEnum):
    """The exit status of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_OF_VERDICT = {
    Health.OK: PluginStatus.OK,
    Health.WARNING: PluginStatus.WARNING,
    Health.CRITICAL: PluginStatus.CRITICAL,
}


def plugin_status(report: Report) -> PluginStatus:
    """The verdict as a plugin status; an incomplete run without findings is not OK."""
    status = _OF_VERDICT.get(report.verdict, PluginStatus.UNKNOWN)
    unsure = not report.complete or report.unmatched.count or any(m.verdict is Health.UNKNOWN for m in report.members)
    return PluginStatus.UNKNOWN if unsure and status is PluginStatus.OK else status


def render(report: Report) -> str:
    """One line of at most `LINE` bytes, ending in a newline; performance data that does not fit is left out."""
    line = _cut(f"ICAP {plugin_status(report).name} - {_text(report)}", _TEXT)
    separator = " | "
    for item in _performance(report):
        longer = line + separator + item
        if len(longer.encode()) >= LINE:
            break
        line, separator = longer, " "
    return line + "\n"


def _text(report: Report) -> str:
    parts = ["redacted, names kept with --no-redact"] if report.redacted else []
    parts.append(f"{heading(report)}: {tally(report)}")
    worst = worst_of(report.findings)
    if worst is not None:
        more = len(report.findings) - 1
        who = f" ({names(worst.members, 2)})" if worst.members else ""
        parts.append(named(worst) + who + (f" and {more} more" if more else ""))
    if report.unmatched.count:
        parts.append(f"{report.unmatched.count} unexplained failures")
    parts += [gap(report)] if gap(report) else []
    return _SPECIAL.sub(lambda found: f"\\x{ord(found.group()):02x}", "; ".join(parts))


def _cut(text: str, size: int) -> str:
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode("utf-8", "ignore") + "…"


def _performance(report: Report) -> Iterator[str]:
    """Counts come first, so that times of single members are what a long line leaves out."""
    severities = Counter(finding.severity for finding in report.findings)
    for severity in Severity:
        yield f"'findings_{severity.value}'={severities[severity]};;;0"
    if report.suppressed:
        yield f"'suppressed'={len(report.suppressed)};;;0"
    if logs := logs_of(report):
        entries = logs.entries or EntryCounts()
        counts = {f"entries_{action}": number for action, number in by_action(entries).items()}
        for name, number in {
            "entries_icap": entries.entries_icap,
            **counts,
            "unscanned": unscanned(report).total,
        }.items():
            yield f"'{name}'={number};;;0"
        return
    counts = Counter(member.verdict for member in report.members)
    for health in Health:
        yield f"'members_{health.value}'={counts[health]};;;0;{len(report.members)}"
    seen: set[str] = set()
    for member in report.members:
        for probe in member.probes:
            took = _took(probe)
            label = _label(f"{member.name} {probe.probe} {safe_text(address_of(probe))}", member.name)
            if took is not None and took >= 0 and label and label not in seen and probe.status is Status.OK:
                seen.add(label)
                yield f"'{label}'={took:.3f}ms;;;0"


def _took(probe: Observation) -> float | None:
    """The response time if it was measured, otherwise the duration of the probe."""
    transfer = probe.facts.part(Transfer)
    return probe.elapsed_ms if transfer is None or transfer.answer_ms is None else transfer.answer_ms


def _label(text: str, member: str) -> str:
    """A label without characters that confuse readers; a member named by its address has it only once."""
    words = text.split(" ")
    if words[-1] and words[-1] in member:
        words.pop()
    return visible(re.sub(r"['=|<>$`\s]", "_", " ".join(words).strip()), _LABEL)
