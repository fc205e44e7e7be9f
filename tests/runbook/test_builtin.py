"""The runbooks that are shipped: they load, lint clean, and do on their examples what they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from icapdiag.facts.fields import SHEETS
from icapdiag.model import Observation
from icapdiag.runbook import Library, match
from icapdiag.runbook.lint import lint_files
from icapdiag.runbook.why import run_examples
from icapdiag.vocabulary import Status
from tests.facts.strategies import records


def test_lint_is_clean() -> None:
    assert [] == [str(error) for error in lint_files()]


def test_examples_match_and_counterexamples_do_not(library: Library) -> None:
    assert [] == [str(failure) for failure in run_examples(library)]


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """An observation with a few facts of its sheet, of their types and with any values."""
    source, probe = draw(st.sampled_from(sorted(SHEETS)))
    return Observation(
        source=source,
        probe=probe,
        pool="p",
        member=draw(st.text(max_size=3)),
        status=draw(st.sampled_from(Status)),
        reason=draw(st.none() | st.text(max_size=3)),
        elapsed_ms=draw(st.none() | st.floats()),
        facts=draw(records(SHEETS[source, probe])),
    )


@given(found=st.lists(observations(), max_size=3))
def test_any_facts_can_be_judged(library: Library, found: list[Observation]) -> None:
    matched = match(library, found)

    assert all(1 <= finding.count for finding in matched.findings)
