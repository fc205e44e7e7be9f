"""Since when: the first sentence gives the time of the requests that it counts, not of the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icapdiag.api.explaining import explain
from tests.logs.test_summary import entry
from tests.report.documents import document

PASSED = ("ICAP_PASSED", {"icap_response_code": 204}, {"response_code": 200})
UPLOAD = {"method": "POST", "response_code": 200, "request_length": 90_000, "uri_path": "/v3"}


@pytest.mark.parametrize(
    ("action", "details", "said"),
    [
        ("ICAP_DISABLED", UPLOAD, "2 of 6 requests passed unscanned, 2026-06-17 10:00:02 to 10:00:03 UTC"),
        ("ICAP_FAILED", {"response_code": 200}, "2 of 6 requests passed unscanned, 2026-06-17 10:00:02 to 10:00:03"),
        ("ICAP_FAILED", {"response_code": 500}, "2 of 6 requests refused, 2026-06-17 10:00:02 to 10:00:03 UTC"),
        ("ICAP_PASSED", {"response_code": 200}, "6 requests passed, 2026-06-17 10:00:00 to 10:00:05 UTC"),
    ],
)
def test_the_time_is_that_of_the_requests_counted(
    tmp_path: Path, action: str, details: dict[str, Any], said: str
) -> None:
    entries = []
    for number in range(6):
        stamp = {"report_timestamp": f"2026-06-17T10:00:0{number}.000000+00:00"}
        if number in {2, 3}:
            entries.append({**details, **stamp, "icap_log": {"action": action}})
        else:
            entries.append(entry(PASSED[0], PASSED[1], **PASSED[2] | stamp))
    log = tmp_path / "log.json"
    log.write_text(json.dumps(entries))

    assert said in document(explain([str(log)])).overview.sentence


@pytest.mark.parametrize(
    ("failing", "hours", "over"),
    [
        (range(150, 271, 30), 2, True),
        (range(150, 271, 30), 0.1, False),  # the log ends before that says much
        (range(0, 7200, 1200), 2, False),  # others pass between them
    ],
)
def test_an_outage_that_is_over_needs_no_emergency_step(
    tmp_path: Path, failing: range, hours: float, *, over: bool
) -> None:
    entries = []
    for second in range(0, int(hours * 3600), 30):
        moment = f"2026-06-17T{10 + second // 3600}:{second // 60 % 60:02}:{second % 60:02}.000000+00:00"
        action = "ICAP_FAILED" if second in failing else "ICAP_PASSED"
        codes = ["ADF_ICAP_CONNECTION_ERROR"] if second in failing else []
        more = {"vs_name": "shop", "report_timestamp": moment, "response_code": 200, "significant_log": codes}
        entries.append(entry(action, {"icap_server_ip": "10.0.0.1"}, **more))
    log = tmp_path / "log.json"
    log.write_text(json.dumps(entries))

    made = document(explain([str(log)]))

    assert over is ("(none since; requests scanned until 2026-06-17 11:59:30)" in made.overview.sentence)
    assert over is made.overview.first.startswith("Find the files that passed unscanned from 2026-06-17 10:02:30 UTC")
    assert over is made.problems[0].fix[0].startswith("It is over.")
