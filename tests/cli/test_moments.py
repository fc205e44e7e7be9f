"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from icapdiag.cli.times import parse_moment

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T10:00", "2026-01-31T10:00:00+00:00"),
        ("2026-01-31 10:00:05.5", "2026-01-31T10:00:05.500000+00:00"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00+00:00"),
        ("2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00+00:00"),
        ("90s", "2026-03-01T11:58:30+00:00"),
        ("30m", "2026-03-01T11:30:00+00:00"),
        ("2h", "2026-03-01T10:00:00+00:00"),
        (" 1d ", "2026-02-28T12:00:00+00:00"),
        ("1 w", "2026-02-22T12:00:00+00:00"),
    ],
)
def test_reads(text: str, expected: str) -> None:
    assert expected == parse_moment(text, NOW).isoformat()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2x", "-2h", "999999w", "0001-01-01T00:00:00+23:59"])
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time: write 2026-01-31T10:00:00 \(UTC\), or 2h"):
        parse_moment(text, NOW)
