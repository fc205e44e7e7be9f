"""The text of a work note in ServiceNow.

A journal field shows what stands between ``[code]`` tags as HTML, and everything else as it is. So this is plain
text, and no such tag of a server's is left in it.
"""

from __future__ import annotations

import re

from icapdiag.report.markup import plaintext
from icapdiag.report.markup.document import Block
from icapdiag.report.markup.ticket import body
from icapdiag.report.untyped import Report

LIMIT = 4_000  # characters of a multi-line text field as it comes
_TAG = re.compile(r"(?i)\[(?=\s*/?\s*code)")
_ROWS = 20  # of a table, in so small a field


def render(report: Report) -> str:
    """Plain text of at most `LIMIT` bytes; ends in a newline."""
    return body(report, draw, LIMIT)


def draw(block: Block) -> str:
    """One block, without line ends around it."""
    return _TAG.sub("[\u200b", plaintext.draw(block, rows=_ROWS))
