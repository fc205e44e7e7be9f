"""A saved report read back: the same `Report` that was written, or what is wrong with it and where.

The file may come from anybody, so it is bounded in size and depth, and what the renderers build on is checked.
Facts are taken as they are: whoever shows them escapes them. Keys that are not known are left alone, as a later
version of the program may have added them; what an earlier one did not write yet is taken as absent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from icapdiag.report.untyped import SCHEMA_VERSION, Facts, Finding, MemberReport, Observation, Report, Unmatched
from icapdiag.vocabulary import Health, Severity, Status

LARGEST = 256 << 20  # bytes of a file
DEEPEST = 64  # lists and objects inside each other, counted within a fact sheet

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SLUG_LENGTH = 100
_SHOWN = 40  # characters of a value in a message
_PROBLEMS = 20  # listed, of one file
_KINDS = {str: "text", bool: "true or false", int: "a whole number", dict: "an object", list: "a list"}

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class NotAReport(ValueError):
    """What was read is no report; ``problems`` are messages for people, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read_report(data: bytes) -> Report:
    """The report in ``data``, as `to_json.render` wrote it. Raises `NotAReport`."""
    if len(data) > LARGEST:
        raise NotAReport([f"it has {len(data):,} bytes, more than the {LARGEST:,} that a report may have"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAReport([f"byte {error.start + 1} is no UTF-8: give the file that -o json wrote"]) from None
    if not text.strip():
        raise NotAReport(["it is empty: the run that should have written it did not come to its end"])
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotAReport([f"{where}: no JSON ({error.msg}): give the file that -o json wrote, whole"]) from None
    except RecursionError:
        raise NotAReport(["lists and objects inside each other, deeper than any report has them"]) from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise NotAReport([f"a number that no report has: {error}"]) from None
    return from_plain(document)


def from_plain(document: object) -> Report:
    """The report that `to_json.to_plain` made ``document`` of. Raises `NotAReport`."""
    if not isinstance(document, dict):
        raise NotAReport([f"it holds {_kind(document)} and not an object: give the file that -o json wrote"])
    version = document.get("schema_version")
    if version is None and "members" not in document and "findings" not in document:
        raise NotAReport(["it has no schema_version, members or findings: give the file that -o json wrote"])
    if version != SCHEMA_VERSION or isinstance(version, bool):
        known = f"this icapdiag reads version {SCHEMA_VERSION}"
        raise NotAReport([f"schema_version: {_shown(version)} is not known; {known}: use the icapdiag that wrote it"])
    if document.get("command") == "check --plan":
        raise NotAReport(["it is the plan of a run and not its report: run check without --plan"])
    problems: list[str] = []
    report = _report(_Node(document, "", problems))
    if problems:
        more = len(problems) - _PROBLEMS
        raise NotAReport([*problems[:_PROBLEMS], *([f"and {more} more problems"] if more > 0 else [])])
    return report


class _Node:
    """An object of the document, its place, and the problems found so far, over the whole document."""

    def __init__(self, value: Mapping[str, Any], place: str, problems: list[str]) -> None:
        self._value = value
        self._place = place
        self._problems = problems

    def place(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def problem(self, key: str, what: str) -> None:
        self._problems.append(f"{self.place(key)}: {what}")

    def get(self, key: str, kind: type[T], default: T, *, optional: bool = False) -> T:
        """The value of this type; a ``default`` in its place if it is absent and ``optional``, or a problem."""
        if key not in self._value:
            if not optional:
                self.problem(key, f"is missing; it must be {_KINDS[kind]}")
            return default
        value = self._value[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(key, f"is {_kind(value)} and must be {_KINDS[kind]}")
            return default
        return value

    def text_or_none(self, key: str) -> str | None:
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return value
        self.problem(key, f"is {_kind(value)} and must be text or null")
        return None

    def whole(self, key: str, least: int, most: int | None = None) -> int:
        value = self.get(key, int, least)
        if value < least or (most is not None and value > most):
            self.problem(key, f"{_shown(value)} is not {f'from {least} to {most}' if most else f'{least} or more'}")
        return value

    def whole_or_none(self, key: str, least: int) -> int | None:
        return None if self._value.get(key) is None else self.whole(key, least)

    def time(self, key: str) -> str:
        value = self.get(key, str, "1970-01-01T00:00:00.000Z")
        try:
            aware = datetime.fromisoformat(value).tzinfo is not None and value.endswith("Z")
        except ValueError:
            aware = False
        if not aware:
            self.problem(key, f"{_shown(value)} is no time such as 2026-01-01T00:00:00.000Z")
        return value

    def word(self, key: str, kind: type[E], but: E | None = None) -> E:
        """A word of a closed vocabulary; ``but`` is the one that does not go here."""
        words = [word for word in kind if word is not but]
        value = self.get(key, str, words[0].value)
        if value not in words:
            self.problem(key, f"{_shown(value)} is none of {', '.join(words)}")
            return words[0]
        return kind(value)

    def facts(self, key: str, *, optional: bool = False) -> Facts:
        value: dict[str, Any] = self.get(key, dict, {}, optional=optional)
        self._bound(key, value)
        return value

    def sheets(self, key: str, *, optional: bool = False) -> tuple[Facts, ...]:
        """A list of fact sheets."""
        return tuple(self._items(key, dict, optional=optional))

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._items(key, str))

    def each(self, key: str, read: Callable[[_Node], T]) -> tuple[T, ...]:
        """What ``read`` makes of each object in a list."""
        items = self.get(key, list, [])
        nodes: list[_Node] = []
        for number, item in enumerate(items):
            if isinstance(item, dict):
                nodes.append(_Node(item, f"{self.place(key)}[{number}]", self._problems))
            else:
                self.problem(f"{key}[{number}]", f"is {_kind(item)} and must be an object")
        return tuple(read(node) for node in nodes)

    def node(self, key: str) -> _Node:
        return _Node(self.get(key, dict, {}), self.place(key), self._problems)

    def _items(self, key: str, kind: type[T], *, optional: bool = False) -> list[T]:
        kept: list[T] = []
        for number, item in enumerate(self.get(key, list, [], optional=optional)):
            if isinstance(item, kind):
                kept.append(item)
                self._bound(f"{key}[{number}]", item)
            else:
                self.problem(f"{key}[{number}]", f"is {_kind(item)} and must be {_KINDS[kind]}")
        return kept

    def _bound(self, key: str, value: object) -> None:
        """What others write on is as deep as a renderer may follow; numbers can be written again."""
        level: list[object] = [value]
        for _ in range(DEEPEST):
            deeper: list[object] = []
            for one in level:
                if isinstance(one, dict):
                    deeper += one.values()
                elif isinstance(one, list):
                    deeper += one
                elif isinstance(one, float) and not math.isfinite(one):  # 1e999
                    self.problem(key, "holds a number beyond all bounds")
            if not deeper:
                return
            level = deeper
        self.problem(key, f"is deeper than {DEEPEST} lists and objects inside each other")


def _report(node: _Node) -> Report:
    subject = node.facts("subject")
    pool = subject.get("pool")
    unmatched = node.node("unmatched")
    return Report(
        command=node.get("command", str, ""),
        started_at=node.time("started_at"),
        finished_at=node.time("finished_at"),
        complete=node.get("complete", bool, default=False),
        verdict=node.word("verdict", Health, but=Health.DISABLED),
        vantage=node.facts("vantage"),
        subject=subject,
        configuration=node.facts("configuration", optional=True),
        tool=node.facts("tool"),
        members=node.each("members", lambda member: _member(member, pool if isinstance(pool, str) else "")),
        comparison=node.sheets("comparison", optional=True),
        conformance=node.sheets("conformance", optional=True),
        groups=node.sheets("groups"),
        timeline=node.sheets("timeline", optional=True),
        findings=node.each("findings", _finding),
        suppressed=node.sheets("suppressed", optional=True),
        unmatched=Unmatched(count=unmatched.whole("count", 0), examples=unmatched.sheets("examples")),
        notes=node.texts("notes"),
    )


def _member(node: _Node, pool: str) -> MemberReport:
    name = node.get("name", str, "")
    return MemberReport(
        name=name,
        address=node.get("address", str, ""),
        port=node.whole("port", 1, 65535),
        verdict=node.word("verdict", Health),
        probes=node.each("probes", lambda probe: _probe(probe, pool, name)),
        line=node.whole_or_none("line", 1),
    )


def _probe(node: _Node, pool: str, member: str) -> Observation:
    return Observation(
        source="probe",
        probe=node.get("probe", str, ""),
        pool=pool,
        member=member,
        status=node.word("status", Status),
        reason=node.text_or_none("reason"),
        elapsed_ms=_elapsed(node),
        facts=node.facts("facts"),
        transcript=node.sheets("transcript", optional=True),
    )


def _elapsed(node: _Node) -> float | None:
    key = "elapsed_ms"
    value = node.get(key, object, None, optional=True)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        node.problem(key, f"{_shown(value)} is no duration in milliseconds")
        return None
    return value


def _finding(node: _Node) -> Finding:
    name = node.get("id", str, "none")
    if len(name) > _SLUG_LENGTH or not _SLUG.fullmatch(name):
        node.problem("id", f"{_shown(name)} is no id of a runbook, such as tcp-refused")
    return Finding(
        id=name,
        severity=node.word("severity", Severity),
        title=node.get("title", str, ""),
        members=node.texts("members"),
        count=node.whole("count", 1),
        first_seen=node.text_or_none("first_seen"),
        last_seen=node.text_or_none("last_seen"),
        evidence=node.sheets("evidence"),
        meaning=node.get("meaning", str, "", optional=True),
        remedy=node.texts("remedy"),
        runbook=node.get("runbook", str, ""),
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a number")


def _shown(value: object) -> str:
    """A value of the file in a message; whoever prints that makes it safe for a terminal."""
    text = repr(value) if isinstance(value, str) else str(value)[: _SHOWN + 1]
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
