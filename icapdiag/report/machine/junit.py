"""The report as JUnit XML, in the form that Jenkins, GitLab and others read (Jenkins' junit-10.xsd).

One suite per member with one test case per probe. A failed probe is a failure, and so is a sample that a working
scanner would have treated differently (EICAR that passes). What icapdiag could not do is an error; a probe that was not
run because another failed is skipped and names that one. A suite of findings has one case each: a critical one is a
failure, others contain their text and pass. The last cases: the run was complete, and every failure is explained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from icapdiag.facts.pool import SuppressedFinding
from icapdiag.model import Finding, MemberReport, Observation, Report
from icapdiag.report.document.configuration import place
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.findings import suppressed_because
from icapdiag.report.document.members import address_of, danger
from icapdiag.report.document.vantage import seen_from
from icapdiag.report.document.words import (
    endpoint,
    gap,
    lint_of,
    logs_of,
    moment,
    named,
    names,
    prose,
    safe_text,
    tally,
    title,
)
from icapdiag.text import visible
from icapdiag.vocabulary import Severity, Status

# What XML 1.0 has no place for, beside what `visible` escapes already (section 2.2).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EVIDENCE = 3
_PLACES = 20


class _Case(NamedTuple):
    name: str
    kind: str = ""  # "failure", "error", "skipped"; empty for one that passed
    what: str = ""  # its type: a word
    message: str = ""
    text: str = ""
    seconds: float | None = None


def render(report: Report) -> str:
    """An XML document, UTF-8, that ends in a newline."""
    root = Element("testsuites", name=_clean(f"icapdiag {report.command}"))
    suites = [_suite(root, report, f"member {endpoint(member)}", _probes(member)) for member in report.members]
    findings = (*map(_finding, report.findings), *map(_suppressed, report.suppressed))
    suites.append(_suite(root, report, "findings", findings))
    mark = {"redacted": visible(report.redacted, 400)} if report.redacted else {}
    about = {**mark, "verdict": report.verdict.value, "summary": tally(report)}
    suites.append(_suite(root, report, "run", _run(report), about))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, "unicode") + "\n"


def _suite(
    root: Element, report: Report, name: str, cases: Iterable[_Case], properties: Mapping[str, str] | None = None
) -> Element:
    listed = list(cases)
    kinds = [case.kind for case in listed]
    suite = SubElement(
        root,
        "testsuite",
        name=_clean(name),
        tests=str(len(listed)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        hostname=_clean(safe_text(report.vantage.host)),
    )
    start = moment(report.started_at)
    if start is not None:
        suite.set("timestamp", start.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds"))
    if properties:
        box = SubElement(suite, "properties")
        for key, value in properties.items():
            SubElement(box, "property", name=key, value=_clean(value))
    for case in listed:
        _draw(suite, case, f"icapdiag.{name}")
    return suite


def _draw(suite: Element, case: _Case, group: str) -> None:
    element = SubElement(suite, "testcase", name=_clean(case.name), classname=_clean(group))
    if case.seconds is not None:
        element.set("time", f"{case.seconds:.3f}")
    if case.kind:
        result = SubElement(element, case.kind, message=_clean(case.message))
        if case.what:
            result.set("type", _clean(case.what))
        result.text = _clean(case.text) or None
    elif case.text:
        SubElement(element, "system-out").text = _clean(case.text)


def _probes(member: MemberReport) -> Iterator[_Case]:
    addresses = {safe_text(address_of(probe)) for probe in member.probes} - {""}
    for probe in member.probes:
        at = safe_text(address_of(probe)) if len(addresses) > 1 else ""
        yield _probe(probe, (visible(probe.probe, 40) or "member") + (f" at {at}" if at else ""))


def _probe(probe: Observation, name: str) -> _Case:
    seconds = None if probe.elapsed_ms is None else probe.elapsed_ms / 1000
    reason, told = visible(probe.reason or "", 40), describe(probe)
    told = "" if told == probe.status.value else told
    match probe.status:
        case Status.FAILED:
            return _Case(name, "failure", reason or "failed", told, seconds=seconds)
        case Status.ERROR:
            return _Case(name, "error", reason or "error", told, "This says nothing about the server.", seconds)
        case Status.BLOCKED:
            return _Case(name, "skipped", "not-run", f"not run ({reason} failed)")
        case Status.SKIPPED:
            return _Case(name, "skipped", "skipped", reason)
        case Status.OK if wrong := danger(probe):
            return _Case(name, "failure", wrong.lower().replace(" ", "-"), wrong, told, seconds)
        case Status.OK:
            return _Case(name, text=told if told != reason else "", seconds=seconds)


def _finding(finding: Finding) -> _Case:
    text = "\n".join(_paragraphs(finding))
    if finding.severity is Severity.CRITICAL:
        return _Case(finding.id, "failure", finding.severity.value, named(finding), text)
    return _Case(finding.id, text=f"{finding.severity.value.upper()}  {named(finding)}\n{text}")


def _suppressed(accepted: SuppressedFinding) -> _Case:
    what = named(accepted) + (f" at {names(accepted.members)}" if accepted.members else "")
    return _Case(accepted.id, "skipped", "suppressed", f"suppressed: {suppressed_because(accepted)}", what)


def _paragraphs(finding: Finding) -> Iterator[str]:
    if finding.members:
        yield "Members: " + ", ".join(visible(name, 80) for name in finding.members)
    for each in (finding.places or ())[:_PLACES]:
        yield f"Where: {place(each)}"
    yield prose(finding.meaning)
    for seen in finding.evidence[:_EVIDENCE]:
        yield f"Seen: {where(seen)}: {describe(seen)}"
    for step, text in enumerate(finding.remedy, 1):
        yield f"{step}. {prose(text)}"
    yield f"More: icapdiag runbooks show {finding.id}"


def _run(report: Report) -> Iterator[_Case]:
    about = [f"{title(report)}: {tally(report)}", seen_from(report, brief=True)]
    about += [visible(note, 400) for note in report.notes]
    whole = "all input was read" if logs_of(report) or lint_of(report) else "all probes ran"
    if report.complete:
        yield _Case(whole, text="\n".join(about))
    else:
        yield _Case(whole, "error", "incomplete", gap(report), "\n".join(about))
    count = report.unmatched.count
    told = "\n".join(f"{where(seen)}: {describe(seen)}" for seen in report.unmatched.examples[:_EVIDENCE])
    explained = "all failures are explained"
    if count:
        yield _Case(explained, "error", "unexplained", f"{count:,} observations that no runbook explains", told)
    else:
        yield _Case(explained)


def _clean(text: str) -> str:
    """Text without characters that make XML ill-formed: readers reject the whole report for one of them."""
    return _FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
