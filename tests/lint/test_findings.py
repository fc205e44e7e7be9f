"""Each mistake in a right configuration leads to exactly its finding, in its place, and a right one to none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import icapdiag
from icapdiag.model import Report
from icapdiag.vocabulary import CauseStatus, Severity
from tests.lint import pool_cases, service_cases
from tests.lint.case import Case
from tests.lint.right import Export, Mistake, export, put, second_pool

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
    found = [each for each in report.findings if each.severity is not Severity.INFO and not each.because_of]
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


def test_ratio_0_of_the_only_pool_is_one_problem(lint: Lint) -> None:
    (problem,) = lint(export(CASES["ratio 0 of the only pool"].mistake)).problems or ()
    assert ("no-usable-member", ("member-gets-no-traffic",)) == (problem.finding, problem.consequences)


def test_each_of_two_pools_has_its_own_cause(lint: Lint) -> None:
    first = put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "ratio": 0}])
    (problem,) = lint(export(first, second_pool(enabled=False))).problems or ()
    proven = {each.id for each in problem.causes or () if each.status is CauseStatus.PROVEN}
    assert {"pool-disabled", "ratio-0"} == proven
    fields = {(each.object_name, each.field) for each in problem.places or ()}
    assert {("icap-group", "members[0].ratio"), ("icap-pool-2", "enabled")} == fields


def test_nothing_is_wrong_with_the_right_configuration(lint: Lint) -> None:
    report = lint(export())
    assert [] == [each.id for each in report.findings]
    assert report.verdict == "ok"
    assert report.not_tested is None
