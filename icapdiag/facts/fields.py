"""Which sheet is whose, and the documentation of every fact that a runbook may look at, derived from the sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from msgspec import Struct

from icapdiag.facts import (
    capture,
    config,
    connection,
    deep,
    engines,
    groups,
    joined,
    logs,
    pool,
    refusal,
    run,
    scanner,
    standard,
    tls,
)
from icapdiag.facts.sheet import FactField, Record, Sheet, facts_of
from icapdiag.vocabulary import Reason, Status

TEXT, INTEGER, NUMBER, BOOLEAN = "text", "integer", "number", "boolean"
TEXTS, RECORDS = "list of text", "list of records"
_TYPES: Mapping[type, str] = {str: TEXT, int: INTEGER, float: NUMBER, bool: BOOLEAN}

PROFILE, FIGURES = "profile", "pool"  # what stands before the dot in ``profile.fail_action``, ``pool.members``
POOL = "pool"  # "probe" of what differs between the members, and of nobody's connection
SUMMARY = "summary"  # "probe" of the one observation about a log as a whole
ANSWER = "answer"  # "probe" of an ICAP response outside of a log: bytes, a client's print, header lines
SKIP_REASONS = ("disabled", "not-asked", "not-needed", "literal-address", "plain")  # of status skipped
SOURCES = ("probe", "log", "config", scanner.SCANNER, joined.JOINED)

_OF_PROBES: Mapping[str, type[Sheet]] = {
    **connection.SHEETS,
    "tls": tls.TLS,
    "path": connection.Path,
    **standard.SHEETS,
    **deep.SHEETS,
    **refusal.SHEETS,
    **capture.SHEETS,
    **engines.SHEETS,
    POOL: pool.Difference,
}
PROBES = tuple(filter(None, _OF_PROBES))  # "" is a member that is switched off
SHEETS: Mapping[tuple[str, str], type[Sheet]] = MappingProxyType(
    {
        **{("probe", probe): sheet for probe, sheet in _OF_PROBES.items()},
        ("log", ""): groups.RequestGroup,
        ("log", SUMMARY): logs.LogSummary,
        ("log", ANSWER): groups.PastedAnswer,
        ("config", ""): pool.ConfigurationObject,
        **{("config", kind): sheet for kind, sheet in config.SHEETS.items()},
        (scanner.SCANNER, scanner.MESSAGES): scanner.ScannerEvent,
        (scanner.SCANNER, scanner.REQUESTS): scanner.ScannerRequests,
        **{(joined.JOINED, about): sheet for about, sheet in joined.SHEETS.items()},
    }
)
"""The class of the facts of an observation, by its ``source`` and ``probe``. A probe's stands beside the class."""

_OF_SOURCE: Mapping[str, type[Sheet]] = {
    "probe": connection.ProbeSheet,
    "log": groups.RequestGroup,
    "config": config.ObjectSheet,
    scanner.SCANNER: scanner.ScannerEvent,
    joined.JOINED: joined.JoinedMember,
}


def stands_for(sheet: Sheet) -> int:
    """How many requests a sheet is about; one of a live probe is about one, as is a scanner's message about none."""
    match sheet:
        case scanner.ScannerEvent():
            number = sheet.concerned_count
        case scanner.ScannerRequests():
            number = sheet.count
        case _:
            group = sheet.part(groups.RequestGroup) or sheet.part(connection.Sightings)
            number = group.count if group else None
    return max(number or 1, 1)


def sheet_type(source: str, probe: str) -> type[Sheet]:
    """The class for an observation; of a probe that is not known (a later version's), what all probes have."""
    return SHEETS.get((source, probe)) or _OF_SOURCE.get(source, Sheet)


