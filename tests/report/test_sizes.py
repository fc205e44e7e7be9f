"""The table by body size, and what a finding says of a limit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from icapdiag.facts import from_plain
from icapdiag.facts.deep import Size
from icapdiag.model import MemberReport, Observation, sheet_of
from icapdiag.report.document.evidence import describe
from icapdiag.report.document.measured import limit_words, sizes_table, spoken_size
from icapdiag.report.terminal import draw
from icapdiag.report.terminal.lines import columns
from icapdiag.vocabulary import Health, Status
from tests.report.documents import seen

MIB = 1024 * 1024
Facts = dict[str, object]


def rung(size: int, ms: float | None, **more: object) -> Facts:
    return {"size": size, "status": "ok", "icap_status": 204, "answer_ms": ms, "verdict": "allowed", **more}


def member(name: str, facts: Facts, *, probe: str = "size") -> MemberReport:
    observation = Observation(
        source="probe", probe=probe, pool="p", member=name, status=Status.OK, facts=sheet_of("probe", probe, facts)
    )
    return MemberReport(name=name, address="10.0.0.1", port=1344, verdict=Health.OK, probes=(observation,))


def drawn(members: Sequence[MemberReport], width: int) -> list[str]:
    return draw.figures(sizes_table(members), width)


HEALTHY: Facts = {
    "sizes_tried": [
        rung(0, 0.3),
        rung(1, 0.4),
        rung(1024, 0.02),
        rung(65536, 2.25),
        rung(MIB, 12.0),
        rung(8 * MIB, 1500),
    ],
    "size_passed": 8 * MIB,
    "eicar_found_size": 8 * MIB,
}
CUT: Facts = {
    "sizes_tried": [rung(1024, 0.5, uncertain=True), rung(65536, None, status="failed", reason="timeout")],
    "size_passed": 1024,
    "size_failed": 65536,
    "size_failure": "silent",
}


def test_one_line_a_member() -> None:
    lines = drawn([member("one", HEALTHY), member("two", CUT), member("none", {}, probe="clean")], 100)

    assert [
        "By body size (time to response, including the upload; ~: may include client-side delay):",
        "member    1 KiB   64 KiB  1 MiB  8 MiB  limit",
        "------  -------  -------  -----  -----  --------------------------------",
        "one     <0.1 ms   2.2 ms  12 ms  1.5 s  none up to 8 MiB, EICAR detected",
        "two     ~0.5 ms  timeout      -      -  no response in time from 64 KiB",
    ] == lines


def test_nothing_where_no_ladder_ran() -> None:
    assert [] == drawn([member("a", {}), member("b", {"sizes_tried": []}), member("c", {}, probe="load")], 100)


def test_of_a_size_that_was_tried_twice_the_last_counts() -> None:
    lines = drawn([member("a", {"sizes_tried": [rung(1024, 900.0), rung(1024, 2.0)]})], 100)

    assert "a       2.0 ms  -" == lines[-1]


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", ["m", "a-name-that-is-longer-than-anybody-would-want.example.com:1344", "日本語" * 12])
def test_it_fits(width: int, name: str) -> None:
    long = {**HEALTHY, "size_failed": 8 * MIB, "size_failure": "slow", "size_unread": MIB, "stopped": "deadline"}
    lines = drawn([member(name, long), member("two", CUT)], width)

    assert all(columns(line) <= max(width, len(lines[0])) for line in lines)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "-"),
        ({"size_passed": 4096}, "none up to 4 KiB"),
        ({"size_passed": 8 * MIB, "eicar_found_size": 5237009, "eicar_passed_size": 5251208}, "UNSCANNED from 5.0 MiB"),
        ({"size_passed": 8 * MIB, "size_read": 99_980, "size_unread": 100_795}, "UNSCANNED from 98.4 KiB"),
        ({"size_passed": MIB, "size_unread": 100_795, "eicar_found_size": MIB}, "none up to 1 MiB, EICAR detected"),
        ({"size_passed": 9, "size_failed": 10, "size_failure": "status", "size_failure_status": 413},
         "ICAP 413 from 10 B"),
        ({"size_passed": 9, "size_failed": 1400, "size_failure": "unacknowledged", "stopped": "busy"},
         "lost on the way from 1400 B; the server was busy"),
        ({"size_passed": 9, "size_failed": 10, "size_failure": "\x1b[31m", "stopped": "?"}, "\\x1b[31m from 10 B"),
    ],
)  # fmt: skip
def test_the_limit_in_a_few_words(facts: Facts, expected: str) -> None:
    assert expected == limit_words(from_plain(Size, facts))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"eicar_found_size": 5237009, "eicar_passed_size": 5251208},
         "EICAR detected in 5,237,009 bytes, passed in 5,251,208"),
        ({"size_read": 99_980, "size_unread": 100_795},
         "99,980 bytes read in full, 100,795 allowed from the preview only"),
        ({"size_passed": 99_980, "size_failed": 100_795, "size_failure": "refused"},
         "99,980 bytes passed, 100,795 refused"),
        ({"size_passed": 1, "size_failed": 1024, "size_failure": "unacknowledged", "mtu_black_hole": True},
         "1 byte passed, 1,024 lost on the way, arrived in small packets"),
        ({"size_failed": 1024, "size_failure": "unacknowledged", "mtu_black_hole": False},
         "1,024 lost on the way, not in small packets either"),
        ({"size_passed": 65536, "size_failed": MIB, "size_failure": "slow", "size_failure_rate": 48211},
         "65,536 bytes passed, 1,048,576 still being sent when time ran out (48,211 bytes/s)"),
        ({"size_passed": MIB, "tiny_refused": [0, 1], "tiny_failure": "refused"}, "0 bytes and 1 byte: refused"),
        ({"size_passed": MIB, "tiny_refused": [0], "tiny_failure": "status", "tiny_failure_status": 400},
         "0 bytes: ICAP 400"),
        ({"size_passed": MIB, "tiny_refused": [1], "tiny_failure": "\x1b[2J"}, "1 byte: \\x1b[2J"),
    ],
)  # fmt: skip
def test_what_a_finding_says(facts: Facts, expected: str) -> None:
    assert expected == describe(seen("size", **facts))


def test_without_a_limit_the_status_stays() -> None:
    assert "ok" == describe(seen("size"))


def test_sizes_as_people_say_them() -> None:
    sizes = [0, 1, 1024, 1400, 4096, 10_000, 65536, 100_795, MIB, 5251208, 8 * MIB]
    said = ["0 B", "1 B", "1 KiB", "1400 B", "4 KiB", "10000 B", "64 KiB", "98.4 KiB", "1 MiB", "5.0 MiB", "8 MiB"]

    assert said == [spoken_size(size) for size in sizes]
