"""Records out of saved reports, whatever these hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.runbook import load_runbooks
from icapdiag.runbook.saved import NotARecord, saved_records
from icapdiag.runbook.why import why


def test_a_record_of_a_probe_and_one_of_a_log_are_told_apart() -> None:
    (probe,), (log,) = (
        saved_records({"probe": "tcp", "status": "failed"}),
        saved_records({"icap_status": 404, "members": ["a:1"]}),
    )

    assert ("probe", "log") == (probe.record["source"], log.record["source"])


def test_an_observation_with_its_facts_apart_is_one_record() -> None:
    (subject,) = saved_records({"source": "probe", "probe": "clean", "status": "failed", "facts": {"icap_status": 500}})

    assert {"source": "probe", "probe": "clean", "status": "failed", "icap_status": 500} == subject.record


def test_members_of_a_report_are_siblings_by_member() -> None:
    def member(name: str) -> dict[str, Any]:
        return {"name": name, "probes": [{"probe": "tcp", "status": "ok"}, {"probe": "options", "status": "ok"}]}

    found = saved_records({"schema_version": 1, "members": [member("a"), member("b")], "subject": {"pool": "p"}})

    assert ["tcp of a", "options of a", "tcp of b", "options of b"] == [subject.name for subject in found]
    assert [("a",), ("a",), ("b",), ("b",)] == [
        tuple(str(sibling["member"]) for sibling in subject.siblings) for subject in found
    ]
    assert {"p"} == {subject.record["pool"] for subject in found}


def test_evidence_stands_in_where_a_report_holds_nothing_else() -> None:
    evidence = {"source": "log", "icap_status": 404}
    found = saved_records({"findings": [{"evidence": [evidence, evidence]}], "unmatched": {"examples": [evidence]}})

    assert [evidence] == [subject.record for subject in found]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["schema_version", "members", "groups", "findings", "unmatched", "subject", "probe", "source"])
INNER = st.dictionaries(
    st.sampled_from(
        ["name", "probes", "probe", "status", "facts", "evidence", "examples", "members", "pools", "count"]
    ),
    JSON | st.lists(st.dictionaries(st.sampled_from(["probe", "status", "facts", "source"]), JSON)),
)
LIBRARY = load_runbooks()


@given(st.dictionaries(KEYS, JSON | INNER | st.lists(INNER, max_size=2), max_size=5))
def test_any_document_gives_records_or_says_why_not(document: dict[str, Any]) -> None:
    try:
        found = saved_records(document)
    except NotARecord:
        return
    for subject in found:
        why(LIBRARY, subject.record, siblings=subject.siblings)


@pytest.mark.parametrize("document", [None, [], "x", 5, {}])
def test_neither_report_nor_record(document: object) -> None:
    with pytest.raises(NotARecord):
        saved_records(document)


def test_a_group_of_a_log_has_the_product_that_its_servers_name_elsewhere() -> None:
    groups = [
        {"icap_action": "ICAP_FAILED", "members": ["192.0.2.1:1344"], "count": 2},
        {"icap_action": "ICAP_PASSED", "members": ["192.0.2.1:1344"], "product": "kaspersky", "count": 9},
        {"icap_action": "ICAP_FAILED", "members": ["192.0.2.2:1344"], "product": "c-icap", "count": 1},
        {"icap_action": "ICAP_FAILED", "count": 1},  # nobody knows which of the two
    ]

    found = [each.record.get("product") for each in saved_records({"schema_version": 1, "groups": groups})]

    assert ["kaspersky", "kaspersky", "c-icap", None] == found
