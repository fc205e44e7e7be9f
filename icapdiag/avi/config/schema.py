"""What Avi's API allows in a field, and what it takes where nothing is written: ranges, words, defaults, units.

The table is of the schema of version 30.2.1 (vmware/alb-sdk, swagger). Values beside a range (ratio 0) are legal.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from functools import cache

from msgspec import Struct

from icapdiag.avi.addresses import to_address
from icapdiag.avi.config.schema_names import NAMES
from icapdiag.avi.config.schema_table import TABLE

INTEGER, NUMBER, BOOLEAN, STRING, ADDRESS = "integer", "number", "boolean", "string", "address"
_UNITS = {"MILLISECONDS": "ms", "BYTES": "bytes", "KB": "KB", "SEC": "s", "SECONDS": "s", "MIN": "min", "MB": "MB",
          "PER_SECOND": "/s", "PERCENT": "%"}  # fmt: skip
_WORDS = {"true": True, "false": False}
_SHORTEST, _LONGEST = 4, 64  # names that are compared
_NUMERIC = re.compile(r"[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*")  # what is an address, or none, and no name
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}")
# Objects that the table has not: vmware/alb-sdk, swagger/ServiceEngineGroup.json and ApplicationProfile.json.
_MORE = """\
HTTPApplicationProfile.client_max_body_size|integer|0|||KB
MethodMatch.match_criteria|string
  IS_IN IS_NOT_IN
MethodMatch.methods|[string]
  HTTP_METHOD_GET HTTP_METHOD_HEAD HTTP_METHOD_PUT HTTP_METHOD_DELETE HTTP_METHOD_POST HTTP_METHOD_OPTIONS
  HTTP_METHOD_TRACE HTTP_METHOD_CONNECT HTTP_METHOD_PATCH HTTP_METHOD_PROPFIND HTTP_METHOD_PROPPATCH
  HTTP_METHOD_MKCOL HTTP_METHOD_COPY HTTP_METHOD_MOVE HTTP_METHOD_LOCK HTTP_METHOD_UNLOCK
IpAddr.addr|address
ServiceEngineGroup.memory_per_se|integer|2048|||MB
ServiceEngineGroup.connection_memory_percentage|integer|50|10-90||PERCENT
"""


class FieldSchema(Struct, frozen=True):
    """One field. ``type`` is a word above or the name of an object; ``words`` is a closed vocabulary, or empty."""

    type: str
    many: bool = False
    default: str = ""
    low: int | None = None
    high: int | None = None
    special: tuple[int, ...] = ()
    unit: str = ""
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """The legal values in words, without the unit; empty where anything is."""
        if self.words:
            return ", ".join(self.words)
        if self.low is None:
            return {BOOLEAN: "true, false", ADDRESS: "an IPv4 or IPv6 address"}.get(self.type, "")
        beside = [str(value) for value in self.special if not self.low <= value <= (self.high or value)]
        return f"{self.low} to {self.high}" + (f", or {' or '.join(beside)}" if beside else "")

    def problem(self, text: str) -> str:
        """What is wrong with a value: ``type``, ``range``, ``word``; empty if nothing is."""
        if self.type == BOOLEAN:
            return "" if as_flag(text) is not None else "type"
        if self.type == INTEGER:
            number = as_integer(text)
            if number is None:
                return "type"
            if self.low is None or number in self.special or self.low <= number <= (self.high or number):
                return ""
            return "range"
        if self.type == ADDRESS:
            return "type" if _NUMERIC.fullmatch(text) and to_address(text) is None else ""
        return "word" if self.words and text not in self.words else ""


def as_integer(text: str) -> int | None:
    """The number that a text is, as Avi takes it: ``"80"`` as well as ``80``; None if it is none."""
    return int(text) if _DECIMAL.fullmatch(text) else None


def as_flag(text: str) -> bool | None:
    """True or false, however it is written; None for anything else."""
    return _WORDS.get(text.lower())


def field_schema(kind: str, name: str) -> FieldSchema | None:
    """The field of an object; None if nothing is known of it."""
    return schema_of(kind).get(name)


def schema_of(kind: str) -> Mapping[str, FieldSchema]:
    """The fields of an object, or of a part of one such as ``Server``; empty for others."""
    return _schema().get(kind, {})


def nearest_field(kind: str, name: str, present: Container[str]) -> str:
    """The field that a name which is none is likely misspelt for: it differs by a letter, and is not ``present``.

    "" where there is none, and for objects of which not all fields are known.
    """
    names, written = _names().get(kind, ({}, frozenset()))
    if name in written or not _SHORTEST <= len(name) <= _LONGEST:
        return ""
    found = (names.get(each, "") for each in _spellings(name))
    return next((each for each in found if each and each not in present), "")


def _spellings(name: str) -> Iterator[str]:
    """A name without marks and letter case, and what is left of it without one of its letters.

    Of two names that differ by a letter, or in the order of two, some are the same.
    """
    bare = name.lower().replace("_", "").replace("-", "")
    yield bare
    yield from (bare[:at] + bare[at + 1 :] for at in range(len(bare)))


@cache
def _names() -> dict[str, tuple[dict[str, str], frozenset[str]]]:
    """By the object: its fields by their spellings, and all of them."""
    found: dict[str, set[str]] = {}
    kind = ""
    for line in NAMES.splitlines():
        first, *names = line.split()
        if line.startswith(" "):
            names = [first, *names]
        else:
            kind = first
        found.setdefault(kind, set()).update(names)
    made = {}
    for kind, names_of in found.items():
        every = frozenset(names_of | schema_of(kind).keys())
        made[kind] = ({spelling: name for name in sorted(every) for spelling in _spellings(name)}, every)
    return made


@cache
def _schema() -> dict[str, dict[str, FieldSchema]]:
    found: dict[str, dict[str, FieldSchema]] = {}
    lines = (TABLE + _MORE).splitlines()
    for number, line in enumerate(lines):
        if line.startswith(" "):
            continue
        words: list[str] = []
        for below in lines[number + 1 :]:
            if not below.startswith(" "):
                break
            words += below.split()
        key, kind, *rest = line.split("|")
        default, allowed, special, unit = (*rest, "", "", "", "")[:4]
        low, _, high = allowed.partition("-")
        whole = "." not in allowed
        name, _, field = key.partition(".")
        found.setdefault(name, {})[field] = FieldSchema(
            type=kind.strip("[]"),
            many=kind.startswith("["),
            default=default,
            low=int(low) if low and whole else None,
            high=int(high) if high and whole else None,
            special=tuple(map(int, special.split())),
            unit=_UNITS.get(unit, ""),
            words=tuple(words),
        )
    return found
