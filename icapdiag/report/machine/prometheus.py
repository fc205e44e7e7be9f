"""Metrics in Prometheus' text format, for the textfile collector of node_exporter: write to ``NAME.prom``.

Label values are bounded in length, and from closed vocabularies if there is one (status, reason, verdict), so that
servers can't make the number of series grow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from icapdiag.facts.connection import Transfer
from icapdiag.facts.logs import EntryCounts, RecordCounts
from icapdiag.facts.run import LogSubject
from icapdiag.facts.sheet import Sheet
from icapdiag.model import MemberReport, Observation, Report
from icapdiag.report.document.members import address_of
from icapdiag.report.document.words import by_action, joined_of, logs_of, moment, safe_text, unscanned
from icapdiag.text import visible
from icapdiag.vocabulary import Health, Severity

_LABEL = 100  # characters of a label's value


class _Metric(NamedTuple):
    name: str
    about: str
    samples: Iterable[tuple[dict[str, str], float]]


def render(report: Report) -> str:
    """All metrics, each with HELP and TYPE, every series once; ends in a newline."""
    mark = f"# {visible(report.redacted, 400)}\n" if report.redacted else ""
    return mark + "".join(_draw(metric) for metric in _metrics(report))


def _draw(metric: _Metric) -> str:
    name = f"icapdiag_{metric.name}"
    series: dict[str, float] = {}
    for labels, value in metric.samples:
        listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        series.setdefault(f"{name}{{{listed}}}" if listed else name, value)
    if not series:
        return ""
    lines = [f"# HELP {name} {metric.about}", f"# TYPE {name} gauge"]
    return "\n".join([*lines, *(f"{key} {_value(value)}" for key, value in series.items())]) + "\n"


def _escaped(text: str) -> str:
    return visible(text, _LABEL).replace("\\", "\\\\").replace('"', '\\"')


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))


def _metrics(report: Report) -> Iterator[_Metric]:
    version = safe_text(report.tool.version)
    yield _Metric("info", "The icapdiag that wrote this.", [({"version": version, "command": report.command}, 1)])
    start, end = moment(report.started_at), moment(report.finished_at)
    if start is not None and end is not None:
        yield _Metric("run_timestamp_seconds", "When the run ended, Unix time.", [({}, end.timestamp())])
        yield _Metric("run_duration_seconds", "How long the run took.", [({}, (end - start).total_seconds())])
    yield _Metric("run_complete", "1 if every probe could run and everything was read.", [({}, int(report.complete))])
    yield _Metric(
        "verdict",
        "1 for the overall verdict.",
        [({"verdict": h.value}, int(h is report.verdict)) for h in Health if h is not Health.DISABLED],
    )
    counts = Counter(finding.severity for finding in report.findings)
    yield _Metric("findings", "Findings by severity.", [({"severity": s.value}, counts[s]) for s in Severity])
    yield _Metric(
        "finding_observations",
        "Observations that a finding explains.",
        [({"finding": f.id, "severity": f.severity.value}, f.count) for f in report.findings],
    )
    if report.suppressed:
        suppressed = Counter(accepted.severity for accepted in report.suppressed)
        yield _Metric(
            "suppressed_findings",
            "Findings suppressed by the pool file, by severity; not in any other metric.",
            [({"severity": s.value}, suppressed[s]) for s in Severity],
        )
    yield _Metric("unexplained_observations", "Failures that no runbook explains.", [({}, report.unmatched.count)])
    logs = logs_of(report)
    if logs is None or joined_of(report):
        yield from _of_members(report)
    if logs is not None:
        yield from _of_log(report, logs)


def _of_members(report: Report) -> Iterator[_Metric]:
    yield _Metric(
        "member_verdict",
        "1 for the verdict on a member.",
        (({**_who(m), "verdict": h.value}, int(h is m.verdict)) for m in report.members for h in Health),
    )
    yield _Metric(
        "member_findings",
        "Findings of a member by severity.",
        (
            (
                {**_who(member), "severity": severity.value},
                sum(f.severity is severity and member.name in f.members for f in report.findings),
            )
            for member in report.members
            for severity in Severity
        ),
    )
    probes = [(m, p, {**_who(m), "probe": p.probe, **_at(p)}) for m in report.members for p in m.probes if p.probe]
    yield _Metric(
        "probe_status",
        "1 for the status of a probe; reason is from a closed vocabulary, or the failed probe that it needs.",
        (({**labels, "status": p.status.value, "reason": p.reason or ""}, 1) for _, p, labels in probes),
    )
    yield _Metric(
        "probe_duration_seconds",
        "Wall time of a probe.",
        ((labels, took / 1000) for _, p, labels in probes if (took := p.elapsed_ms) is not None),
    )
    yield _Metric(
        "probe_answer_seconds",
        "Time until the server answered, as measured by the kernel if possible.",
        ((labels, took / 1000) for _, p, labels in probes if (took := _answer_ms(p.facts)) is not None),
    )


def _of_log(report: Report, logs: LogSubject) -> Iterator[_Metric]:
    entries, records = logs.entries or EntryCounts(), logs.records or RecordCounts()
    yield _Metric("log_entries", "Log entries counted.", [({}, entries.entries_total)])
    yield _Metric(
        "log_icap_entries",
        "Log entries by Avi's ICAP action.",
        [({"action": word}, number) for word, number in by_action(entries).items()],
    )
    yield _Metric(
        "log_unscanned_entries",
        "Requests that passed without a scan: after an ICAP failure, or let through by the scanner.",
        [({}, unscanned(report).total)],
    )
    results = {"read": records.read, "skipped": records.skipped, "unreadable": records.unreadable}
    yield _Metric(
        "log_records",
        "Records of the input: read, skipped or unreadable.",
        [({"result": word}, number) for word, number in results.items()],
    )


def _who(member: MemberReport) -> dict[str, str]:
    return {"member": member.name}


def _at(probe: Observation) -> dict[str, str]:
    """The address, as the name of a member may have several."""
    return {"address": safe_text(address_of(probe))}


def _answer_ms(sheet: Sheet) -> float | None:
    transfer = sheet.part(Transfer)
    return None if transfer is None else transfer.answer_ms
