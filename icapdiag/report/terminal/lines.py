"""Lines of text for a terminal of some width: wrapped, cut, in columns, in colour."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tabulate import SEPARATING_LINE, Line, simple_separated_format, tabulate
from wcwidth import wcswidth

_CODE = re.compile(r"`[^`]{1,40}`")  # a command that must stay on one line
_GLUE = "\xa0"
# As tabulate's "simple", whose columns are two wider than their headings, without that.
_TIGHT = simple_separated_format("  ")._replace(linebelowheader=Line("", "-", "  ", ""))
_SGR = {
    "critical": "1;31",
    "warning": "33",
    "unknown": "35",
    "ok": "32",
    "info": "36",
    "disabled": "2",
    "bold": "1",
    "dim": "2",
}


class Paint(NamedTuple):
    """Colour, which never carries a meaning alone: wraps text in SGR sequences, or leaves it unchanged."""

    color: bool

    def __call__(self, kind: str, text: str) -> str:
        """``text`` as ``kind``: a severity, a health, ``bold`` or ``dim``. Unknown kinds stay plain."""
        code = _SGR.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text


PLAIN = Paint(color=False)


def wrap(text: str, width: int, first: str = "", rest: str | None = None, *, break_words: bool = False) -> list[str]:
    """Wrap ``text``, which must be safe to show. Only words of a server are broken.

    ``first`` begins the first line, ``rest`` the others (None: spaces of the same length).
    """
    lines = textwrap.wrap(
        _CODE.sub(lambda code: code.group().replace(" ", _GLUE), text),
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=break_words,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def columns(text: str) -> int:
    """The columns that ``text`` takes on a terminal."""
    return len(text) if text.isascii() else wcswidth(text)


def cut(text: str, width: int) -> str:
    """``text``, which must be safe to show, in at most ``width`` columns."""
    if columns(text) <= width:
        return text
    kept = text[: max(width - 1, 0)]
    while columns(kept) >= width > 0:
        kept = kept[:-1]
    return kept + "…"


def table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Columns without a rule, one line per row, the first one the headings; otherwise like `grid`."""
    align = ["right" if index in right else "left" for index in range(len(rows[0]))]
    drawn = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=align)
    return [line.rstrip() for line in drawn.split("\n")]


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Columns under headings and a rule, one line per row; ``right``: right-aligned columns.

    Cells must be safe to show. Trailing spaces are left out.
    """
    drawn = tabulate(
        [list(head), SEPARATING_LINE, *map(list, rows)],
        tablefmt=_TIGHT,
        disable_numparse=True,
        colalign=["right" if index in right else "left" for index in range(len(head))],
    )
    return [line.rstrip() for line in drawn.split("\n")]


def rows(
    head: Sequence[str], found: Sequence[Sequence[str]], width: int | None, *, right: Collection[int] = ()
) -> list[str]:
    """A `grid` if ``width`` has room for it, otherwise a block for each row: its first cell, and the others below.

    Without a width there is a grid.
    """
    drawn = grid(head, found, right=right)
    if width is None or max(map(columns, drawn)) <= width:
        return drawn
    drawn = []
    for first, *others in found:
        drawn += wrap(first, width, rest="  ", break_words=True)
        for label, cell in zip(head[1:], others, strict=True):
            drawn += wrap(f"{label}: {cell}", width, "  ", "    ", break_words=True) if cell else []
    return drawn
