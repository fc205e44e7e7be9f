"""Reports made by hypothesis: any text in any of the facts that a report can hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from icapdiag.facts import run
from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.fields import SHEETS, sheet_type
from icapdiag.facts.groups import ReportedAnswer, ReportedGroup
from icapdiag.facts.logs import Bucket
from icapdiag.facts.pool import ComparedFact, RuleOverview, SuppressedFinding
from icapdiag.model import Finding, MemberReport, Observation, Report, Unmatched
from icapdiag.vocabulary import Health, Reason, Severity, Status
from tests.facts.strategies import MOMENTS, SLUGS, TEXTS, records


def _tuples(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=most).map(tuple)


def _observations(source: str, probe: str | None, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Observation]:
    """Of this probe, or of one that nobody knows."""
    return st.builds(
        Observation,
        source=st.just(source),
        probe=TEXTS if probe is None else st.just(probe),
        pool=TEXTS,
        member=TEXTS,
        status=st.sampled_from(Status),
        reason=st.one_of(st.none(), st.sampled_from(Reason), TEXTS),
        elapsed_ms=st.one_of(st.none(), st.floats(0, 1e9), st.just(float("nan"))),
        facts=records(sheet_type(source, probe or "")),
        **more,
    )


# Strategies are made once: what flatmap is given anew with each example is looked through anew, which takes most time.
_transcript = _tuples(records(TranscriptEntry), 2)
_known = {probe: _observations("probe", probe, transcript=_transcript) for source, probe in SHEETS if source == "probe"}
_probes = st.one_of(
    st.sampled_from(sorted(_known)).flatmap(_known.__getitem__), _observations("probe", None, transcript=_transcript)
)
_seen = {key: _observations(*key) for key in SHEETS}
_evidence = _tuples(st.sampled_from(sorted(_seen)).flatmap(_seen.__getitem__), 2)
_members = st.builds(
    MemberReport,
    name=TEXTS,
    address=TEXTS,
    port=st.integers(1, 65535),
    verdict=st.sampled_from(Health),
    probes=_tuples(_probes, 4),
    line=st.one_of(st.none(), st.integers(1, 10**6)),
)
_findings = st.builds(
    Finding,
    id=SLUGS,
    severity=st.sampled_from(Severity),
    title=TEXTS,
    members=_tuples(TEXTS),
    count=st.integers(1, 10**12),
    first_seen=st.one_of(st.none(), MOMENTS, TEXTS),
    last_seen=st.one_of(st.none(), MOMENTS, TEXTS),
    evidence=_evidence,
    meaning=TEXTS,
    remedy=_tuples(TEXTS, 2),
    runbook=TEXTS,
)
_groups = st.one_of(
    records(ReportedGroup).map(lambda group: replace(group, probe="")),
    records(ReportedAnswer).map(lambda group: replace(group, probe="answer")),
)
_suppressed = st.builds(lambda made, name: replace(made, id=name), records(SuppressedFinding), SLUGS)

_subjects = st.one_of(
    st.tuples(records(run.PoolSubject), records(run.ProbingVantage)),
    st.tuples(records(run.LogSubject), records(run.Vantage)),
)

reports: st.SearchStrategy[Report] = st.builds(
    lambda about, **rest: Report(subject=about[0], vantage=about[1], **rest),
    about=_subjects,
    command=st.sampled_from(["check", "explain", "x"]),
    started_at=MOMENTS,
    finished_at=MOMENTS,
    complete=st.booleans(),
    verdict=st.sampled_from([health for health in Health if health is not Health.DISABLED]),
    configuration=records(run.Configuration),
    tool=records(run.Tool),
    members=_tuples(_members),
    comparison=_tuples(records(ComparedFact)),
    conformance=_tuples(records(RuleOverview).map(lambda rule: replace(rule, rule=rule.rule or "folding"))),
    groups=_tuples(_groups),
    timeline=_tuples(records(Bucket)),
    findings=_tuples(_findings),
    suppressed=_tuples(_suppressed),
    unmatched=st.builds(Unmatched, count=st.integers(0, 10**6), examples=_evidence),
    notes=_tuples(TEXTS),
)
