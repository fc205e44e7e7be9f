"""Lines of text for a terminal of some width: what every part of the table is written with."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from icapdiag.report.untyped import JSONValue
from icapdiag.text import visible

NAMES_SHOWN = 5

_CODE = re.compile(r"`[^`]{1,40}`")  # a command that must stay on one line
_GLUE = "\xa0"


def wrap(text: str, width: int, first: str = "", rest: str | None = None, *, break_words: bool = False) -> list[str]:
    """Lines of ``text``, which must be safe to show. Words are broken only in what a server said.

    ``first`` begins the first line, ``rest`` (blanks of the same length, if it is None) the others.
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


def prose(text: str) -> str:
    """A runbook's text as one safe line of any length."""
    return visible(" ".join(text.split()), None)


def shown(value: JSONValue) -> str:
    """A text of the report made safe and cut; empty if it is no text."""
    return visible(value) if isinstance(value, str) else ""


def whole(value: JSONValue) -> int:
    """A count of the report; 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def texts(value: JSONValue) -> list[str]:
    """The texts in a list of the report."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 member``, ``3 members``, ``12,345 entries``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def names(found: Sequence[str], limit: int = NAMES_SHOWN) -> str:
    """The first few names, safe to show, and how many there are beyond."""
    more = len(found) - limit
    listed = ", ".join(visible(name, 80) for name in found[:limit])
    return f"{listed} and {more} more" if more > 0 else listed


def milliseconds(value: float | None) -> str:
    """A duration for people: ``0.4 ms``, ``31 ms``, ``1.5 s``; empty for None."""
    if value is None or not math.isfinite(value):
        return ""
    if value < 9.95:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 999.5 else f"{value / 1000:.1f} s"


def columns(text: str) -> int:
    """The columns that ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int) -> str:
    """``text``, which must be safe to show, in at most ``width`` columns."""
    if columns(text) <= width:
        return text
    kept = text[: max(width - 1, 0)]
    while columns(kept) >= width > 0:
        kept = kept[:-1]
    return kept + "…"
