"""A request that was tried again: each attempt stands for itself, and what went well in the end went well."""

from __future__ import annotations

from typing import Any

import pytest

from icapdiag.facts import to_plain
from icapdiag.runbook import load_runbooks, match
from icapdiag.vocabulary import Effect, Severity
from tests.logs.test_summary import summary_of

FIRST = {
    "action": "ICAP_FAILED",
    "icap_response_code": 0,
    "icap_absolute_uri": "icap://10.0.0.15:1344/avscan ",
    "icap_headers_received_from_server": "",
}
SECOND = {
    "action": "ICAP_PASSED",
    "icap_response_code": 204,
    "icap_absolute_uri": "icap://10.0.0.16:1344/avscan ",
    "icap_headers_received_from_server": "X-Response-Info: Allowed\r\n",
}


def retried(*attempts: dict[str, Any], codes: tuple[str, ...] = ("ADF_ICAP_CONNECTION_ERROR",)) -> dict[str, Any]:
    return {
        "adf": True,
        "virtualservice": "v",
        "response_code": 200,
        "significant_log": list(codes),
        "significance": "ICAP Error",
        "icap_log": {"action": "ICAP_PASSED", "request_logs": list(attempts)},
    }


def test_only_the_attempt_that_failed_is_to_blame() -> None:
    summary = summary_of(retried(FIRST, SECOND))
    failed, passed = to_plain(summary.groups())
    problems = match(load_runbooks(), summary.observations()).problems

    assert ("ICAP_FAILED", ["ADF_ICAP_CONNECTION_ERROR"]) == (failed["icap_action"], failed["adf_codes"])
    assert ("ICAP_PASSED", [], None) == (passed["icap_action"], passed["adf_codes"], passed["significance"])
    assert [("icap-connection-error", Severity.WARNING, Effect.NONE, ("10.0.0.15:1344",))] == [
        (each.finding, each.severity, each.effect, each.members) for each in problems
    ]
    assert (1, 0, 2) == (
        summary.head().entries_passed, summary.head().unscanned_count, summary.head().icap_requests
    )  # fmt: skip


def test_what_failed_in_the_end_is_as_severe_as_ever() -> None:
    entry = retried(FIRST, FIRST)
    entry["icap_log"]["action"] = "ICAP_FAILED"
    (root, *_) = match(load_runbooks(), summary_of(entry).observations()).problems

    assert (Severity.CRITICAL, Effect.UNSCANNED) == (root.severity, root.effect)


@pytest.mark.parametrize("headers", [None, ""])
def test_status_0_is_no_answer(headers: str | None) -> None:
    attempt = FIRST | {"icap_headers_received_from_server": headers}
    (failed, _) = to_plain(summary_of(retried(attempt, SECOND)).groups())

    assert (None, None) == (failed["icap_status"], failed.get("verdict"))


def test_other_codes_stay_with_every_attempt() -> None:
    codes = ("ADF_ICAP_CONNECTION_ERROR", "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME")
    _, passed = to_plain(summary_of(retried(FIRST, SECOND, codes=codes)).groups())

    assert ["ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"] == passed["adf_codes"]
