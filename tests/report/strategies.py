"""Reports made by hypothesis: any text and any facts, beside those that the renderers look at."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
numbers = st.one_of(st.integers(-5, 10**9), st.floats(), st.none(), texts)

_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(["probe", "log", "config", "\x00"]),
    "probe": st.sampled_from(["", "tcp", "eicar", "pool", "summary", "answer", "repeat", "x|y"]),
    "member": texts,
    "status": st.sampled_from([*map(str, Status), "odd"]),
    "reason": texts,
    "address": texts,
    "addresses": st.lists(texts, max_size=2),
    "error": texts,
    "icap_status": numbers,
    "icap_reason": texts,
    "http_status": numbers,
    "verdict": texts,
    "verdict_reason": texts,
    "threats": st.lists(texts, max_size=3),
    "x_response_desc": texts,
    "istag": texts,
    "server": texts,
    "answer_ms": numbers,
    "answer_uncertain": st.booleans(),
    "rtt_ms": numbers,
    "count": numbers,
    "members": st.lists(texts, max_size=3),
    "pools": st.lists(texts, max_size=2),
    "request_ids": st.lists(texts, max_size=2),
    "findings": st.lists(texts, max_size=2),
    "icap_action": texts,
    "client_outcome": texts,
    "response_code": numbers,
    "first_seen": st.one_of(moments, texts),
    "last_seen": st.one_of(moments, texts),
    "latency_p50_ms": numbers,
    "latency_p95_ms": numbers,
    "latency_max_ms": numbers,
    "samples": st.lists(
        st.fixed_dictionaries({"step": texts, "sent": numbers, "lost": numbers, "p95_ms": numbers, "max_ms": numbers}),
        max_size=2,
    ),
    "ladder": st.lists(st.fixed_dictionaries({"size": numbers, "status": texts, "answer_ms": numbers}), max_size=2),
    "steps": st.lists(
        st.fixed_dictionaries({"concurrency": numbers, "requests": numbers, "errors": numbers, "p95_ms": numbers}),
        max_size=2,
    ),
    "deviations": st.lists(st.fixed_dictionaries({"rule": texts, "section": texts, "detail": texts}), max_size=2),
    "fact": texts,
    "kind": st.sampled_from(["same", "outlier", "two-camps", "several-camps", "all-different", "same-server", "odd"]),
    "camps": st.lists(st.fixed_dictionaries({"value": texts, "members": st.lists(texts, max_size=2)}), max_size=3),
    "odd": st.lists(texts, max_size=2),
    "majority_value": texts,
}

any_facts: st.SearchStrategy[Facts] = st.one_of(
    st.dictionaries(texts, values, max_size=3),
    st.dictionaries(st.sampled_from(sorted(_KNOWN)), values, max_size=4),
    st.lists(st.sampled_from(sorted(_KNOWN)), max_size=8, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: _KNOWN[key] for key in keys})
    ),
)
_counts = st.dictionaries(
    st.sampled_from(["requests", "passed", "modified", "blocked", "unscanned", "refused-500", "disabled", "unknown"]),
    numbers,
)
_buckets = st.builds(
    lambda start, step, counts: {"start": start, "step_s": step, **counts}, st.one_of(moments, values), values, _counts
)
_sources = st.lists(
    st.one_of(
        any_facts,
        st.fixed_dictionaries({"name": texts, "label": texts, "total": numbers, "read": numbers, "compressed": texts}),
    ),
    max_size=3,
)
_subjects = st.one_of(
    any_facts,
    st.fixed_dictionaries({"pool": texts, "service_uri": texts, "source": texts}),
    st.fixed_dictionaries(
        {
            "inputs": st.lists(texts, max_size=2),
            "sources": _sources,
            "entries": st.dictionaries(
                st.sampled_from(["entries_total", "entries_icap", "entries_failed", "unscanned_count", "first_seen"]),
                values,
            ),
        }
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
        "profile": any_facts,
        "samples": st.lists(texts, max_size=2),
        "compare": st.booleans(),
        "members": st.lists(
            st.fixed_dictionaries(
                {
                    "host": texts,
                    "port": st.integers(-5, 10**6),
                    "name": texts,
                    "enabled": st.booleans(),
                    "tls": st.one_of(st.none(), any_facts),
                }
            ),
            max_size=2,
        ),
        "options": any_facts,
    },
)
_observations = st.builds(
    Observation,
    source=st.just("probe"),
    probe=st.one_of(st.sampled_from(["", "dns", "tcp", "options", "clean", "eicar", "repeat", "size", "load"]), texts),
    pool=texts,
    member=texts,
    status=st.sampled_from(Status),
    reason=st.one_of(st.none(), st.sampled_from(Reason), texts),
    elapsed_ms=st.one_of(st.none(), st.floats(0, 1e9), st.just(float("nan"))),
    facts=any_facts,
    transcript=st.lists(_passed, max_size=2).map(tuple),
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
    evidence=st.lists(any_facts, max_size=2).map(tuple),
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
    vantage=st.one_of(any_facts, st.fixed_dictionaries({"host": texts, "source_address": st.none(), "caveat": texts})),
    subject=_subjects,
    configuration=_configurations,
    tool=st.one_of(st.just({"name": "icapdiag", "version": "1"}), any_facts),
    members=_sheets(_members),
    comparison=_sheets(any_facts),
    conformance=_sheets(any_facts),
    groups=_sheets(any_facts),
    timeline=_sheets(_buckets),
    findings=_sheets(_findings),
    suppressed=_sheets(_suppressed),
    unmatched=st.builds(Unmatched, count=st.integers(0, 10**6), examples=_sheets(any_facts)),
    notes=_sheets(texts),
)
