"""The body of a ticket: as much of the report as its field takes, and a word on the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from icapdiag.report.markup.document import Block, Heading, Items, Paragraph, Table, Verbatim, document
from icapdiag.report.untyped import Report

_REST = (
    "The rest of this report did not fit here: see the attachment, or run `icapdiag report render` on the saved JSON."
)
_WHOLE = "The whole report with all evidence is in the attachment."
_FEWEST = 3  # lines, rows or items of a block that are worth keeping


def body(report: Report, draw: Callable[[Block], str], limit: int, gap: str = "\n\n") -> str:
    """The blocks as ``draw`` writes them, at most ``limit`` bytes of UTF-8; ends in a newline.

    Fields count characters, some of them in units of UTF-16 and some in bytes: bytes are never fewer.
    A list or a table is cut where it no longer fits; a heading is not left without what it heads.
    """
    rest, whole = draw(Paragraph((_REST,))), draw(Paragraph((_WHOLE,)))
    room = limit - _size(gap + rest + "\n")
    kept: list[tuple[Block, str]] = []
    used = 0
    for block in document(report):
        text = draw(block)
        if used + _size(gap + text) > room:
            cut = _shortened(block, draw, room - used - _size(gap))
            if cut:
                kept.append((block, cut))
            break
        kept.append((block, text))
        used += _size(gap + text)
    else:
        return gap.join([*(text for _, text in kept), whole])[: limit - 1] + "\n"
    while kept and isinstance(kept[-1][0], Heading):
        kept.pop()
    return gap.join([*(text for _, text in kept), rest]) + "\n"


def _shortened(block: Block, draw: Callable[[Block], str], room: int) -> str:
    """As much of the beginning of a block as fits, and how much more there is; empty if that is too little."""
    number = len(_parts(block))
    low, high = 0, number - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(draw(_first(block, middle))) <= room else (low, middle - 1)
    return draw(_first(block, low)) if 0 < min(_FEWEST, number - 1) <= low else ""


def _parts(block: Block) -> Sequence[object]:
    match block:
        case Verbatim(lines, _):
            return lines
        case Table(_, rows):
            return rows
        case Items(items, _):
            return items
    return ()


def _first(block: Block, number: int) -> Block:
    more = f"and {len(_parts(block)) - number:,} more"
    match block:
        case Verbatim(lines, summary):
            return Verbatim((*lines[:number], more), summary)
        case Table(head, rows):
            return Table(head, (*rows[:number], (more, *([""] * (len(head) - 1)))))
        case Items(items, numbered):
            return Items((*items[:number], (more,)), numbered)
    return block


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))