class Field(Struct, frozen=True):
    """Documentation of one field of the flat records that conditions look at.

    ``sources`` are the kinds of observation that have it; ``probes`` those of source ``probe``
    that can have it (not every observation does). ``values`` is a closed vocabulary, or empty. ``label`` is for people,
    and ``zero``, which says how 0 reads where that is special.
    """

    name: str
    type: str
    unit: str
    meaning: str
    sources: tuple[str, ...]
    probes: tuple[str, ...]
    values: tuple[str, ...] = ()
    label: str = ""
    zero: str = ""


_REASONS = tuple(dict.fromkeys((*(str(reason) for reason in Reason), *PROBES, *SKIP_REASONS)))
_OF_EVERY = (  # of every observation, beside its facts: name, type, unit, meaning, values
    ("source", TEXT, "", "where the observation comes from", SOURCES),
    (
        "probe",
        TEXT,
        "",
        (
            "which probe made it; pool for what differs between members, answer for a pasted ICAP response, summary for"
            " a log as a whole, empty for a log's requests and switched-off members; messages or requests for a"
            " scanner's own log; member, service or whole for several sources together"
        ),
        (*PROBES, SUMMARY, ANSWER, scanner.MESSAGES, scanner.REQUESTS, *joined.SHEETS),
    ),
    ("pool", TEXT, "", "the pool's name; in a log usually the pool group's", ()),
    ("member", TEXT, "", "the member's name, host:port unless the pool file names it", ()),
    ("status", TEXT, "", "the result of the probe", tuple(str(status) for status in Status)),
    (
        "reason",
        TEXT,
        "",
        "why it failed; with status blocked, the probe that failed before; with skipped, why it was not needed",
        _REASONS,
    ),
    ("elapsed_ms", NUMBER, "ms", "duration of the step; absent if it never ran", ()),
)
BASE = tuple(row[0] for row in _OF_EVERY)


@cache
def fields() -> Mapping[str, Field]:
    """The documented fields by name: those of every observation, then the facts in the order of the sheets."""
    found = {row[0]: Field(*row[:4], SOURCES, PROBES, row[4], row[0]) for row in _OF_EVERY}
    for (source, probe), cls in SHEETS.items():
        for fact in facts_of(cls):
            found[fact.key] = _with(found.get(fact.key), fact, source, probe)
    return MappingProxyType(found)


def field_named(name: str) -> Field | None:
    """The documentation of a plain name, or of a dotted one: a fact of another probe of the same member, as in
    ``options.service``, a setting of the ICAP profile that is known, or a figure about the pool. None: there is none.
    """
    room, dot, fact = name.partition(".")
    if not dot:
        return fields().get(name)
    if room in _ROOMS:
        known_from = ((each, source) for source, cls in _ROOMS[room] for each in facts_of(cls) if each.key == fact)
        return next((_with(None, each, source, "") for each, source in known_from), None)
    known = fields().get(fact)
    return known if room in PROBES and known is not None and (fact in BASE or room in known.probes) else None


_ROOMS: Mapping[str, Sequence[tuple[str, type[Record]]]] = {  # each with the source that it is known from
    PROFILE: (("probe", run.ProfileSettings),),
    FIGURES: (("probe", pool.PoolFigures), ("log", pool.LoggedPoolFigures)),
}


def _with(known: Field | None, fact: FactField, source: str, probe: str) -> Field:
    """The field as it is known so far, and met once more in the sheet of this source and probe."""
    sources = () if known is None else known.sources
    probes = () if known is None else known.probes
    return Field(
        name=fact.key,
        type=_type_name(fact),
        unit=fact.unit,
        meaning=fact.meaning if known is None else known.meaning,
        sources=sources if source in sources else (*sources, source),
        probes=probes if source != "probe" or probe in (*probes, "") else (*probes, probe),
        values=fact.values,
        label=fact.label if known is None else known.label,
        zero=fact.zero if known is None else known.zero,
    )


def _type_name(fact: FactField) -> str:
    if issubclass(fact.type, Record):
        return RECORDS
    return TEXTS if fact.many else _TYPES[fact.type]
