"""The body of an issue on GitHub, or of a comment there."""

from __future__ import annotations

from functools import partial

from icapdiag.report.markup.gfm import draw
from icapdiag.report.markup.ticket import body
from icapdiag.report.untyped import Report

LIMIT = 65_536  # characters; the API says so when it refuses more


def render(report: Report) -> str:
    """GitHub Flavored Markdown of at most `LIMIT` bytes, evidence folded; ends in a newline."""
    return body(report, partial(draw, folded=True), LIMIT)
