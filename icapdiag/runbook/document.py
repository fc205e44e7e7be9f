"""One runbook file: front matter with its places, and the sections below it.

Nothing here judges the content: see `icapdiag.runbook.lint`. What a program can't do
without (an id, a severity, conditions that compile) is an error already here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from icapdiag.mistakes import FileError, Located, suggestion
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.conditions import Condition, ConditionError, Selection, parse_condition
from icapdiag.runbook.source import Front, Source
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
KEYS = (
    *REQUIRED,
    "stage",
    "vendor",
    "unless",
    "supersedes",
    "beside",
    "examples",
    "counterexamples",
    "references",
    "aliases",
)
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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
    _source: Source = field(repr=False, compare=False)

    @cached_property
    def match(self) -> tuple[Selection, ...]:
        """The mappings of conditions, one of which must hold."""
        return _Reader(self._front, self._source, [], sound=True).selections("match")

    @cached_property
    def unless(self) -> tuple[Selection, ...]:
        """Those of which none may hold."""
        return _Reader(self._front, self._source, [], sound=True).selections("unless")

    @property
    def checksum(self) -> int:
        """Of the file's text: what was changed is another runbook."""
        return self._source.checksum

    @cached_property
    def examples(self) -> tuple[Facts, ...]:
        """Flat records that must match."""
        return self._details.records("examples")

    @cached_property
    def counterexamples(self) -> tuple[Facts, ...]:
        """Flat records that must not match."""
        return self._details.records("counterexamples")

    @property
    def references(self) -> tuple[str, ...]:
        """Where its facts come from."""
        return self._details.texts("references")

    @property
    def beside(self) -> tuple[str, ...]:
        """The ids that are reported for the same record on purpose: two things are amiss, and both worth saying."""
        return self._details.texts("beside")

    @property
    def keys(self) -> tuple[str, ...]:
        """The front matter's keys, as written."""
        return tuple(self._source.front)

    @property
    def sections(self) -> Mapping[str, str]:
        """The Markdown under each heading."""
        return self._source.sections

    @property
    def body(self) -> str:
        """The Markdown after the front matter."""
        return self._source.body

    def located(self, where: str, message: str) -> Located:
        """A mistake at a key path or a heading, else at the nearest key above it."""
        return self._source.located(where, message)

    @cached_property
    def _details(self) -> _Reader:
        return _Reader(self._source.front, self._source, [], sound=True)

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
    source = Source(text, path)
    before = len(errors)
    if not sound:
        errors += source.problems()
    try:
        if front is None:
            front = source.rule if sound else source.front
    except FileError as error:
        errors += error.errors if sound else ()  # else noted already
        return None
    reader = _Reader(front, source, errors, sound=sound)
    if not sound:  # there may be mistakes in what is read later
        for key in ("match", "unless"):
            reader.selections(key)
        for key in ("examples", "counterexamples"):
            reader.records(key)
        for key in ("references", "beside"):
            reader.texts(key)
    runbook = reader.runbook(origin)
    return None if len(errors) > before else runbook


class _Reader:
    """Turns the values of one front matter into a `Runbook` and its parts."""

    def __init__(self, front: Front, source: Source, errors: list[Located], *, sound: bool) -> None:
        self._front = front
        self._source = source
        self._errors = errors
        self._sound = sound

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
            path=self._source.path,
            origin=origin,
            _front=self._front,
            _source=self._source,
        )

    def _error(self, where: str, message: str) -> None:
        self._errors.append(self._source.located(where, message))

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
