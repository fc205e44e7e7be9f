"""The findings as SARIF 2.1.0 (OASIS), for code scanning: one rule per finding, one result per finding and member.

A network finding has no source line: it points to the member's line in the pool file if that is known. A finding about
an Avi configuration points to line and column of each place. Rule, place and fingerprint stay the same from run to run,
so that a reader can distinguish old alerts from new ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from icapdiag.facts.config import Place
from icapdiag.facts.pool import SuppressedFinding
from icapdiag.model import Finding, Report
from icapdiag.report.document.configuration import named, setting, subject_of
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.findings import suppressed_because
from icapdiag.report.document.words import gap, logs_of, moment, pool_of, prose, safe_text, title
from icapdiag.report.machine.to_json import escaped
from icapdiag.text import visible
from icapdiag.vocabulary import Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RESULTS = 25_000  # that GitHub takes of a run
_EVIDENCE = 3
_LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCORES = {Severity.CRITICAL: "9.0", Severity.WARNING: "5.0", Severity.INFO: "1.0"}  # GitHub's security-severity
_NO_FILE = re.compile(r"://|^(the embedded lab|command line|-|<stdin>)?$")


def render(report: Report) -> str:
    """An indented JSON document that ends in a newline."""
    accepted = [(_finding(each), suppressed_because(each)) for each in report.suppressed]
    ruled: dict[str, Finding] = {}
    for finding in (*report.findings, *(finding for finding, _ in accepted)):  # may have an id twice
        ruled.setdefault(finding.id, finding)
    rules = {name: number for number, name in enumerate(ruled)}
    results = [result for finding in report.findings for result in _results(report, finding, rules[finding.id])]
    results += [
        {**result, "suppressions": [{"kind": "external", "status": "accepted", "justification": why}]}
        for finding, why in accepted
        for result in _results(report, finding, rules[finding.id])
    ]
    run = {
        "tool": {
            "driver": {
                "name": "icapdiag",
                "semanticVersion": safe_text(report.tool.version) or "0",
                "rules": [_rule(finding) for finding in ruled.values()],
            }
        },
        "automationDetails": {"id": f"icapdiag/{visible(report.command, 40)}/"},
        "invocations": [_invocation(report)],
        "results": results[:_RESULTS],
        "columnKind": "unicodeCodePoints",
        "properties": {
            **({"redacted": visible(report.redacted, 400)} if report.redacted else {}),
            "verdict": report.verdict.value,
            "complete": report.complete,
            "unexplained": report.unmatched.count,
            "members": {visible(member.name): member.verdict.value for member in report.members},
        },
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return escaped(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)) + "\n"


def _finding(accepted: SuppressedFinding) -> Finding:
    """A suppressed finding; the report keeps no evidence for it."""
    return Finding(
        id=accepted.id,
        severity=accepted.severity,
        title=accepted.title,
        members=accepted.members,
        count=accepted.count,
    )


def _rule(finding: Finding) -> dict[str, Any]:
    steps = "\n".join(f"{number}. {prose(step)}" for number, step in enumerate(finding.remedy, 1))
    help_text = "\n\n".join(
        part for part in (prose(finding.meaning), steps, f"More: icapdiag runbooks show {finding.id}") if part
    )
    return {
        "id": finding.id,
        "shortDescription": {"text": prose(finding.title) or finding.id},
        "fullDescription": {"text": prose(finding.meaning) or prose(finding.title) or finding.id},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"security-severity": _SCORES[finding.severity], "tags": ["icap"]},
    }


def _results(report: Report, finding: Finding, rule: int) -> Iterator[dict[str, Any]]:
    if finding.places:
        yield from (_at_place(finding, rule, place) for place in finding.places)
        return
    for member in dict.fromkeys(finding.members) or (None,):
        yield {
            "ruleId": finding.id,
            "ruleIndex": rule,
            "level": _LEVELS[finding.severity],
            "kind": "fail",
            "message": {"text": _message(finding, member)},
            "locations": [_location(report, member)],
            "partialFingerprints": {"icapdiagFinding/v1": _fingerprint(report, finding, member)},
            "occurrenceCount": finding.count,
        }


def _at_place(finding: Finding, rule: int, place: Place) -> dict[str, Any]:
    """A result for a place in an Avi configuration. Its fingerprint goes by names, as lines move."""
    name = named(place.object, place.object_name)
    parts = (finding.id, name, place.field or "", *([subject_of(place)] if place.subject else ()))
    said = ": ".join(part for part in (name, setting(place)) if part)
    location: dict[str, Any] = {"logicalLocations": [{"name": name, "fullyQualifiedName": name, "kind": "resource"}]}
    if place.file and not _NO_FILE.search(place.file):
        region = {"startLine": place.line or 1, "startColumn": place.column or 1}
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(place.file)}, "region": region}
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "kind": "fail",
        "message": {"text": f"{prose(finding.title)}. {said}."},
        "locations": [location],
        "partialFingerprints": {"icapdiagFinding/v1": _hashed(parts)},
    }


def _message(finding: Finding, member: str | None) -> str:
    seen = [
        describe(one) if member else f"{where(one)}: {describe(one)}"
        for one in finding.evidence
        if member is None or one.member in (member, "")
    ]
    subject = f"{visible(member)}: " if member else ""
    return subject + " ".join([prose(finding.title) + ".", *(f"Seen: {text}." for text in seen[:_EVIDENCE])])


def _location(report: Report, member: str | None) -> dict[str, Any]:
    location: dict[str, Any] = {}
    file = _file(report)
    if file:
        line = next((each.line for each in report.members if each.name == member and each.line), 1)
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(file)},
            "region": {"startLine": line},
        }
    name = visible(member) if member else title(report)
    location["logicalLocations"] = [{"name": name, "fullyQualifiedName": name, "kind": "resource"}]
    return location


def _uri(file: str) -> str:
    return quote(file.encode("utf-8", "backslashreplace"))


def _file(report: Report) -> str:
    """The pool file, or the first file that was read; empty if there was none."""
    logs = logs_of(report)
    name = next(iter(logs.inputs), "") if logs else pool_of(report).source or ""
    return "" if _NO_FILE.search(name) else name


def _fingerprint(report: Report, finding: Finding, member: str | None) -> str:
    parts = (finding.id, safe_text(pool_of(report).pool), member or "")
    return _hashed(parts)


def _hashed(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _invocation(report: Report) -> dict[str, Any]:
    notes = [*([gap(report)] if gap(report) else []), *(visible(note, 400) for note in report.notes)]
    times = {"startTimeUtc": report.started_at, "endTimeUtc": report.finished_at}
    return {
        "executionSuccessful": report.complete,
        "machine": safe_text(report.vantage.host),
        **{key: value for key, value in times.items() if moment(value) is not None},
        "toolExecutionNotifications": [{"level": "note", "message": {"text": note}} for note in notes],
    }
