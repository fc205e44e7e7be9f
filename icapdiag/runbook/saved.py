"""The observations inside a saved JSON report, or a single one, as flat records again, whatever else the file holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from icapdiag.facts.fields import PROBES, SUMMARY, fields
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.surroundings import Surroundings

_REPORT_KEYS = ("schema_version", "groups", "findings")  # no record has any of them


class NotARecord(ValueError):
    """A document that holds no observation; the message says what is wrong with it."""


class SavedRecord(Struct, frozen=True):
    """One record with a name for people.

    ``siblings`` are the other records of the same pool member; ``profile`` the settings of the profile that are known.
    """

    name: str
    record: Facts
    siblings: tuple[Facts, ...] = ()
    profile: Facts | None = None


def saved_records(document: object) -> tuple[SavedRecord, ...]:
    """The records of a report (members' probes, then groups of a log, then the log as a whole), or the one given.

    Raises `NotARecord` where it is neither.
    """
    if not isinstance(document, Mapping):
        raise NotARecord("neither a report nor a record: a JSON object is needed")
    if document.keys().isdisjoint(_REPORT_KEYS):
        return (SavedRecord("the record", _single(document)),)
    found = [*_probes(document), *_groups(document)]
    seen = [one.record for one in found]
    # Evidence is in the records above, but for what is about a log as a whole.
    found += [one for one in _evidence(document) if not seen or (one.record not in seen and _is_summary(one.record))]
    if not found:
        raise NotARecord("the report holds no observations")
    return tuple(found)


def _single(document: Facts) -> Facts:
    if document.keys().isdisjoint(fields()):
        raise NotARecord("neither a report nor a record: no field name in it is known (icapdiag runbooks fields)")
    source = "probe" if _flat(document).get("probe") in PROBES else "log"
    return {"source": source, **_flat(document)}


def _flat(observation: Facts) -> dict[str, Any]:
    own = {name: value for name, value in observation.items() if name != "facts"}
    return {**_mapping(observation.get("facts")), **own}


def _probes(document: Facts) -> Iterator[SavedRecord]:
    settings = _mapping(_mapping(document.get("configuration")).get("profile"))
    stated = settings.get("stated")
    profile = {name: settings.get(name) for name in stated if isinstance(name, str)} if isinstance(stated, list) else {}
    for member in _mappings(document.get("members")):
        place = {"source": "probe", "pool": _mapping(document.get("subject")).get("pool"), "member": member.get("name")}
        records = [{**_flat(probe), **place} for probe in _mappings(member.get("probes"))]
        for record in records:
            siblings = tuple(other for other in records if other is not record)
            yield SavedRecord(f"{record.get('probe') or 'member'} of {record['member']}", record, siblings, profile)


def _groups(document: Facts) -> Iterator[SavedRecord]:
    records = [_group(each) for each in _mappings(document.get("groups"))]
    around = Surroundings(records)
    for number, record in enumerate(records, 1):
        if record.get("product") is None and (product := around.product(record)):
            record["product"] = product  # as the match of the whole log has it
        name = f"{record.get('icap_action') or 'an ICAP response'}, count {record.get('count', 1)}"
        yield SavedRecord(f"group {number}: {name}", record)


def _group(group: Facts) -> dict[str, JSONValue]:
    members, pools = (value if isinstance(value := group.get(key), list) else [] for key in ("members", "pools"))
    return {
        "probe": "",
        "member": members[0] if len(members) == 1 else "",
        "pool": ", ".join(str(pool) for pool in pools),
        **{name: value for name, value in group.items() if name in fields()},
        "source": "log",
    }


def _evidence(document: Facts) -> Iterator[SavedRecord]:
    records = [each for finding in _mappings(document.get("findings")) for each in _mappings(finding.get("evidence"))]
    records += _mappings(_mapping(document.get("unmatched")).get("examples"))
    for number, record in enumerate(records, 1):
        if record not in records[: number - 1] and isinstance(record.get("source"), str):
            yield SavedRecord("the log as a whole" if _is_summary(record) else f"evidence {number}", record)


def _is_summary(record: Facts) -> bool:
    return record.get("probe") == SUMMARY


def _mapping(value: object) -> Facts:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Facts]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
