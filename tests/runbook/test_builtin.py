"""The runbooks that are shipped: they load, lint clean, and do on their examples what they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.facts.fields import SHEETS
from icapdiag.facts.sheet import FactField, facts_of
from icapdiag.model import Observation, sheet_of
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.runbook.lint import lint_files
from icapdiag.runbook.why import run_examples
from icapdiag.vocabulary import Status


@pytest.fixture(scope="module")
def library() -> Library:
    return load_runbooks()


def test_lint_is_clean() -> None:
    assert [] == [str(error) for error in lint_files()]


def test_examples_match_and_counterexamples_do_not(library: Library) -> None:
    assert [] == [str(failure) for failure in run_examples(library)]


SAMPLES: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(max_size=5),
    int: st.integers(),
    float: st.floats(),
    bool: st.booleans(),
}


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """An observation with a few facts of its sheet, of their types and with any values."""
    source, probe = draw(st.sampled_from(sorted(SHEETS)))
    simple = [fact for fact in facts_of(SHEETS[source, probe]) if fact.type in SAMPLES]
    chosen = draw(st.lists(st.sampled_from(simple), max_size=6))
    return Observation(
        source=source,
        probe=probe,
        pool="p",
        member=draw(st.text(max_size=3)),
        status=draw(st.sampled_from(Status)),
        reason=draw(st.none() | st.text(max_size=3)),
        elapsed_ms=draw(st.none() | st.floats()),
        facts=sheet_of(source, probe, {fact.key: draw(_value(fact)) for fact in chosen}),
    )


def _value(fact: FactField) -> st.SearchStrategy[Any]:
    one = SAMPLES[fact.type]
    return st.lists(one, max_size=3) if fact.many else one


@given(found=st.lists(observations(), max_size=3))
def test_any_facts_can_be_judged(library: Library, found: list[Observation]) -> None:
    matched = match(library, found)

    assert all(1 <= finding.count for finding in matched.findings)
