"""Entries of both generations, with every type that a field has been seen in."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.avi.entry import (
    Action,
    DetailedIcapLog,
    DetailedRequest,
    LogEntry,
    PoolName,
    RequestLog,
    decode_entry,
    looks_like_entry,
)
from icapdiag.avi.vocabulary import concerns_icap
from tests.avi.codes import ADF_CODES

# Of an IcapRequestLog in Avi's SDKs: 22.x and 20.1, which had the scanner's words beside the rest.
SDK_FIELDS = {
    "action", "complete_body_sent", "http_method", "http_response_code", "icap_absolute_uri",
    "icap_headers_received_from_server", "icap_headers_sent_to_server", "icap_method", "icap_response_code",
    "icap_server_ip", "icap_server_port", "latency", "modified_content_length", "nsx_defender_log", "opswat_log",
    "pool_name", "pool_uuid", "source_port", "vendor",
    "reason", "server_ip", "threat_description", "threat_id", "violations",
}  # fmt: skip


def request_of(**fields: Any) -> RequestLog:
    found = decode_entry({"icap_log": {"action": "ICAP_FAILED", "request_logs": [fields]}}).icap_log
    assert found is not None
    assert found.request_logs is not None
    return found.request_logs[0]


@pytest.mark.parametrize("value", [1275, "1275", " 1275 ", 1275.9])
def test_numbers(value: object) -> None:
    assert 1275 == request_of(latency=value).latency


@pytest.mark.parametrize("value", ["", "x", "1e3", None, True, [], {}, 1e300, float("nan"), "9" * 5000])
def test_no_numbers(value: object) -> None:
    assert request_of(latency=value).latency is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (1, True),
        ("1", True),
        ("True", True),
        (False, False),
        (0, False),
        ("false", False),
        ("", None),
        (2, None),
        (None, None),
    ],
)
def test_flags(value: object, *, expected: bool | None) -> None:
    assert expected is decode_entry({"adf": value}).adf


@pytest.mark.parametrize("value", ["pg", {"val": "pg", "crc32": 1}])
def test_the_name_of_a_pool(value: object) -> None:
    assert "pg" == request_of(pool_name=value).pool_name


def test_text() -> None:
    assert "17" == decode_entry({"request_id": 17}).request_id
    assert decode_entry({"request_id": {"a": 1}}).request_id is None
    assert 65536 == len(decode_entry({"significance": "x" * 100_000}).significance or "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["ADF_ICAP_FAILED", 5, None, "B"], ("ADF_ICAP_FAILED", "B")),
        ("ADF_ICAP_FAILED", ("ADF_ICAP_FAILED",)),
        ([], ()),
        (7, None),
    ],
)
def test_codes(value: object, expected: tuple[str, ...] | None) -> None:
    assert expected == decode_entry({"significant_log": value}).significant_log


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ([], None),
        ("x", None),
        ({}, DetailedIcapLog()),
        ({"action": "ICAP_DISABLED"}, DetailedIcapLog(Action("ICAP_DISABLED"))),
        ({"request_logs": []}, DetailedIcapLog()),
        ({"request_logs": {"latency": 5}}, DetailedIcapLog(None, (DetailedRequest(latency=5),))),
        ({"request_logs": [None, {"latency": 5}, 7]}, DetailedIcapLog(None, (DetailedRequest(latency=5),))),
    ],
)
def test_icap_logs(value: object, expected: DetailedIcapLog | None) -> None:
    assert expected == decode_entry({"icap_log": value}).icap_log


def test_the_server_address_of_20_1() -> None:
    request = {"server_ip": {"addr": "10.0.0.1", "type": "V4"}}

    assert "10.0.0.1" == request_of(**request).icap_server_ip
    assert request_of(**request, icap_absolute_uri="icap://h/x").icap_server_ip is None


def test_a_stream_names_its_virtual_service() -> None:
    both = {"virtualservice": "virtualservice-1", "vs_name": "shop"}

    assert "shop" == decode_entry(both).service
    assert "virtualservice-1" == decode_entry(both | {"vs_name": None}).service


@pytest.mark.parametrize("text", ["", "x", "[]", "5", '"a"', "{", '{"a":1} x', "[" * 100_000])
def test_no_object(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(ValueError):
            decode_entry(form)


def test_what_only_json_reads() -> None:
    assert "a" == decode_entry('{"x": NaN, "y": "\x01", "request_id": "a"}').request_id


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_value_anywhere(value: object) -> None:
    log: dict[str, object] = dict.fromkeys(RequestLog.__struct_fields__, value)
    entry: dict[str, object] = dict.fromkeys(LogEntry.__struct_fields__, value)

    decode_entry(entry)
    decode_entry(entry | {"icap_log": {"action": value, "request_logs": [log, value]}})


def test_strict_shapes_read_what_lenient_ones_read() -> None:
    text = json.dumps(
        {
            "report_timestamp": "2024-03-09T16:00:00.000000+00:00",
            "adf": 1,
            "response_code": "403",
            "icap_log": {
                "action": "ICAP_BLOCKED",
                "request_logs": [{"latency": "7", "pool_name": {"val": "pg"}, "complete_body_sent": "true"}],
            },
        }
    )
    lenient = decode_entry(text)

    entry = msgspec.json.decode(text, type=LogEntry, strict=False, dec_hook=lambda _, word: Action(word))
    assert (entry.report_timestamp, entry.adf, entry.response_code) == (lenient.report_timestamp, True, 403)
    assert entry.icap_log is not None
    assert entry.icap_log.request_logs is not None
    request = entry.icap_log.request_logs[0]
    assert (7, True, PoolName("pg")) == (request.latency, request.complete_body_sent, request.pool_name)


def test_looks_like_entry() -> None:
    assert looks_like_entry(decode_entry({"icap_log": {}}))
    assert looks_like_entry(decode_entry({"report_timestamp": 1604607435}))
    assert looks_like_entry(decode_entry({"vs_name": "shop"}))
    assert not looks_like_entry(decode_entry({"level": "ALERT_LOW", "timestamp": "2020-04-07 15:35:26"}))


def test_fields_are_those_of_the_sdks() -> None:
    assert set() == set(RequestLog.__struct_fields__) - SDK_FIELDS


def test_codes_that_concern_icap() -> None:
    assert all(concerns_icap(code) for code in ADF_CODES)
    assert not concerns_icap("ADF_RESPONSE_CODE_4XX")
