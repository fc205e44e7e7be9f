"""What Markdown, the bodies of tickets and what is held against each other are written from: text, lists, tables.

Text is one line and free of what drives a terminal or reorders text; each format escapes it for its own sink besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

_CODE = re.compile(r"`([^`\n]{1,300})`")


class Said(Struct, frozen=True):
    """What a server, a log or a file says: never to be read as markup."""

    text: str


Inline = str | Said  # str is prose: the program's and the runbooks' own words, with `commands` in backticks


class Heading(Struct, frozen=True):
    level: int  # 1 to 3
    text: tuple[Inline, ...]


class Paragraph(Struct, frozen=True):
    text: tuple[Inline, ...]


class Items(Struct, frozen=True):
    """A list; numbered where the order matters."""

    items: tuple[tuple[Inline, ...], ...]
    numbered: bool = False


class Verbatim(Struct, frozen=True):
    """Lines in a fixed width, some of them a server's. ``summary`` names what a reader may want to unfold."""

    lines: tuple[str, ...]
    summary: str = ""


class Table(Struct, frozen=True):
    """Columns under headings, each row with as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]


Block = Heading | Paragraph | Items | Verbatim | Table
Writer = Callable[[str], str]


def written(parts: Sequence[Inline], said: Writer, plain: Writer, code: Writer) -> str:
    """The parts in a row; what was said, plain words and `commands` each as a format writes it."""

    def prose(text: str) -> str:  # split into text, code, text, code, … text
        return "".join(code(part) if number % 2 else plain(part) for number, part in enumerate(_CODE.split(text)))

    return "".join(said(part.text) if isinstance(part, Said) else prose(part) for part in parts)


def text_of(parts: Sequence[Inline]) -> str:
    """The words without what tells prose from what was said."""
    return "".join(part.text if isinstance(part, Said) else part for part in parts)
