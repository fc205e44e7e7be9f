"""`document` blocks as plain text of any width: for who pastes, and for fields that know no markup."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.report.markup.document import Block, Heading, Inline, Items, Paragraph, Said, Table, Verbatim
from icapdiag.report.text.grid import draw_grid

_RULES = {1: "=", 2: "-"}  # below a heading


def draw(block: Block, *, rows: int | None = None) -> str:
    """One block, without line ends around it; of a table so many rows at most."""
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
        case Table(head, cells):
            return "\n".join(_grid(head, cells, len(cells) if rows is None else rows))


def _grid(head: Sequence[str], cells: Sequence[Sequence[Inline]], rows: int) -> list[str]:
    shown = [[_inline((cell,)) for cell in row] for row in cells[:rows]]
    more = len(cells) - rows
    return draw_grid(head, shown) + ([f"and {more:,} more"] if more > 0 else [])


def _inline(parts: Sequence[Inline]) -> str:
    return "".join(part.text if isinstance(part, Said) else part for part in parts)
