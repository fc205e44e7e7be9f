"""Plain text of any width, for pasting, and the text of a work note in ServiceNow.

A journal field of ServiceNow renders text between ``[code]`` tags as HTML, and everything else literally. So this is
plain text, and such tags in a server's text are removed.
"""

from __future__ import annotations

import re

from icapdiag.model import Report
from icapdiag.report.markup import Block, Heading, Items, Paragraph, Table, Verbatim, text_of, ticket
from icapdiag.report.terminal import lines

SERVICENOW_LIMIT = 4_000  # characters of a multi-line text field as it comes
_TAG = re.compile(r"(?i)\[(?=\s*/?\s*code)")
_ROWS = 20  # of a table, in so small a field
_RULES = {1: "=", 2: "-"}  # below a heading


def render_servicenow(report: Report) -> str:
    """Plain text of at most `SERVICENOW_LIMIT` bytes; ends in a newline."""
    return ticket(report, lambda block: _TAG.sub("[\u200b", draw(block, rows=_ROWS)), SERVICENOW_LIMIT)


def draw(block: Block, *, rows: int | None = None, width: int | None = None) -> str:
    """One block, without line ends around it; a table has a limited number of rows. ``width``: of its lines."""
    match block:
        case Heading(level, text):
            line = text_of(text)
            return f"{line}\n{_RULES[level] * min(len(line), 60)}" if level in _RULES else line
        case Paragraph(text):
            return _filled(text_of(text).strip(), "", width)
        case Items(items, numbered):
            starts = (f"{n}. " if numbered else "- " for n in range(1, len(items) + 1))
            return "\n".join(_filled(text_of(item), start, width) for start, item in zip(starts, items, strict=True))
        case Verbatim(commands, _):
            return "\n".join(f"  {line}" for line in commands)
        case Table(head, cells):
            shown = [[text_of((cell,)) for cell in row] for row in cells[:rows]]
            more = len(cells) - len(shown)
            return "\n".join(lines.rows(head, shown, width) + ([f"and {more:,} more"] if more > 0 else []))


def _filled(text: str, start: str, width: int | None) -> str:
    return f"{start}{text}" if width is None else "\n".join(lines.wrap(text, width, start, break_words=True))
