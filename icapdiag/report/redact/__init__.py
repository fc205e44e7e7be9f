"""Reports that may leave the site: everything that could identify it is replaced by pseudonyms before rendering.

The rule is to keep only what is known to be harmless: a run of words is kept if each is one of our own (`words.txt`) or
a short number and the whole is not a host, path, address or date. So nobody has to foresee what a server, a log or a
pool file may contain.

First all names in the report are collected, then every text is processed according to its kind, which its class in
`icapdiag.facts` declares.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.sheet import FactField, Record, attributes_of
from icapdiag.model import Finding, MemberReport, Report
from icapdiag.report.redact.known import WORD
from icapdiag.report.redact.pseudonyms import PSEUDONYM, Pseudonyms, stands_for_itself
from icapdiag.report.redact.texts import Texts, says_nothing, wire

__all__ = [
    "KEPT_NOTE", "NAMELESS", "REDACTED_NOTE", "Pseudonyms", "Replaced", "kept_values", "known_values", "redact"
]  # fmt: skip

# Kinds of texts that name nothing, or that are ours; all others stand for somebody, and go as a whole.
NAMELESS = frozenset({"text", "word", "moment", "own", "note", "wire", "runbook", "runbooks", "digest"})
_OURS = {  # the same for everybody
    "digest": re.compile(r"[0-9a-f]{64}"),
    "runbooks": re.compile(r"[0-9a-f]{8,64}"),
    "moment": re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII),
}
_OURS_WHOLE = re.compile(rf"(?:{PSEUDONYM.pattern}(?: at (?=n)|:[0-9]+$|$))+|\[removed\]").fullmatch
_WORDS = frozenset({"member", "pool", "profile"})
_PROPER = _WORDS | {"host", "service", "engine", "person"}
KEPT_NOTE = "Kept in this redacted report, as requested: {}."
REDACTED_NOTE = (
    "Redacted: pseudonyms replace all names, addresses, words and numbers that are not known to be harmless. "
    "The same value always has the same pseudonym; net1-host2 is in network 1. "
    "To keep names, for your own tracker: --no-redact."
)

R = TypeVar("R", bound=Record)


class Replaced(Struct, frozen=True):
    """One value that was replaced. ``pseudonym`` may be ``[removed]``; ``where``: the first fact that contained it."""

    kind: str
    value: str
    pseudonym: str
    count: int
    where: str


def redact(
    report: Report, pseudonyms: Pseudonyms, *, keep: Collection[str] = ()
) -> tuple[Report, tuple[Replaced, ...]]:
    """The report with pseudonyms, and what was replaced, in the order of the report.

    ``keep`` names facts whose values are kept wherever they occur, although they identify somebody.
    ``pseudonyms`` is extended by the new values of this report.
    """
    return _Redaction(report, pseudonyms, frozenset(keep)).run()


def kept_values(report: Report, keep: Collection[str]) -> set[str]:
    """Names and addresses that stay because their facts are kept."""
    kept = {value for value, _, fact in _names_in(report) if fact in keep}
    return kept | {address for address, _ in map(_endpoint, kept) if address}


def known_values(report: Report, keep: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Every name and address that the report marks as such and that must be replaced, with its kind."""
    kept = kept_values(report, keep)
    for name, kind in _names(report):
        if name not in kept and not (kind == "address" and stands_for_itself(name)):
            yield name, kind


def _could_be_any(name: str, kind: str) -> bool:
    """Whether a name looks like ordinary words in places where it is not marked as a name."""
    return says_nothing(name) and (kind not in _PROPER or len(WORD.findall(name)) == 1)


