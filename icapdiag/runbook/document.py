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
from zlib import crc32

from msgspec import Struct

from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.conditions import Condition, ConditionError, Group, parse_condition
from icapdiag.runbook.errors import Located, Mark, suggestion
from icapdiag.runbook.quick import quick_values
from icapdiag.runbook.sections import front_end, split_sections
from icapdiag.vocabulary import Severity

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

_DETAILS = ("examples:", "counterexamples:", "references:")
_INNER = ("", " ", "\t", "-", "#")  # how a line begins that belongs to the key above it


class Details(Struct, frozen=True):
    """What of the front matter matching does not need, and linting and testing do.

    ``marks`` has the line and column of each key of the front matter and of each heading, ``keys`` the
    front matter's keys as written.
    """

    examples: tuple[Facts, ...] = ()
    counterexamples: tuple[Facts, ...] = ()
    references: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    marks: Mapping[str, Mark] = {}


class _Text:
    """A file's text, of which more is read when somebody asks for it.

    Reading a hundred files to their ends takes ten times as long as their rules, and a report shows few.
    """

    def __init__(self, text: str, path: str, details: Details | None = None) -> None:
        self.checksum = crc32(text.encode())
        self._text = text
        self._path = path
        self._details = details

    @property
    def details(self) -> Details:
        if self._details is None:
            runbook = parse_runbook(self._text, path=self._path, errors=[])
            self._details = Details() if runbook is None else runbook.details
        return self._details

    @cached_property
    def body(self) -> str:
        lines = _lines(self._text)
        return "\n".join(lines[(front_end(lines) or 0) + 1 :]).strip() + "\n"

    @cached_property
    def sections(self) -> Mapping[str, str]:
        lines = _lines(self._text)
        return split_sections(lines, (front_end(lines) or 0) + 1)[0]


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")


class _Rule:
    """``match`` and ``unless``, compiled when first asked: a run meets observations of one source or two."""

    def __init__(self, compiling: Callable[[], tuple[tuple[Group, ...], tuple[Group, ...]]]) -> None:
        self._compiling = compiling

    @cached_property
    def groups(self) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
        return self._compiling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A diagnosis: when it applies (front matter) and what to tell people (sections).

    ``path`` is for display, ``origin`` is "built-in" or the site's folder.
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
    _rule: _Rule = field(repr=False, compare=False)
    _text: _Text = field(repr=False, compare=False)

    @property
    def match(self) -> tuple[Group, ...]:
        """The mappings of conditions, one of which must hold."""
        return self._rule.groups[0]

    @property
    def unless(self) -> tuple[Group, ...]:
        """Those of which none may hold."""
        return self._rule.groups[1]

    @property
    def checksum(self) -> int:
        """Of the file's text: what was changed is another runbook."""
        return self._text.checksum

    @property
    def details(self) -> Details:
        """All the rest of the front matter."""
        return self._text.details

    @property
    def examples(self) -> tuple[Facts, ...]:
        """Flat records that must match."""
        return self.details.examples

    @property
    def counterexamples(self) -> tuple[Facts, ...]:
        """Flat records that must not match."""
        return self.details.counterexamples

    @property
    def references(self) -> tuple[str, ...]:
        """Where its facts come from."""
        return self.details.references

    @property
    def sections(self) -> Mapping[str, str]:
        """The Markdown under each heading."""
        return self._text.sections

    @property
    def body(self) -> str:
        """The Markdown after the front matter."""
        return self._text.body

    @property
    def keys(self) -> tuple[str, ...]:
        """The front matter's keys, as written."""
        return self.details.keys

    def mark(self, where: str) -> Mark:
        """The place of a key path, else of the nearest key above it."""
        marks = self.details.marks
        while where and where not in marks:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return marks.get(where, (1, 1))

    def applies(self, record: Facts) -> bool:
        """Whether the record's source fits, some group of ``match`` holds and none of ``unless`` does."""
        if record.get("source") not in self.source:
            return False
        match, unless = self._rule.groups
        for group in match:
            if group.holds(record):
                return not any(veto.holds(record) for veto in unless)
        return False


