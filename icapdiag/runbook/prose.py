"""What of a runbook's Markdown stands in reports: the first paragraph of its meaning, and the first steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

STEPS = 4  # of the fixes
_FIXES = {"Fix on Avi": "On Avi", "Fix on the ICAP server": "On the ICAP server"}
_ITEM = re.compile(r"(?:[-*+]|[0-9]{1,3}[.)])\s+(.*)")
_BREAKS = ("```", "~~~", "#", "|")  # what ends a paragraph without a blank line
_LINK = re.compile(r"\[([^\]]{1,200})\]\([^)]{0,500}\)")
_CODE = re.compile(r"(`[^`]*`)")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]{1,300})(?<=\S)\*(?![\w*])")


def first_paragraph(markdown: str) -> str:
    """The first paragraph as one line of plain text; code keeps its backticks."""
    lines: list[str] = []
    for line in markdown.splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return plain(" ".join(lines))


def first_steps(sections: Mapping[str, str]) -> tuple[str, ...]:
    """The first steps of both fixes, half from each, in the order that the runbook has them.

    Where one fix has fewer, the other gives more. Each step says where it is done.
    """
    fixes = [(_FIXES[heading], _items(text)) for heading, text in sections.items() if heading in _FIXES]
    shares = [min(len(items), STEPS // 2) for _, items in fixes]
    for index, (_, items) in enumerate(fixes):
        shares[index] = min(len(items), shares[index] + STEPS - sum(shares))
    return tuple(
        f"{place}: {step}" for (place, items), share in zip(fixes, shares, strict=True) for step in items[:share]
    )


def _items(markdown: str) -> Sequence[str]:
    """The top-level list items, each with the rest of its first paragraph, as plain text."""
    items: list[list[str]] = []
    open_item = False
    for line in markdown.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            items.append([item[1]])
            open_item = True
        elif not line.strip() or line.lstrip().startswith(_BREAKS) or _ITEM.match(line.lstrip()):
            open_item = False
        elif open_item:
            items[-1].append(line.strip())
    return [plain(" ".join(lines)) for lines in items]


def plain(markdown: str) -> str:
    """Without links and emphasis; code keeps its backticks."""
    pieces = _CODE.split(_LINK.sub(r"\1", markdown))
    pieces[::2] = [_EMPHASIS.sub(r"\1", piece.replace("**", "")) for piece in pieces[::2]]
    return "".join(pieces).strip()
