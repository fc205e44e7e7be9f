"""The body of an issue or a comment in Jira, in its wiki markup (text formatting notation)."""

from __future__ import annotations

import re

from icapdiag.model import Report
from icapdiag.report.markup import Block, Heading, Inline, Items, Paragraph, Table, Verbatim, ticket, written

LIMIT = 32_767  # characters: jira.text.field.character.limit as it comes

_ZERO_WIDTH = "\u200b"
_MARKUP = re.compile(r"[{}\[\]*+^~?!|#@&<>()\\]|(?<!\w)[-_]|[-_](?!\w)|:(?=\S)")
_LINE = re.compile(r"(?i)\b(h[1-6]|bq)(?=\.)")  # a heading, a quotation: at the start of a line


def render(report: Report) -> str:
    """Wiki markup of at most `LIMIT` bytes; ends in a newline."""
    return ticket(report, draw, LIMIT)


def draw(block: Block) -> str:
    """One block, without line ends around it."""
    match block:
        case Heading(level, text):
            return f"h{level + 1}. {_inline(text)}"
        case Paragraph(text):
            return _inline(text).strip()
        case Items(items, numbered):
            return "\n".join(f"{'#' if numbered else '*'} {_inline(item)}" for item in items)
        case Verbatim(lines, _):
            return "{noformat}\n" + "\n".join(map(_closed, lines)) + "\n{noformat}"
        case Table(head, rows):
            drawn = ("|" + "|".join(_inline((cell,)) or " " for cell in row) + "|" for row in rows)
            return "\n".join([f"||{'||'.join(map(_text, head))}||", *drawn])


def _inline(parts: tuple[Inline, ...]) -> str:
    return written(parts, said=_text, plain=_text, code=lambda command: f"{{{{{_text(command)}}}}}")


def _text(text: str) -> str:
    """``text`` without markup: entities, as a backslash before a backslash would be a line break."""
    plain = _MARKUP.sub(lambda found: f"&#{ord(found.group())};", text)
    return _LINE.sub(lambda found: found.group() + _ZERO_WIDTH, plain)


def _closed(line: str) -> str:
    """A line that can't end the block around it."""
    return re.sub(r"(?i)\{(?=noformat)", "{" + _ZERO_WIDTH, line)
