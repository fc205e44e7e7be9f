"""Entries with the documented fields of Avi's API: each leads to its right answer, and to nothing else.

The entries are made here from what the API's documentation says of the fields. Where the evidence lies beside the
checkout, its files are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from icapdiag.api.explaining import explain
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.report.document.evidence import describe
from icapdiag.report.document.words import gap, unscanned
from icapdiag.report.terminal import render
from tests.conftest import NO_EVIDENCE

EVIDENCE = Path(__file__).parents[3] / "shared" / "evidence" / "avi-logs"
OPSWAT = 'Server: Metadefender Core V4\r\nISTag: "1"\r\nX-Response-Info: Allowed\r\nEncapsulated: null-body=0\r\n'
TASK = {"task_uuid": "abc123uuid", "status_url": "https://user.lastline.com/portal#/analyst/task/abc123uuid/overview"}


def attempt(action: str, host: str = "100.64.3.15", **fields: Any) -> dict[str, Any]:
    return {
        "action": action,
        "icap_response_code": 204,
        "icap_method": "ICAP_METHOD_REQMOD",
        "http_method": "HTTP_METHOD_POST",
        "icap_absolute_uri": f"icap://{host}:1344/OMSScanReq-AV ",
        "complete_body_sent": True,
        "pool_name": {"val": "PG", "crc32": 1},
        "latency": "456",
        "icap_headers_received_from_server": OPSWAT,
        "source_port": 40123,
        "vendor": "ICAP_VENDOR_OPSWAT",
        **fields,
    }


def entry(action: str, *attempts: dict[str, Any], second: float = 0, **fields: Any) -> dict[str, Any]:
    log: dict[str, Any] = {"action": action}
    return {
        "adf": True,
        "report_timestamp": f"2025-06-01T09:{int(second) // 60:02d}:{second % 60:09.6f}+00:00",
        "virtualservice": "virtualservice-1",
        "vs_name": "vs1",
        "service_engine": "se-1",
        "method": "POST",
        "uri_path": "/upload",
        "response_code": 200,
        "request_length": 1000,
        "significant_log": [],
        "icap_log": log | ({"request_logs": list(attempts)} if attempts else {}),
        **fields,
    }


def blocked(**fields: Any) -> list[dict[str, Any]]:
    request = attempt("ICAP_BLOCKED", icap_response_code=200, http_response_code=403, **fields)
    return [entry("ICAP_BLOCKED", request, response_code=403, significant_log=["ADF_ICAP_BLOCKED"])]


def resolved(resolution: str) -> list[dict[str, Any]]:
    found = {"file_name": "a.zip/b.exe", "threat_name": "EICAR", "resolution": resolution}
    return blocked(opswat_log={"reason": "Infected", "threat_id": "EICAR-Test-File", "violations": [found]})


PAGE_VIEWS = [entry("ICAP_DISABLED", second=n, method="GET", uri_path="/", request_length=300) for n in range(90)]
SCANNED = [entry("ICAP_PASSED", attempt("ICAP_PASSED"), second=100 + n, uri_path="/v2/documents") for n in range(60)]
BYPASSING = [entry("ICAP_DISABLED", second=200 + n, uri_path="/v3/documents") for n in range(20)]
OUTAGE = [
    entry(
        "ICAP_FAILED",
        attempt("ICAP_FAILED", icap_response_code=None, icap_headers_received_from_server=None),
        second=n // 10 + n % 10 / 250,
        significant_log=["ADF_ICAP_CONNECTION_ERROR"],
    )
    for n in range(400)
]
RETRIED = entry(
    "ICAP_PASSED",
    attempt("ICAP_FAILED", icap_response_code=0, icap_headers_received_from_server=""),
    attempt("ICAP_PASSED", "100.64.3.16"),
    significant_log=["ADF_ICAP_CONNECTION_ERROR"],
)
WAF = entry("ICAP_DISABLED", response_code=403, waf_log={"status": "REJECTED"}, significant_log=["ADF_WAF_MATCH"])
RESPONSE = entry(
    "ICAP_BLOCKED",
    attempt("ICAP_PASSED"),
    attempt("ICAP_BLOCKED", icap_method="ICAP_METHOD_RESPMOD", icap_response_code=200, http_response_code=403),
    response_code=403,
    significant_log=["ADF_ICAP_BLOCKED"],
)

LOGS: dict[str, Any] = {
    "201-first-page-of-60000": {"count": 60000, "results": OUTAGE[:200], "next": "https://c/api?page=2"},
    "202-throttled-outage": OUTAGE,
    "203-disabled-with-uploads": PAGE_VIEWS + SCANNED + BYPASSING,
    "204-disabled-by-design": PAGE_VIEWS + SCANNED,
    "205-retry-two-members": RETRIED,
    "206-waf-blocked-first": WAF,
    "207-nsx-defender": blocked(vendor="ICAP_VENDOR_LASTLINE", nsx_defender_log={"score": 80, **TASK}),
    "208-nsx-pending": entry(
        "ICAP_PASSED",
        attempt("ICAP_PASSED", vendor="ICAP_VENDOR_LASTLINE", icap_headers_received_from_server=None)
        | {"nsx_defender_log": TASK},
    ),
    "209-future-action": entry("ICAP_SKIPPED", attempt("ICAP_SKIPPED")),
    "210-respmod-blocked": RESPONSE,
    "211-file-repaired": resolved("ICAP_FILE_REPAIRED"),
    "212-section-removed": resolved("ICAP_VIOLATING_SECTION_REMOVED"),
    "213-ipv6": entry("ICAP_PASSED", attempt("ICAP_PASSED", "[2001:db8::5]")),
}
# Findings in order, the verdict, what passed unscanned; what evidence or the screen says, and what neither does.
ANSWERS: dict[str, tuple[list[str], str, int | None, Sequence[str], Sequence[str]]] = {
    "201-first-page-of-60000": (
        ["icap-connection-error", "unscanned-passed", "log-throttled", "significant-logs-only"],
        "critical", 200, ["the file holds 200 of 60,000 entries"], [],
    ),
    "202-throttled-outage": (
        ["icap-connection-error", "unscanned-passed", "log-throttled", "significant-logs-only"],
        "critical", None, ["at least ", "exactly 10 entries in ", "icap_stats.sum_requests"], [],
    ),
    "203-disabled-with-uploads": (
        ["uploads-bypass-icap"], "critical", 20, ["/v3/documents", "POST", "20 of 170 requests"], [],
    ),
    "204-disabled-by-design": ([], "ok", 0, ["60 passed"], ["WARNING", "unscanned"]),
    "205-retry-two-members": (
        ["icap-connection-error"], "warning", 0, ["at 100.64.3.15:1344 [icap"], ["ICAP 0", "passed unscanned"],
    ),
    "206-waf-blocked-first": ([], "ok", 0, ["403 (not offered to ICAP)"], ["WARNING", "unscanned"]),
    "207-nsx-defender": (
        ["request-blocked"], "ok", 0, ["NSX Defender score 80", str(TASK["status_url"])], [],
    ),
    "208-nsx-pending": (
        ["nsx-defender-pending"], "ok", 0, ["1 without a score yet", str(TASK["status_url"])], [],
    ),
    "209-future-action": (["icap-action-unknown"], "warning", 0, ["ICAP_SKIPPED"], ["OK  "]),
    "210-respmod-blocked": (["response-blocked"], "ok", 0, ["RESPMOD, the response was scanned"], []),
    "211-file-repaired": (["eicar-test"], "ok", 0, ["resolution: ICAP_FILE_REPAIRED"], []),
    "212-section-removed": (["eicar-test"], "ok", 0, ["resolution: ICAP_VIOLATING_SECTION_REMOVED"], []),
    "213-ipv6": ([], "ok", 0, ["[2001:db8::5]:1344"], []),
}  # fmt: skip


def check(name: str, report: Report) -> None:
    findings, verdict, passed, said, unsaid = ANSWERS[name]
    screen = " ".join(render(report, detail=1).split())
    seen = " ".join(describe(each) for finding in report.findings for each in finding.evidence)
    text = f"{screen} {seen}"

    assert sorted(findings) == sorted(each.id for each in report.findings)
    assert verdict == report.verdict
    assert passed is None or passed == unscanned(report).total
    assert [] == [words for words in said if words not in text]
    assert [] == [words for words in unsaid if words in text]
    assert ("60,000" in gap(report)) == (not report.complete)


@pytest.mark.parametrize("name", LOGS)
def test_each_has_its_right_answer(name: str, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(LOGS[name]))

    check(name, explain([str(tmp_path / "log.json")]))


@pytest.mark.parametrize("name", LOGS)
def test_so_has_the_evidence(name: str) -> None:
    path = EVIDENCE / f"{name}.json"
    if not path.exists():
        pytest.skip(NO_EVIDENCE)

    check(name, explain([str(path)]))


@pytest.mark.parametrize(
    ("name", "verdict", "head", "row"),
    [
        ("204-disabled-by-design", "60 passed, 90 not offered to ICAP", "requests", "200 (passed) 60"),
        (
            "205-retry-two-members",
            "1 ICAP attempt failed; another passed: no user affected",
            "requests",
            "200 (passed) 1 100.0 % 100.64.3.16:1344 (1 of 1 there)",
        ),
        (
            "206-waf-blocked-first",
            "1 request not offered to ICAP: answered by WAF",
            "requests",
            "(not offered to ICAP) 1 100.0 % answered by WAF",
        ),
        (
            "210-respmod-blocked",
            "1 request blocked as intended: Response blocked (RESPMOD)",
            "requests",
            "mostly at (ICAP requests) main reason 403 (blocked) 1 100.0 % 100.64.3.15:1344 (2 of 2 there)",
        ),
    ],
)
def test_the_screen_counts_requests_or_says_what_it_counts(
    name: str, verdict: str, head: str, row: str, tmp_path: Path
) -> None:
    (tmp_path / "log.json").write_text(json.dumps(LOGS[name]))
    first, table, *_ = render(explain([str(tmp_path / "log.json")]), width=120).split("\n\n")
    text = " ".join(table.split())

    assert verdict in first
    assert text.startswith(f"client got {head} share")
    assert row in text


def test_a_failed_attempt_is_not_why_a_request_passed(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(RETRIED))
    table = render(explain([str(tmp_path / "log.json")]), width=120).split("\n\n")[1]

    assert "ADF_ICAP_CONNECTION_ERROR" not in table
    assert "Allowed" in table


@pytest.mark.parametrize(
    ("method", "said"), [("PUT", "no request matches the filters"), ("POST", "20 of 80 requests passed unscanned")]
)
def test_filters_that_match_nothing_are_said(method: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(LOGS["203-disabled-with-uploads"]))
    report = explain([str(tmp_path / "log.json")], filters=Filters(method=method))

    assert said in render(report)
