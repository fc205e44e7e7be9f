"""Reads a saved report: the same `Report` that was written, or what is wrong with it and where.

The file may come from anybody, so it is bounded in size and depth, and every value has the type that its class
requires. Renderers escape texts. Unknown keys are ignored, as a later version of the program may have added them; keys
that an earlier version did not write are absent, and its other names for some are read too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
import msgspec.inspect as types
from msgspec.structs import replace

from icapdiag import facts
from icapdiag.doubled import Ambiguous, unique
from icapdiag.facts.config import LintSubject
from icapdiag.facts.fields import ANSWER, sheet_type
from icapdiag.facts.groups import ReportedAnswer, ReportedGroup
from icapdiag.facts.joined import JoinedSubject
from icapdiag.facts.renamed import renamed
from icapdiag.facts.run import (
    CaptureSubject,
    CaptureVantage,
    LogSubject,
    PoolSubject,
    ProbingVantage,
    ScriptSubject,
    ScriptVantage,
    Subject,
    Vantage,
)
from icapdiag.facts.sheet import Record, facts_of
from icapdiag.model import SCHEMA_VERSION, Finding, MemberReport, Observation, Report, Unmatched
from icapdiag.vocabulary import Health, Status

LARGEST = 256 << 20  # bytes of a file
DEEPEST = 64  # lists and objects inside each other, within a fact sheet

_SHOWN = 40  # characters of a value in a message
_PROBLEMS = 20  # listed, of one file
_WHOLE = frozenset({Report, MemberReport, Observation, Finding, Unmatched})  # what must be there as the schema says
_NOT_YET = frozenset({"meaning", "reason", "elapsed_ms", "first_seen", "last_seen"})  # may be absent all the same
_NOUNS: Mapping[type[types.Type], str] = {
    types.StrType: "text",
    types.EnumType: "text",
    types.BoolType: "true or false",
    types.IntType: "a whole number",
    types.FloatType: "a number",
    types.VarTupleType: "a list",
}
_KINDS: Mapping[type, str] = {
    type(None): "null",
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list",
}
_NULL = types.NoneType()
_OF_ANOTHER_TYPE = "of another type"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_FLAT: Mapping[str, Any] = MappingProxyType(
    {"source": "", "probe": "", "pool": "", "member": "", "status": Status.OK.value, "facts": None}
    | dict.fromkeys(("reason", "elapsed_ms", "transcript"))
)
"""What stands beside the facts of evidence, and what is taken for it where it is not there."""

R = TypeVar("R", bound=Record)


class NotAReport(ValueError):
    """What was read is not a report; ``problems`` are messages for people, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read_report(data: bytes) -> Report:
    """The report in ``data``, written by `to_json.render`. Raises `NotAReport`."""
    if len(data) > LARGEST:
        raise NotAReport([f"it has {len(data):,} bytes; a report has at most {LARGEST:,}"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAReport([f"byte {error.start + 1} is not UTF-8: pass the file that -o json wrote"]) from None
    if not text.strip():
        raise NotAReport(["it is empty: the run that should have written it did not finish"])
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotAReport([f"{where}: not JSON ({error.msg}): pass the complete file that -o json wrote"]) from None
    except RecursionError:
        raise NotAReport(["it is nested more deeply than any report"]) from None
    except Ambiguous as error:
        raise NotAReport([f"{error}: pass the file that -o json wrote"]) from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise NotAReport([f"a number that no report contains: {error}"]) from None
    return from_plain(document)


def from_plain(document: object) -> Report:
    """The report of a document made by `to_json.to_plain`. Raises `NotAReport`."""
    if not isinstance(document, dict):
        raise NotAReport([f"it contains {_kind(document)}, not an object: pass the file that -o json wrote"])
    version = document.get("schema_version")
    if version is None and "members" not in document and "findings" not in document:
        raise NotAReport(["it has no schema_version, members or findings: pass the file that -o json wrote"])
    if version != SCHEMA_VERSION or version is True:
        known = f"this icapdiag reads version {SCHEMA_VERSION}"
        raise NotAReport(
            [f"schema_version: {_shown(version)} is not supported; {known}: use the icapdiag that wrote it"]
        )
    if document.get("command") == "check --plan":
        raise NotAReport(["it is a plan, not a report: run check without --plan"])
    reader = _Reader()
    report = reader.report(document)
    if report is None or reader.problems:
        more = len(reader.problems) - _PROBLEMS
        raise NotAReport([*reader.problems[:_PROBLEMS], *([f"and {more} more problems"] if more > 0 else [])])
    return report


# What was looked at, and from where, by the key that only such a subject has.
_SUBJECTS: Mapping[str, tuple[type[Subject], type[Vantage]]] = {
    "evidence": (JoinedSubject, ProbingVantage),
    "sources": (LogSubject, Vantage),
    "services": (LintSubject, Vantage),
    "captures": (CaptureSubject, CaptureVantage),
    "scripts": (ScriptSubject, ScriptVantage),
    "": (PoolSubject, ProbingVantage),
}


class _Reader:
    """Makes records of a document, and collects the problems of all of it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def report(self, document: Mapping[str, Any]) -> Report | None:
        """None if there are problems."""
        self.problems += _out_of_bounds(document)
        given = document.get("subject", {})
        kind, seen_from = _SUBJECTS[next((key for key in _SUBJECTS if key in _fields(given)), "")]
        subject = self._record(kind, given, "subject")
        pool = getattr(subject, "pool", None)
        vantage = self._record(seen_from, document.get("vantage", {}), "vantage")
        unmatched = self._unmatched(document.get("unmatched", {"count": 0, "examples": []}), "unmatched")
        lists: dict[str, tuple[Any, ...]] = {
            "members": self._each(document, "", "members", lambda value, place: self._member(value, place, pool)),
            "groups": self._each(document, "", "groups", self._group),
            "findings": self._each(document, "", "findings", self._finding),
        }
        report = self._record(
            Report, document, "", {"subject": {}, "vantage": {}, "unmatched": {}} | dict.fromkeys(lists, ())
        )
        if report is None or subject is None or vantage is None or unmatched is None:
            return None
        self.problems += _unsaid(report)
        return replace(report, subject=subject, vantage=vantage, unmatched=unmatched, **lists)

    def _member(self, value: object, place: str, pool: str | None) -> MemberReport | None:
        member = self._record(MemberReport, value, place, {"probes": []})
        where = ("" if pool is None else pool), ("" if member is None else member.name)
        probes = self._each(value, place, "probes", lambda probe, at: self._probe(probe, at, *where))
        return None if member is None else replace(member, probes=probes)

    def _probe(self, value: object, place: str, pool: str, member: str) -> Observation | None:
        own = {"source": "probe", "pool": pool, "member": member, "facts": {}}
        observation = self._record(Observation, value, place, own)
        probe = observation.probe if observation else ""
        sheet = self._record(sheet_type("probe", probe), _fields(value).get("facts", {}), f"{place}.facts")
        return None if observation is None or sheet is None else replace(observation, facts=sheet)

    def _flat(self, value: object, place: str) -> Observation | None:
        """Evidence: the facts are next to the fields that every observation has."""
        fields = _fields(value)
        whole = {**_FLAT, **fields} if value == fields else value
        observation = self._record(Observation, whole, place, {"facts": {}, "transcript": []})
        if observation is None:
            return None
        rest = {key: item for key, item in fields.items() if key not in _FLAT}
        sheet = self._record(sheet_type(observation.source, observation.probe), rest, place)
        return None if sheet is None else replace(observation, facts=sheet)

    def _finding(self, value: object, place: str) -> Finding | None:
        finding = self._record(Finding, value, place, {"evidence": []})
        evidence = self._each(value, place, "evidence", self._flat)
        return None if finding is None else replace(finding, evidence=evidence)

    def _unmatched(self, value: object, place: str) -> Unmatched | None:
        unmatched = self._record(Unmatched, value, place, {"examples": []})
        examples = self._each(value, place, "examples", self._flat)
        return None if unmatched is None else replace(unmatched, examples=examples)

    def _group(self, value: object, place: str) -> ReportedGroup | None:
        is_answer = _fields(value).get("probe") == ANSWER
        return self._record(ReportedAnswer if is_answer else ReportedGroup, value, place)

    def _record(self, cls: type[R], value: object, place: str, own: Mapping[str, Any] = _NOTHING) -> R | None:
        """A record of this class; ``own`` replaces values that are read separately. None if there is a problem."""
        if not isinstance(value, dict):
            self.problems.append(f"{place}: is {_kind(value)} and must be an object")
            return None
        missing = _needed(cls) - value.keys()
        try:
            if not missing:
                data = {**value, **own} if own else value
                return msgspec.convert(data, cls) if cls in _WHOLE else facts.from_plain(cls, data)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter: half a character for a number
            told = f"{place}: {error}"
        found = [f"{_at(place, key)}: is missing; it must be {_noun(_types(cls).get(key))}" for key in sorted(missing)]
        found += _wrong(cls, {key: item for key, item in value.items() if key not in own}, place)
        self.problems += found or [told]
        return None

    def _each(self, holder: object, place: str, key: str, read: Callable[[object, str], R | None]) -> tuple[R, ...]:
        """The result of ``read`` for each item of a list; empty if it is missing, which is reported elsewhere."""
        items = _fields(holder).get(key, [])
        if not isinstance(items, list):
            self.problems.append(f"{_at(place, key)}: is {_kind(items)} and must be a list")
            return ()
        records = [read(item, f"{_at(place, key)}[{number}]") for number, item in enumerate(items)]
        return tuple(record for record in records if record is not None)


def _fields(value: object) -> dict[str, Any]:
    """The fields of an object; empty for anything else, which is reported when it becomes a record."""
    return value if isinstance(value, dict) else {}


def _unsaid(report: Report) -> Iterator[str]:
    """Values that are wrong although their type is right."""
    if report.verdict is Health.DISABLED:
        yield f"verdict: 'disabled' is none of {', '.join(each for each in Health if each is not report.verdict)}"
    for key, text in (("started_at", report.started_at), ("finished_at", report.finished_at)):
        if not _is_moment(text):
            yield f"{key}: {_shown(text)} is not a time such as 2026-01-01T00:00:00.000Z"


@cache
def _needed(cls: type[Record]) -> frozenset[str]:
    """Keys without which a document is refused; facts may be absent."""
    return cls.required - _NOT_YET if cls in _WHOLE else frozenset()


@cache
def _types(cls: type[Record]) -> Mapping[str, types.Type]:
    return {fact.key: types.type_info(fact.hint) for fact in facts_of(cls)}


def _wrong(cls: type[Record], value: Mapping[str, Any], place: str) -> Iterator[str]:
    """All values whose type is not that of the class."""
    for key, kind in _types(cls).items():
        if key in value:
            yield from _misfits(kind, value[key], _at(place, key))


def _misfits(kind: types.Type, value: object, place: str) -> Iterator[str]:
    kind, form, may_be_null = _bare(kind)
    match kind, value:
        case _, None if may_be_null:
            return
        case types.StructType(cls=cls), dict() if issubclass(cls, Record):
            yield from _wrong(cls, value, place)
        case types.VarTupleType(), list():
            for number, item in enumerate(value):
                yield from _misfits(kind.item_type, item, f"{place}[{number}]")
        case types.DictType(), dict():
            for key, item in value.items():
                yield from _misfits(kind.value_type, item, _at(place, key))
        case _:
            told = _misfit(kind, value)
            if told == _OF_ANOTHER_TYPE:
                yield f"{place}: is {_kind(value)} and must be {_noun(kind)}{' or null' if may_be_null else ''}"
            elif told:
                yield f"{place}: {_shown(value)} is {f'not {form}' if form else told}"


def _misfit(kind: types.Type, value: object) -> str:
    """What is wrong with a text or a number; "" if nothing is."""
    match kind, value:
        case _, bool():
            return "" if kind == types.BoolType() else _OF_ANOTHER_TYPE
        case types.EnumType(cls=cls), str():
            words = [word.value for word in cls]
            return "" if value in words else f"none of {', '.join(words)}"
        case types.StrType(pattern=pattern, max_length=longest), str():
            fits = (longest is None or len(value) <= longest) and (pattern is None or re.search(pattern, value))
            return "" if fits else "not in the expected form"
        case (types.FloatType(ge=low, le=most, lt=below), int() | float() as number) | (
            types.IntType(ge=low, le=most, lt=below),
            int() as number,
        ):
            high = most if below is None else below
            if (low is None or number >= low) and (high is None or number <= high):
                return ""
            return f"not {low} or more" if high is None else f"not from {low} to {high}"
        case _:
            return _OF_ANOTHER_TYPE


def _bare(kind: types.Type) -> tuple[types.Type, str, bool]:
    """The type itself, the name of its form, and whether null is allowed."""
    form, may_be_null = "", False
    while True:
        match kind:
            case types.Metadata():
                form, kind = (kind.extra or {}).get("is", form), kind.type
            case types.UnionType():
                may_be_null = _NULL in kind.types
                kind = next(each for each in kind.types if each != _NULL)
            case _:
                return kind, form, may_be_null


def _noun(kind: types.Type | None) -> str:
    return "an object" if kind is None else _NOUNS.get(type(_bare(kind)[0]), "an object")


def _out_of_bounds(document: Mapping[str, Any]) -> Iterator[str]:
    """Values nested too deeply, and numbers that can't be written as JSON."""
    for key, value in document.items():
        match value:
            case list():
                for number, item in enumerate(value):
                    yield from _bounds(f"{key}[{number}]", item)
            case _:
                yield from _bounds(key, value)


def _bounds(place: str, value: object) -> Iterator[str]:
    level: list[object] = [value]
    for _ in range(DEEPEST):
        deeper: list[object] = []
        for one in level:
            match one:
                case dict():
                    deeper += one.values()
                case list():
                    deeper += one
                case float() if not math.isfinite(one):  # 1e999
                    yield f"{place}: contains a number that is too large"
        if not deeper:
            return
        level = deeper
    yield f"{place}: is nested more than {DEEPEST} levels deep"


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None and text.endswith("Z")
    except ValueError:
        return False


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return renamed(unique(pairs))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _kind(value: object) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return _KINDS.get(type(value), "an object")


def _shown(value: object) -> str:
    """A value of the file in a message; the caller makes it safe for a terminal."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
