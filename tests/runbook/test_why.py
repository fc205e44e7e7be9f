"""Why a runbook explains a record, and what stood in the way of a near miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.runbook import Library, UnknownRunbook
from icapdiag.runbook.conditions import shown
from icapdiag.runbook.why import overlaps, run_examples, why, why_not
from tests.runbook.writing import library_of, runbook_text

REFUSED = {"source": "probe", "probe": "tcp", "status": "failed", "reason": "refused", "host": "h"}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(
        tmp_path / "runbooks",
        any_failure=runbook_text("any-failure", "match: {status: failed}\n"),
        refused=runbook_text("refused", head="supersedes: [any-failure]\naliases: [was-refused]\n"),
        timeout=runbook_text("timeout", "match:\n  - {reason: nxdomain}\n  - {probe: tcp, reason: [timeout, reset]}\n"),
        vetoed=runbook_text("vetoed", "match: {probe: tcp}\nunless: {host: h}\n"),
        far=runbook_text("far", "match: {probe: tls, reason: closed}\n"),
        logs=runbook_text("logs", "match: {probe: tcp}\n").replace("source: probe", "source: log"),
    )


def test_those_reported_first_then_superseded_then_near_misses(library: Library) -> None:
    explanations = why(library, REFUSED)

    assert ["refused", "any-failure", "vetoed", "timeout"] == [one.runbook.id for one in explanations]
    assert [True, False, False, False] == [one.reported for one in explanations]
    assert [True, True, False, False] == [one.applies for one in explanations]
    assert [(), ("refused",), (), ()] == [one.superseded_by for one in explanations]


def test_a_near_miss_names_the_first_condition_that_failed_and_the_value_seen(library: Library) -> None:
    (explanation,) = why(library, REFUSED, "timeout")

    assert ("match[1]", False) == (explanation.nearest.where, explanation.applies)
    assert explanation.failed is not None
    assert "reason: [timeout, reset]" == explanation.failed.condition
    assert "reason is 'refused'" == explanation.failed.saw
    assert [True, False] == [outcome.matched for outcome in explanation.nearest.results]


def test_a_match_names_the_group_that_holds(library: Library) -> None:
    (explanation,) = why(library, REFUSED, "was-refused")

    assert ("refused", True, None) == (explanation.runbook.id, explanation.reported, explanation.failed)
    assert ["probe: tcp", "reason: refused"] == [outcome.condition for outcome in explanation.nearest.results]


def test_unless_and_source_are_told(library: Library) -> None:
    (vetoed,), (logs,) = why(library, REFUSED, "vetoed"), why(library, REFUSED, "logs")

    assert vetoed.vetoed_by is not None
    assert "unless" == vetoed.vetoed_by.where
    assert (True, False) == (vetoed.source_fits, logs.source_fits)


def test_why_not_in_one_line(library: Library) -> None:
    assert [
        None,
        "match[1].reason: [timeout, reset], but reason is 'refused'",
        "unless excludes it",
        "source is 'probe', not log",
        "match.probe: tls, but probe is 'tcp'",
    ] == [why_not(library.by_id(name), REFUSED) for name in ("refused", "timeout", "vetoed", "logs", "far")]


def test_an_absent_field_and_a_reference_are_shown(tmp_path: Path) -> None:
    library = library_of(tmp_path, a=runbook_text("a", "match: {elapsed_ms|gt|fieldref: timeout_ms}\n"))
    runbook = library.by_id("a")

    assert (
        "match.elapsed_ms|gt|fieldref: timeout_ms, but elapsed_ms is 5 and timeout_ms is absent"
        == why_not(runbook, {"source": "probe", "elapsed_ms": 5})
    )  # fmt: skip


def test_long_values_are_cut() -> None:
    assert 121 == len(shown("x" * 500))


def test_an_unknown_id(library: Library) -> None:
    with pytest.raises(UnknownRunbook, match="did you mean 'refused'"):
        why(library, REFUSED, "refusd")


def test_examples_that_fail_are_told_with_their_place(tmp_path: Path) -> None:
    bad = "match: {probe: tcp}\nexamples: [{probe: tcp}, {probe: tls}]\ncounterexamples: [{probe: tcp}, {probe: dns}]\n"
    library = library_of(tmp_path, a=runbook_text("a", bad), b=runbook_text("b"))

    assert [
        "runbooks/a.md:7:26: examples[1]: does not match: match.probe: tcp, but probe is 'tls'",
        "runbooks/a.md:8:19: counterexamples[0]: matches by match",
    ] == [str(failure) for failure in run_examples(library)]


def test_overlaps_are_pairs_without_supersedes(tmp_path: Path) -> None:
    library = library_of(
        tmp_path,
        a=runbook_text("a"),
        b=runbook_text("b", "match: {probe: tcp}\nexamples: [{probe: tcp, reason: reset}]\n"),
        c=runbook_text("c", "match: {reason: reset}\n", head="supersedes: [b]\n"),
    )

    assert [("a", "b", "examples[0]")] == list(overlaps(library))
