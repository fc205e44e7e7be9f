"""What Avi logs of an ICAP request beside its action is shown: NSX Defender, OPSWAT, flow, pool, rule and so on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icapdiag.api.explaining import explain
from icapdiag.report.terminal import render
from tests.logs.test_summary import entry

AT = "2025-06-01T09:00:00.000000+00:00"
TASK = "https://user.example.com/portal#/analyst/task/abc/overview"


def blocked(**request: Any) -> dict[str, Any]:
    return entry("ICAP_BLOCKED", {"icap_response_code": 200, "http_response_code": 403, **request}, report_timestamp=AT)


SHOWN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "score": (
        blocked(nsx_defender_log={"score": 80, "task_uuid": "abc", "status_url": TASK}),
        ("NSX Defender score 80", TASK),
    ),
    "pending": (
        entry("ICAP_PASSED", {"icap_response_code": 204, "nsx_defender_log": {"task_uuid": "abc", "status_url": TASK}}),
        ("without a score yet", TASK),
    ),
    "resolution": (
        blocked(opswat_log={"violations": [{"threat_name": "X", "resolution": "ICAP_FILE_REPAIRED"}]}),
        ("resolution: ICAP_FILE_REPAIRED",),
    ),
    "flow and pool": (
        blocked(source_port=40123, pool_uuid="poolgroup-1", pool_name="PG"),
        ("ICAP source ports 40123", "uuid poolgroup-1", "pool PG"),
    ),
    "rule and media type": (
        blocked() | {"http_security_policy_rule_name": "scan uploads", "method": "POST", "request_content_type": "a/b"},
        ("--rule 'scan uploads'", "--method POST", "--content-type a/b"),
    ),
    "RESPMOD": (blocked(icap_method="ICAP_METHOD_RESPMOD"), ("RESPMOD",)),
    "unknown action": (entry("ICAP_SKIPPED", {"icap_response_code": 200}), ("Unknown ICAP action", "ICAP_SKIPPED")),
    "unknown code": (
        entry("ICAP_FAILED", {}, significant_log=["ADF_ICAP_NEW_CODE"], response_code=500),
        ("ADF_ICAP_NEW_CODE",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SHOWN)
def test_it_is_shown_with_v(what: str, tmp_path: Path) -> None:
    logged, words = SHOWN[what]
    path = tmp_path / "log.json"
    path.write_text(json.dumps([logged]))
    shown = " ".join(render(explain([str(path)]), detail=1, width=400).split())

    assert [] == [each for each in words if each not in shown]
