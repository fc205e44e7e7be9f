"""Drawings are built of escaped elements, and places of values."""

from __future__ import annotations

import math

import html5lib
import pytest

from icapdiag.report.html import svg
from icapdiag.report.html.svg import Scale, bytes_shown, durations, linear, ms_shown, sizes

HOSTILE = "</title><script>alert(1)</script>\"'&\u202e\x00"


def test_texts_and_attributes_are_escaped() -> None:
    drawn = svg.element("text", HOSTILE, class_=HOSTILE)
    (parsed,) = html5lib.parseFragment(drawn)
    shown = "</title><script>alert(1)</script>\"'&\\u202e\\x00"
    assert ([], shown, shown) == (list(parsed), parsed.text, parsed.get("class"))


def test_elements_within_are_kept_and_numbers_are_short() -> None:
    drawn = svg.element("g", svg.line(1 / 3, 0, 100, 2.5, kind="grid"))
    assert '<g><line x1="0.33%" y1="0em" x2="100%" y2="2.5em" class="grid"></line></g>' == drawn


def test_a_drawing_says_in_words_what_it_shows() -> None:
    (parsed,) = html5lib.parseFragment(
        svg.drawing("d", "Title", "Words", 2, svg.bar(0, 0, 50, 1, kind="ok", tip="half"))
    )
    found = {child.tag.rpartition("}")[2]: child.text for child in parsed}
    assert {"title": "Title", "desc": "Words", "rect": None} == found
    assert ("img", "d-title", "d-desc") == (
        parsed.get("role"), parsed.get("aria-labelledby"), parsed.get("aria-describedby"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "place"), [(1, 0), (10, 50), (100, 100), (0.01, 0), (1e9, 100), (math.nan, 0), (math.inf, 100)]
)
def test_logarithmic_places(value: float, place: float) -> None:
    assert place == pytest.approx(Scale(1, 100).place(value))


def test_a_scale_without_width_puts_all_at_its_start() -> None:
    assert 7.0 == Scale(5, 5, start=7.0).place(5)


def test_durations_hold_every_value() -> None:
    scale, ticks = durations([3.2, 801.0, 60_000.0])
    assert (1.0, 60_000.0, [1.0, 10.0, 100.0, 1000.0, 10_000.0, 60_000.0]) == (scale.low, scale.high, ticks)


@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [-4.0], [5.0]])
def test_durations_of_little(values: list[float]) -> None:
    scale, ticks = durations(values)
    assert scale.low < scale.high
    assert ticks


@pytest.mark.parametrize(
    ("top", "ticks"), [(32, [0, 10, 20, 30, 40]), (1, [0, 0.5, 1.0]), (0, [0, 0.5, 1.0]), (7, [0, 2, 4, 6, 8])]
)
def test_linear_ticks_are_round(top: float, ticks: list[float]) -> None:
    scale, found = linear(top)
    assert ticks == found
    assert ticks[-1] == scale.high


def test_sizes_go_by_1024() -> None:
    scale, ticks = sizes([0, 8 << 20])
    assert (0.0, 100.0, [1.0, 1024.0, 1048576.0]) == (scale.place(0), scale.place(8 << 20), ticks)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (1400, "1400 B"), (65536, "64 KiB"), (8 << 20, "8 MiB"), (12345, "12.06 KiB")]
)
def test_bytes_as_people_say_them(value: int, shown: str) -> None:
    assert shown == bytes_shown(value)


@pytest.mark.parametrize(("value", "shown"), [(0.1, "0.1 ms"), (10, "10 ms"), (1000, "1 s"), (60_000, "1 min")])
def test_ticks_as_people_say_them(value: float, shown: str) -> None:
    assert shown == ms_shown(value)
