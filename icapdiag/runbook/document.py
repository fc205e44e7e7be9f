"""One runbook file: front matter with its places, and the sections below it.

Nothing here judges the content: see `icapdiag.runbook.lint`. What a program can't do
without (an id, a severity, conditions that compile) is an error already here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING
from zlib import crc32

from icapdiag.mistakes import FileError, Located, Problems, suggestion
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.conditions import Condition, ConditionError, Selection, parse_condition
from icapdiag.vocabulary import Severity

if TYPE_CHECKING:
    from icapdiag.yamltree import MapNode, Node

SOURCES = ("log", "probe", "config")
SECTIONS = ("What it means", "Likely causes", "Verify", "Fix on Avi", "Fix on the ICAP server", "Escalate with")
STAGES = {  # in the order in which a request meets them
    "dns": "Name",
    "tcp": "Connection",
    "tls": "TLS",
    "icap": "ICAP answer",
    "verdict": "Verdict",
    "pool": "Members compared",
    "log": "Service Engine and its log",
    "config": "Configuration, and this host",
}
REQUIRED = ("id", "title", "severity", "source", "match")
KEYS = (*REQUIRED, "stage", "vendor", "unless", "supersedes", "examples", "counterexamples", "references", "aliases")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


Front = Mapping[str, JSONValue]  # the values of a front matter, by their keys
Mark = tuple[int, int]  # line and column in the file, both from 1

_DETAILS = ("examples:", "counterexamples:", "references:")  # matching needs none of them
_INNER = ("", " ", "\t", "-", "#")  # how a line begins that belongs to the key above it
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


class RunbookError(FileError):
    """Runbooks can't be used: every mistake found, in the order of the files."""


@dataclass(frozen=True, kw_only=True)  # no slots: what is read when it is asked for is kept in the instance
class Runbook:
    """A diagnosis: when it applies (front matter) and what to tell people (sections).

    ``path`` is for display, ``origin`` is "built-in" or the site's folder. Conditions, examples and the text are
    read when somebody asks: a run meets records of one source or two, and a report shows few runbooks.
    """

    id: str
    title: str
    severity: Severity
    source: tuple[str, ...]
    stage: str = ""  # one of STAGES, or none
    vendor: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    path: str = ""
    origin: str = ""
    _front: Front = field(repr=False, compare=False)
    _file: _File = field(repr=False, compare=False)

    @cached_property
    def match(self) -> tuple[Selection, ...]:
        """The mappings of conditions, one of which must hold."""
        return _Reader(self._front, self._file, [], sound=True).selections("match")

    @cached_property
    def unless(self) -> tuple[Selection, ...]:
        """Those of which none may hold."""
        return _Reader(self._front, self._file, [], sound=True).selections("unless")

    @property
    def checksum(self) -> int:
        """Of the file's text: what was changed is another runbook."""
        return self._file.checksum

    @cached_property
    def examples(self) -> tuple[Facts, ...]:
        """Flat records that must match."""
        return self._file.reader.records("examples")

    @cached_property
    def counterexamples(self) -> tuple[Facts, ...]:
        """Flat records that must not match."""
        return self._file.reader.records("counterexamples")

    @property
    def references(self) -> tuple[str, ...]:
        """Where its facts come from."""
        return self._file.reader.texts("references")

    @property
    def keys(self) -> tuple[str, ...]:
        """The front matter's keys, as written."""
        return tuple(self._file.front)

    @property
    def sections(self) -> Mapping[str, str]:
        """The Markdown under each heading."""
        return self._file.sections

    @property
    def body(self) -> str:
        """The Markdown after the front matter."""
        return "\n".join(self._file.lines[self._file.front_end + 1 :]).strip() + "\n"

    def located(self, where: str, message: str) -> Located:
        """A mistake at a key path or a heading, else at the nearest key above it."""
        return self._file.located(where, message)

    def applies(self, record: Facts) -> bool:
        """Whether the record's source fits, some mapping of ``match`` holds and none of ``unless`` does."""
        if record.get("source") not in self.source:
            return False
        for selection in self.match:
            if selection.holds(record):
                return not any(veto.holds(record) for veto in self.unless)
        return False


