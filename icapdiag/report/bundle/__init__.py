"""One archive for a ticket: the report in three formats, what was sent and received, and from where."""

from icapdiag.report.bundle.build import Bundle, TooLarge, build

__all__ = ["Bundle", "TooLarge", "build"]
