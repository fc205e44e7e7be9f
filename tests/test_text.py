"""What servers say must not act on a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from icapdiag.text import from_wire, visible, visible_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, ünïcödé, 検疫, 🦠", "plain text, ünïcödé, 検疫, 🦠"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\r\nb\tc\x00", "a\\x0d\\x0ab\\x09c\\x00"),
        ("\x7f\x9b31m\x85", "\\x7f\\x9b31m\\x85"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("\u2066\u2069\u200e\u200f\u061c", "\\u2066\\u2069\\u200e\\u200f\\u061c"),
        ("line\u2028and\u2029paragraph", "line\\u2028and\\u2029paragraph"),
        ("\ud800 \udfff", "\\ud800 \\udfff"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_shows_what_a_terminal_would_act_on(text: str, expected: str) -> None:
    assert expected == visible(text)


def test_no_control_format_or_surrogate_character_of_unicode_survives() -> None:
    bad = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp", "Cs"}]
    bad += [
        chr(code)
        for code in range(0x110000)
        if unicodedata.bidirectional(chr(code))
        in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
    ]
    assert [] == [char for char in bad if char in visible(char)]


@pytest.mark.parametrize(("limit", "expected"), [(5, "abcd…"), (6, "abcdef"), (None, "abcdef")])
def test_cuts_long_text(limit: int | None, expected: str) -> None:
    assert expected == visible("abcdef", limit)


def test_counts_what_is_shown() -> None:
    shown = visible("\x1b" * 1000)
    assert 200 == len(shown)
    assert shown.endswith("…")


def test_keeps_line_ends_of_longer_text() -> None:
    assert "a\\x1b\nb\\x0d" == visible_lines("a\x1b\nb\r")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Gef\xc3\xa4hrlich", "Gefährlich"),
        ("Gef\xe4hrlich", "Gefährlich"),  # ISO 8859-1 as it should be
        ("検疫", "検疫"),  # decoded already
    ],
)
def test_reads_header_text_that_is_utf_8(text: str, expected: str) -> None:
    assert expected == from_wire(text)
