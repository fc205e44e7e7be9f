"""Front matter: YAML to plain values, and the line and column of every one of them.

Built from PyYAML's events, not its nodes: those are made by recursion, which deep nesting
overflows. Scalars are read by the core schema of YAML 1.2, so that ``no``, ``on``, ``1:20``,
``0123`` and dates stay the text that the author wrote. Aliases and tags are refused: a rule
should be readable where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from icapdiag.model import JSONValue
from icapdiag.runbook.errors import Mark
from icapdiag.runbook.scalars import core_scalar

Report = Callable[[Mark, str, str], None]

# The C parser is ten times faster; PyYAML may be built without it.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TEXT_TAGS = {None, "!", "tag:yaml.org,2002:str"}
_DEPTH = 16
_TOO_DEEP = f"nested deeper than {_DEPTH} levels"


@dataclass(slots=True)
class Front:
    """The values of a front matter, and where each stands.

    ``marks`` is keyed by path: ``match[0].status|contains`` has the place of that key.
    """

    values: dict[str, JSONValue] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)


class _Unreadable(Exception):
    """Reported already; there is no going on."""


def read_front(text: str, first_line: int, report: Report) -> Front | None:
    """Read YAML that starts at ``first_line`` of its file.

    ``report(mark, where, message)`` is called for each problem. None if there is no mapping to be had.
    """
    reader = _Reader(first_line, report)
    try:
        value = reader.document(yaml.parse(text, _Loader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = (first_line, 1) if at is None else (at.line + first_line, at.column + 1)
        problem = error.problem or error.context or "unreadable"
        # PyYAML's own limit, since 6.0.4, is met before ours where a bracket follows a bracket.
        report(mark, "", _TOO_DEEP if "nesting depth" in problem else f"not YAML: {problem}")
        return None
    except (yaml.YAMLError, UnicodeError) as error:  # characters that YAML, or UTF-8, does not have
        report((first_line, 1), "", f"not YAML: {str(error).splitlines()[0]}")
        return None
    except _Unreadable:
        return None
    if not isinstance(value, dict):
        report((first_line, 1), "", "the front matter must be a mapping of keys to values")
        return None
    return Front(value, reader.marks)


class _Reader:
    """One pass over the events."""

    def __init__(self, first_line: int, report: Report) -> None:
        self.marks: dict[str, Mark] = {}
        self._first_line = first_line
        self._report = report
        self._events: Iterator[yaml.Event] = iter(())

    def document(self, events: Iterator[yaml.Event]) -> JSONValue:
        """The value of the only document; None if there is none."""
        self._events = events
        value: JSONValue = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._give_up(event, "", "a second YAML document")
                value = self._value(next(events), "", 0)
        return value

    def _value(self, event: yaml.Event, where: str, depth: int) -> JSONValue:
        mark = self._mark(event)
        self.marks.setdefault(where, mark)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, where)
        if isinstance(event, yaml.AliasEvent):
            self._report(mark, where, "YAML aliases (*name) are not supported here: write the value out")
            return None
        if depth > _DEPTH:
            self._give_up(event, where, _TOO_DEEP)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(where, depth)
        items: list[JSONValue] = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(inner, f"{where}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, where: str, depth: int) -> dict[str, JSONValue]:
        values: dict[str, JSONValue] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._give_up(event, where, "a key must be plain text")
            key = str(event.value)
            inner = f"{where}.{key}" if where else key
            if key in values:
                self._report(self._mark(event), inner, "the key is written twice")
                inner += " (again)"
            self.marks[inner] = self._mark(event)
            values[key] = self._value(next(self._events), inner, depth + 1)
        return values

    def _scalar(self, event: yaml.ScalarEvent, where: str) -> JSONValue:
        text = str(event.value)
        if event.tag not in _TEXT_TAGS:
            self._report(self._mark(event), where, f"YAML tags are not supported here: {event.tag!r}")
            return None
        # An empty plain scalar has no style in the pure parser and '' in the C one.
        return text if event.style or event.tag else core_scalar(text)

    def _give_up(self, event: yaml.Event, where: str, message: str) -> NoReturn:
        self._report(self._mark(event), where, message)
        raise _Unreadable

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        return (self._first_line, 1) if at is None else (at.line + self._first_line, at.column + 1)
