"""The table says whose clock its times are by."""

from __future__ import annotations

from tests.report.documents import table as render
from tests.report.samples import HEALTHY, member, observation, report


def test_each_clock_is_named_and_what_it_timed() -> None:
    timed = member(
        "10.0.0.5",
        observation("tcp", rtt_ms=0.2),
        observation("options", answer_ms=1.0, answer_clock="kernel"),
        observation("clean", answer_ms=2.0, answer_clock="application", answer_uncertain=True, verdict="allowed"),
    )
    text = " ".join(render(report([timed], ()), detail=1).split())

    assert (
        "Times measured: connections by the kernel (TCP_INFO), responses by kernel receive timestamps, "
        "1 response by icapdiag itself. ~: may include more than 5 % of client-side delay." in text
    )
    assert "allowed ~2.0 ms" in text


def test_a_report_that_does_not_say_is_not_guessed_about() -> None:
    assert "Times" not in render(report([HEALTHY], ()), detail=2)
