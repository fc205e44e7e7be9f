"""One runbook file: front matter with its places, and the sections below it.

Nothing here judges the content: see `icapdiag.runbook.lint`. What a program can't do
without (an id, a severity, conditions that compile) is an error already here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from icapdiag.model import Facts, JSONValue, Severity
from icapdiag.runbook.conditions import Condition, ConditionError, Group, parse_condition
from icapdiag.runbook.errors import Located, Mark, suggestion
from icapdiag.runbook.front import Front, read_front

SOURCES = ("log", "probe", "config")
SECTIONS = ("What it means", "Likely causes", "Verify", "Fix on Avi", "Fix on the ICAP server", "Escalate with")
REQUIRED = ("id", "title", "severity", "source", "match")
KEYS = (*REQUIRED, "vendor", "unless", "supersedes", "examples", "counterexamples", "references", "aliases")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_FENCE = re.compile(r" {0,3}(```+|~~~+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A diagnosis: when it applies (front matter) and what to tell people (sections).

    ``examples`` and ``counterexamples`` are flat records that must and must not match.
    ``path`` is for display, ``origin`` is "built-in" or the site's folder. ``marks`` has the line
    and column of each key of the front matter and of each heading.
    """

    id: str
    title: str
    severity: Severity
    source: tuple[str, ...]
    match: tuple[Group, ...]
    unless: tuple[Group, ...] = ()
    vendor: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    examples: tuple[Facts, ...] = ()
    counterexamples: tuple[Facts, ...] = ()
    references: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    path: str = ""
    origin: str = ""
    keys: tuple[str, ...] = ()  # of the front matter, as written
    marks: Mapping[str, Mark] = field(default_factory=dict, repr=False, compare=False)

    def mark(self, where: str) -> Mark:
        """The place of a key path, else of the nearest key above it."""
        while where and where not in self.marks:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.marks.get(where, (1, 1))

    def applies(self, record: Facts) -> bool:
        """Whether the record's source fits, some group of ``match`` holds and none of ``unless`` does."""
        return (
            record.get("source") in self.source
            and any(group.holds(record) for group in self.match)
            and not any(group.holds(record) for group in self.unless)
        )


def parse_runbook(text: str, *, path: str, origin: str = "", errors: list[Located]) -> Runbook | None:
    """Read one file's text; every problem is appended to ``errors``, and then there may be no runbook."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        errors.append(Located(path, (1, 1), "", "the first line must be '---', the start of the front matter"))
        return None
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        errors.append(Located(path, (1, 1), "", "the front matter has no second '---' line"))
        return None

    def report(mark: Mark, where: str, message: str) -> None:
        errors.append(Located(path, mark, where, message))

    front = read_front("\n".join(lines[1:end]), 2, report)
    sections, marks = _sections(lines, end + 1, path, errors)
    if front is None:
        return None
    front.marks.update(marks)
    reader = _Front(front, path, errors)
    return reader.runbook(sections=sections, body="\n".join(lines[end + 1 :]).strip() + "\n", origin=origin)


def _sections(
    lines: list[str], start: int, path: str, errors: list[Located]
) -> tuple[Mapping[str, str], dict[str, Mark]]:
    """The text under each ``## Heading``; a ``##`` inside a fenced block is no heading."""
    found: dict[str, list[str]] = {}
    marks: dict[str, Mark] = {}
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
            if heading in found:
                errors.append(Located(path, (number, 1), f"## {heading}", "the section is written twice"))
            else:
                found[heading] = current
                marks[f"## {heading}"] = (number, 1)
            continue
        current.append(line)
    if fence:
        errors.append(Located(path, (len(lines), 1), "", f"a {fence} block is never closed"))
    return MappingProxyType({heading: "\n".join(body).strip() for heading, body in found.items()}), marks


class _Front:
    """Turns the values of one front matter into a `Runbook`."""

    def __init__(self, front: Front, path: str, errors: list[Located]) -> None:
        self._values = front.values
        self._marks = front.marks
        self._path = path
        self._errors = errors

    def runbook(self, *, sections: Mapping[str, str], body: str, origin: str) -> Runbook | None:
        before = len(self._errors)
        for key in REQUIRED:
            if self._values.get(key) in (None, "", []):
                self._error(key, "is missing")
        source = self._texts("source")
        match, unless = self._groups("match"), self._groups("unless")
        examples, counterexamples = self._records("examples", source), self._records("counterexamples", source)
        identity, title, severity = self._text("id"), self._text("title"), self._severity()
        vendor, supersedes = self._texts("vendor"), self._texts("supersedes")
        references, aliases = self._texts("references"), self._texts("aliases")
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
            match=match,
            unless=unless,
            vendor=vendor,
            supersedes=supersedes,
            examples=examples,
            counterexamples=counterexamples,
            references=references,
            aliases=aliases,
            sections=sections,
            body=body,
            path=self._path,
            origin=origin,
            keys=tuple(self._values),
            marks=self._marks,
        )

    def _error(self, where: str, message: str) -> None:
        known = where
        while known and known not in self._marks:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        self._errors.append(Located(self._path, self._marks.get(known, (1, 1)), where, message))

    def _text(self, key: str) -> str:
        value = self._values.get(key)
        if value is None or (isinstance(value, str) and value):
            return value or ""
        if value != "":
            self._error(key, "must be text")
        return ""

    def _severity(self) -> Severity | None:
        value = self._values.get("severity")
        if isinstance(value, str) and value in set(Severity):
            return Severity(value)
        if value not in (None, ""):
            words = [severity.value for severity in Severity]
            hint = suggestion(str(value), words) or f": {', '.join(words)}"
            self._error("severity", f"unknown severity {value!r}{hint}")
        return None

    def _items(self, key: str) -> list[tuple[str, JSONValue]]:
        """The elements with their paths; a single value counts as a list of one."""
        value = self._values.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return [(f"{key}[{index}]", item) for index, item in enumerate(value)]
        return [(key, value)]

    def _texts(self, key: str) -> tuple[str, ...]:
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

    def _groups(self, key: str) -> tuple[Group, ...]:
        groups: list[Group] = []
        for where, mapping in self._mappings(key):
            if not mapping:
                self._error(where, "an empty mapping would match everything")
                continue
            conditions: list[Condition] = []
            for name, value in mapping.items():
                try:
                    conditions.append(parse_condition(name, value))
                except ConditionError as error:
                    self._error(f"{where}.{name}", str(error))
            groups.append(Group(where, tuple(conditions)))
        return tuple(groups)

    def _records(self, key: str, source: tuple[str, ...]) -> tuple[Facts, ...]:
        default: dict[str, JSONValue] = {"source": source[0]} if source else {}
        return tuple(MappingProxyType({**default, **record}) for _, record in self._mappings(key))