def parse_runbook(
    text: str, *, path: str, origin: str = "", errors: list[Located], front: Front | None = None, sound: bool = False
) -> Runbook | None:
    """Read one file's text; every problem is appended to ``errors``, and then there may be no runbook.

    ``front`` is its front matter, if that is known. With ``sound`` the file was linted before, and only what
    matching needs is looked at: mistakes in the rest (and in regular expressions) stay unseen.
    """
    file = _File(text, path)
    before = len(errors)
    if front is None:
        try:
            front = read_front(text, path) if sound else file.checked_front(errors)
        except FileError as error:
            errors += error.errors
            return None
    reader = _Reader(front, file, errors, sound=sound)
    if not sound:
        reader.check_details()
    runbook = reader.runbook(origin)
    return None if len(errors) > before else runbook


def read_front(text: str, path: str) -> Front:
    """What of a file's front matter matching needs, unchecked. Raises `FileError`.

    The details are two thirds of it, and are left out before it is read.
    """
    file = _File(text, path)
    kept: list[str] = []
    skipping = False
    for line in file.lines[1 : file.front_end]:
        if line[:1] not in _INNER:
            skipping = line.startswith(_DETAILS)
        if not skipping:
            kept.append(line)
    return _values(_File("\n".join(("---", *kept, "---")), path).tree)


def _values(tree: MapNode) -> Front:
    from icapdiag.yamltree import core_value  # noqa: PLC0415 - of no use to those who have an index

    return {key.text: core_value(value) for key, value in tree.pairs()}


class _File:
    """A file's text, of which more is read when somebody asks for it."""

    def __init__(self, text: str, path: str) -> None:
        self.checksum = crc32(text.encode())
        self._text = text
        self.path = path

    @cached_property
    def lines(self) -> list[str]:
        return self._text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")

    @cached_property
    def front_end(self) -> int:
        """The index of the line that ends the front matter. Raises `FileError`."""
        if self.lines[0].rstrip() != "---":
            raise self._fatal("the first line must be '---', the start of the front matter", 1)
        end = next((number for number, line in enumerate(self.lines[1:], 1) if line.rstrip() == "---"), None)
        if end is None:
            raise self._fatal("the front matter has no second '---' line", 1)
        return end

    @cached_property
    def tree(self) -> MapNode:
        """The front matter with its places. Raises `FileError`."""
        from icapdiag.yamltree import MapNode, read_yaml  # noqa: PLC0415 - as above

        head = "\n".join(self.lines[1 : self.front_end])
        root = read_yaml(head, self.path, subject="a runbook", first_line=2)
        if not isinstance(root, MapNode):
            raise self._fatal("the front matter must be a mapping of keys to values", 2)
        return root

    @cached_property
    def front(self) -> Front:
        """All of the front matter."""
        return _values(self.tree)

    @property
    def reader(self) -> _Reader:
        """For what was checked when the file was read."""
        return _Reader(self.front, self, [], sound=True)

    def checked_front(self, errors: list[Located]) -> Front:
        """All of the front matter, once the whole file was looked at. Raises `FileError` with what ends that."""
        from icapdiag.yamltree import report  # noqa: PLC0415 - as above

        _ = self.front_end
        split_sections(self.lines, self.front_end + 1, lambda line, where, message: errors.append(
            Located(file=self.path, line=line, column=1, path=where, message=message)))  # fmt: skip
        problems = Problems(self.path)
        report(self.tree, (), problems)
        errors += problems.error().errors
        return self.front

    @cached_property
    def sections(self) -> Mapping[str, str]:
        return split_sections(self.lines, self.front_end + 1)[0]

    def located(self, where: str, message: str) -> Located:
        """A mistake at a key path or a heading, else at the nearest key above it."""
        known = where
        while known and known not in self._marks:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        line, column = self._marks.get(known, (1, 1))
        return Located(file=self.path, line=line, column=column, path=where, message=message)

    @cached_property
    def _marks(self) -> dict[str, Mark]:
        marks: dict[str, Mark] = {}
        _mark(self.tree, "", marks)
        headings = split_sections(self.lines, self.front_end + 1)[1]
        return marks | {heading: (line, 1) for heading, line in headings.items()}

    def _fatal(self, message: str, line: int) -> FileError:
        return FileError([Located(file=self.path, line=line, column=1, message=message)])


def _mark(node: Node, where: str, marks: dict[str, Mark]) -> None:
    """Note the place of each key and element: ``match[0].status|contains`` has that of the key."""
    from icapdiag.yamltree import ListNode, MapNode  # noqa: PLC0415 - as above

    marks.setdefault(where, (node.line, node.column))
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            _mark(item, f"{where}[{index}]", marks)
    elif isinstance(node, MapNode):
        for key, value in node.pairs():
            inner = f"{where}.{key.text}" if where else key.text
            marks[inner] = (key.line, key.column)
            _mark(value, inner, marks)


