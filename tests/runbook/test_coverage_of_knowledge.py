"""Each diagnosis of the knowledge base has its runbook."""

from __future__ import annotations

import re

import pytest

from icapdiag.runbook import Library
from tests.runbook.coverage import COVERAGE, TOLD


@pytest.mark.parametrize("number", COVERAGE)
def test_a_diagnosis_has_its_runbooks(library: Library, number: str) -> None:
    assert [] == [identity for identity in COVERAGE[number] if identity not in library]
    assert COVERAGE[number]


@pytest.mark.parametrize("number", TOLD)
def test_what_has_no_runbook_of_its_own_is_told_elsewhere(library: Library, number: str) -> None:
    assert set(COVERAGE[number]) == TOLD[number].keys()
    for identity, text in TOLD[number].items():
        assert re.search(text, " ".join(library.by_id(identity).body.split())), identity


def test_no_diagnosis_is_forgotten() -> None:
    assert [f"RB-{number:02}" for number in range(1, 49)] == list(COVERAGE)
