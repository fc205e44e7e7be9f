"""Counting in parts, and header texts that differ in their date: neither may change a number."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from icapdiag.avi.entry import decode_entry
from icapdiag.facts import to_plain
from icapdiag.logs.counting.logged_answer import HeaderCache
from icapdiag.logs.counting.summary import Summary

SAID = "Server: S\r\nX-Response-Desc: Allowed\r\n"


def entries(number: int) -> list[dict[str, Any]]:
    return [
        {
            "report_timestamp": "2024-03-09T16:00:00.000000+00:00",
            "icap_log": {
                "action": "ICAP_PASSED",
                "request_logs": [
                    {
                        "latency": None if n % 7 == 0 else n % 13,
                        "pool_name": f"pg{n % 2}",
                        "icap_server_ip": f"10.0.0.{n % 5}",
                        "icap_server_port": 1344,
                    }
                ],
            },
        }
        for n in range(number)
    ]


def test_blocks_make_no_difference() -> None:
    whole, often = Summary(), Summary()
    decoded = [decode_entry(one) for one in entries(90)]
    whole.add_all(decoded)
    for start in range(0, 90, 9):
        often.add_all(decoded[start : start + 9])

    assert to_plain(whole.groups()) == to_plain(often.groups())
    assert {f"10.0.0.{n}:1344": 18 for n in range(5)} == to_plain(often.groups())[0]["by_member"]
    assert 90 == to_plain(often.groups())[0]["count"]


@pytest.mark.parametrize("wrong", ["2024-03-09T16:00:04.000000+00:00, ", "2024-03-09T16:00:x4.000000+00:00", "soon"])
def test_a_time_that_is_damaged_is_none_whatever_comes_with_it(wrong: str) -> None:
    times = [wrong if number == 4 else f"2024-03-09T16:00:0{number}.000000+00:00" for number in range(9)]
    decoded = [decode_entry(one) for one in entries(9)]
    for one, moment in zip(decoded, times, strict=True):
        one.report_timestamp = moment  # as a block of entries is decoded
    summary = Summary()

    summary.add_all(decoded)

    assert [8] == [bucket.requests for bucket in summary.timeline()]
    assert (times[0], times[-1]) == (summary.head().first_seen, summary.head().last_seen)


def test_many_requests_of_one_entry() -> None:
    summary = Summary()
    request = {"latency": 1, "pool_name": "pg", "icap_server_ip": "10.0.0.1", "icap_server_port": 1344}
    log = {"icap_log": {"action": "ICAP_PASSED", "request_logs": [request] * 60}}
    for _ in range(5):
        summary.add_all([decode_entry(log)])

    (group,) = to_plain(summary.groups())
    assert (300, {"pg": 300}) == (group["count"], group["by_pool"])
    assert 5 == to_plain(summary.head())["entries_icap"]


def test_another_part_of_the_log_travels() -> None:
    there, here = Summary(), Summary()
    there.add_all([decode_entry(one) for one in entries(50)])
    here.add_all([decode_entry(one) for one in entries(40)])

    here.merge_wire(there.to_wire())

    assert 90 == to_plain(here.groups())[0]["count"]
    assert 12 == to_plain(here.groups())[0]["latency_max_ms"]


@pytest.mark.parametrize("wire", [b"", b"\x00", b"\xc1", b"\x99\x01"])
def test_what_is_no_summary(wire: bytes) -> None:
    summary = Summary()

    with pytest.raises(ValueError, match=r".+"):
        summary.merge_wire(wire)
    assert 0 == to_plain(summary.head())["entries_total"]


@pytest.mark.parametrize(
    "date",
    [
        "Date: Sat, 09 Mar 2024 16:00:{:02d} GMT\r\n",  # RFC 9110
        "Date: Thu, 19 Nov 2020 13:55:{:02d} G11T\r\n",  # as in Avi's guide
        "Date: Sat Mar 9 16:00:{:02d} 2024\r\n",
        "Date: {:02d}\r\n",
        "Date:{:02d}\n",
        "",
    ],
)
def test_the_date_makes_no_difference(date: str) -> None:
    cache = HeaderCache()
    seconds = count()
    first, later = (cache.find(date.format(next(seconds)) + SAID) for _ in range(2))

    assert first is later
    assert [SAID] == list(cache.by_text)


@pytest.mark.parametrize(
    "text", ["Date:", "Date: Sat, 09 Mar 2024 16:00:00 GMT", "Date: Sat, 09 Mar 2024 16:00:00 GMT\r"]
)
def test_a_date_and_nothing_else(text: str) -> None:
    counted = Summary()
    request = {"icap_headers_received_from_server": text}
    counted.add_all([decode_entry({"icap_log": {"action": "ICAP_PASSED", "request_logs": [request]}})])

    assert 1 == to_plain(counted.head())["entries_icap"]
