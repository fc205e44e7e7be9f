"""The JSON Schema (2020-12) of a report, derived from the classes of the report and its facts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec.inspect as types

from icapdiag.facts.config import LintSubject
from icapdiag.facts.fields import SHEETS
from icapdiag.facts.joined import JoinedSubject
from icapdiag.facts.renamed import OLD_KEYS, OLD_WORDS
from icapdiag.facts.run import (
    CaptureSubject,
    CaptureVantage,
    LogSubject,
    ScriptSubject,
    ScriptVantage,
    Subject,
    Vantage,
)
from icapdiag.facts.sheet import FactField, Record, Sheet, attributes_of, parts_of
from icapdiag.model import SCHEMA_VERSION, MemberReport, Observation, Report
from icapdiag.vocabulary import Reason, Status

_OF_MEMBER = frozenset({"source", "pool", "member"})  # of an observation: known from where it stands
_FLAT = "Evidence"  # an observation whose facts stand beside its own fields
_FACTS = "Field names are documented by: icapdiag runbooks fields"


@cache
def schema_text() -> str:
    """The published schema; ends in a newline."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of what `to_json.render` writes."""
    report = _object(Report)
    report["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:icapdiag:report:{SCHEMA_VERSION}",
        **report,
        "title": f"icapdiag report, version {SCHEMA_VERSION}",
        "description": "What every command of icapdiag writes with -o json. Keys are only ever added within a version:"
        " readers must ignore keys they do not know.",
        "$defs": {
            **{cls.__name__: _object(cls) for cls in _classes()},
            Subject.__name__: _subject(),
            Observation.__name__: _observation(),
            _FLAT: _evidence(),
            Reason.__name__: {"enum": [reason.value for reason in Reason]},
        },
    }


def _classes() -> list[type[Record]]:
    """Every class in a report, in order of occurrence."""
    waiting = [
        *_held(Report),
        *_held(CaptureSubject),
        *_held(ScriptSubject),
        *_held(LogSubject),
        *_held(LintSubject),
        *_held(JoinedSubject),
        *_held(Observation),
        *SHEETS.values(),
    ]
    found: dict[type[Record], None] = {}
    while waiting:
        cls = waiting.pop(0)
        if cls not in found and cls not in {Observation, Subject, Sheet}:
            found[cls] = None
            waiting += _held(cls)
    return list(found)


def _held(cls: type[Record]) -> list[type[Record]]:
    return [*parts_of(cls), *(fact.type for fact in _own_facts(cls) if issubclass(fact.type, Record))]


def _own_facts(cls: type[Record]) -> list[FactField]:
    """The facts of a class without those of its parts, which are referenced.

    A check, a capture or a script has more facts of the vantage.
    """
    classes = (CaptureVantage, ScriptVantage) if cls is Vantage else (cls,)
    found = {name: fact for each in classes for name, fact in attributes_of(each) if fact is not None}
    return list(found.values())


def _object(cls: type[Record]) -> dict[str, Any]:
    required = [fact.key for fact in _own_facts(cls) if fact.key in cls.required]
    found = {
        "type": "object",
        "description": (cls.__doc__ or "").partition("\n\n")[0],
        "required": [key for key in required if key not in OLD_KEYS],
        "allOf": [
            *(_reference(part) for part in parts_of(cls)),
            *({"anyOf": [{"required": [key]}, {"required": [OLD_KEYS[key]]}]} for key in required if key in OLD_KEYS),
        ],
        "properties": _properties(_own_facts(cls), Observation.__name__ if cls is MemberReport else _FLAT),
    }
    return {key: value for key, value in found.items() if value}


def _subject() -> dict[str, Any]:
    """The subject of `check`, `explain`, `lint` or `diagnose`, recognisable by its keys."""
    classes = (JoinedSubject, LintSubject, CaptureSubject, ScriptSubject, LogSubject)
    of_each = (_object(cls)["properties"] for cls in classes)
    return {**_object(Subject), "properties": {key: value for each in of_each for key, value in each.items()}}


