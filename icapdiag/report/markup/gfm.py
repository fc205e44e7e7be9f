"""GitHub Flavored Markdown: the report, the body of an issue on GitHub, and escaping.

GitHub turns addresses, names, numbers and hashes in the text into links, after escapes are resolved, but not in code:
so a server's text is only in code spans and fenced blocks. Prose is escaped, and anything that GitHub would take for a
mention or a reference is broken by a zero-width space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from icapdiag.model import Report
from icapdiag.report.markup import Block, Heading, Inline, Items, Paragraph, Table, Verbatim, ticket, whole, written

GITHUB_LIMIT = 65_536  # characters; the API says so when it refuses more

_PUNCTUATION = re.compile(r"([\\`*{}\[\]#!|<>~&$=^]|(?<!\w)_|_(?!\w)|:(?=\S)|(?<!\S)[-+])")
_NUMBERED = re.compile(r"^(\s*\d+)(?=[.)])")  # would begin a list
_REFERENCE = re.compile(r"(@|#|(?i:GH-)|(?i:www)|(?i:mailto)|(?i:xmpp))(?=[\w.:/])")
_ZERO_WIDTH = "\u200b"


def render(report: Report) -> str:
    """The complete report as Markdown; ends in a newline. Text of servers is only in code."""
    return whole(report, draw)


def render_github(report: Report) -> str:
    """The body of an issue on GitHub of at most `GITHUB_LIMIT` bytes, evidence folded; ends in a newline."""
    return ticket(report, partial(draw, folded=True), GITHUB_LIMIT)


def draw(block: Block, *, folded: bool = False) -> str:
    """One block, without line ends around it. ``folded`` hides a long one behind its summary (HTML of GitHub's)."""
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_inline(text)}"
        case Paragraph(text):
            return _inline(text).strip()
        case Items(items, numbered):
            return "\n".join(f"{f'{n}.' if numbered else '-'} {_inline(item)}" for n, item in enumerate(items, 1))
        case Verbatim(lines, summary):
            fence = _fenced("\n".join(lines))
            if folded and summary:
                return f"<details><summary>{_inline((summary,))}</summary>\n\n{fence}\n\n</details>"
            return fence
        case Table(head, rows):
            drawn = [_row(map(_cell, head)), _row("---" for _ in head), *(_row(map(_cell, row)) for row in rows)]
            return "\n".join(drawn)


def code(text: str) -> str:
    """A code span around one line of text, which may contain backticks; empty without text."""
    if not text.strip():
        return ""
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _escaped(text: str) -> str:
    broken = _REFERENCE.sub(lambda found: found.group() + _ZERO_WIDTH, text)
    return _NUMBERED.sub(rf"\1{_ZERO_WIDTH}", _PUNCTUATION.sub(r"\\\1", broken))


def _inline(parts: tuple[Inline, ...]) -> str:
    return written(parts, said=code, plain=_escaped, code=code)


def _cell(part: Inline) -> str:
    return written((part,), said=_code_in_cell, plain=_escaped, code=_code_in_cell)


def _code_in_cell(text: str) -> str:
    """A ``|`` that is not escaped would end a cell, in code as well; a backslash before it would undo the escape."""
    return code(text.replace("\\|", f"\\{_ZERO_WIDTH}|").replace("|", "\\|"))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _fenced(text: str) -> str:
    fence = "`" * max(_longest_run(text) + 1, 3)
    return f"{fence}text\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
