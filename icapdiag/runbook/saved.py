"""The observations inside a saved JSON report, or a single one, as flat records again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.facts.fields import PROBES, SUMMARY, fields
from icapdiag.model import Facts, JSONValue

_REPORT_KEYS = ("schema_version", "groups", "findings")  # no record has any of them


class NotARecord(ValueError):
    """A document that holds no observation; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SavedRecord:
    """One record with a name for people. ``siblings`` are the other records of the same pool member."""

    name: str
    record: Facts
    siblings: tuple[Facts, ...] = ()


def saved_records(document: object) -> tuple[SavedRecord, ...]:
    """The records of a report (members' probes, then groups of a log, then the log as a whole), or the one given.

    Raises `NotARecord` where it is neither.
    """
    if not isinstance(document, Mapping):
        raise NotARecord("neither a report nor a record: a JSON object is needed")
    if not any(key in document for key in _REPORT_KEYS):
        return (SavedRecord("the record", _single(document)),)
    found = (*_probes(document), *_groups(document))
    seen = [one.record for one in found]
    loose = tuple(one for one in _evidence(document) if not found or _new(one.record, seen))
    if not (*found, *loose):
        raise NotARecord("the report holds no observations")
    return (*found, *loose)


def _new(record: Facts, seen: Sequence[Facts]) -> bool:
    """Whether evidence is of something that the report shows nowhere else: a log as a whole."""
    return record.get("probe") == SUMMARY and record not in seen


def _single(document: Mapping[str, JSONValue]) -> Facts:
    if not any(name in fields() for name in document):
        raise NotARecord("neither a report nor a record: no field name in it is known (icapdiag runbooks fields)")
    facts = document.get("facts")
    record = {**(facts if isinstance(facts, Mapping) else {}), **document}
    record.pop("facts", None)
    return {"source": "probe" if record.get("probe") in PROBES else "log", **record}


def _probes(document: Mapping[str, JSONValue]) -> Iterator[SavedRecord]:
    pool = _mapping(document.get("subject")).get("pool")
    for member in _mappings(document.get("members")):
        records: list[dict[str, JSONValue]] = []
        for probe in _mappings(member.get("probes")):
            facts = dict(_mapping(probe.get("facts")))
            own = {name: probe.get(name) for name in ("probe", "status", "reason", "elapsed_ms")}
            records.append({**facts, **own, "source": "probe", "pool": pool, "member": member.get("name")})
        for record in records:
            siblings = tuple(other for other in records if other is not record)
            yield SavedRecord(f"{record['probe'] or 'member'} of {record['member']}", record, siblings)


def _groups(document: Mapping[str, JSONValue]) -> Iterator[SavedRecord]:
    for number, group in enumerate(_mappings(document.get("groups")), 1):
        members, pools = group.get("members"), group.get("pools")
        record: dict[str, JSONValue] = {
            "probe": "",
            "member": members[0] if isinstance(members, Sequence) and len(members) == 1 else "",
            "pool": ", ".join(str(pool) for pool in pools) if isinstance(pools, list) else "",
            **{name: value for name, value in group.items() if name in fields()},
            "source": "log",
        }
        requests = group.get("count", 1)
        yield SavedRecord(f"group {number}: {record.get('icap_action') or 'an ICAP answer'}, count {requests}", record)


def _evidence(document: Mapping[str, JSONValue]) -> Iterator[SavedRecord]:
    records: list[Facts] = []
    for finding in _mappings(document.get("findings")):
        records += _mappings(finding.get("evidence"))
    records += _mappings(_mapping(document.get("unmatched")).get("examples"))
    for number, record in enumerate(records):
        if record not in records[:number] and isinstance(record.get("source"), str):
            name = "the log as a whole" if record.get("probe") == SUMMARY else f"evidence {number + 1}"
            yield SavedRecord(name, record)


def _mapping(value: JSONValue) -> Mapping[str, JSONValue]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: JSONValue) -> list[Mapping[str, JSONValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
