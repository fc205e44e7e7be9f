"""The runbooks that are shipped: they load, lint clean, and do on their examples what they say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.facts.fields import SHEETS
from icapdiag.facts.sheet import FactField, facts_of
from icapdiag.model import Observation, sheet_of
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.runbook.document import STAGES
from icapdiag.runbook.lint import lint_files
from icapdiag.runbook.match import first_paragraph, first_steps
from icapdiag.runbook.testing import overlaps, run_examples
from icapdiag.vocabulary import Severity, Status

# Two things that are amiss at once, and both worth saying. Each pair was looked at by a person.
REVIEWED_OVERLAPS: frozenset[tuple[str, str]] = frozenset(
    {
        # What clients got, and why ICAP failed: one finding counts the exposure, the other one is to be repaired.
        ("unscanned-passed", "icap-failed"),
        ("refused-by-fail-closed", "icap-failed"),
        # What a member breaks at, and that it is less than what was said to be needed.
        ("capacity-below-expected", "fails-under-load"),
        # A rewritten request that the application's server then dropped.
        ("application-server-failed", "request-modified"),
    }
)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_runbooks()


def test_lint_is_clean() -> None:
    assert [] == [str(error) for error in lint_files()]


def test_examples_match_and_counterexamples_do_not(library: Library) -> None:
    assert [] == [str(failure) for failure in run_examples(library)]


def test_overlaps_were_reviewed(library: Library) -> None:
    found = {(pair.first, pair.second): f"{pair.where} of {pair.first}" for pair in overlaps(library)}

    assert {} == {pair: where for pair, where in found.items() if pair not in REVIEWED_OVERLAPS}
    assert set() == REVIEWED_OVERLAPS - found.keys()


def test_every_runbook_says_what_it_means_and_what_to_do(library: Library) -> None:
    silent = [
        runbook.id
        for runbook in library.runbooks
        if not first_paragraph(runbook.sections["What it means"]) or not first_steps(runbook.sections)
    ]

    assert [] == silent


def test_every_runbook_has_its_stage(library: Library) -> None:
    assert [] == [runbook.id for runbook in library.runbooks if runbook.stage not in STAGES]


def test_every_grave_runbook_says_whether_requests_pass_unscanned_or_are_refused(library: Library) -> None:
    """Passing unscanned is worse than blocking: a reader has to learn which of them it is."""
    said = re.compile(r"scanned|block|refused|HTTP 500|\bpass", re.IGNORECASE)
    vague = [
        runbook.id
        for runbook in library.runbooks
        if runbook.severity is not Severity.INFO and not said.search(runbook.sections["What it means"])
    ]

    assert [] == vague


def test_prose_is_wrapped_as_code_is(library: Library) -> None:
    long: list[str] = []
    for runbook in library.runbooks:
        fenced = False
        for line in runbook.body.splitlines():
            fenced ^= line.lstrip().startswith("```")
            if len(line) > 120 and not fenced and not line.lstrip().startswith("|"):
                long.append(f"{runbook.path}: {line[:60]}")

    assert [] == long


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
