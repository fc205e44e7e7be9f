"""What the filters of ``explain`` leave of a log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.counting.filters import Filters
from tests.logs.test_summary import entry, summary_of

AT = datetime(2024, 3, 9, 16, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (Filters(), "abcde"),
        (Filters(since=AT), "cd"),
        (Filters(until=AT), "ab"),
        (Filters(since=AT, until=AT), ""),
        (Filters(pool="PG-*"), "ab"),
        (Filters(member="10.0.0.1"), "ac"),
        (Filters(member="10.0.0.1:1344"), "ac"),
        (Filters(member="10.0.0.?:1345"), "b"),
        (Filters(actions=frozenset({"ICAP_FAILED", "ICAP_BLOCKED"})), "cd"),
        (Filters(pool="pg-1", actions=frozenset({"ICAP_BLOCKED"})), ""),
    ],
)
def test_filters(filters: Filters, left: str) -> None:
    def one(name: str, action: str, second: int | None, address: str, port: int, pool: str) -> dict[str, Any]:
        place = {"icap_server_ip": address, "icap_server_port": port, "pool_name": pool}
        time = None if second is None else f"2024-03-09T16:00:{second:02d}Z"
        return entry(action, place, report_timestamp=time, request_id=name)

    summary = summary_of(
        one("a", "ICAP_PASSED", 1, "10.0.0.1", 1344, "pg-1"),
        one("b", "ICAP_PASSED", 4, "10.0.0.2", 1345, "pg-2"),
        one("c", "ICAP_FAILED", 5, "10.0.0.1", 1344, "x"),
        one("d", "ICAP_BLOCKED", 6, "10.0.0.3", 1344, "x"),
        one("e", "ICAP_PASSED", None, "10.0.0.3", 1344, "y"),
        filters=filters,
    )

    names = [name for facts in to_plain(summary.groups()) for name in facts["request_ids"]]
    assert left == "".join(sorted(names))
    head = to_plain(summary.head())
    assert (len(left), 5 - len(left)) == (head["entries_total"], head["filtered"])


def test_names_of_actions() -> None:
    assert {"ICAP_FAILED"} == {Filters.action_name(word) for word in ("failed", "ICAP_FAILED", " Icap_Failed ")}
    with pytest.raises(ValueError, match="passed, modified, blocked, failed"):
        Filters.action_name("broken")


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (Filters(reason="ADF_ICAP_TIMEDOUT"), "f"),
        (Filters(reason="ADF_*"), "f"),
        (Filters(reason="Infected"), "b"),
        (Filters(reason="infected"), ""),
        (Filters(reason="Blocked by *"), "o"),
        (Filters(reason="*"), "bfop"),
        (Filters(se="se-?"), "bf"),
        (Filters(rule="scan uploads"), "b"),
        (Filters(content_type="image/png"), "b"),
        (Filters(content_type="IMAGE/*"), "b"),
        (Filters(content_type="multipart/form-data"), "f"),
        (Filters(reason="ADF_*", se="se-1"), ""),
    ],
)
def test_reasons_and_what_was_decided_by_whom(filters: Filters, left: str) -> None:
    summary = summary_of(
        entry(
            "ICAP_BLOCKED",
            {"icap_response_code": 200, "icap_headers_received_from_server": "X-Response-Desc: Infected\r\n"},
            request_id="b",
            service_engine="se-1",
            http_security_policy_rule_name="scan uploads",
            request_content_type="image/PNG",
        ),
        entry(
            "ICAP_FAILED",
            {},
            request_id="f",
            service_engine="se-2",
            significant_log=["ADF_ICAP_TIMEDOUT"],
            request_content_type="multipart/form-data; boundary=x",
        ),
        entry("ICAP_BLOCKED", {"opswat_log": {"reason": "Blocked by policy"}}, request_id="o"),
        entry("ICAP_PASSED", {"icap_response_code": 204}, request_id="p"),
        filters=filters,
    )

    names = [name for facts in to_plain(summary.groups()) for name in facts["request_ids"]]
    assert left == "".join(sorted(names))


def test_an_attempt_that_did_not_fail_has_not_the_reason_of_the_one_that_did() -> None:
    retried = entry("ICAP_PASSED", {"icap_response_code": 204}, request_id="r", significant_log=["ADF_ICAP_TIMEDOUT"])
    retried["icap_log"]["request_logs"].insert(0, {"action": "ICAP_FAILED"})

    counted = {
        reason: sum(facts["count"] for facts in to_plain(summary_of(retried, filters=Filters(reason=reason)).groups()))
        for reason in ("ADF_ICAP_TIMEDOUT", "*")
    }

    assert {"ADF_ICAP_TIMEDOUT": 1, "*": 2} == counted
    (passed,) = summary_of(retried, filters=Filters(actions=frozenset({"ICAP_PASSED"}))).groups()
    assert not passed.adf_codes
