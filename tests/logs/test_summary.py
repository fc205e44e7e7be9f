"""What a summary says of the entries it was given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from icapdiag.avi.entry import decode_entry
from icapdiag.facts import to_plain
from icapdiag.icap.message import Response
from icapdiag.logs.counting import counter, group, logged_answer, timeline
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.model import Facts
from icapdiag.vocabulary import Status
from tests.facts import facts_of

INFECTED = (
    'Date: Thu, 19 Nov 2020 13:55:{:02d} G11T\r\nServer: Metadefender Core V4\r\nISTag: "0016057941{:02d}"\r\n'
    "X-ICAP-Profile: File process\r\nX-Response-Info: Blocked\r\nX-Response-Desc: Infected\r\n"
    "X-Blocked-Reason: Infected\r\nX-Infection-Found: Type=0"
)


def summary_of(*entries: dict[str, Any], filters: Filters | None = None) -> Summary:
    summary = Summary(filters)
    summary.add_all([decode_entry(entry) for entry in entries])
    return summary


def entry(action: str, request: dict[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
    request = {"action": action, **(request or {})}
    fields.setdefault("report_timestamp", "2024-03-09T16:00:00.000000+00:00")
    return {**fields, "icap_log": {"action": action, "request_logs": [request]}}


def only_group(*entries: dict[str, Any]) -> Facts:
    groups: list[Facts] = to_plain(summary_of(*entries).groups())
    assert 1 == len(groups)
    return groups[0]


@pytest.mark.parametrize("border", range(1, 9))
def test_halves_have_the_examples_of_the_whole(border: int) -> None:
    entries = [
        entry("ICAP_PASSED", {"pool_uuid": f"poolgroup-{number // 2}", "source_port": number}, request_id=f"R{number}")
        for number in range(9)
    ]
    halves = summary_of(*entries[:border])
    halves.merge_wire(summary_of(*entries[border:]).to_wire())
    assert to_plain(summary_of(*entries).groups()) == to_plain(halves.groups())


def test_a_blocked_request_in_all_its_facts() -> None:
    request = {
        "icap_response_code": 200,
        "icap_method": "ICAP_METHOD_REQMOD",
        "http_response_code": 403,
        "icap_absolute_uri": "icap://100.64.3.15:1344/OMSScanReq-AV ",
        "complete_body_sent": True,
        "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1799851903},
        "latency": "1275",
        "icap_headers_sent_to_server": "Host: 100.64.3.15:1344\r\nPreview: 653\r\nAllow: 204\r\n",
        "icap_headers_received_from_server": INFECTED.format(0, 0),
        "reason": "Infected",
        "threat_id": "EICAR-Test-File (not a virus)",
    }

    facts = only_group(
        entry(
            "ICAP_BLOCKED",
            request,
            response_code=403,
            significant_log=["ADF_RESPONSE_CODE_4XX", "ADF_ICAP_BLOCKED"],
            significance="Request ended abnormally: response code 4xx, ICAP Blocked",
            request_length=700,
            request_id="R1",
            virtualservice="virtualservice-1",
            service_engine="se-1",
        )
    )

    assert {
        "icap_action": "ICAP_BLOCKED",
        "client_outcome": "blocked",
        "adf_codes": ["ADF_ICAP_BLOCKED"],
        "significance": "Request ended abnormally: response code 4xx, ICAP Blocked",
        "icap_status": 200,
        "http_status": 403,
        "icap_method": "ICAP_METHOD_REQMOD",
        "method": "REQMOD",
        "complete_body_sent": True,
        "vendor": None,
        "opswat_reason": "Infected",
        "service_uri": "/OMSScanReq-AV",
        "verdict": "blocked",
        "verdict_reason": "X-Infection-Found says: Type=0: Infected",
        "decided_by": ["X-Infection-Found", "X-Blocked-Reason", "X-Response-Desc", "X-Response-Info", "http-status"],
        "istag": '"001605794100"',
        "server": "Metadefender Core V4",
        "product": "metadefender",
        "x_icap_profile": "File process",
        "x_response_info": "Blocked",
        "x_response_desc": "Infected",
        "x_blocked_reason": "Infected",
        "x_infection_found": "Type=0",
        "count": 1,
        "first_seen": "2024-03-09T16:00:00.000000+00:00",
        "last_seen": "2024-03-09T16:00:00.000000+00:00",
        "members": ["100.64.3.15:1344"],
        "pools": ["ICAP-POOL-GROUP"],
        "threats": ["EICAR-Test-File (not a virus)"],
        "response_code": 403,
        "latency_p50_ms": 1275,
        "latency_p95_ms": 1275,
        "latency_p99_ms": 1275,
        "latency_max_ms": 1275,
        "request_length_max": 700,
        "modified_content_length_max": None,
        "nsx_score_max": None,
        "preview_sent": 653,
        "request_ids": ["R1"],
        "virtualservices": ["virtualservice-1"],
        "service_engines": ["se-1"],
        "status": "ok",
        "logged_reason": "Infected",
        "by_member": {"100.64.3.15:1344": 1},
        "by_pool": {"ICAP-POOL-GROUP": 1},
        "by_threat": {"EICAR-Test-File (not a virus)": 1},
        "by_virtualservice": {"virtualservice-1": 1},
        "by_service_engine": {"se-1": 1},
        "by_size": {"under 1 KB": 1},
        "looked_at": 1,
        "probe": "",
        "findings": [],
    } == facts


@pytest.mark.parametrize(
    ("action", "code", "codes", "outcome"),
    [
        ("ICAP_PASSED", 200, [], "passed"),
        ("ICAP_PASSED", 503, [], "passed"),
        ("ICAP_MODIFIED", 200, [], "modified"),
        ("ICAP_BLOCKED", 403, [], "blocked"),
        ("ICAP_FAILED", 403, ["ADF_ICAP_FAILED"], "unknown"),
        ("ICAP_BLOCKED", 500, ["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"], "blocked"),
        ("ICAP_DISABLED", 200, [], "disabled"),
        ("ICAP_FAILED", 200, ["ADF_ICAP_FAILED"], "unscanned"),
        ("ICAP_FAILED", 404, [], "unscanned"),
        ("ICAP_FAILED", 500, [], "refused-500"),
        ("ICAP_FAILED", 413, ["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"], "refused-413"),
        ("ICAP_FAILED", 413, [], "unscanned"),
        ("ICAP_FAILED", 200, ["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"], "unscanned"),
        ("ICAP_PASSED", 200, ["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"], "unscanned"),
        ("ICAP_FAILED", None, [], "unknown"),
        ("ICAP_FAILED", 0, [], "unknown"),
        ("ICAP_TELEPORTED", 200, [], "unknown"),
    ],
)
def test_what_the_client_got(action: str, code: int | None, codes: list[str], outcome: str) -> None:
    facts = only_group(entry(action, response_code=code, significant_log=codes))

    assert outcome == facts["client_outcome"]
    failed = outcome in {"unscanned", "refused-500", "refused-413"} or action == "ICAP_FAILED"
    assert str(Status.FAILED if failed else Status.OK) == facts["status"]


@pytest.mark.parametrize(
    ("code", "by_application", "outcome"),
    [(500, 500, "unscanned"), (500, 0, "refused-500"), (403, 403, "unscanned"), (0, 200, "unscanned")],
)
def test_what_the_application_answered_went_there(code: int, by_application: int, outcome: str) -> None:
    with_requests = entry("ICAP_FAILED", response_code=code, server_response_code=by_application)
    bare = {**with_requests, "icap_log": {"action": "ICAP_FAILED"}}

    assert [outcome] * 2 == [only_group(each)["client_outcome"] for each in (with_requests, bare)]


def test_an_error_of_the_application_and_one_of_avi_are_two_kinds() -> None:
    own = entry("ICAP_FAILED", response_code=500)

    groups = summary_of(own, entry("ICAP_FAILED", response_code=500, server_response_code=500), own).groups()

    assert {"refused-500": 2, "unscanned": 1} == {each.client_outcome: each.count for each in groups}


def test_dates_tags_and_offsets_make_no_difference() -> None:
    texts = [
        INFECTED.format(n, n) + f"\r\nEncapsulated: res-hdr=0, res-body={100 + n}\r\nX-Request: {n}\r\n"
        for n in range(30)
    ]
    moved = [text.partition("\r\n")[2] + text.partition("\r\n")[0] for text in texts]

    entries = [entry("ICAP_BLOCKED", {"icap_headers_received_from_server": text}) for text in texts + moved]

    assert 60 == only_group(*entries)["count"]


@pytest.mark.parametrize("fold", ["\t", ""])
def test_names_of_files_are_not_read_again(fold: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"X-Violations-Found: 2\r\n{fold}{{0}}.zip\r\n{fold}Eicar\r\n{fold}0\r\n{fold}0\r\n"
    text += f"{fold}{{0}}.exe\r\n{fold}Worm {{1}}\r\n{fold}0\r\n{fold}0\r\nX-Response-Info: Blocked\r\n"
    texts: list[str] = []
    read = logged_answer._read

    def noted(text: str) -> Response:
        texts.append(text)
        return read(text)

    monkeypatch.setattr(logged_answer, "_read", noted)
    entries = [
        entry("ICAP_BLOCKED", {"icap_headers_received_from_server": text.format(f"file {n}", n % 3)}) for n in range(90)
    ]
    facts = only_group(*entries)

    assert {"Eicar": 90, "Worm 0": 30, "Worm 1": 30, "Worm 2": 30} == facts["by_threat"]
    assert 4 == len(texts)  # three answers, and the facts of the one group


def test_names_of_threats_make_no_groups() -> None:
    text = "X-Infection-Found: Type=0; Resolution=2; Threat={0};\r\nX-Virus-ID: {0}\r\nX-Response-Desc: found {0}\r\n"
    entries = [
        entry(
            "ICAP_BLOCKED", {"icap_response_code": 200, "icap_headers_received_from_server": text.format(f"Trojan.{n}")}
        )
        for n in range(250)
    ]

    facts = only_group(*entries, entries[0])

    assert 251 == facts["count"]
    assert "Trojan.0" == facts["threats"][1]  # type: ignore[index]
    assert isinstance(facts["by_threat"], dict)
    assert {"(more)": 50, "Trojan.0": 2, "Trojan.1": 1}.items() <= facts["by_threat"].items()


def test_threats_from_everywhere() -> None:
    opswat = {"reason": "Infected", "threat_id": None, "violations": [{"threat_name": "Worm", "file_name": "a.zip"}]}
    requests: list[dict[str, Any]] = [
        {"threat_id": "Flat", "opswat_log": {"threat_id": "Nested"}},
        {"opswat_log": {"threat_id": "Nested"}},
        {"opswat_log": opswat},
    ]

    assert {"Flat": 1, "Nested": 1, "Worm": 1} == {
        name: number
        for facts in to_plain(summary_of(*(entry("ICAP_BLOCKED", request) for request in requests)).groups())
        for name, number in facts["by_threat"].items()
    }


def test_the_second_generation_of_fields() -> None:
    request = {
        "vendor": "ICAP_VENDOR_LASTLINE",
        "icap_server_ip": -1407385585,
        "icap_server_port": 1344,
        "pool_name": "pg",
        "latency": 17,
        "modified_content_length": 4711,
        "nsx_defender_log": {"score": 71, "task_uuid": "x"},
    }

    facts = only_group(
        entry("ICAP_MODIFIED", request), entry("ICAP_MODIFIED", request | {"nsx_defender_log": {"score": 70}})
    )

    assert ["172.29.0.15:1344"] == facts["members"]
    assert (71, 4711, 17) == (facts["nsx_score_max"], facts["modified_content_length_max"], facts["latency_max_ms"])


def test_what_nsx_defender_says_of_one_request_is_said_of_no_other() -> None:
    scores: list[dict[str, Any]] = [{"score": 0}] * 8 + [{"score": 85, "task_uuid": "bad"}, {"task_uuid": "new"}]

    groups = summary_of(*(entry("ICAP_PASSED", {"nsx_defender_log": each}, response_code=200) for each in scores))

    assert {(8, 0, None, None), (1, 85, None, ("bad",)), (1, None, 1, ("new",))} == {
        (each.count, each.nsx_score_max, each.nsx_pending, each.nsx_tasks) for each in groups.groups()
    }


@pytest.mark.parametrize(
    ("engines", "servers", "number", "expected"),
    [
        (("se-b",), ("10.0.0.1", "10.0.0.2"), 8, "se-b"),
        (("se-b",), ("10.0.0.1",), 8, "se-b"),
        (("se-b",), ("10.0.0.1",), 4, None),  # may be a coincidence
        (("se-b",), ("10.0.0.3",), 8, None),  # which nobody reached
        (("se-b", "se-c"), ("10.0.0.1",), 8, None),
        (("se-a",), ("10.0.0.1",), 8, None),  # it has results as well
    ],
)
def test_all_failures_come_from_one_service_engine(
    engines: tuple[str, ...], servers: tuple[str, ...], number: int, expected: str | None
) -> None:
    failed = [
        entry("ICAP_FAILED", {"icap_server_ip": servers[n % len(servers)]}, service_engine=engines[n % len(engines)])
        for n in range(number)
    ]
    passed = [entry("ICAP_PASSED", {"icap_server_ip": f"10.0.0.{n % 2 + 1}"}, service_engine="se-a") for n in range(8)]

    seen = [facts_of(each) for each in summary_of(*failed, *passed).observations()[:-1]]

    assert {("ICAP_FAILED", expected), ("ICAP_PASSED", None)} == {
        (facts["icap_action"], facts.get("only_service_engine")) for facts in seen
    }


def test_an_entry_with_several_requests() -> None:
    retried = {
        "report_timestamp": "2024-03-09T16:00:00Z",
        "response_code": 200,
        "icap_log": {
            "action": "ICAP_PASSED",
            "request_logs": [
                {"action": "ICAP_FAILED", "icap_server_ip": "10.0.0.1", "icap_server_port": 1344},
                {"action": "ICAP_PASSED", "icap_server_ip": "10.0.0.2", "icap_server_port": 1344},
            ],
        },
    }

    summary = summary_of(retried, entry("ICAP_PASSED", response_code=200))

    assert {
        "entries_total": 2,
        "entries_icap": 2,
        "entries_passed": 2,
        "icap_requests": 3,
    }.items() <= to_plain(summary.head()).items()
    assert {"passed": 2, "unscanned": 0}.items() <= summary.outcomes().items()
    assert {("ICAP_FAILED", "passed"), ("ICAP_PASSED", "passed")} == {
        (facts["icap_action"], facts["client_outcome"]) for facts in to_plain(summary.groups())
    }


def test_entries_without_icap() -> None:
    plain: list[dict[str, Any]] = [
        {},
        {"icap_log": None},
        {"icap_log": {}},
        {"icap_log": {"request_logs": []}},
        {"icap_log": {"action": "ICAP_DISABLED"}},
    ]

    head = to_plain(summary_of(*plain).head())

    assert {"entries_total": 5, "entries_icap": 1, "entries_disabled": 1, "icap_requests": 1}.items() <= head.items()
    assert (None, None, None, None) == tuple(head[key] for key in ("first_seen", "last_seen", "span_s", "failed_share"))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("ICAP_BLOCKED", adf=True), {"adf": True}], True),
        ([entry("ICAP_BLOCKED", adf=True), {"adf": False}], False),
        ([entry("ICAP_BLOCKED", adf=True), entry("ICAP_PASSED", adf=True)], False),
        ([entry("ICAP_BLOCKED")], False),
        ([{"adf": True}], False),
    ],
)
def test_an_export_of_significant_entries(entries: list[dict[str, Any]], *, expected: bool) -> None:
    assert expected == to_plain(summary_of(*entries).head())["only_significant"]


def test_times_of_all_kinds_in_order() -> None:
    times = [
        "2024-03-09T16:00:05Z",
        1710000001,
        "1710000009000",
        "2024-03-09T18:00:03+02:00",
        None,
        "2024-03-09 16:00:07",
        "?",
    ]

    summary = summary_of(*(entry("ICAP_PASSED", report_timestamp=time) for time in times))

    head = to_plain(summary.head())
    assert "2024-03-09T16:00:01.000000+00:00" == head["first_seen"]
    assert "2024-03-09T16:00:09.000000+00:00" == head["last_seen"]
    assert 8.0 == head["span_s"]
    assert [5] == [step["requests"] for step in to_plain(summary.timeline())]


@pytest.mark.parametrize("first", [None, "2024-03-09T16:00:00Z"])
def test_a_group_whose_first_request_has_no_time(first: str | None) -> None:
    times = [first, "2024-03-09T16:00:01Z", "2024-03-09T16:00:02Z", None]

    facts = only_group(*(entry("ICAP_PASSED", report_timestamp=time) for time in times))

    expected = "2024-03-09T16:00:01.000000+00:00" if first is None else "2024-03-09T16:00:00.000000+00:00"
    assert (expected, "2024-03-09T16:00:02.000000+00:00") == (facts["first_seen"], facts["last_seen"])


def test_the_timeline_grows_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "BUCKETS_KEPT", 50)
    summary = Summary()
    parts = []
    for day in range(1, 21):
        part = Summary()
        for hour in range(0, 24, 6):
            for into in (summary, part):
                into.add(decode_entry(entry("ICAP_PASSED", report_timestamp=f"2024-03-{day:02d}T{hour:02d}:00:00Z")))
        parts.append(part)
    merged = Summary()
    for part in parts:
        merged.merge_wire(part.to_wire())

    steps = to_plain(summary.timeline())

    assert 20 == len(steps)
    assert {86400} == {step["step_s"] for step in steps}
    assert {4} == {step["passed"] for step in steps}
    assert steps == to_plain(merged.timeline())


def test_too_many_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "GROUPS_KEPT", 10)
    monkeypatch.setattr(counter, "_KEYS_KEPT", 5)

    summary = summary_of(*(entry("ICAP_BLOCKED", {"reason": f"reason {n}"}, response_code=403) for n in range(40)))

    groups = to_plain(summary.groups())
    assert 11 == len(groups)
    assert (30, "ICAP_BLOCKED", "blocked") == tuple(
        groups[0][key] for key in ("count", "icap_action", "client_outcome")
    )
    assert None is groups[0]["opswat_reason"]
    assert 40 == to_plain(summary.head())["entries_blocked"]


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "DESTINATIONS_KEPT", 20)

    facts = only_group(*(entry("ICAP_PASSED", {"icap_server_ip": n, "icap_server_port": 1344}) for n in range(1, 61)))

    assert isinstance(facts["by_member"], dict)
    assert 60 == sum(facts["by_member"].values())
    assert 40 == facts["by_member"]["(more)"]


def test_many_latencies_keep_three_digits() -> None:
    facts = only_group(*(entry("ICAP_PASSED", {"latency": n}) for n in range(1, 40_000, 4)))

    for share, exact in (("p50", 20_000), ("p95", 38_000), ("p99", 39_600), ("max", 39_999)):
        value = facts[f"latency_{share}_ms"]
        assert isinstance(value, int)
        assert value == pytest.approx(exact, rel=0.006)


def test_observations() -> None:
    place = {"pool_name": "pg", "icap_server_ip": "10.0.0.1", "icap_server_port": 1344}
    summary = summary_of(
        entry("ICAP_FAILED", place, response_code=200),
        entry("ICAP_PASSED", place),
        entry("ICAP_PASSED", place | {"icap_server_ip": "10.0.0.2", "pool_name": "other"}),
    )

    passed, failed, whole = summary.observations()

    assert ("log", "", "other, pg", "", Status.OK) == (
        passed.source,
        passed.probe,
        passed.pool,
        passed.member,
        passed.status,
    )
    assert ("pg", "10.0.0.1:1344", Status.FAILED) == (failed.pool, failed.member, failed.status)
    assert ("summary", 3, 1) == (whole.probe, facts_of(whole)["entries_icap"], facts_of(whole)["unscanned_count"])
    json.dumps([facts_of(passed), facts_of(failed), facts_of(whole)])
