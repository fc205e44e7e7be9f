"""The runbooks that are shipped: they load, lint clean, and do on their examples what they say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.model import Observation
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.runbook.document import STAGES
from icapdiag.runbook.fields import BASE, FIELDS, PROBES
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


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
OBSERVATIONS = st.builds(
    Observation,
    source=st.sampled_from(["probe", "log", "config"]),
    probe=st.sampled_from(["", *PROBES]),
    pool=st.just("p"),
    member=st.text(max_size=3),
    status=st.sampled_from(Status),
    reason=st.none() | st.text(max_size=3),
    elapsed_ms=st.none() | st.floats(),
    facts=st.dictionaries(st.sampled_from(sorted(FIELDS.keys() - set(BASE))), JSON, max_size=6),
)


@given(observations=st.lists(OBSERVATIONS, max_size=3))
def test_any_facts_can_be_judged(library: Library, observations: list[Observation]) -> None:
    matched = match(library, observations)

    assert all(1 <= finding.count for finding in matched.findings)
