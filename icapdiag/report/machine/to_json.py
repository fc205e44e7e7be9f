"""The report as JSON (design section 7): for programs, and safe for `cat` on a terminal."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec.structs import replace

from icapdiag import facts
from icapdiag.facts.joined import JoinedSubject
from icapdiag.facts.run import PoolSubject, Subject
from icapdiag.model import Finding, MemberReport, Observation, Report, Unmatched, flatten
from icapdiag.text import UNSAFE

_OF_THE_RUN = ("schema_version", "tool", "command", "started_at", "finished_at", "complete", "verdict")
_OF_THE_SUBJECT = ("pool", "service_uri", "source", "inputs")


def render(report: Report) -> str:
    """The report as an indented JSON document that ends in a newline.

    Text is UTF-8 as it is, but for what could drive a terminal (controls, bidi controls, lone
    surrogates): that is written as ``\\uXXXX``, which JSON readers turn back into the same text.
    """
    document = _dump(to_plain(report))
    if document.isascii() and "\x7f" not in document:
        return document + "\n"  # the other controls are escaped by every writer of JSON
    return escaped(document) + "\n"


def render_lines(report: Report) -> str:
    """The findings, one per line, the worst first: for log shippers and ``jq``. Empty without findings.

    Each line is the finding as ``-o json`` has it, and ``report`` with what it needs to stand alone: the
    keys of the run, the host that looked, and the pool or the files that were looked at.
    """
    whole = facts.to_plain(replace(report, members=(), findings=(), unmatched=Unmatched()))
    about = {key: whole[key] for key in _OF_THE_RUN} | {"host": report.vantage.host}
    mark = {"redacted": report.redacted} if report.redacted else {}
    about |= {key: whole["subject"][key] for key in _OF_THE_SUBJECT if key in whole["subject"]}
    return "".join(_line({**mark, **_finding(finding), "report": about}) for finding in report.findings)


def _line(record: dict[str, Any]) -> str:
    return escaped(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))) + "\n"


def escaped(document: str) -> str:
    """A document of JSON without what could drive a terminal."""
    # What the pattern finds here can only stand inside a string, but for the line ends of the indent.
    return UNSAFE.sub(lambda found: "\n" if found[0] == "\n" else json.dumps(found[0])[1:-1], document)


def _dump(document: dict[str, Any]) -> str:
    try:
        # A seventh of the time that json takes, for a report of thousands of members.
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)


def to_plain(report: Report) -> dict[str, Any]:
    """The report as dicts, lists and scalars, in the order in which they are published."""
    rest = replace(report, members=(), findings=(), unmatched=Unmatched())
    return {
        **facts.to_plain(rest),
        "members": [_member(member) for member in report.members],
        "findings": [_finding(finding) for finding in report.findings],
        "unmatched": {"count": report.unmatched.count, "examples": _flat(report.unmatched.examples)},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {**facts.to_plain(replace(finding, evidence=())), "evidence": _flat(finding.evidence)}


def settled(report: Report) -> Report:
    """``report`` with what JSON can't keep already gone: what is read back from `render` is equal to it.

    Every output is drawn from this, so that a saved report gives the bytes that the run itself gave. Writing and
    reading it would do the same; but to read is to check the types of all classes of a report, and takes longer
    than all else that a short log needs.
    """
    found: Report = facts.settled(
        replace(
            report,
            members=tuple(_settled_member(member, report.subject) for member in report.members),
            findings=tuple(replace(each, evidence=_without_transcripts(each.evidence)) for each in report.findings),
            unmatched=replace(report.unmatched, examples=_without_transcripts(report.unmatched.examples)),
        )
    )
    return found


def _settled_member(member: MemberReport, subject: Subject) -> MemberReport:
    pool = subject.pool or "" if isinstance(subject, PoolSubject | JoinedSubject) else ""
    probes = (
        replace(probe, source="probe", pool=pool, member=member.name, elapsed_ms=_rounded(probe.elapsed_ms))
        for probe in member.probes
    )
    return replace(member, probes=tuple(probes))


def _without_transcripts(evidence: tuple[Observation, ...]) -> tuple[Observation, ...]:
    return tuple(replace(observation, transcript=()) for observation in evidence)


def _member(member: MemberReport) -> dict[str, Any]:
    """Whose probes they are, and of which pool, is known from where they stand."""
    return {**facts.to_plain(replace(member, probes=())), "probes": [_probe(probe) for probe in member.probes]}


def _probe(probe: Observation) -> dict[str, Any]:
    return {
        "probe": facts.to_plain(probe.probe),
        "status": probe.status.value,
        "reason": facts.to_plain(probe.reason),
        "elapsed_ms": facts.to_plain(_rounded(probe.elapsed_ms)),
        "facts": facts.to_plain(probe.facts),
        **({"transcript": facts.to_plain(probe.transcript)} if probe.transcript else {}),
    }


def _rounded(elapsed_ms: float | None) -> float | None:
    """Rounded to microseconds, the resolution of the clocks."""
    return None if elapsed_ms is None else round(elapsed_ms, 3)


def _flat(observations: tuple[Observation, ...]) -> list[Any]:
    return [facts.to_plain(flatten(observation)) for observation in observations]
