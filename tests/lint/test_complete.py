"""Each check has a configuration that it finds something in; each report begins with the answer and is short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import icapdiag
from icapdiag.report.formats import render
from icapdiag.runbook import load_runbooks
from tests.lint import pool_cases, service_cases, test_settings
from tests.lint.right import Mistake, all_of, export

_TABLES = (service_cases.CASES, service_cases.NOTES, pool_cases.CASES, pool_cases.NOTES)
MISTAKES: dict[str, Mistake] = {
    **{name: case.mistake for table in _TABLES for name, case in table.items()},
    **{name: all_of(*case.changes) for name, case in test_settings.CASES.items()},
}
# What needs more than one file, or another one than an export.
ELSEWHERE = {
    "ako-profile-overridden": "test_ako",
    "ako-profile-without-rule": "test_ako",
    "connections-above-servers": "test_inputs",
    "connections-unlimited": "test_inputs",
    "icap-not-in-use": "test_inputs",
    "icap-rule-narrow": "test_rules",
    "preview-above-servers": "test_inputs",
    "waf-and-icap": "test_rules",
}
OF_CHECK = {"member-disabled", "suppression-expired", "suppression-unused"}  # which reads a pool file
LINES = 40


def test_each_runbook_of_lint_has_a_configuration_that_leads_to_it() -> None:
    ours = {each.id for each in load_runbooks().runbooks if "config" in each.source} - OF_CHECK
    found = {case.finding for table in (*_TABLES, test_settings.CASES) for case in table.values()}
    assert ours == found | ELSEWHERE.keys()
    for finding, module in ELSEWHERE.items():
        assert f'"{finding}"' in (Path(__file__).parent / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize("name", [*MISTAKES, "nothing"])
def test_the_first_line_says_whether_uploads_are_scanned_and_forty_lines_are_enough(name: str, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(MISTAKES.get(name, lambda _: None)), indent=1), encoding="utf-8")
    lines = render(icapdiag.lint([file]), "table").splitlines()
    word, _, answer = lines[0].partition("  ")
    assert word in {"OK", "INFO", "WARNING", "CRITICAL"}
    assert answer.startswith(("Uploads to ", "Every upload to ", "No upload to "))
    assert " scanned" in answer or " refused (HTTP 500): " in answer
    assert len(lines) <= LINES
