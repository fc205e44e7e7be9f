"""What is said of a server's time and tag, where that is the point."""

from __future__ import annotations

import pytest

from icapdiag.model import Facts
from icapdiag.report.document.evidence import describe
from tests.report.documents import seen

BEHIND: Facts = {"clock_offset_s": -86400.2, "clock_uncertainty_s": 0.5, "clock_skew_s": 86399.7}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (BEHIND, "its clock is 86,400 s behind (±0.5 s)"),
        ({**BEHIND, "clock_offset_s": 3600.0}, "its clock is 3,600 s ahead (±0.5 s)"),
        ({**BEHIND, "clock_skew_s": 0.0}, "ok"),
        ({"clock_offset_s": 60.0, "clock_skew_s": 60.0}, "its clock is 60 s ahead"),
        ({"clock_offset_s": 60.0, "clock_skew_s": 59.999}, "ok"),
        ({"answer_ms": 812.5, "warn_ms": 400}, "answered after 812 ms"),
        ({"answer_ms": 12.5, "warn_ms": 400}, "ok"),
        ({"istag": '"b\x07"', "istag_changed": True}, 'ISTag "b\\x07" differs from that of OPTIONS'),
        ({"istag": '"b"', "istag_changed": False}, "ok"),
        ({"icap_status": 200, "icap_reason": "OK", "istag": '"b"'}, 'ICAP 200 OK; ISTag "b"'),
    ],
)
def test_one_line(facts: Facts, expected: str) -> None:
    assert expected == describe(seen("clean" if "istag_changed" in facts else "options", **facts))
