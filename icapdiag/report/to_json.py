"""The report as JSON (design section 7): for machines, and for `cat` on a terminal all the same."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from icapdiag.model import Facts, Finding, JSONValue, MemberReport, Observation, Report
from icapdiag.text import UNSAFE


def render(report: Report) -> str:
    """The report as an indented JSON document that ends in a newline.

    Text is UTF-8 as it is, but for what could drive a terminal (controls, bidi controls, lone
    surrogates): that is written as ``\\uXXXX``, which JSON readers turn back into the same text.
    """
    document = json.dumps(to_plain(report), ensure_ascii=False, allow_nan=False, indent=2)
    # What the pattern finds here can only stand inside a string, but for the line ends of the indent.
    return UNSAFE.sub(lambda found: found.group() if found.group() == "\n" else _escape(found.group()), document) + "\n"


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
        "verdict": report.verdict.value,
        "members": [_member(member) for member in report.members],
        "comparison": _plain(report.comparison),
        "groups": _plain(report.groups),
        "timeline": _plain(report.timeline),
        "findings": [_finding(finding) for finding in report.findings],
        "unmatched": {"count": report.unmatched.count, "examples": _plain(report.unmatched.examples)},
        "notes": list(report.notes),
    }


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `render` writes."""
    from importlib.resources import files  # noqa: PLC0415 - for this alone

    loaded: dict[str, Any] = json.loads(files("icapdiag.report").joinpath("schema.json").read_text("utf-8"))
    return loaded


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _member(member: MemberReport) -> dict[str, Any]:
    return {
        "name": member.name,
        "address": member.address,
        "port": member.port,
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


def _milliseconds(value: float | None) -> float | None:
    """Whole microseconds; clocks have no more to say."""
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _plain(value: JSONValue | Facts) -> Any:
    """JSON has no NaN, no infinity and one kind of list."""
    match value:
        case str():
            return str(value)  # an enum member becomes its plain text
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case Sequence():
            return [_plain(item) for item in value]
        case _:
            return value