def _own_fields(leave: Iterable[str]) -> dict[str, Any]:
    """The fields of an observation, except its facts."""
    return _properties(_own_facts(Observation), "", leave)


def _observation() -> dict[str, Any]:
    failed = {"properties": {"status": {"enum": [Status.FAILED.value, Status.ERROR.value]}}}
    own = _own_fields(_OF_MEMBER)
    transcript = own.pop("transcript")  # it stands after the facts
    return {
        **_object(Observation),
        "required": [*(key for key in own if key in Observation.required), "facts"],
        "properties": own | {"facts": {"type": "object", "description": _FACTS}, "transcript": transcript},
        "allOf": [
            {"if": failed, "then": {"properties": {"reason": _reference(Reason)}}},
            *(
                {
                    "if": {"properties": {"probe": {"const": probe}}},
                    "then": {"properties": {"facts": _reference(cls)}},
                }
                for (source, probe), cls in SHEETS.items()
                if source == "probe"
            ),
        ],
    }


def _evidence() -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"An observation with its facts beside its own fields. {_FACTS}",
        "properties": _own_fields({"transcript"}),
        "allOf": [
            {
                "if": {
                    "properties": {"source": {"const": source}, "probe": {"const": probe}},
                    "required": ["source", "probe"],
                },
                "then": _reference(cls),
            }
            for (source, probe), cls in SHEETS.items()
        ],
    }


def _properties(facts: Iterable[FactField], observation: str, leave: Iterable[str] = ()) -> dict[str, Any]:
    """``observation``: the definition of observations in this class."""
    return {
        fact.key: {"title": fact.label, "description": _told(fact)}
        | _type(types.type_info(fact.hint), fact, observation)
        for fact in facts
        if fact.key not in leave
    }


def _told(fact: FactField) -> str:
    return f"{fact.meaning} ({fact.unit})" if fact.unit else fact.meaning


def _type(kind: types.Type, fact: FactField, observation: str) -> dict[str, Any]:
    match kind:
        case types.Metadata():
            return {**_type(kind.type, fact, observation), **(kind.extra_json_schema or {})}
        case types.UnionType():
            (inner,) = (each for each in kind.types if each != types.NoneType())
            return _or_null(_type(inner, fact, observation))
        case types.StructType():
            return {"$ref": f"#/$defs/{observation}"} if kind.cls is Observation else _reference(kind.cls)
        case types.VarTupleType():
            return {"type": "array", "items": _type(kind.item_type, fact, observation)}
        case types.DictType():
            return {"type": "object", "additionalProperties": _type(kind.value_type, fact, observation)}
        case _:
            return {"enum": _words(fact)} if fact.closed else _scalar(kind) | _examples(fact)


def _words(fact: FactField) -> list[str]:
    """What the fact can be; in a report of an earlier version also by its old name."""
    return [*fact.values, *(OLD_WORDS[word] for word in fact.values if word in OLD_WORDS)]


def _examples(fact: FactField) -> dict[str, Any]:
    return {"examples": list(fact.values)} if fact.values else {}


def _or_null(found: dict[str, Any]) -> dict[str, Any]:
    if "enum" in found:
        return {"enum": [*found["enum"], None]}
    return {**found, "type": [found["type"], "null"]} if "type" in found else {"anyOf": [found, {"type": "null"}]}


def _scalar(kind: types.Type) -> dict[str, Any]:
    match kind:
        case types.EnumType():
            return {"enum": [word.value for word in kind.cls]}
        case types.StrType():
            found: dict[str, Any] = {"type": "string", "pattern": kind.pattern, "maxLength": kind.max_length}
        case types.IntType():
            found = {"type": "integer", "minimum": kind.ge, "maximum": kind.le}
        case types.FloatType():
            found = {"type": "number", "minimum": kind.ge, "exclusiveMaximum": kind.lt}
        case _:
            found = {"type": "boolean"}
    return {key: value for key, value in found.items() if value is not None}


def _reference(cls: type) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{cls.__name__}"}
