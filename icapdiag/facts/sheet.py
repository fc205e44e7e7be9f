"""What a fact sheet is made of, and what can be done with any of them: documented, written, read back.

A fact's name is written once, in the class that holds it. Beside it stand its label, what it means, its unit, the
words it can be, and whether it changes from run to run; what kind of thing it names (a host, a person) is its type.
Documentation, JSON schema, redaction, comparison of reports and evidence are derived from these.

A sheet may have *parts*: classes that several sheets share. In JSON, and for the conditions of runbooks, the facts
of a part stand beside the sheet's own. A fact that is not known is None, and is left out where it is written down,
unless its class names it in ``nulls``.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

JSONValue = str | int | float | bool | None | Sequence["JSONValue"] | Mapping[str, "JSONValue"]


class Kind(NamedTuple):
    """What a text names: decides what redaction makes of it. ``text`` is judged run by run."""

    name: str


# One type a kind. A text of a sheet is always of one of these types, never a bare str (a test holds that).
Text = Annotated[str, Kind("text")]  # of a server, a log or a file, or words of ours: judged run by run
Word = Annotated[str, Kind("word")]  # of a vocabulary; whoever forges one is judged like text
Moment = Annotated[str, Kind("moment")]  # ISO 8601
HostName = Annotated[str, Kind("host")]  # a name or an address
Address = Annotated[str, Kind("address")]  # an IP address, with or without a port
Interface = Annotated[str, Kind("interface")]
MemberName = Annotated[str, Kind("member")]
MemberPattern = Annotated[str, Kind("pattern")]
PoolName = Annotated[str, Kind("pool")]
ProfileName = Annotated[str, Kind("profile")]
VirtualService = Annotated[str, Kind("service")]
ServiceEngine = Annotated[str, Kind("engine")]
RequestID = Annotated[str, Kind("request")]
FileName = Annotated[str, Kind("file")]
ISTag = Annotated[str, Kind("istag")]
Person = Annotated[str, Kind("person")]
DistinguishedName = Annotated[str, Kind("subject")]  # of a certificate's subject or issuer: CN=…, O=…
Fingerprint = Annotated[str, Kind("certificate")]  # of somebody's certificate
SampleDigest = Annotated[str, Kind("digest")]  # SHA-256 of what we sent ourselves
RunbooksDigest = Annotated[str, Kind("runbooks")]  # the first digits of that of the runbooks in force
RunbookID = Annotated[str, Kind("runbook")]
OwnText = Annotated[str, Kind("own")]  # of ours or of a runbook: only names that are known are replaced in it
Note = Annotated[str, Kind("note")]  # of this run, in our words: a name in it may be any word
WireText = Annotated[str, Kind("wire")]  # bytes of a connection as ISO 8859-1

FindingID = Annotated[
    RunbookID,
    Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100, extra={"is": "a runbook id such as tcp-refused"}),
]
Whole = Annotated[int, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]  # counts from 1, or at least one


class About(NamedTuple):
    """What is known of a fact: see `about`."""

    label: str
    meaning: str
    unit: str
    values: tuple[str, ...]
    changes: bool
    closed: bool
    zero: str


def about(
    label: str,
    meaning: str,
    unit: str = "",
    *,
    values: Sequence[str] = (),
    changes: bool = False,
    closed: bool = False,
    zero: str = "",
) -> About:
    """What is known of a fact, to stand in its annotation.

    ``label`` is for people, short. ``meaning`` is one sentence without a full stop. ``unit`` is empty for counts
    and texts. ``values``: the words it can be. ``changes``: it is another one in each run, and no news.
    ``closed``: no server and no log can bring another word, so that the schema holds a report to these.
    ``zero``: how 0 reads, where that is not ``none`` of what is counted, or the figure with its unit.
    """
    return About(label, meaning, unit, tuple(values), changes, closed, zero)


class FactField(NamedTuple):
    """One fact of a class. ``type`` is str, int, float, bool or a `Record`; ``many``: a list of these."""

    name: str  # of the attribute
    key: str  # in JSON
    label: str
    meaning: str
    unit: str
    values: tuple[str, ...]
    changes: bool
    closed: bool
    zero: str
    kind: str  # of a text; "" of anything else
    type: type
    many: bool
    mapping: bool  # from names, which are of ``kind``, to counts
    hint: Any  # its annotation


class Record(Struct, kw_only=True, omit_defaults=True):
    """Facts that belong together: an entry in a list of a sheet, or a part of sheets."""

    nulls: ClassVar[frozenset[str]] = frozenset()
    """Facts that are written as null where they are not known."""
    moved: ClassVar[str] = ""
    """``place fact fact; …``: facts that are written behind another, not as declared; ^ is the start, $ the end."""
    required: ClassVar[frozenset[str]] = frozenset()
    """Facts that every report has, so that its schema asks for them."""

    def __or__(self, other: Self) -> Self:
        """Both together; what ``other`` knows comes first."""
        parts = parts_of(type(other)).values()
        known = ((name, value) for name, value in _items(other) if value is not None)
        return replace(self, **{name: getattr(self, name) | value if name in parts else value for name, value in known})


class Sheet(Record):
    """What one probe found out about a member, or what a log says about a group of requests."""

    moved = "$ error"
    error: Annotated[Text | None, about("error", "the operating system's or the library's own words")] = None

    def part(self, wanted: type[R]) -> R | None:
        """This sheet, if it is one of ``wanted``, or its part of that type; None if it has none."""
        if isinstance(self, wanted):
            return self
        name = parts_of(type(self)).get(wanted)
        return None if name is None else getattr(self, name)


R = TypeVar("R", bound=Record)


def _items(record: Record) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(record, name)) for name in record.__struct_fields__)


# --- what a class says of its facts ----------------------------------------------------------------


@cache
def _annotations(cls: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {name: hints[name] for name in cls.__struct_fields__}


@cache
def parts_of(cls: type[Record]) -> dict[type[Record], str]:
    """The parts of a class, with the names of their attributes: those that are annotated with the bare name of a class.

    Facts are annotated at length. To evaluate their annotations takes longer than all else that a short log needs.
    """
    found: dict[type[Record], str] = {}
    for owner in reversed(cls.__mro__):
        known = vars(sys.modules[owner.__module__])
        for name, annotation in vars(owner).get("__annotations__", {}).items():
            named = known.get(annotation)
            if isinstance(named, type) and issubclass(named, Record):
                found[named] = name
    return found


@cache
def _floats(cls: type[Record]) -> frozenset[str]:
    """The attributes that are a float: a whole number is one, too, and JSON gives back what the class says."""
    return frozenset(
        name
        for owner in cls.__mro__
        for name, annotation in vars(owner).get("__annotations__", {}).items()
        if annotation.startswith(("Annotated[float", "Annotated[Milliseconds"))
    )


@cache
def attributes_of(cls: type[Record]) -> tuple[tuple[str, FactField | None], ...]:
    """The attributes of a class in order, each with its fact; None for a part, which has facts of its own.

    Raises TypeError for a fact without `about`, or for a text that is of no kind.
    """
    hints, parts = _annotations(cls), parts_of(cls)
    keys = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
    return tuple(
        (name, None if hints[name] in parts else _fact(cls, name, keys[name], hints[name]))
        for name in cls.__struct_fields__
    )


@cache
def facts_of(cls: type[Record]) -> tuple[FactField, ...]:
    """The facts of a class in the order of its attributes, those of its parts in place.

    Raises TypeError as `attributes_of` does.
    """
    found: list[FactField] = []
    for name, fact in attributes_of(cls):
        found += facts_of(_annotations(cls)[name]) if fact is None else (fact,)
    return tuple(found)


def values_of(record: Record) -> Iterator[tuple[FactField, Any]]:
    """Each fact with its value, those of the parts in place."""
    for name, fact in attributes_of(type(record)):
        value = getattr(record, name)
        if fact is None:
            yield from values_of(value)
        else:
            yield fact, value


def _fact(cls: type[Record], name: str, key: str, hint: Any) -> FactField:
    known = [each for each in get_args(hint) if isinstance(each, About)]
    if not known:
        raise TypeError(f"{cls.__name__}.{name} has no about(...)")
    plain, kind, many, mapping = _plain_type(hint)
    if plain is str and not kind:
        raise TypeError(f"{cls.__name__}.{name} is a bare str: give it a kind")
    return FactField(name, key, *known[0], kind, plain, many, mapping, hint)


def _plain_type(hint: Any) -> tuple[type, str, bool, bool]:
    """Type, kind, many and mapping, out of an annotation."""
    if get_origin(hint) is Annotated:
        kinds = [each.name for each in get_args(hint)[1:] if isinstance(each, Kind)]
        plain, kind, many, mapping = _plain_type(get_args(hint)[0])
        return plain, kinds[0] if kinds else kind, many, mapping
    arguments = [each for each in get_args(hint) if each not in (type(None), Ellipsis)]
    if get_origin(hint) is tuple:
        plain, kind, _, _ = _plain_type(arguments[0])
        return plain, kind, True, False
    if get_origin(hint) is dict:
        _, kind, _, _ = _plain_type(arguments[0])
        return _plain_type(arguments[1])[0], kind, False, True
    return _plain_type(arguments[0]) if arguments else (hint, "", False, False)


# --- written down and read back --------------------------------------------------------------------

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # two lone surrogates, which JSON makes one character of


def to_plain(value: Any) -> Any:
    """A record, or anything inside of one, as JSON has it: no NaN, no infinity, one kind of list.

    Whole microseconds are all that clocks have to say, so figures in ms keep three decimals where they are made.
    """
    match value:
        case str():
            return plain_text(value)
        case None | int() | float():
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case list() | tuple():
            return list(map(to_plain, value))
        case Record():
            written = _plain_record(value, value.nulls)
            return {key: written[key] for key in _order(type(value)) if key in written} if value.moved else written
        case Mapping():
            return {plain_text(key): to_plain(item) for key, item in value.items()}
        case _:
            return value


@cache
def _keys(cls: type[Record]) -> tuple[tuple[str, str, type[Record] | None], ...]:
    parts = {name: part for part, name in parts_of(cls).items()}
    names = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    return tuple((name, key, parts.get(name)) for name, key in names)


@cache
def _order(cls: type[Record]) -> tuple[str, ...]:
    keys = ["^", *(key for _, own, part in _keys(cls) for key in (_order(part) if part else (own,))), "$"]
    for place, *names in map(str.split, filter(None, cls.moved.split(";"))):
        keys = [key for key in keys if key not in names]
        keys[keys.index(place) + 1 : keys.index(place) + 1] = names
    return tuple(key for key in keys if key not in {"^", "$"})


def _plain_record(record: Record, nulls: frozenset[str]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for name, key, part in _keys(type(record)):
        value = getattr(record, name)
        if part:
            written |= _plain_record(value, nulls | value.nulls)
        elif value is not None or key in nulls:
            written[key] = to_plain(value)
    return written


def settled(value: Any) -> Any:
    """A record, or anything inside of one, as it comes back from JSON; the same object where nothing is lost there.

    A member of an enum stays one: it is equal to its text.
    """
    match value:
        case str():
            return value if isinstance(value, Enum) else plain_text(value)
        case None | int() | float():
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case list() | tuple():
            return tuple(map(settled, value))
        case Record():
            floats = _floats(type(value))
            changed: dict[str, Any] = {}
            for name in value.__struct_fields__:
                item = getattr(value, name)
                if item is None:  # as most facts are
                    continue
                kept = float(item) if name in floats and isinstance(item, int) else settled(item)
                if kept is not item:
                    changed[name] = kept
            return replace(value, **changed) if changed else value
        case Mapping():
            return {plain_text(key): settled(item) for key, item in value.items()}
        case _:
            return value


def plain_text(text: str) -> str:
    """A member of an enum becomes its plain text."""
    text = str(text)
    return text if text.isascii() else _PAIR.sub(_joined, text)


def _joined(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")


def from_plain(cls: type[R], data: Mapping[str, Any]) -> R:
    """The record that `to_plain` made ``data`` of. Keys that are not known are left out.

    Raises msgspec.ValidationError, whose message has the place, such as ``$.cases[2].status``.
    """
    parts = parts_of(cls)
    if not data.keys().isdisjoint(parts.values()):  # a key of a later version is no part
        data = {key: value for key, value in data.items() if key not in parts.values()}
    record = msgspec.convert(data, cls)
    for part, name in parts.items():
        setattr(record, name, from_plain(part, data))
    return record
