"""The text of a work note in ServiceNow.

A journal field shows what stands between ``[code]`` tags as HTML, and everything else as it is. So this is plain
text, and no such tag of a server's is left in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from icapdiag.model import Report
from icapdiag.report.document import Block, Heading, Inline, Items, Paragraph, Said, Table, Verbatim
from icapdiag.report.grid import draw_grid
from icapdiag.report.ticket import body

LIMIT = 4_000  # characters of a multi-line text field as it comes
_TAG = re.compile(r"(?i)\[(?=\s*/?\s*code)")
_ROWS = 20  # of a table, in so small a field
_RULES = {1: "=", 2: "-"}  # below a heading


def render(report: Report) -> str:
    """Plain text of at most `LIMIT` bytes; ends in a newline."""
    return body(report, draw, LIMIT)


def draw(block: Block) -> str:
    """One block, without line ends around it."""
    return _TAG.sub("[\u200b", _plain(block))


def _plain(block: Block) -> str:
    match block:
        case Heading(level, text):
            line = _inline(text)
            return f"{line}\n{_RULES[level] * min(len(line), 60)}" if level in _RULES else line
        case Paragraph(text):
            return _inline(text).strip()
        case Items(items, numbered):
            return "\n".join(f"{f'{n}.' if numbered else '-'} {_inline(item)}" for n, item in enumerate(items, 1))
        case Verbatim(lines, _):
            return "\n".join(f"  {line}" for line in lines)
        case Table(head, rows):
            return "\n".join(_grid(head, rows))


def _grid(head: Sequence[str], rows: Sequence[Sequence[Inline]]) -> list[str]:
    shown = [[_inline((cell,)) for cell in row] for row in rows[:_ROWS]]
    more = len(rows) - _ROWS
    return draw_grid(head, shown) + ([f"and {more:,} more"] if more > 0 else [])


def _inline(parts: Sequence[Inline]) -> str:
    return "".join(part.text if isinstance(part, Said) else part for part in parts)
