"""Which regular expressions are refused."""

from __future__ import annotations

import pytest

from icapdiag.runbook.lint import risk


@pytest.mark.parametrize(
    "pattern",
    [
        "no security rule",
        r"rule\s+\d+ matched",
        "^a+b+$",
        "a.*b",
        ".{0,80}x.{0,80}",
        "(abc)+",
        "(?:a|b)?",
        "(a+){2,5}",
        r"\(a+\)+",
        "[(+*]+x",
        "[]+]*x",
        "(?:failed|aborted) to scan",
        r"a\+*",
        "x{,}",
        "x{}",
    ],
)
def test_harmless(pattern: str) -> None:
    assert None is risk(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(?:a*b?)*", "((a+)b)+", "(a|aa)+$", "(?P<x>.+){2,}", r"(\s*x)*", "(a+){999}"]
)
def test_repeats_of_repeats(pattern: str) -> None:
    assert "a repeat of repeats or alternatives can run for hours" in (risk(pattern) or "")


@pytest.mark.parametrize("pattern", [".*a.*", ".+a[^b]*", r"\S+@\S+", ".{9,}x.{0,300}"])
def test_two_wide_repeats(pattern: str) -> None:
    assert "more than one '.*'" in (risk(pattern) or "")
