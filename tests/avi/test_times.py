"""Times as they stand in logs."""

from __future__ import annotations

import pytest

from icapdiag.avi.times import parse_time, to_iso

MOMENT = "2020-11-05T20:17:15.698573+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MOMENT, MOMENT),
        ("2020-11-05T20:17:15.698573Z", MOMENT),
        ("2020-11-05T22:17:15.698573+02:00", MOMENT),
        ("2020-11-05 20:17:15.698573", MOMENT),
        ("2020-11-05T20:17:15.698573123Z", MOMENT),
        ("2020-11-05T20:17:15Z", "2020-11-05T20:17:15.000000+00:00"),
        (1604607435, "2020-11-05T20:17:15.000000+00:00"),
        (1604607435.698573, MOMENT),
        ("1604607435.698573", MOMENT),
        (1604607435698, "2020-11-05T20:17:15.698000+00:00"),
        (1604607435698573, MOMENT),
        ("1604607435698573", MOMENT),
        (1604607435698573999, MOMENT),
        ("2020-11-05", "2020-11-05T00:00:00.000000+00:00"),
        ("", None),
        ("yesterday", None),
        ("2020-02-31T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        (-1, None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        ([], None),
    ],
)
def test_to_iso(value: object, expected: str | None) -> None:
    assert expected == to_iso(value)


def test_the_end_of_each_unit() -> None:
    for scale in (1, 10**3, 10**6):
        moment = parse_time(10**11 * scale - 1)
        assert moment is not None
        assert 5138 == moment.year
