"""Whose requests failed: names with counts in each group, bounded, the same over any cut of a log."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import pytest

from icapdiag.avi import addresses
from icapdiag.avi.addresses import to_address
from icapdiag.facts import to_plain
from icapdiag.logs.blocks.decoding import BLOCK, FallbackReader, Sink
from icapdiag.logs.blocks.lines import LineScanner
from icapdiag.logs.counting import who
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from tests.logs.test_summary import entry, only_group, summary_of

SENDER: dict[str, Any] = {
    "response_code": 200,
    "vs_name": "shop",
    "virtualservice": "virtualservice-1",
    "service_engine": "se-1",
    "client_ip": 0x0A000001,
    "user_id": "alice",
    "method": "post",
    "host": "shop.example.com",
    "uri_path": "/api/v1/upload/8f3a/a.pdf",
    "request_content_type": "Multipart/form-data; boundary=----x",
    "request_length": 20_000,
    "http_request_policy_rule_name": "scan-uploads",
}
NAMES = {
    "by_virtualservice": {"shop": 1},
    "by_service_engine": {"se-1": 1},
    "by_client": {"10.0.0.1": 1},
    "by_user": {"alice": 1},
    "by_method": {"POST": 1},
    "by_host": {"shop.example.com": 1},
    "by_path": {"/api/v1/upload/*": 1},
    "by_content_type": {"multipart/form-data": 1},
    "by_size": {"10 to 100 KB": 1},
    "by_rule": {"scan-uploads": 1},
}


def streamed(*entries: dict[str, Any], look_into: int = BLOCK, filters: Filters | None = None) -> Summary:
    summary = Summary(filters)
    text = b"".join(json.dumps(each).encode() + b"\n" for each in entries)
    LineScanner(BytesIO(text).readinto, Sink(FallbackReader(summary), look_into=look_into)).run()
    return summary


@pytest.mark.parametrize("make", [summary_of, streamed])
def test_names_of_a_failed_request(make: Any) -> None:
    (group,) = to_plain(make(entry("ICAP_FAILED", **SENDER)).groups())

    assert NAMES == {name: group[name] for name in NAMES}
    assert 1 == group["looked_at"]
    assert (["10.0.0.1"], ["alice"], ["POST"]) == tuple(group[name] for name in ("clients", "users", "http_methods"))


def test_nobody_asks_who_sent_what_passed() -> None:
    group = only_group(entry("ICAP_PASSED", **SENDER))

    assert {"by_virtualservice": {"shop": 1}} == {name: group[name] for name in NAMES if name in group}


@pytest.mark.parametrize(
    ("path", "folder"),
    [("/", "/"), ("/a/b/c", "/a/b/c"), ("/a/b/c/", "/a/b/c/*"), ("/a/b/c/d/e", "/a/b/c/*"), ("x" * 300, "x" * 200)],
)
def test_paths(path: str, folder: str) -> None:
    assert {folder: 1} == only_group(entry("ICAP_FAILED", uri_path=path))["by_path"]


def test_of_many_names_the_frequent_ones_are_kept() -> None:
    others = [entry("ICAP_FAILED", client_ip=f"10.1.{n >> 8}.{n & 255}") for n in range(5000)]
    often = [entry("ICAP_FAILED", client_ip="10.9.9.9") for _ in range(300)]
    mixed = [*others[:2500], *often, *others[2500:]]

    halves = summary_of(*mixed[:2700])
    halves.merge_wire(summary_of(*mixed[2700:]).to_wire())
    for summary in (summary_of(*mixed), halves):
        (group,) = summary.groups()
        assert group.by_client is not None
        assert 300 == group.by_client["10.9.9.9"]
        assert 5300 == sum(group.by_client.values())
        assert who.ROOM + 1 >= len(group.by_client)
        assert who.MORE in group.by_client


def test_merged_halves_have_the_names_of_the_whole() -> None:
    entries = [entry("ICAP_FAILED", **(SENDER | {"client_ip": f"10.0.0.{n % 7}"})) for n in range(40)]
    halves = summary_of(*entries[:13])
    halves.merge_wire(summary_of(*entries[13:]).to_wire())

    assert to_plain(summary_of(*entries).groups()) == to_plain(halves.groups())


def test_late_groups_keep_fewer_names() -> None:
    kinds = [entry("ICAP_FAILED", {"icap_response_code": 400 + n}) for n in range(100)]
    last = [entry("ICAP_FAILED", {"icap_response_code": 499}, client_ip=f"10.0.0.{n}") for n in range(200)]

    group = next(each for each in summary_of(*kinds, *last).groups() if each.answer.icap_status == 499)
    assert who.NARROW + 1 >= len(group.by_client or {})


def test_beyond_the_beginning_of_a_large_log_samples_are_looked_at() -> None:
    entries = [entry("ICAP_FAILED", **SENDER, headers_sent_to_server="x" * 1_000) for _ in range(8000)]
    one_client = Filters(client="10.0.0.1")

    (group,) = streamed(*entries, look_into=0).groups()
    assert 8000 == group.count
    assert 0 < (group.looked_at or 0) < 8000
    assert {"10.0.0.1": group.looked_at} == group.by_client
    (group,) = streamed(*entries, look_into=0, filters=one_client).groups()
    assert 8000 == group.looked_at  # a filter needs all of them


@pytest.mark.parametrize(
    ("filters", "takes"),
    [
        (Filters(vs="shop"), True),
        (Filters(vs="virtualservice-*"), True),
        (Filters(vs="Shop"), False),
        (Filters(client="10.0.0.?"), True),
        (Filters(client="10.0.0.2"), False),
        (Filters(method="Post"), True),
        (Filters(method="PUT"), False),
        (Filters(path="/api/v1/upload/*"), True),
        (Filters(path="/api/v1/[u]pload/*"), False),
        (Filters(request_id="r-1"), True),
        (Filters(request_id="r-2", method="POST"), False),
        (Filters(path="/api/*", actions=frozenset({"ICAP_BLOCKED"})), False),
    ],
)
@pytest.mark.parametrize("make", [summary_of, streamed])
def test_filters(make: Any, filters: Filters, takes: bool) -> None:
    summary = make(entry("ICAP_FAILED", **SENDER, request_id="r-1"), filters=filters)

    assert (int(takes), int(not takes)) == (summary.head().icap_requests, summary.filtered)


@pytest.mark.parametrize(
    ("fields", "outcome", "body", "by"),
    [
        ({"method": "GET", "response_code": 200}, "disabled", "no", None),
        ({"method": "POST", "response_code": 200}, "unscanned", "yes", None),
        ({"method": "put", "response_code": 404}, "unscanned", "yes", None),
        ({"method": "POST", "response_code": 200, "request_length": 0}, "disabled", "no", None),
        ({"method": "POST", "response_code": 0}, "disabled", "yes", None),
        ({"method": "POST", "response_code": 403}, "disabled", "yes", "rule"),
        ({"method": "POST", "response_code": 403, "waf_log": {"status": "REJECTED"}}, "disabled", "yes", "waf"),
        ({"method": "POST", "response_code": 403, "server_response_code": 0}, "disabled", "yes", "rule"),
        ({"method": "POST", "response_code": 403, "server_response_code": 403}, "unscanned", "yes", None),
        ({"method": "POST", "response_code": 200, "waf_log": {"status": "FLAGGED"}}, "unscanned", "yes", None),
        ({"response_code": 200}, "disabled", "unknown", None),
    ],
)
@pytest.mark.parametrize("make", [summary_of, streamed])
def test_icap_disabled_is_judged_by_what_the_request_carried(
    make: Any, fields: dict[str, Any], outcome: str, body: str, by: str | None
) -> None:
    summary = make({"virtualservice": "v", "icap_log": {"action": "ICAP_DISABLED"}, **fields})

    (group,) = summary.groups()
    assert (outcome, body, by) == (group.client_outcome, group.request_body, group.answered_by)
    assert {outcome: 1} == {name: number for name, number in summary.outcomes().items() if number}


@pytest.mark.parametrize("code", [302, 400, 404, 413, 503])
@pytest.mark.parametrize(
    ("others", "outcome", "by"),
    [
        ({"server_response_code": 200}, "disabled", "avi"),  # a log that has the application's codes
        ({}, "unscanned", None),  # one that may have been exported without them
    ],
)
def test_who_refused_an_upload_without_icap(code: int, others: dict[str, Any], outcome: str, by: str | None) -> None:
    disabled = {"virtualservice": "v", "icap_log": {"action": "ICAP_DISABLED"}, "method": "POST"}
    minute = {"report_timestamp": "2026-06-17T10:00:00.000000+00:00", "response_code": code}
    whole = summary_of(disabled | minute, entry("ICAP_PASSED", response_code=200, **others))
    halves = summary_of(disabled | minute)
    halves.merge_wire(summary_of(entry("ICAP_PASSED", response_code=200, **others)).to_wire())

    for summary in (whole, halves):
        (group,) = (each for each in summary.groups() if each.icap_action == "ICAP_DISABLED")
        assert (outcome, by) == (group.client_outcome, group.answered_by)
        assert {outcome: 1, "passed": 1} == {name: number for name, number in summary.outcomes().items() if number}
        assert 1 == sum(getattr(each, outcome) for each in summary.timeline())
        assert int(outcome == "unscanned") == summary.head().unscanned_disabled


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"method": "POST", "response_code": 200}], "upload"),
        ([{"method": "GET", "response_code": 200}], "no-body"),
        ([{"method": "POST", "response_code": 403, "waf_log": {"status": "REJECTED"}}], "waf"),
        ([{"method": "POST", "response_code": 403}], "rule"),
        ([{"method": "POST", "response_code": 403, "server_response_code": 403}], "upload"),
        ([{"method": "POST", "response_code": 403}, {"response_code": 403, "waf_log": {"status": "REJECTED"}}], "rule"),
        ([{"method": "POST", "response_code": 0}], "unanswered"),
        ([{"dns_fqdn": "www.example.test"}], "dns"),
        ([{}], "upload"),  # nothing is known of it
        ([{"response_code": 200}], "upload"),
        ([{"method": "POST", "icap_log": {}, "response_code": 403}], "rule"),
        ([{"method": "GET", "response_code": 200}, {"method": "POST", "response_code": 403}], "mixed"),
        ([{"method": "GET", "response_code": 200}, {"method": "POST", "response_code": 200}], "upload"),
        ([{"method": "GET", "response_code": 200}, entry("ICAP_PASSED")], None),
        ([], None),
    ],
)
@pytest.mark.parametrize("make", [summary_of, streamed])
def test_what_became_of_a_log_without_icap(make: Any, entries: list[dict[str, Any]], expected: str | None) -> None:
    entries = [{"virtualservice": "v", **each} for each in entries]
    later = summary_of()
    later.merge_wire(make(*entries).to_wire())

    assert [expected] * 2 == [each.head().without_icap for each in (make(*entries), later)]


def test_which_uploads_went_through_icap() -> None:
    uploaded = [
        entry(action, method=method, uri_path=path, response_code=200)
        for action, method, path in (
            ("ICAP_PASSED", "post", "/v2/documents"),
            ("ICAP_PASSED", "POST", "/v2/documents"),
            ("ICAP_PASSED", "PUT", "/a/b/c/d"),
            ("ICAP_PASSED", "GET", "/index.html"),
            ("ICAP_DISABLED", "POST", "/v3/documents"),
        )
    ]
    halves = summary_of(*uploaded[:2])
    halves.merge_wire(summary_of(*uploaded[2:]).to_wire())

    for summary in (summary_of(*uploaded), halves):
        found = {group.icap_action: group.uploads for group in summary.groups()}
        assert {"ICAP_PASSED": ("POST /v2/documents", "PUT /a/b/c/*"), "ICAP_DISABLED": None} == found


def test_what_the_unscanned_requests_consist_of() -> None:
    large = {"significant_log": ["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"], "response_code": 200}
    retried = entry("ICAP_FAILED", **large)
    retried["icap_log"]["request_logs"] *= 3
    disabled = {"virtualservice": "v", "icap_log": {"action": "ICAP_DISABLED"}, "response_code": 200, "method": "POST"}
    entries = [entry("ICAP_FAILED", response_code=200)] * 4 + [retried, entry("ICAP_PASSED", **large)] + [disabled] * 3
    halves = summary_of(*entries[:5])
    halves.merge_wire(summary_of(*entries[5:]).to_wire())

    for summary in (summary_of(*entries), halves):
        head = summary.head()
        assert (9, 4, 2, 3) == (
            head.unscanned_count, head.unscanned_failed, head.unscanned_too_large, head.unscanned_disabled
        )  # fmt: skip


def test_what_icap_was_disabled_for_is_known_in_all_of_a_large_log() -> None:
    padding = {"headers_sent_to_server": "x" * 10_000}
    passed = [entry("ICAP_PASSED", response_code=200, **padding) for _ in range(200)]
    disabled: list[dict[str, Any]] = [
        {"virtualservice": "v", "icap_log": {"action": "ICAP_DISABLED"}, "response_code": 200, "method": method}
        for method in ("GET", "POST", "POST")
    ]

    summary = streamed(*passed, *disabled, *passed, *disabled, look_into=0)

    assert (4, 406) == (summary.head().unscanned_disabled, summary.head().entries_total)
    assert {("no", 2), ("yes", 4)} == {
        (group.request_body, group.count) for group in summary.groups() if group.request_body
    }


@pytest.mark.parametrize(
    "value",
    [
        "10.0.0.1",
        "255.255.255.255",
        167772161,
        -1,
        "2001:DB8::1",
        "0.0.0.0",  # noqa: S104
        "999.1.1.1",
        "01.2.3.4",
        "x",
        None,
        "10.0.0.1\n",
    ],
)
def test_the_quick_way_to_an_address_is_the_long_one(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    found = to_address(value)
    monkeypatch.setattr(addresses, "IPV4", re.compile(r"(?!)"))

    assert to_address(value) == found
