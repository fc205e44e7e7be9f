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


def verifications(markdown: str) -> list[tuple[str, str]]:
    """The blocks of commands, each with the text before it; a text at the end has no commands."""
    found: list[tuple[str, str]] = []
    text: list[str] = []
    block: list[str] | None = None
    for line in markdown.splitlines():
        if block is None and line.startswith("```"):
            block = []
        elif block is not None and line.startswith("```"):
            found.append((plain(" ".join(text)), "\n".join(block)))
            text, block = [], None
        elif block is not None:
            block.append(line)
        elif line.strip():
            text.append(line.strip())
    return [*found, (plain(" ".join(text)), "")] if text else found


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
    fixes = [(_FIXES[heading], items(text)) for heading, text in sections.items() if heading in _FIXES]
    shares = [min(len(steps), STEPS // 2) for _, steps in fixes]
    for index, (_, steps) in enumerate(fixes):
        shares[index] = min(len(steps), shares[index] + STEPS - sum(shares))
    return tuple(
        f"{place}: {step}" for (place, steps), share in zip(fixes, shares, strict=True) for step in steps[:share]
    )


def items(markdown: str) -> Sequence[str]:
    """The top-level list items, each with the rest of its first paragraph, as plain text."""
    found: list[list[str]] = []
    open_item = False
    for line in markdown.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            found.append([item[1]])
            open_item = True
        elif not line.strip() or line.lstrip().startswith(_BREAKS) or _ITEM.match(line.lstrip()):
            open_item = False
        elif open_item:
            found[-1].append(line.strip())
    return [plain(" ".join(lines)) for lines in found]


def plain(markdown: str) -> str:
    """Without links and emphasis; code keeps its backticks."""
    pieces = _CODE.split(_LINK.sub(r"\1", markdown))
    pieces[::2] = [_EMPHASIS.sub(r"\1", piece.replace("**", "")) for piece in pieces[::2]]
    return "".join(pieces).strip()
