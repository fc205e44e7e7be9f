"""Reports made by hypothesis: any text in any of the facts that a report can hold."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from icapdiag.facts import run
from icapdiag.facts.fields import SHEETS, sheet_type
from icapdiag.facts.logs import Bucket, LogSource, ReportedGroup
from icapdiag.facts.pool import ComparedFact, RuleOverview
from icapdiag.facts.sheet import FactField, Record, facts_of
from icapdiag.report.untyped import Facts, Finding, MemberReport, Observation, Report, Unmatched
from icapdiag.vocabulary import Health, Reason, Severity, Status

# What breaks out of some format or other; the rest hypothesis finds by itself.
NASTY = (
    "", " ", "\x00", "\x1b[2J", "\r\n", "\u2028", "\u202e", "\ud83d", "\udca9", "\ufffe", "\U0001f4a9", "a" * 300,
    "<script>alert(1)</script>", "<!--", "]]>", "&amp;", "'\"`", "```", "~~~~", "|", "\\|", "\\", "[a](http://x.test)",
    "![a](http://x.test/p.png)", "@everyone", "#1", "GH-1", "owner/repo#2", "http://x.test/", "www.x.test", "a@x.test",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "{color:red}x{color}", "{noformat}", "{code}", "[~admin]", "[^a.png]",
    "!a.png!", "h1. x", "[code]<b>x</b>[/code]", "[/code]", "perf|a=1;2;3", "'a'=1", "$USER1$", "\n# HELP x y", 'a"} 1',
)  # fmt: skip

texts = st.one_of(
    st.text(max_size=40), st.sampled_from(NASTY), st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
moments = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
_OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    int: st.integers(-5, 10**9),
    float: st.one_of(st.floats(), st.integers(-5, 10**9)),
}


@cache
def facts_in(cls: type[Record]) -> st.SearchStrategy[Facts]:
    """Some of the facts of a class, of any value that they can have."""
    known = {fact.key: _values(fact) for fact in facts_of(cls)}
    return st.lists(st.sampled_from(sorted(known)), max_size=16, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: known[key] for key in keys})
    )


def _values(fact: FactField) -> st.SearchStrategy[Any]:
    of = facts_in(fact.type) if issubclass(fact.type, Record) else _OF_TYPE[fact.type]
    if fact.kind == "moment":
        of = st.one_of(moments, of)
    if fact.values:
        of = st.one_of(st.sampled_from(fact.values), of)
    if fact.mapping:
        return st.dictionaries(texts, of, max_size=2)
    return st.lists(of, max_size=3) if fact.many else of


_evidence = st.sampled_from(sorted(SHEETS)).flatmap(
    lambda key: st.builds(
        lambda own, facts: facts | own,
        st.fixed_dictionaries(
            {"source": st.just(key[0]), "probe": st.just(key[1]), "status": st.sampled_from(Status).map(str)},
            optional={"member": texts, "pool": texts, "reason": texts, "elapsed_ms": st.floats(0, 1e9)},
        ),
        facts_in(SHEETS[key]),
    )
)
_groups = st.builds(
    lambda probe, facts: facts | {"probe": probe}, st.sampled_from(["", "answer"]), facts_in(ReportedGroup)
)
_subjects = st.one_of(
    facts_in(run.PoolSubject),
    st.builds(
        lambda sources, facts: {"sources": sources} | facts,
        st.lists(facts_in(LogSource), max_size=3),
        facts_in(run.LogSubject),
    ),
)
_passed = st.fixed_dictionaries(
    {"direction": st.sampled_from(["sent", "received", "event"]), "text": texts},
    optional={"connection": st.integers(0, 99), "at_ms": st.floats(0, 1e9), "body_sha256": texts},
)
_configurations = st.fixed_dictionaries(
    {},
    optional={
        "pool": texts,
        "source": texts,
        "profile": facts_in(run.ProfileSettings),
        "samples": st.lists(texts, max_size=2),
        "compare": st.booleans(),
        "members": st.lists(
            st.fixed_dictionaries(
                {
                    "host": texts,
                    "port": st.integers(-5, 10**6),
                    "name": texts,
                    "enabled": st.booleans(),
                    "tls": st.one_of(st.none(), facts_in(run.TLSSettings)),
                }
            ),
            max_size=2,
        ),
        "options": facts_in(run.RunOptions),
    },
)
_observations = st.one_of(
    st.sampled_from(["", "dns", "tcp", "tls", "options", "clean", "eicar", "repeat", "size", "load", "preview"]), texts
).flatmap(
    lambda probe: st.builds(
        Observation,
        source=st.just("probe"),
        probe=st.just(probe),
        pool=texts,
        member=texts,
        status=st.sampled_from(Status),
        reason=st.one_of(st.none(), st.sampled_from(Reason), texts),
        elapsed_ms=st.one_of(st.none(), st.floats(0, 1e9), st.just(float("nan"))),
        facts=facts_in(sheet_type("probe", probe)),
        transcript=st.lists(_passed, max_size=2).map(tuple),
    )
)
_members = st.builds(
    MemberReport,
    name=texts,
    address=texts,
    port=st.integers(1, 65535),
    verdict=st.sampled_from(Health),
    probes=st.lists(_observations, max_size=4).map(tuple),
    line=st.one_of(st.none(), st.integers(1, 10**6)),
)
_findings = st.builds(
    Finding,
    id=slugs,
    severity=st.sampled_from(Severity),
    title=texts,
    members=st.lists(texts, max_size=3).map(tuple),
    count=st.integers(1, 10**12),
    first_seen=st.one_of(st.none(), moments, texts),
    last_seen=st.one_of(st.none(), moments, texts),
    evidence=st.lists(_evidence, max_size=2).map(tuple),
    meaning=texts,
    remedy=st.lists(texts, max_size=2).map(tuple),
    runbook=texts,
)


def _sheets(facts: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(facts, max_size=most).map(tuple)


_suppressed = st.fixed_dictionaries(
    {
        "id": slugs,
        "severity": st.sampled_from([severity.value for severity in Severity]),
        "title": texts,
        "members": st.lists(texts, max_size=3),
        "count": st.integers(1, 10**6),
        "member_pattern": st.one_of(st.none(), texts),
        "owner": texts,
        "because": texts,
        "until": texts,
    }
)

reports: st.SearchStrategy[Report] = st.builds(
    Report,
    command=st.sampled_from(["check", "explain", "x"]),
    started_at=moments,
    finished_at=moments,
    complete=st.booleans(),
    verdict=st.sampled_from([health for health in Health if health is not Health.DISABLED]),
    vantage=facts_in(run.ProbingVantage),
    subject=_subjects,
    configuration=_configurations,
    tool=facts_in(run.Tool),
    members=_sheets(_members),
    comparison=_sheets(facts_in(ComparedFact)),
    conformance=_sheets(facts_in(RuleOverview)),
    groups=_sheets(_groups),
    timeline=_sheets(facts_in(Bucket)),
    findings=_sheets(_findings),
    suppressed=_sheets(_suppressed),
    unmatched=st.builds(Unmatched, count=st.integers(0, 10**6), examples=_sheets(_evidence)),
    notes=_sheets(texts),
)