def parse_runbook(
    text: str, *, path: str, origin: str = "", errors: list[Located], rule_only: bool = False
) -> Runbook | None:
    """Read one file's text; every problem is appended to ``errors``, and then there may be no runbook.

    With ``rule_only`` just what matching needs is read now, for files that are known to be sound: mistakes
    in the rest (and in regular expressions) stay unseen.
    """
    if rule_only:
        runbook = _quickly(text, path, origin)
        if runbook is not None:
            return runbook
    from icapdiag.runbook.front import read_front  # noqa: PLC0415 - PyYAML is seldom needed, and slow to import

    lines = _lines(text)
    if lines[0].rstrip() != "---":
        errors.append(Located(path, (1, 1), "", "the first line must be '---', the start of the front matter"))
        return None
    end = front_end(lines)
    if end is None:
        errors.append(Located(path, (1, 1), "", "the front matter has no second '---' line"))
        return None

    def report(mark: Mark, where: str, message: str) -> None:
        errors.append(Located(path, mark, where, message))

    front = read_front("\n".join(lines[1:end]), 2, report)
    _, marks = split_sections(lines, end + 1, report)
    if front is None:
        return None
    front.marks.update(marks)
    reader = _Front(front.values, front.marks, path, errors)
    before = len(errors)
    details = reader.details()
    runbook = reader.runbook(origin, _Text(text, path, details))
    return None if len(errors) > before else runbook


def _quickly(text: str, path: str, origin: str) -> Runbook | None:
    """The rule of a file whose front matter is written in the plain form, else None."""
    end = text.find("\n---\n")
    if end < 0 or not text.startswith("---\n"):
        return None
    values = quick_values(_rule(text[4:end].split("\n")))
    if values is None:
        return None
    return _Front(values, {}, path, [], sound=True).runbook(origin, _Text(text, path))


def _rule(head: list[str]) -> list[str]:
    """The front matter without the keys that only people and tests need."""
    kept: list[str] = []
    skipping = False
    for line in head:
        if line[:1] not in _INNER:
            skipping = line.startswith(_DETAILS)
        kept.append("" if skipping else line)  # empty lines keep the places of the others
    return kept


class _Front:
    """Turns the values of one front matter into a `Runbook`."""

    def __init__(
        self,
        values: Mapping[str, JSONValue],
        marks: Mapping[str, Mark],
        path: str,
        errors: list[Located],
        *,
        sound: bool = False,
    ) -> None:
        self._sound = sound
        self._values = values
        self._marks = marks
        self._path = path
        self._errors = errors

    def details(self) -> Details:
        source = self._texts("source")
        return Details(
            examples=self._records("examples", source),
            counterexamples=self._records("counterexamples", source),
            references=self._texts("references"),
            keys=tuple(self._values),
            marks=self._marks,
        )

    def runbook(self, origin: str, text: _Text) -> Runbook | None:
        before = len(self._errors)
        for key in REQUIRED:
            if self._values.get(key) in (None, "", []):
                self._error(key, "is missing")
        source = self._texts("source")
        rule = _Rule(lambda: (self._groups("match"), self._groups("unless")))
        if not self._sound:
            _ = rule.groups  # the mistakes in it are wanted now
        identity, title, severity = self._text("id"), self._text("title"), self._severity()
        vendor, supersedes, aliases = self._texts("vendor"), self._texts("supersedes"), self._texts("aliases")
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
            stage=self._text("stage"),
            vendor=vendor,
            supersedes=supersedes,
            aliases=aliases,
            path=self._path,
            origin=origin,
            _rule=rule,
            _text=text,
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
                    conditions.append(parse_condition(name, value, sound=self._sound))
                except ConditionError as error:
                    self._error(f"{where}.{name}", str(error))
            groups.append(Group(where, tuple(conditions)))
        return tuple(groups)

    def _records(self, key: str, source: tuple[str, ...]) -> tuple[Facts, ...]:
        default: dict[str, JSONValue] = {"source": source[0]} if source else {}
        return tuple(MappingProxyType({**default, **record}) for _, record in self._mappings(key))
