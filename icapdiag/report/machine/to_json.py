"""The report as JSON (design section 7): for machines, and for `cat` on a terminal all the same."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from icapdiag.report.untyped import Facts, Finding, JSONValue, MemberReport, Observation, Report, Unmatched
from icapdiag.text import UNSAFE

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # two lone surrogates, which JSON makes one character of


def render(report: Report) -> str:
    """The report as an indented JSON document that ends in a newline.

    Text is UTF-8 as it is, but for what could drive a terminal (controls, bidi controls, lone
    surrogates): that is written as ``\\uXXXX``, which JSON readers turn back into the same text.
    """
    document = _dump(to_plain(report))
    if document.isascii() and "\x7f" not in document:
        return document + "\n"  # the other controls are escaped by every writer of JSON
    # What the pattern finds here can only stand inside a string, but for the line ends of the indent.
    return UNSAFE.sub(lambda found: found.group() if found.group() == "\n" else _escape(found.group()), document) + "\n"


def _dump(document: dict[str, Any]) -> str:
    try:
        # A seventh of the time that json takes, for a report of thousands of members.
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate; in some versions an integer of more than 64 bits
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)


def to_plain(report: Report) -> dict[str, Any]:
    """The report as dicts, lists and scalars, in the order in which they are published."""
    return {
        "schema_version": report.schema_version,
        "tool": _plain(report.tool),
        "command": report.command,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "complete": report.complete,
        "vantage": _plain(report.vantage),
        "subject": _plain(report.subject),
        "configuration": _plain(report.configuration),
        "verdict": report.verdict.value,
        "members": [_member(member) for member in report.members],
        "comparison": _plain(report.comparison),
        "conformance": _plain(report.conformance),
        "groups": _plain(report.groups),
        "timeline": _plain(report.timeline),
        "findings": [_finding(finding) for finding in report.findings],
        "suppressed": _plain(report.suppressed),
        "unmatched": {"count": report.unmatched.count, "examples": _plain(report.unmatched.examples)},
        "notes": list(report.notes),
    }


def settled(report: Report) -> Report:
    """``report`` with what JSON can't keep already gone: what is read back from `render` is equal to it.

    Every output is drawn from this, so that a saved report gives the bytes that the run itself gave.
    """
    return replace(
        report,
        tool=_plain(report.tool),
        command=_text(report.command),
        started_at=_text(report.started_at),
        finished_at=_text(report.finished_at),
        vantage=_plain(report.vantage),
        subject=_plain(report.subject),
        configuration=_plain(report.configuration),
        members=tuple(_settled_member(member, report) for member in report.members),
        comparison=tuple(_plain(report.comparison)),
        conformance=tuple(_plain(report.conformance)),
        groups=tuple(_plain(report.groups)),
        timeline=tuple(_plain(report.timeline)),
        findings=tuple(_settled_finding(finding) for finding in report.findings),
        suppressed=tuple(_plain(report.suppressed)),
        unmatched=Unmatched(count=report.unmatched.count, examples=tuple(_plain(report.unmatched.examples))),
        notes=tuple(map(_text, report.notes)),
    )


def _settled_member(member: MemberReport, report: Report) -> MemberReport:
    name, pool = _text(member.name), report.subject.get("pool")
    probes = tuple(
        Observation(
            source="probe",
            probe=_text(probe.probe),
            pool=_text(pool) if isinstance(pool, str) else "",
            member=name,
            status=probe.status,
            reason=None if probe.reason is None else _text(probe.reason),
            elapsed_ms=_milliseconds(probe.elapsed_ms),
            facts=_plain(probe.facts),
            transcript=tuple(_plain(probe.transcript)),
        )
        for probe in member.probes
    )
    return replace(member, name=name, address=_text(member.address), probes=probes)


def _settled_finding(finding: Finding) -> Finding:
    return replace(
        finding,
        id=_text(finding.id),
        title=_text(finding.title),
        members=tuple(map(_text, finding.members)),
        first_seen=None if finding.first_seen is None else _text(finding.first_seen),
        last_seen=None if finding.last_seen is None else _text(finding.last_seen),
        evidence=tuple(_plain(finding.evidence)),
        meaning=_text(finding.meaning),
        remedy=tuple(map(_text, finding.remedy)),
        runbook=_text(finding.runbook),
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `render` writes."""
    loaded: dict[str, Any] = json.loads(schema_text())
    return loaded


def schema_text() -> str:
    """The same as it is published; ends in a newline."""
    from importlib.resources import files  # noqa: PLC0415 - for this alone

    return files("icapdiag.report.machine").joinpath("schema.json").read_text("utf-8")


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _member(member: MemberReport) -> dict[str, Any]:
    return {
        "name": member.name,
        "address": member.address,
        "port": member.port,
        "line": member.line,
        "verdict": member.verdict.value,
        "probes": [_probe(observation) for observation in member.probes],
    }


def _probe(observation: Observation) -> dict[str, Any]:
    return {
        "probe": observation.probe,
        "status": observation.status.value,
        "reason": None if observation.reason is None else str(observation.reason),
        "elapsed_ms": _milliseconds(observation.elapsed_ms),
        "facts": _plain(observation.facts),
        **({"transcript": _plain(observation.transcript)} if observation.transcript else {}),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "title": finding.title,
        "members": list(finding.members),
        "count": finding.count,
        "first_seen": finding.first_seen,
        "last_seen": finding.last_seen,
        "evidence": _plain(finding.evidence),
        "meaning": finding.meaning,
        "remedy": list(finding.remedy),
        "runbook": finding.runbook,
    }


def _text(value: str) -> str:
    """A member of an enum becomes its plain text."""
    text = str(value)
    return text if text.isascii() else _PAIR.sub(_joined, text)


def _joined(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")


def _milliseconds(value: float | None) -> float | None:
    """Whole microseconds; clocks have no more to say."""
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _plain(value: JSONValue | Facts) -> Any:
    """JSON has no NaN, no infinity and one kind of list."""
    match value:
        case str():
            return _text(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {_text(key): _plain(item) for key, item in value.items()}
        case Sequence():
            return [_plain(item) for item in value]
        case _:
            return value
