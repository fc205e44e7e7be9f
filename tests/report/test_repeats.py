"""The table of several rounds."""

from __future__ import annotations

from icapdiag.model import Facts
from tests.report.documents import section
from tests.report.documents import table as render
from tests.report.samples import member, observation, report

RECORD: Facts = {
    "step": "clean",
    "sent": 20,
    "lost": 1,
    "loss_percent": 5.0,
    "min_ms": 0.02,
    "avg_ms": 3.0,
    "p95_ms": 12.0,
    "max_ms": 1500.0,
}
LOST: Facts = {"step": "tcp", "sent": 1, "lost": 1, "loss_percent": 100.0, "min_ms": None, "uncertain": True}
SEEN = observation("repeat", samples=[RECORD, LOST], address="10.0.0.5")


def test_a_line_a_step() -> None:
    drawn = render(report([member("10.0.0.5", observation("tcp"), SEEN)]))

    (line,) = [line for line in drawn.splitlines() if " clean " in line]
    assert "clean 20 1 (5%) <0.1 ms 3.0 ms 12 ms 1.5 s" in " ".join(line.split())
    (line,) = [line for line in drawn.splitlines() if " tcp " in line and "1 (100%)" in line]
    assert line.split()[-4:] == ["-"] * 4
    assert "repeat" not in drawn


def test_long_names_are_cut_to_the_width() -> None:
    long = report([member("a" * 80 + ".example.test", observation("tcp"), SEEN)])

    for width in (60, 80, 100):
        assert all(len(line) <= width for line in section(long, "Rounds", width))
    assert tuple("min" in section(long, "Rounds", width)[1] for width in (80, 60)) == (True, False)


def test_nothing_repeated_is_no_table() -> None:
    assert [] == section(report([member("10.0.0.5", observation("tcp"))]), "Rounds")
