"""One runbook file: front matter with its places, and the sections below it.

Nothing here judges the content: see `icapdiag.runbook.lint`. What a program can't do
without (an id, a severity, conditions that compile) is an error already here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from icapdiag.mistakes import FileError, Located, suggestion
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.causes import PLACES, Cause, Step
from icapdiag.runbook.conditions import Condition, ConditionError, Selection, parse_condition
from icapdiag.runbook.source import Front, Source
from icapdiag.vocabulary import Effect, Severity

SOURCES = ("log", "probe", "config", "scanner", "joined")
FIXES = ("Likely causes", "Fix on Avi", "Fix on the ICAP server")  # in the front matter of a runbook with causes
SECTIONS = ("What it means", "Likely causes", "Verify", "Fix on Avi", "Fix on the ICAP server", "Escalate with")
STAGES = {  # in the order in which a request meets them
    "dns": "Name",
    "tcp": "Connection",
    "tls": "TLS",
    "icap": "ICAP response",
    "verdict": "Verdict",
    "pool": "Members compared",
    "log": "Service Engine and its log",
    "config": "Configuration, and this host",
    "joined": "Several sources together",
}
REQUIRED = ("id", "title", "severity", "source", "match")
KEYS = (
    *REQUIRED,
    "stage",
    "vendor",
    "unless",
    "effect",
    "effect_when",
    "explains",
    "causes",
    "now",
    "check",
    "supersedes",
    "beside",
    "examples",
    "counterexamples",
    "references",
    "aliases",
)
FAIL_ACTIONS = (
    "fail-action",
    "fail-closed",
)  # what the profile's fail_action makes of it; the last: passing does no harm
EFFECTS = (*(str(effect) for effect in Effect), *FAIL_ACTIONS)
CAUSE_KEYS = ("id", "title", "proven_by", "supported_by", "ruled_out_by", "fix", "settle")
STEP_KEYS = ("step", "when", "unless")
MATCH = "match"  # proven_by: what the runbook matches is proof
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
    effect: str = ""  # one of EFFECTS, or not said
    explains: tuple[str, ...] = ()
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

    @cached_property
    def effects(self) -> Mapping[str, tuple[Selection, ...]]:
        """Each other effect, one of EFFECTS, and the facts that make it so; the first that holds counts."""
        return _Reader(self._front, self._source, [], sound=True).effects()

    def effect_of(self, record: Facts) -> str:
        """One of EFFECTS, by what is known of a record; or none is said."""
        held = (name for name, selections in self.effects.items() if any(each.holds(record) for each in selections))
        return next(held, self.effect)

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """What may have led to it, the most frequent first."""
        return _Reader(self._front, self._source, [], sound=True).causes()

    @cached_property
    def now(self) -> tuple[Step, ...]:
        """What stops the harm, before anything is fixed."""
        return _Reader(self._front, self._source, [], sound=True).steps("now")

    @cached_property
    def check(self) -> tuple[Step, ...]:
        """How to see whether it is fixed."""
        return _Reader(self._front, self._source, [], sound=True).steps("check")

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
        reader.effects()
        reader.causes()
        for key in ("now", "check"):
            reader.steps(key)
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
        stage, effect, explains = self._text("stage"), self._text("effect"), self.texts("explains")
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
            effect=effect,
            explains=explains,
            supersedes=supersedes,
            aliases=aliases,
            path=self._source.path,
            origin=origin,
            _front=self._front,
            _source=self._source,
        )

    def _error(self, where: str, message: str) -> None:
        self._errors.append(self._source.located(where, message))

    def _text(self, key: str, front: Facts | None = None, where: str = "") -> str:
        value = (self._front if front is None else front).get(key)
        if value is None or (isinstance(value, str) and value):
            return value or ""
        if value != "":
            self._error(where or key, "must be text")
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

    def _items(self, key: str, front: Facts | None = None, at: str = "") -> list[tuple[str, JSONValue]]:
        """The elements with their paths; a single value counts as a list of one. ``at``: the path of ``front``."""
        value = (self._front if front is None else front).get(key)
        where = f"{at}.{key}" if at else key
        if value is None:
            return []
        if isinstance(value, list):
            return [(f"{where}[{index}]", item) for index, item in enumerate(value)]
        return [(where, value)]

    def texts(self, key: str) -> tuple[str, ...]:
        words: list[str] = []
        for where, item in self._items(key):
            if isinstance(item, str) and item:
                words.append(item)
            else:
                self._error(where, "must be text")
        return tuple(words)

    def _mappings(self, items: Iterable[tuple[str, JSONValue]], of: str) -> list[tuple[str, dict[str, JSONValue]]]:
        found: list[tuple[str, dict[str, JSONValue]]] = []
        for where, item in items:
            if isinstance(item, dict):
                found.append((where, item))
            else:
                self._error(where, f"must be a mapping of {of}")
        return found

    def selections(self, key: str, front: Facts | None = None, at: str = "") -> tuple[Selection, ...]:
        selections: list[Selection] = []
        for where, mapping in self._mappings(self._items(key, front, at), "fields to values"):
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

    def effects(self) -> Mapping[str, tuple[Selection, ...]]:
        key = "effect_when"
        written = self._front.get(key) or {}
        if not isinstance(written, dict):
            self._error(key, f"must be a mapping of effects to conditions: {', '.join(EFFECTS)}")
            return {}
        self._known(key, written, EFFECTS)
        return {name: self.selections(name, written, key) for name in written}

    def causes(self) -> tuple[Cause, ...]:
        return tuple(self._cause(at, each) for at, each in self._mappings(self._items("causes"), "a cause's keys"))

    def _cause(self, at: str, written: dict[str, JSONValue]) -> Cause:
        self._known(at, written, CAUSE_KEYS)
        for key in ("id", "title"):
            if not written.get(key):
                self._error(f"{at}.{key}", "is missing")
        fix = written.get("fix") or {}
        if not isinstance(fix, dict):
            self._error(f"{at}.fix", f"must be a mapping of places to steps: {', '.join(PLACES)}")
            fix = {}
        self._known(f"{at}.fix", fix, PLACES)
        always = written.get("proven_by") == MATCH
        return Cause(
            id=self._text("id", written, f"{at}.id"),
            title=self._text("title", written, f"{at}.title"),
            always_proven=always,
            proven_by=() if always else self.selections("proven_by", written, at),
            supported_by=self.selections("supported_by", written, at),
            ruled_out_by=self.selections("ruled_out_by", written, at),
            fix=tuple(step for place in fix if place in PLACES for step in self.steps(place, fix, f"{at}.fix", place)),
            settle=self.steps("settle", written, at),
        )

    def steps(self, key: str, front: Facts | None = None, at: str = "", place: str = "") -> tuple[Step, ...]:
        return tuple(self._step(where, item, place) for where, item in self._items(key, front, at))

    def _step(self, where: str, item: JSONValue, place: str) -> Step:
        if isinstance(item, str) and item:
            return Step(text=item, place=place)
        if not isinstance(item, dict) or not item.get("step"):
            self._error(where, "must be text, or a mapping with 'step'")
            return Step(text="")
        self._known(where, item, STEP_KEYS)
        return Step(
            text=self._text("step", item, f"{where}.step"),
            place=place,
            when=self.selections("when", item, where),
            unless=self.selections("unless", item, where),
        )

    def _known(self, at: str, written: Facts, keys: Iterable[str]) -> None:
        for key in written.keys() - set(keys):
            listed = ", ".join(keys)
            self._error(f"{at}.{key}", "unknown key" + (suggestion(key, keys) or f": {listed}"))

    def records(self, key: str) -> tuple[Facts, ...]:
        source = self.texts("source")
        default: dict[str, JSONValue] = {"source": source[0]} if source else {}
        return tuple(
            MappingProxyType({**default, **record})
            for _, record in self._mappings(self._items(key), "fields to values")
        )
