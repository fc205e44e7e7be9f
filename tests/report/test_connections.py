"""What the table says of connections and load."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from icapdiag.model import Facts, sheet_of, unflatten
from icapdiag.report.document.evidence import describe
from tests.report.documents import section
from tests.report.documents import table as render
from tests.report.samples import member, observation, report

FIRST: Facts = {
    "concurrency": 1,
    "requests": 8,
    "errors": 0,
    "p50_ms": 9.0,
    "p95_ms": 12.0,
    "max_ms": 13.0,
    "rps": 80.0,
}
STOOD: Facts = {"concurrency": 4, "requests": 8, "errors": 0, "p50_ms": 9.0, "p95_ms": 15.0, "max_ms": 20.0,
                "rps": 311.4, "uncertain": True}  # fmt: skip
BROKE: Facts = {"concurrency": 8, "requests": 9, "errors": 4, "p50_ms": None, "p95_ms": None, "max_ms": None}
RAMP: Facts = {
    "ceiling": 64,
    "steps": [FIRST, STOOD, BROKE],
    "load_ended": "busy",
    "held_connections": 4,
    "broke_at": 8,
    "broke_status": 503,
    "offered_connections": 4,
    "expected_rps": 100,
    "expected_latency_ms": 120.0,
    "needed_connections": 12,
    "needed_held": "no",
}
SAID = (
    "handled 4 at a time (ceiling 64); at 8: rejected (503); p95 12 ms with one, ~15 ms at the end; "
    "Max-Connections 4; 100 requests/s x 120 ms need 12 connections"
)
LOADED = replace(observation("load"), facts=sheet_of("probe", "load", RAMP))


def test_a_line_a_member_under_load() -> None:
    drawn = render(report([member("10.0.0.5", observation("tcp"), LOADED), member("10.0.0.6", observation("tcp"))]))

    section = drawn.partition("Under load")[2].partition("\n\n")[0].splitlines()
    assert "10.0.0.5:1344 4 311 12 ms ~15 ms rejected at 8" == " ".join(section[3].split())
    assert "10.0.0.5:1344: 100 requests/s x 120 ms need 12 connections; handled: no" == section[4]
    assert 5 == len(section)
    assert " load " not in drawn.partition("Under load")[0]


def test_what_held_nothing_has_no_figures() -> None:
    failed: Facts = {"ceiling": 4, "steps": [BROKE], "load_ended": "failed", "held_connections": 0, "broke_at": 1}
    lines = section(
        report([member("a", replace(observation("load"), facts=sheet_of("probe", "load", failed)))]), "Under load"
    )

    assert "a:1344 0 - - - failed at 1" == " ".join(lines[-1].split())


def test_no_load_no_section() -> None:
    assert [] == section(report([member("a", observation("tcp"))]), "Under load")


def test_long_names_are_cut_to_the_width() -> None:
    long = report([member("a" * 80 + ".example.test", LOADED)])

    for width in (70, 80, 100):
        assert all(len(line) <= width for line in section(long, "Under load", width))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"probe": "load", **RAMP},
            SAID,
        ),
        (
            {"probe": "keepalive", "reuse": "desynchronised", "desync_signs": ["bytes-left-over"], "extra_bytes": 9,
             "extra_excerpt": "\x1b[2Jhello"},
            "second request answered wrongly; bytes-left-over; 9 bytes left over: \\x1b[2Jhello",
        ),
        (
            {"probe": "keepalive", "reuse": "closed", "closed_after_ms": 0.4, "desync_signs": []},
            "second request not answered: the server closed without saying so; closed 0.4 ms after the first response",
        ),
        (
            {"probe": "keepalive", "reuse": "honoured", "idle_close_s": 12.0, "idle_closed": True},
            "second request answered on the same connection; closed after 12 s idle",
        ),
    ],
)  # fmt: skip
def test_evidence_says_what_was_seen(facts: Facts, words: str) -> None:
    assert words == describe(unflatten({"status": "ok", "source": "probe", **facts}))