class _Redaction:
    def __init__(self, report: Report, pseudonyms: Pseudonyms, keep: frozenset[str]) -> None:
        self._report = report
        self._keep = keep
        self._found: dict[tuple[str, str], Replaced] = {}
        self._where = ""
        self._noted: list[tuple[str, str, str]] = []  # in the text that is redacted now
        self._done: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {}  # servers say the same again and again
        self._ids = {finding.id for finding in report.findings}
        self._again = report.redacted is not None
        pseudonyms.reserve(PSEUDONYM.findall(repr(report)))
        kept = kept_values(report, keep)
        self._names = {
            name: kind for name, kind in _names(report) if name not in kept and not (self._again and _OURS_WHOLE(name))
        }
        spoken = {name: kind for name, kind in self._names.items() if not _could_be_any(name, kind)}
        self._texts = Texts(pseudonyms, spoken, self._note, again=self._again)
        # A runbook's own words may be a member's or a pool's name.
        told = {name: kind for name, kind in spoken.items() if kind not in _WORDS or not says_nothing(name)}
        self._own = Texts(pseudonyms, told, self._note, again=self._again)
        # In a note of ours a name that could be any word is still a name.
        self._notes = Texts(pseudonyms, self._names, self._note, again=self._again, own=True)

    def run(self) -> tuple[Report, tuple[Replaced, ...]]:
        redacted = self._record(self._report)
        kept = [KEPT_NOTE.format(", ".join(sorted(self._keep)))] if self._keep else []
        notes = (*redacted.notes, *(note for note in kept if note not in redacted.notes))
        return replace(redacted, redacted=REDACTED_NOTE, notes=notes), tuple(self._found.values())

    def _of(self, text: str) -> str:
        """A text of a server, a log or a file."""
        self._noted = []
        if text in self._done:
            shown, noted = self._done[text]
            for each in noted:
                self._note(*each)
            return shown
        shown = self._texts.of(text)
        self._done[text] = shown, tuple(self._noted)
        return shown

    def _note(self, kind: str, value: str, pseudonym: str) -> None:
        self._noted.append((kind, value, pseudonym))
        key = (kind, value)
        known = self._found.get(key)
        if known is None:
            self._found[key] = Replaced(kind, value, pseudonym, 1, self._where)
        else:
            self._found[key] = replace(known, count=known.count + 1)

    def _record(self, record: R) -> R:
        redacted = replace(
            record,
            **{
                name: self._record(value) if fact is None else self._value(value, fact, _called(record, fact))
                for name, fact in attributes_of(type(record))
                if (value := getattr(record, name)) is not None
            },
        )
        if isinstance(record, TranscriptEntry) and record.direction == "event":  # a text of ours, and no bytes
            return replace(redacted, text=self._notes.of(record.text))
        return redacted

    def _value(self, value: Any, fact: FactField, called: str) -> Any:
        if called in self._keep:
            return value
        match value:
            case Record():
                return self._record(value)
            case tuple():
                return tuple(self._value(item, fact, called) for item in value)
            case dict():
                return {self._said(name, fact.kind, called): number for name, number in value.items()}
            case str() if fact.kind:
                return self._said(value, fact.kind, called)
            case _:
                return value

    def _said(self, value: str, kind: str, called: str) -> str:
        self._where = called
        match kind:
            case "own":
                return self._own.of_own(value)
            case "note":
                return self._notes.of(value)
            case "wire":
                return wire(value, self._of)
            case "runbook" if value in self._ids:
                return value
            case "digest" | "runbooks" | "moment" if _OURS[kind].fullmatch(value):
                return value
            case _:
                return self._of(value) if kind in NAMELESS else self._named(kind, value)

    def _named(self, kind: str, value: str) -> str:
        """The pseudonym of a whole value; an address is always treated as one."""
        if self._again and _OURS_WHOLE(value):
            return value
        name, at = _member_and_address(kind, value)
        if at:
            return f"{self._named(kind, name)} at {self._named('address', at)}"
        address, port = _endpoint(value)
        if kind not in {"address", "host"} and not (kind == "member" and address):  # a log has no other name for it
            return self._texts.named(self._names.get(value, kind), value) if value else value
        if address:
            shown = self._texts.named("address", str(ip_address(address.partition("%")[0])))
            return f"[{shown}]:{port}" if port and ":" in shown else f"{shown}:{port}" if port else shown
        return self._texts.named("host", value) if value else value


def _called(record: Record, fact: FactField) -> str:
    """The name of a fact for ``keep``: that of a member is always ``member``."""
    is_named_by_kind = isinstance(record, MemberReport | Finding) and fact.kind not in NAMELESS
    return (fact.kind if is_named_by_kind else "") or fact.key


def _names(report: Report) -> Iterator[tuple[str, str]]:
    """Everything that the report marks as a name or address, with its kind; the first kind counts."""
    seen: set[str] = set()
    for value, kind, _ in _names_in(report):
        address, _ = _endpoint(value)
        name = address or value
        if name and name not in seen:
            seen.add(name)
            yield name, "address" if address else "host" if kind == "address" else kind


def _names_in(record: Record) -> Iterator[tuple[str, str, str]]:
    """Value, kind, fact."""
    for name, fact in attributes_of(type(record)):
        value = getattr(record, name)
        if fact is None:
            yield from _names_in(value)
        elif value is not None:
            yield from _names_of(value, fact, _called(record, fact))


def _names_of(value: Any, fact: FactField, called: str) -> Iterator[tuple[str, str, str]]:
    match value:
        case Record():
            yield from _names_in(value)
        case tuple() | dict():
            for item in value:
                yield from _names_of(item, fact, called)
        case str() if value and fact.kind and fact.kind not in NAMELESS:
            name, at = _member_and_address(fact.kind, value)
            yield name, fact.kind, called
            if at:
                yield at, "address", called


def _member_and_address(kind: str, value: str) -> tuple[str, str]:
    """Both parts of ``NAME at ADDRESS`` (one address of a member with several); otherwise the whole text and ""."""
    name, _, at = value.rpartition(" at ")
    return (name, at) if kind == "member" and name and _endpoint(at)[0] else (value, "")


def _endpoint(text: str) -> tuple[str, str]:
    """The address in ``address``, ``address:port`` or ``[address]:port``, and its port; both may be ""."""
    host, port = text, ""
    if text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return "", ""
    return host, port
