"""Progress of a reading: shown late, often enough, and gone at the end."""

from __future__ import annotations

import pytest

from icapdiag.cli.progress import ReadingProgress, reading_line


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "expected"),
    [
        (250, 1000, 1.0, "a.json [#####---------------]  25%, 250 B/s, 3 s left"),
        (3_000_000_000, 4_000_000_000, 2.0, "a.json [###############-----]  75%, 1.5 GB/s, 1 s left"),
        (1_000, 1_000_000, 1.0, "a.json [--------------------]   0%, 1.0 kB/s, 16 min 39 s left"),
        (0, 1000, 0.0, "a.json [--------------------]   0%, 0 B/s"),
        (5_000_000, None, 2.0, "a.json  5.0 MB, 2.5 MB/s"),
        (2000, 1000, 1.0, "a.json  2.0 kB, 2.0 kB/s"),  # it grew
        (7, 0, 1.0, "a.json  7 B, 7 B/s"),
    ],
)
def test_line(done: int, total: int | None, elapsed: float, expected: str) -> None:
    assert expected == reading_line("a.json", done, total, elapsed)


def test_a_name_can_not_drive_the_terminal() -> None:
    assert "\\x1b[2J" in reading_line("\x1b[2J", 1, None, 1.0)


def test_is_drawn_after_a_while_and_erased(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    bar = ReadingProgress(clock=lambda: now)
    for moment, done in ((100.1, 1), (100.49, 2), (100.6, 3), (100.7, 4), (100.81, 5)):
        now = moment
        bar("a.json", done, 10)
    bar.erase()
    bar.erase()
    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert ["", "a.json [######--------------]  30%", "a.json [##########----------]  50%", ""] == [
        line.partition(",")[0] for line in lines
    ]


def test_what_is_quick_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ReadingProgress(clock=lambda: 5.0)
    bar("a.json", 1, 1)
    bar.erase()
    assert "" == capsys.readouterr().err
