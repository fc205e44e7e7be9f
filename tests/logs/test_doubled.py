"""A key that appears twice in an entry, with two values: neither of them is taken for the truth in silence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from icapdiag.api.explaining import explain
from icapdiag.avi.entry import (
    DetailedEntry,
    DetailedIcapLog,
    DetailedRequest,
    NsxDefenderLog,
    OpswatLog,
    PoolName,
    Violation,
    WafLog,
)
from icapdiag.doubled import Ambiguous, Members, check
from icapdiag.facts.run import LogSubject
from icapdiag.logs.blocks import decoding
from icapdiag.logs.blocks.decoding import LOOKED_INTO_WHOLE
from icapdiag.logs.notes import SourceReport
from icapdiag.logs.opening import source as sources
from icapdiag.report.terminal import render
from tests.examples import examples
from tests.logs.reading import block_size
from tests.logs.samples import actions, containers, entry, read

_MARK = re.compile(r"""(\\*["'])MARK\1: ?\1\1""")
_COUNT = 120
_BLOCKED = {"ICAP_BLOCKED": _COUNT - 1}


def doubled(form: str, member: dict[str, Any], *, where: str, number: int = 100, name: str = "") -> str:
    """The container with one more member in one of its entries: in the entry, its icap_log or its request."""
    entries = tuple(entry(at % 10) for at in range(_COUNT))
    found = entries[number]
    log = found["icap_log"] = json.loads(json.dumps(found["icap_log"]))
    {"entry": found, "log": log, "request": log["request_logs"][0]}[where]["MARK"] = ""
    ((key, value),) = member.items()

    def text(quoted: re.Match[str]) -> str:
        written = json.dumps({"KEY": value}).replace("KEY", name or key)[1:-1]
        return written.replace('"', quoted[1])

    return _MARK.sub(text, containers(entries)[form])


@pytest.fixture(params=["whole", "streamed"])
def _head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(sources, "HEAD", 2000)


def refused(report: SourceReport) -> list[str]:
    return [problem.reason for problem in report.problems]


PASSED: dict[str, Any] = {"action": "ICAP_PASSED"}
TWICE = '"action" appears twice, with different values: ICAP_BLOCKED, ICAP_PASSED'


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("where", ["log", "request"])
@pytest.mark.parametrize("form", containers())
def test_in_any_container_a_blocked_is_not_hidden_by_a_passed(tmp_path: Path, form: str, where: str) -> None:
    reading, report = read(tmp_path / "log", doubled(form, PASSED, where=where))
    assert (_COUNT - 1, 0, 1) == (report.read, report.skipped, report.unreadable)
    assert [TWICE] == refused(report)
    assert actions(reading) == _BLOCKED


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(
    ("where", "member", "shown"),
    [
        ("entry", {"icap_log": {"action": "ICAP_PASSED"}}, "…, …"),
        ("log", {"request_logs": [{"action": "ICAP_PASSED"}]}, "…, …"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "array", "pretty", "envelope", "syslog"])
def test_a_log_in_the_place_of_another(
    tmp_path: Path, form: str, where: str, member: dict[str, Any], shown: str
) -> None:
    reading, report = read(tmp_path / "log", doubled(form, member, where=where))
    (key,) = member
    assert [f'"{key}" appears twice, with different values: {shown}'] == refused(report)
    assert actions(reading) == _BLOCKED


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("form", ["jsonl", "array", "csv", "syslog"])
def test_however_the_key_is_written(tmp_path: Path, form: str) -> None:
    text = doubled(form, PASSED, where="request", name="ac\\u0074ion")
    reading, report = read(tmp_path / "log", text)
    assert ([TWICE], _BLOCKED) == (refused(report), actions(reading))


OTHER: dict[str, dict[str, Any]] = {  # a second value for each field that the fast path reads, by where it is
    "entry": {
        "adf": False,
        "server_response_code": 418,
        "dns_fqdn": "other.example",
        "significance": "other",
        "virtualservice": "other",
        "vs_name": "other",
        "report_timestamp": "2026-03-02T11:00:00.500000+00:00",
        "service_engine": "other",
        "request_length": 7,
        "response_code": 200,
        "significant_log": [],
        "request_id": "other",
        "icap_log": {},
        "method": "PUT",
        "client_ip": "192.0.2.200",
        "client_ip6": "2001:db8::7",
        "uri_path": "/other",
        "host": "other",
        "request_content_type": "text/other",
        "user_id": "other",
        "http_security_policy_rule_name": "other",
        "http_request_policy_rule_name": "other",
        "waf_log": {"status": "other"},
    },
    "log": {"action": "ICAP_PASSED", "request_logs": []},
    "request": {
        "icap_response_code": 204,
        "icap_method": "ICAP_METHOD_RESPMOD",
        "http_response_code": 200,
        "icap_absolute_uri": "icap://192.0.2.200:1344/other",
        "complete_body_sent": False,
        "pool_name": {"val": "other"},
        "latency": 7,
        "icap_headers_sent_to_server": "Host: other\r\n",
        "icap_headers_received_from_server": "X-Response-Info: Allowed\r\n",
        "action": "ICAP_PASSED",
        "reason": "Allowed",
        "threat_id": "Other",
        "modified_content_length": 7,
        "icap_server_ip": 3221225985,
        "icap_server_port": 7,
        "vendor": "ICAP_VENDOR_GENERIC",
        "opswat_log": {"reason": "other"},
        "nsx_defender_log": {"score": 7},
        "http_method": "PUT",
        "pool_uuid": "other",
        "source_port": 7,
    },
    "pool": {"val": "other"},
    "opswat": {"reason": "Allowed", "threat_id": "Other", "violations": []},
    "violation": {"file_name": "other", "threat_name": "Other", "resolution": "other"},
    "nsx": {"score": 7, "status_url": "other", "task_uuid": "other"},
    "waf": {"status": "other"},
}
FIELDS = [(where, key) for where, fields in OTHER.items() for key in fields]


def _full() -> dict[str, Any]:
    """An entry that has every field."""
    request = {
        "icap_headers_sent_to_server": "Host: a\r\n",
        "modified_content_length": 1,
        "icap_server_ip": "192.0.2.1",
        "icap_server_port": 1344,
        "vendor": "ICAP_VENDOR_OPSWAT",
        "opswat_log": {
            "reason": "Infected",
            "threat_id": "Sample.Threat",
            "violations": [{"file_name": "a", "threat_name": "b", "resolution": "c"}],
        },
        "nsx_defender_log": {"score": 1, "status_url": "a", "task_uuid": "b"},
        "http_method": "POST",
        "pool_uuid": "a",
        "source_port": 1,
    }
    more = {
        "significance": "a",
        "server_response_code": 200,
        "dns_fqdn": "a.example",
        "vs_name": "b",
        "method": "POST",
        "client_ip": "192.0.2.7",
        "client_ip6": "2001:db8::1",
    }
    more |= {"uri_path": "/a", "host": "a", "request_content_type": "a", "user_id": "a"}
    more |= {"http_security_policy_rule_name": "a", "http_request_policy_rule_name": "b"}
    found = {**entry(), **more, "waf_log": {"status": "PASSED"}}
    found["icap_log"]["request_logs"][0] |= request
    return found


def _places(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    request = found["icap_log"]["request_logs"][0]
    opswat = request["opswat_log"]
    objects = (found, found["icap_log"], request, request["pool_name"], opswat, opswat["violations"][0])
    return dict(zip(OTHER, (*objects, request["nsx_defender_log"], found["waf_log"]), strict=True))


def _with_twice(where: str, key: str, *, first: bool) -> str:
    """The full entry with one more member, before or behind the one of the same key."""
    found = _full()
    place = _places(found)[where]
    assert key in place
    rest = {**place}
    place.clear()
    place.update({"MARK": 0, **rest} if first else {**rest, "MARK": 0})
    return json.dumps(found).replace('"MARK": 0', json.dumps({key: OTHER[where][key]})[1:-1])


def _log_in(entry: str) -> str:
    """The text of an entry's icap_log."""
    at = entry.index('"icap_log": ') + len('"icap_log": ')
    return entry[at : json.JSONDecoder().raw_decode(entry, at)[1]]


def _written(entries: list[str], form: str) -> bytes:
    match form:
        case "jsonl":
            text = "".join(f"{one}\n" for one in entries)
        case "array":
            text = f"[{', '.join(entries)}]"
        case "array-lines":
            text = "[\n" + ",\n".join(entries) + "\n]\n"
        case "syslog":
            text = "".join(f"<134>1 2026-03-01T23:59:59.5Z se-host upload-vs 0 815 - {one}\n" for one in entries)
        case "csv":
            out = io.StringIO()
            rows = csv.writer(out)
            rows.writerow(("report_timestamp", "virtualservice", "icap_log"))
            rows.writerows(("2026-03-02T10:00:00.500000+00:00", "virtualservice-1", _log_in(one)) for one in entries)
            text = out.getvalue()
        case _:
            text = f'{{"count": 3, "results": [{", ".join(entries)}], "next": null}}'
    return gzip.compress(text.encode(), mtime=0) if form == "gzip" else text.encode()


def test_a_second_value_is_known_for_every_field() -> None:
    shapes = (DetailedEntry, DetailedIcapLog, DetailedRequest, PoolName, OpswatLog, Violation, NsxDefenderLog, WafLog)
    expected = {where: set(shape.__struct_fields__) for where, shape in zip(OTHER, shapes, strict=True)}
    assert expected == {where: set(fields) for where, fields in OTHER.items()}


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(("where", "key"), FIELDS)
def test_every_field_that_is_read(tmp_path: Path, where: str, key: str) -> None:
    entries = [json.dumps(_full()) for _ in range(40)]
    entries[31] = _with_twice(where, key, first=len(key) % 2 == 0)
    reading, report = read(tmp_path / "log", _written(entries, "jsonl"))
    assert [True] == [reason.startswith(f'"{key}" appears twice') for reason in refused(report)]
    assert {"ICAP_BLOCKED": 39} == actions(reading)


@given(
    field=st.sampled_from(FIELDS),
    form=st.sampled_from(["jsonl", "array", "array-lines", "envelope", "gzip", "syslog", "csv"]),
    size=st.integers(1, 60),
    place=st.floats(0, 0.999),
    head=st.sampled_from([1000, 20_000, 1 << 20]),
    block=st.sampled_from([500, 5000, 1 << 19]),
    first=st.booleans(),
)
@settings(max_examples=examples(150))
def test_anywhere_in_any_form(
    field: tuple[str, str], form: str, size: int, place: float, head: int, block: int, *, first: bool
) -> None:
    assume(form != "csv" or field[0] not in {"entry", "waf"})
    entries = [json.dumps(_full()) for _ in range(size)]
    entries[int(place * size)] = _with_twice(*field, first=first)
    with pytest.MonkeyPatch.context() as patch, block_size(block), TemporaryDirectory() as folder:
        patch.setattr(sources, "HEAD", head)
        reading, report = read(Path(folder, "log"), _written(entries, form))
    assert (size - 1, 1) == (report.read, report.unreadable)
    assert [True] == [reason.startswith(f'"{field[1]}" appears twice') for reason in refused(report)]
    assert size - 1 == sum(actions(reading).values())


@pytest.mark.parametrize("log", [None, {"request_logs": []}, {"request_logs": [{"pool_name": "text"}]}])
def test_beside_entries_of_another_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: dict[str, Any] | None
) -> None:
    """What is no object where an entry has one is not looked through by the counter of keys."""
    monkeypatch.setattr(sources, "HEAD", 2000)
    others = [_full() | {"icap_log": log} for _ in range(40)]
    entries = [*map(json.dumps, others), _with_twice("request", "reason", first=False)]
    _, report = read(tmp_path / "log", _written(entries, "jsonl"))
    assert ['"reason" appears twice, with different values: Infected, Allowed'] == refused(report)
    assert (40, 1) == (report.read, report.unreadable)


def test_a_log_too_long_to_look_through_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except for actions, which are always looked for; and once one was found, the rest is looked through."""
    monkeypatch.setattr(sources, "HEAD", 2000)
    monkeypatch.setattr(decoding, "LOOKED_INTO_WHOLE", 100_000)
    entries = [json.dumps(_full()) for _ in range(120)]
    entries[100] = _with_twice("request", "reason", first=False)
    with block_size(3000):
        _, report = read(tmp_path / "log", _written(entries, "jsonl"))
        entries[60] = _with_twice("request", "action", first=False)
        _, later = read(tmp_path / "log", _written(entries, "jsonl"))
    assert [] == refused(report)
    assert 100 < (report.keys_not_checked or 0) < 120
    assert 0 < (later.keys_not_checked or 0) < 70
    assert [TWICE, "reason"] == [reason if reason == TWICE else reason.split('"')[1] for reason in refused(later)[-2:]]


def test_the_end_of_a_log_above_64_mib(tmp_path: Path) -> None:
    """The first screen says in how many records keys were looked for; a second action is found wherever it is."""
    log, usual = tmp_path / "log.jsonl", f"{json.dumps(_full())}\n".encode()
    count = LOOKED_INTO_WHOLE // len(usual) + 2
    block = usual * 1000
    with log.open("wb") as out:
        for _ in range(count // 1000 + 1):
            out.write(block)
        before = out.tell() // len(usual)
        out.write(_with_twice("request", "reason", first=False).encode() + b"\n")
        out.write(block)  # once one key was there twice, all that follow are looked for
        out.write(_with_twice("request", "action", first=False).encode() + b"\n")
    report = explain([log])
    assert isinstance(report.subject, LogSubject)
    (source,) = report.subject.sources
    assert (before + 1001, 1, [TWICE]) == (source.read, source.unreadable, [each.reason for each in source.problems])
    checked = source.read - (source.keys_not_checked or 0)
    assert 0 < checked < before // 20
    said = f"Duplicate keys other than actions were looked for in {checked:,} of {source.read:,} records."
    assert said in " ".join(render(report).split())
    log.write_bytes(usual * 1000)
    assert "Duplicate keys" not in render(explain([log]))


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(
    ("where", "member"), [("log", {"action": "ICAP_BLOCKED"}), ("entry", {"grpc_status": "other"})]
)
def test_what_decides_nothing_makes_nothing_ambiguous(tmp_path: Path, where: str, member: dict[str, Any]) -> None:
    reading, report = read(tmp_path / "log", doubled("jsonl", member, where=where, number=2))
    assert ((), {"ICAP_BLOCKED": _COUNT}) == (report.problems, actions(reading))


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("name", ["results", "res\\u0075lts"])
def test_a_second_list_of_results(tmp_path: Path, name: str) -> None:
    half = json.dumps([entry(at % 10) for at in range(60)])
    reading, _ = read(tmp_path / "log", f'{{"count": 9, "results": {half}, "{name}": {half}}}')
    assert {"ICAP_BLOCKED": 120} == actions(reading)


@pytest.mark.parametrize(
    "text",
    [
        '{"_source": ENTRY, "_source": {}}',
        '{"protocol": {"code": 200}, "headers": {"X-Infection-Found": "a", "X-Infection-Found": "b"}}',
        '{"icap_log": {"action": "ICAP_BLOCKED", "action": "ICAP_PASSED"',  # damaged
        "{'icap_log': {'action': 'ICAP_BLOCKED', 'action': 'ICAP_PASSED'}}",
    ],
)
def test_in_what_wraps_entries(tmp_path: Path, text: str) -> None:
    found = text.replace("ENTRY", json.dumps(entry()))
    reading, report = read(tmp_path / "log", f"{json.dumps(entry())}\n{found}\n")
    assert (1, {"ICAP_BLOCKED": 1}) == (report.unreadable, actions(reading))
    assert "appears twice, with different values" in "".join(refused(report))


def test_in_what_holds_a_list(tmp_path: Path) -> None:
    _, report = read(tmp_path / "log", f'{{"hits": {{"hits": [{json.dumps(entry())}], "hits": []}}}}')
    assert ['"hits" appears twice, with different values: …, …'] == refused(report)


def test_only_reading_the_key_is_refused() -> None:
    found = Members([("a", 1), ("b", 1), ("a", 1.0), ("b", 2)])
    assert (1, 1, None) == (found["a"], found.get("a"), found.get("c"))
    for read_it in (found.get, found.__getitem__, lambda _: check(found)):
        with pytest.raises(Ambiguous, match='"b" appears twice, with different values: 1, 2'):
            read_it("b")
