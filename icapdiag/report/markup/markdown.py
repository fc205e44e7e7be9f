"""The report as GitHub Flavored Markdown, whole."""

from __future__ import annotations

from icapdiag.report.markup.document import document
from icapdiag.report.markup.gfm import draw
from icapdiag.report.untyped import Report


def render(report: Report) -> str:
    """Markdown that ends in a newline; what servers say stands in code only."""
    return "\n\n".join(draw(block) for block in document(report)) + "\n"
