"""Reports on logs built by hand, for the renderers' tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from icapdiag.facts.fields import ANSWER as PASTED
from icapdiag.facts.groups import ReportedAnswer, ReportedGroup
from icapdiag.facts.logs import Bucket
from icapdiag.facts.run import LogSubject, Vantage
from icapdiag.facts.sheet import JSONValue, from_plain
from icapdiag.model import Facts, Finding, Report, Unmatched, unflatten
from icapdiag.report.build import ReadLogs, build_explain_report
from icapdiag.vocabulary import Severity
from tests.report.samples import END, NO_UNMATCHED, START, VANTAGE

BLOCKED: Facts = {
    "probe": "",
    "source": "log",
    "count": 12,
    "icap_action": "ICAP_BLOCKED",
    "client_outcome": "blocked",
    "response_code": 403,
    "icap_status": 200,
    "http_status": 403,
    "verdict": "blocked",
    "threats": ["EICAR-Test-File (not a virus)"],
    "x_response_desc": "Infected",
    "members": ["100.64.3.15:1344"],
    "pools": ["ICAP-POOL-GROUP"],
    "first_seen": "2026-01-01T10:00:00+00:00",
    "last_seen": "2026-01-01T11:30:00+00:00",
    "latency_p50_ms": 17,
    "latency_p95_ms": 1275,
    "latency_p99_ms": 1275,
    "latency_max_ms": 1310,
    "request_ids": ["aAa-1", "bBb-2", "cCc-3", "dDd-4"],
    "findings": ["infected"],
}
FAILED: Facts = {
    "probe": "",
    "source": "log",
    "count": 3,
    "icap_action": "ICAP_FAILED",
    "client_outcome": "unscanned",
    "response_code": 200,
    "icap_status": None,
    "adf_codes": ["ADF_ICAP_CONNECTION_ERROR"],
    "members": [],
    "pools": ["ICAP-POOL-GROUP"],
    "first_seen": "2026-01-01T10:00:00+00:00",
    "last_seen": "2026-01-02T00:00:01+00:00",
    "request_ids": [],
    "findings": ["connection-error"],
}
DISABLED: Facts = {"probe": "", "source": "log", "count": 1, "icap_action": "ICAP_DISABLED", "findings": []}
ANSWER: Facts = {
    "probe": "answer",
    "source": "log",
    "count": 1,
    "icap_status": 200,
    "icap_reason": "OK",
    "http_status": 403,
    "verdict": "blocked",
    "verdict_reason": "Infected",
    "decided_by": ["X-Infection-Found"],
    "threats": ["Eicar-Test-Signature"],
    "deviations": [{"rule": "istag-missing", "section": "4.7", "detail": "no ISTag", "seen": ""}],
    "findings": ["istag-missing"],
}
FINDING = Finding(
    id="connection-error",
    severity=Severity.CRITICAL,
    title="No connection to an ICAP server",
    members=("100.64.3.15:1344",),
    count=3,
    first_seen="2026-01-01T10:00:00.000Z",
    last_seen="2026-01-02T00:00:01.000Z",
    evidence=(unflatten({**FAILED, "member": "100.64.3.15:1344"}),),
    meaning="The Service Engine found no ICAP server to talk to.",
    remedy=("On Avi: check direct connectivity from the Service Engine.",),
    runbook="runbooks/connection-error.md",
)
ENTRIES: Facts = {
    "entries_total": 20,
    "entries_icap": 16,
    "entries_passed": 0,
    "entries_modified": 0,
    "entries_blocked": 12,
    "entries_failed": 3,
    "entries_disabled": 1,
    "unscanned_count": 3,
    "first_seen": "2026-01-01T10:00:00+00:00",
    "last_seen": "2026-01-02T00:00:01+00:00",
}


def source(name: str = "log.json", **changed: JSONValue) -> dict[str, JSONValue]:
    return {
        "name": name,
        "container": "lines",
        "label": "JSON Lines",
        "compressed": "",
        "bytes": 1234,
        "total": 22,
        "read": 20,
        "skipped": 1,
        "unreadable": 1,
        "corrections": [{"what": "a missing brace", "line": 3, "column": 17, "offset": None}],
        "corrections_total": 1,
        "problems": [
            {"kind": "unreadable", "reason": "no JSON", "line": 5, "column": 1, "offset": 99, "excerpt": "<html>"}
        ],
        "problems_total": 1,
        **changed,
    }


def bucket(hour: int, **counts: int) -> dict[str, JSONValue]:
    return {"start": datetime(2026, 1, 1, hour, tzinfo=UTC).isoformat(), "step_s": 3600, **counts}


TIMELINE = (bucket(10, blocked=8, unscanned=1), bucket(11, blocked=4), bucket(13, unscanned=2))


def log_report(
    groups: Sequence[Facts] = (BLOCKED, FAILED, DISABLED),
    findings: tuple[Finding, ...] = (FINDING,),
    *,
    sources: Sequence[Mapping[str, JSONValue]] = (source(),),
    entries: Facts = ENTRIES,
    timeline: tuple[Facts, ...] = TIMELINE,
    unmatched: Unmatched = NO_UNMATCHED,
    complete: bool = True,
    notes: Sequence[str] = (),
) -> Report:
    return build_explain_report(
        logs=ReadLogs(
            subject=from_plain(
                LogSubject,
                {
                    "inputs": [source["name"] for source in sources],
                    "sources": list(sources),
                    "records": {"total": 22, "read": 20, "skipped": 1, "unreadable": 1},
                    "entries": entries,
                    "filters": {"since": None, "until": None, "pool": None, "member": None, "actions": []},
                },
            ),
            groups=tuple(
                from_plain(ReportedAnswer if group["probe"] == PASTED else ReportedGroup, group) for group in groups
            ),
            timeline=tuple(from_plain(Bucket, each) for each in timeline),
        ),
        vantage=from_plain(Vantage, VANTAGE),
        findings=findings,
        unmatched=unmatched,
        started_at=START,
        finished_at=END,
        complete=complete,
        notes=notes,
    )
