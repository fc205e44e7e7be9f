"""Each mistake in a right configuration leads to exactly its finding, in its place, and a right one to none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import icapdiag
from icapdiag.model import Report
from icapdiag.vocabulary import Severity
from tests.lint import pool_cases, service_cases
from tests.lint.case import Case
from tests.lint.right import Export, Mistake, export

CASES = service_cases.CASES | pool_cases.CASES
NOTES = service_cases.NOTES | pool_cases.NOTES
RIGHT = service_cases.RIGHT | pool_cases.RIGHT
Lint = Callable[[Export], Report]


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    def linted(made: Export) -> Report:
        file = tmp_path / "export.json"
        file.write_text(json.dumps(made, indent=1), encoding="utf-8")
        return icapdiag.lint([file])

    return linted


@pytest.mark.parametrize("case", NOTES.values(), ids=NOTES)
def test_what_is_worth_knowing_is_noted_and_no_more(lint: Lint, case: Case) -> None:
    found = lint(export(case.mistake)).findings
    assert [(case.finding, Severity.INFO)] == [(each.id, each.severity) for each in found]
    first = (found[0].causes or ())[0]
    assert (case.cause, case.status) == (first.id, first.status)
    place = (found[0].places or ())[0]
    assert case.field == place.field
    assert case.value in {place.value, None}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_what_is_right_in_another_way_leads_to_no_finding(lint: Lint, change: Mistake) -> None:
    assert [] == [each.id for each in lint(export(change)).findings]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_leads_to_its_finding_and_no_other(lint: Lint, case: Case) -> None:
    made = export(case.mistake)
    report = lint(made)
    found = [each for each in report.findings if each.severity is not Severity.INFO]
    assert [case.finding] == [each.id for each in found]
    first = (found[0].causes or ())[0]
    assert (case.cause, case.status) == (first.id, first.status)
    place = (found[0].places or ())[0]
    assert case.field == place.field
    assert case.value in {place.value, None}
    assert (found[0].steps is not None and found[0].steps.fix) is not None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_finding_points_at_the_line_in_the_file(lint: Lint, case: Case, tmp_path: Path) -> None:
    report = lint(export(case.mistake))
    lines = (tmp_path / "export.json").read_text(encoding="utf-8").splitlines()
    for finding in report.findings:
        for place in finding.places or ():
            assert place.file == str(tmp_path / "export.json")
            assert place.line is not None
            assert place.column is not None
            written = lines[place.line - 1][place.column - 1 :]
            if place.value and not place.is_default and place.field != "http_policies":
                assert json.dumps(place.value)[1:-1] in written or written.startswith(("{", "["))


def test_nothing_is_wrong_with_the_right_configuration(lint: Lint) -> None:
    report = lint(export())
    assert [] == [each.id for each in report.findings]
    assert report.verdict == "ok"
    assert report.not_tested is None
