"""The text of one runbook file: its front matter with places, and the sections below it."""

# ruff: noqa: PLC0415 - YAML is imported when it is read: commands of a wheel have its index

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING
from zlib import crc32

from icapdiag.mistakes import FileError, Located, Problems
from icapdiag.model import JSONValue
from icapdiag.text import visible

if TYPE_CHECKING:
    from icapdiag.yamltree import MapNode

Front = Mapping[str, JSONValue]  # the values of a front matter, by their keys

_DETAILS = ("examples:", "counterexamples:", "references:")  # matching needs none of them
_INNER = ("", " ", "\t", "-", "#")  # how a line begins that belongs to the key above it
_SHOWN = 800  # characters of a message, which may repeat what was written
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


class Source:
    """A file's text, of which more is read when somebody asks for it. ``path`` is for display.

    All but `problems` raise `FileError` for a file without a readable front matter.
    """

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.checksum = crc32(text.encode())
        self._text = text

    @cached_property
    def front(self) -> Front:
        """All of the front matter."""
        from icapdiag.yamltree import core_value

        return {key.text: core_value(value) for key, value in self._tree.pairs()}

    @property
    def rule(self) -> Front:
        """What of the front matter matching needs; the details, two thirds of it, are left out before it is read."""
        kept: list[str] = []
        skipping = False
        for line in self._lines[1 : self._end]:
            if line[:1] not in _INNER:
                skipping = line.startswith(_DETAILS)
            if not skipping:
                kept.append(line)
        return Source("\n".join(("---", *kept, "---")), self.path).front

    @property
    def body(self) -> str:
        """The Markdown after the front matter."""
        return "\n".join(self._lines[self._end + 1 :]).strip() + "\n"

    @property
    def sections(self) -> Mapping[str, str]:
        """The Markdown under each heading."""
        return self._split[0]

    def problems(self) -> list[Located]:
        """What is wrong with the form of the front matter and of the sections."""
        from icapdiag.yamltree import report

        found: list[Located] = []
        problems = Problems(self.path)
        try:
            for line, where, message in self._split[2]:
                found.append(Located(file=self.path, line=line, column=1, path=_cut(where), message=message))
            report(self._tree, (), problems)
        except FileError as error:
            found += error.errors
        return [*found, *problems.error().errors]

    def located(self, where: str, message: str) -> Located:
        """A mistake at a key path or a heading, else at the nearest key above it."""
        marks = self._marks
        known = where
        while known and known not in marks:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        line, column = marks.get(known, (1, 1))
        return Located(file=self.path, line=line, column=column, path=_cut(where), message=_cut(message))

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")

    @cached_property
    def _end(self) -> int:
        """The index of the line that ends the front matter."""
        if self._lines[0].rstrip() != "---":
            raise self._fatal("the first line must be '---', the start of the front matter", 1)
        end = next((number for number, line in enumerate(self._lines[1:], 1) if line.rstrip() == "---"), None)
        if end is None:
            raise self._fatal("the front matter has no second '---' line", 1)
        return end

    @cached_property
    def _tree(self) -> MapNode:
        from icapdiag.yamltree import MapNode, read_yaml

        text = "\n".join(self._lines[1 : self._end])
        tree = read_yaml(text, self.path, subject="a runbook", first_line=2)
        if not isinstance(tree, MapNode):
            raise self._fatal("the front matter must be a mapping of keys to values", 2)
        return tree

    @cached_property
    def _marks(self) -> Mapping[str, tuple[int, int]]:
        from icapdiag.yamltree import places

        return {**places(self._tree), **{heading: (line, 1) for heading, line in self._split[1].items()}}

    @cached_property
    def _split(self) -> _Sections:
        return split_sections(self._lines, self._end + 1)

    def _fatal(self, message: str, line: int) -> FileError:
        return FileError([Located(file=self.path, line=line, column=1, message=message)])


def _cut(text: str) -> str:
    return visible(text, _SHOWN)


_Sections = tuple[Mapping[str, str], dict[str, int], list[tuple[int, str, str]]]


def split_sections(lines: list[str], start: int) -> _Sections:
    """The text under each ``## Heading`` from line ``start`` on, the lines of the headings, from 1, and problems.

    A ``##`` inside a fenced block is not a heading. A problem has its line, its heading and its message.
    """
    found: dict[str, list[str]] = {}
    marks: dict[str, int] = {}
    problems: list[tuple[int, str, str]] = []
    current: list[str] = []
    fence = ""
    for number, line in enumerate(lines[start:], start + 1):
        fenced = _FENCE.match(line)
        if fenced is not None and not fence:
            fence = fenced[1]
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence and line.startswith("## "):
            heading = line[3:].strip().rstrip("#").rstrip()
            current = []
            if heading not in found:
                found[heading] = current
                marks[f"## {heading}"] = number
            else:
                problems.append((number, f"## {heading}", "the section is written twice"))
            continue
        current.append(line)
    if fence:
        problems.append((len(lines), "", f"a {fence[:3]} block is never closed"))
    sections = MappingProxyType({heading: "\n".join(body).strip() for heading, body in found.items()})
    return sections, marks, problems
