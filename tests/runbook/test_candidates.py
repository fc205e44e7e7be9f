"""The index saves work and changes nothing: what it lets through is what applies."""

from __future__ import annotations

import pytest

from icapdiag.model import Facts, JSONValue
from icapdiag.runbook import Library
from icapdiag.runbook.match import CandidateIndex


def plainly(library: Library, record: Facts) -> list[str]:
    return [runbook.id for runbook in library.runbooks if runbook.applies(record)]


def test_every_example_and_counterexample_gets_the_same_runbooks(library: Library) -> None:
    index = CandidateIndex(library.runbooks)
    records = [
        record
        for runbook in library.runbooks
        for source in runbook.source
        for record in ({"source": source} | dict(own) for own in (*runbook.examples, *runbook.counterexamples))
    ]
    found = [([each.id for each in index.applying(record)], plainly(library, record)) for record in records]

    assert len(library.runbooks) <= len(found)
    assert [] == [pair for pair in found if pair[0] != pair[1]]
    assert any(pair[0] for pair in found)


ODD: list[JSONValue] = [True, 1, 1.0, 403, "403", 403.0, [403], [], {"a": 1}, None, "", "FAILED", "failed", "Refused"]


@pytest.mark.parametrize("field", ["source", "probe", "status", "reason", "icap_status", "verdict", "fact", "kind"])
def test_values_of_any_kind_and_in_any_order_are_told_apart(library: Library, field: str) -> None:
    base: dict[str, JSONValue] = {
        "source": "probe",
        "probe": "tcp",
        "status": "failed",
        "reason": "refused",
        "icap_status": 403,
    }
    records = [base | {field: value} for value in (*ODD, *reversed(ODD))]
    index = CandidateIndex(library.runbooks)

    assert [plainly(library, record) for record in records] == [
        [each.id for each in index.applying(record)] for record in records
    ]


def test_what_a_server_makes_up_is_not_remembered_for_ever(library: Library) -> None:
    index = CandidateIndex(library.runbooks)
    for status in range(2000):
        index.applying({"source": "probe", "probe": "clean", "status": "failed", "icap_status": status})

    assert 1000 == len(index._possible)