def split_sections(
    lines: list[str], start: int, report: Callable[[int, str, str], None] = lambda *_: None
) -> tuple[Mapping[str, str], dict[str, int]]:
    """The text under each ``## Heading`` from line ``start`` on, and the lines of the headings, from 1.

    A ``##`` inside a fenced block is no heading. ``report(line, where, message)`` is called for problems.
    """
    found: dict[str, list[str]] = {}
    marks: dict[str, int] = {}
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
                report(number, f"## {heading}", "the section is written twice")
            continue
        current.append(line)
    if fence:
        report(len(lines), "", f"a {fence} block is never closed")
    return MappingProxyType({heading: "\n".join(body).strip() for heading, body in found.items()}), marks


class _Reader:
    """Turns the values of one front matter into a `Runbook` and its parts."""

    def __init__(self, front: Front, file: _File, errors: list[Located], *, sound: bool) -> None:
        self._front = front
        self._file = file
        self._errors = errors
        self._sound = sound

    def check_details(self) -> None:
        """Look for the mistakes in what is read later."""
        self.selections("match")
        self.selections("unless")
        self.records("examples")
        self.records("counterexamples")
        self.texts("references")

    def runbook(self, origin: str) -> Runbook | None:
        before = len(self._errors)
        for key in REQUIRED:
            if self._front.get(key) in (None, "", []):
                self._error(key, "is missing")
        source = self.texts("source")
        identity, title, severity = self._text("id"), self._text("title"), self._severity()
        vendor, supersedes, aliases = self.texts("vendor"), self.texts("supersedes"), self.texts("aliases")
        stage = self._text("stage")
        for word in source:
            if word not in SOURCES:
                hint = suggestion(word, SOURCES) or f": {', '.join(SOURCES)}"
                self._error("source", f"unknown source {word!r}{hint}")
        if len(self._errors) > before or severity is None:
            return None
        return Runbook(
            id=identity,
            title=title,
            severity=severity,
            source=source,
            stage=stage,
            vendor=vendor,
            supersedes=supersedes,
            aliases=aliases,
            path=self._file.path,
            origin=origin,
            _front=self._front,
            _file=self._file,
        )

    def _error(self, where: str, message: str) -> None:
        self._errors.append(self._file.located(where, message))

    def _text(self, key: str) -> str:
        value = self._front.get(key)
        if value is None or (isinstance(value, str) and value):
            return value or ""
        if value != "":
            self._error(key, "must be text")
        return ""

    def _severity(self) -> Severity | None:
        value = self._front.get("severity")
        if isinstance(value, str) and value in set(Severity):
            return Severity(value)
        if value not in (None, ""):
            words = [severity.value for severity in Severity]
            hint = suggestion(str(value), words) or f": {', '.join(words)}"
            self._error("severity", f"unknown severity {value!r}{hint}")
        return None

    def _items(self, key: str) -> list[tuple[str, JSONValue]]:
        """The elements with their paths; a single value counts as a list of one."""
        value = self._front.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return [(f"{key}[{index}]", item) for index, item in enumerate(value)]
        return [(key, value)]

    def texts(self, key: str) -> tuple[str, ...]:
        words: list[str] = []
        for where, item in self._items(key):
            if isinstance(item, str) and item:
                words.append(item)
            else:
                self._error(where, "must be text")
        return tuple(words)

    def _mappings(self, key: str) -> list[tuple[str, dict[str, JSONValue]]]:
        found: list[tuple[str, dict[str, JSONValue]]] = []
        for where, item in self._items(key):
            if isinstance(item, dict):
                found.append((where, item))
            else:
                self._error(where, "must be a mapping of fields to values")
        return found

    def selections(self, key: str) -> tuple[Selection, ...]:
        selections: list[Selection] = []
        for where, mapping in self._mappings(key):
            if not mapping:
                self._error(where, "an empty mapping would match everything")
                continue
            conditions: list[Condition] = []
            for name, value in mapping.items():
                try:
                    conditions.append(parse_condition(name, value, sound=self._sound))
                except ConditionError as error:
                    self._error(f"{where}.{name}", str(error))
            selections.append(Selection(where, tuple(conditions)))
        return tuple(selections)

    def records(self, key: str) -> tuple[Facts, ...]:
        source = self.texts("source")
        default: dict[str, JSONValue] = {"source": source[0]} if source else {}
        return tuple(MappingProxyType({**default, **record}) for _, record in self._mappings(key))
