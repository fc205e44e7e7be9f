"""A saved report is the report that was saved, and what is no report is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from icapdiag.facts.connection import TCP
from icapdiag.model import Report
from icapdiag.report.machine.from_json import DEEPEST, LARGEST, NotAReport, from_plain, read_report
from icapdiag.report.machine.to_json import render, settled, to_plain
from icapdiag.vocabulary import Status
from tests.examples import examples
from tests.facts.strategies import TEXTS
from tests.report.log_samples import log_report
from tests.report.samples import DISABLED, HEALTHY, NAMED, REFUSED, UNTESTED, report
from tests.report.strategies import reports

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
ALL = report((HEALTHY, REFUSED, DISABLED, NAMED, UNTESTED), complete=False, notes=("a note",))


@pytest.mark.parametrize("written", [ALL, log_report(notes=("a note",)), report((), ())])
def test_comes_back_as_it_was(written: Report) -> None:
    assert settled(written) == read_report(render(written).encode())


@given(reports)
@settings(max_examples=examples(60), phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_any_report_comes_back_as_it_was(written: Report) -> None:
    text = render(settled(written))
    back = read_report(text.encode())
    assert settled(written) == back == settled(back)
    assert text == render(back)


def plain(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(ALL))
    change(document)
    return document


def problems(change: Callable[[dict[str, Any]], object]) -> tuple[str, ...]:
    with pytest.raises(NotAReport) as found:
        from_plain(plain(change))
    return found.value.problems


def test_keys_of_a_later_version_are_left_alone() -> None:
    def add(document: dict[str, Any]) -> None:
        document["later"] = {"x": 1}
        document["findings"][0]["later"] = document["members"][0]["later"] = [1]
        document["members"][0]["probes"][0]["later"] = document["unmatched"]["later"] = None

    assert settled(ALL) == from_plain(plain(add))


def test_evidence_may_say_as_little_as_it_likes() -> None:
    (seen, named) = from_plain(
        plain(lambda d: d["unmatched"].update(examples=[{}, {"source": "probe", "probe": "tcp", "later": [1]}]))
    ).unmatched.examples
    assert ("", "", Status.OK) == (seen.source, seen.member, seen.status)
    assert (TCP(), "tcp") == (named.facts, named.probe)


@pytest.mark.parametrize("key", ["comparison", "conformance", "timeline"])
def test_what_an_earlier_version_did_not_write_is_absent(key: str) -> None:
    assert () == getattr(from_plain(plain(lambda document: document.pop(key))), key)


def test_a_finding_without_a_meaning_is_one_of_an_earlier_version() -> None:
    assert "" == from_plain(plain(lambda document: document["findings"][0].pop("meaning"))).findings[0].meaning


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("verdict"), "verdict: is missing; it must be text"),
        (lambda d: d.update(verdict="disabled"), "verdict: 'disabled' is none of ok, warning, critical, unknown"),
        (lambda d: d.update(complete=1), "complete: is a whole number and must be true or false"),
        (lambda d: d.update(members=None), "members: is null and must be a list"),
        (lambda d: d["members"].append(7), "members[5]: is a whole number and must be an object"),
        (lambda d: d["members"][1].update(port=True), "members[1].port: is true and must be a whole number"),
        (lambda d: d["members"][1].update(port=0), "members[1].port: 0 is not from 1 to 65535"),
        (
            lambda d: d["members"][1]["probes"][1].update(status="fine"),
            "members[1].probes[1].status: 'fine' is none of ok, failed, blocked, skipped, error",
        ),
        (
            lambda d: d["members"][1]["probes"][1].update(elapsed_ms=-1),
            "members[1].probes[1].elapsed_ms: -1 is not a duration in milliseconds",
        ),
        (
            lambda d: d["members"][1]["probes"][1].update(facts=[]),
            "members[1].probes[1].facts: is a list and must be an object",
        ),
        (
            lambda d: d["members"][0]["probes"][3]["facts"].update(icap_status="200"),
            "members[0].probes[3].facts.icap_status: is text and must be a whole number or null",
        ),
        (
            lambda d: d["members"][0]["probes"][3].update(elapsed_ms="half a character: \ud800"),
            "members[0].probes[3].elapsed_ms: is text and must be a number or null",
        ),
        (
            lambda d: d["findings"][0]["evidence"][0].update(error=[]),
            "findings[0].evidence[0].error: is a list and must be text or null",
        ),
        (
            lambda d: d["subject"].update(pool=3),
            "subject.pool: is a whole number and must be text or null",
        ),
        (
            lambda d: d["vantage"]["routes"].append({"interface": 3}),
            "vantage.routes[1].interface: is a whole number and must be text or null",
        ),
        (
            lambda d: d["members"][0]["probes"][3].update(transcript=[{"size": -1}]),
            "members[0].probes[3].transcript[0].size: -1 is not 0 or more",
        ),
        (
            lambda d: d["findings"][0].update(id="../x"),
            "findings[0].id: '../x' is not a runbook id such as tcp-refused",
        ),
        (lambda d: d["findings"][0].update(count=0), "findings[0].count: 0 is not 1 or more"),
        (lambda d: d["findings"][0]["members"].append({}), "findings[0].members[1]: is an object and must be text"),
        (
            lambda d: d["findings"][0].update(first_seen=4),
            "findings[0].first_seen: is a whole number and must be text or null",
        ),
        (lambda d: d.update(unmatched=[]), "unmatched: is a list and must be an object"),
        (lambda d: d.update(started_at="now"), "started_at: 'now' is not a time such as 2026-01-01T00:00:00.000Z"),
        (
            lambda d: d.update(schema_version=2),
            "schema_version: 2 is not supported; this icapdiag reads version 1: use the icapdiag that wrote it",
        ),
        (
            lambda d: d.update(command="check --plan"),
            "it is a plan, not a report: run check without --plan",
        ),
    ],
)
def test_says_what_is_wrong_and_where(change: Callable[[dict[str, Any]], object], expected: str) -> None:
    assert expected in problems(change)


def test_all_problems_are_told_at_once_and_no_more_than_anybody_reads() -> None:
    assert {"verdict: is missing; it must be text", "notes: is null and must be a list"} == set(
        problems(lambda d: (d.pop("verdict"), d.update(notes=None)))
    )
    found = problems(lambda d: d.update(members=[None] * 5000))
    assert (21, "and 4980 more problems") == (len(found), found[-1])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfe{", "byte 1 is not UTF-8"),
        (b'{"schema_version": 1,\n "tool": ', "line 2, column 10: not JSON"),
        (render(ALL).encode()[:-100], "not JSON"),
        (b"[]", "it contains a list, not an object"),
        (b"null", "it contains null, not an object"),
        (b"{}", "it has no schema_version, members or findings"),
        (b'{"verdict": "critical", "verdict": "ok"}', '"verdict" appears twice, with different values: critical, ok'),
        (b'{"schema_version": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "more deeply than any report"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "a number that no report contains"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(NotAReport) as found:
        read_report(data)
    assert words in found.value.problems[0]


def test_a_byte_order_mark_is_no_harm() -> None:
    assert settled(ALL) == read_report(b"\xef\xbb\xbf" + render(ALL).encode())


def test_size_depth_and_numbers_are_bounded() -> None:
    with pytest.raises(NotAReport, match="a report has at most"):
        read_report(b" " * (LARGEST + 1))
    deep: list[Any] = []
    for _ in range(DEEPEST):
        deep = [deep]
    assert (f"subject: is nested more than {DEEPEST} levels deep",) == problems(
        lambda d: d["subject"].update(deep=deep)
    )
    assert ("groups[0]: contains a number that is too large",) == problems(
        lambda d: d.update(groups=[{"a": float("inf")}])
    )


@given(st.data())
@settings(max_examples=examples(60), phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    """No other exception, whatever stands where; and what is read can be written."""
    document = to_plain(settled(ALL))
    holder: Any = document
    for _ in range(data.draw(st.integers(0, 4))):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        inner = [key for key in keys if isinstance(holder[key], dict | list) and holder[key]]
        if not inner:
            break
        holder = holder[data.draw(st.sampled_from(inner))]
    key = data.draw(st.sampled_from(list(holder) if isinstance(holder, dict) else list(range(len(holder)))))
    holder[key] = data.draw(VALUES)
    try:
        read = from_plain(json.loads(json.dumps(document)))
    except NotAReport:
        return
    assert settled(read) == read_report(render(read).encode())
