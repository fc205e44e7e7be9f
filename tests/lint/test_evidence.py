"""Configurations as they were met: each can be read, and none has a false critical finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import icapdiag
from icapdiag.api.linting import NotConfiguration
from icapdiag.facts.config import LintSubject
from icapdiag.vocabulary import Severity

OURS = Path(__file__).parents[1] / "data" / "avi-config"
SHARED = Path(__file__).parents[3] / "shared" / "evidence"
FILES = [
    file
    for folder in (OURS, SHARED / "avi-config")
    if folder.is_dir()
    for file in sorted(folder.iterdir())
    if file.suffix in {".json", ".yaml"}
]
NOTHING_FOR_ICAP = ("counts", "toplevel", "l4policyset", "vsdatascriptset")  # no object that ICAP depends on


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_read_and_has_no_false_critical(file: Path) -> None:
    if any(word in file.name for word in NOTHING_FOR_ICAP):
        with pytest.raises(NotConfiguration, match="no object of Avi's that ICAP depends on"):
            icapdiag.lint([file])
        return
    report = icapdiag.lint([file])
    assert isinstance(report.subject, LintSubject)
    assert report.subject.objects
    assert [] == [(each.id, each.places) for each in report.findings if each.severity is Severity.CRITICAL]


def test_ako_rules_name_a_profile_that_is_not_visible() -> None:
    report = icapdiag.lint([OURS / "hostrule.yaml"])
    assert isinstance(report.subject, LintSubject)
    (service,) = report.subject.services
    assert ("hostrule", "unknown") == (service.object, service.scanned)
    assert any("IcapProfile" in each for each in report.not_tested or ())


@pytest.mark.skipif(not (SHARED / "avi-controller").is_dir(), reason="no recordings here")
def test_objects_that_a_controller_answered_are_read(tmp_path: Path) -> None:
    number = 0
    for recording in sorted((SHARED / "avi-controller").glob("*.json")):
        for each in json.loads(recording.read_text("utf-8"))["interactions"]:
            body = each["response"]["body"].get("string", "") if isinstance(each["response"]["body"], dict) else ""
            kind = each["request"]["uri"].partition("/api/")[2].partition("?")[0].partition("/")[0]
            if kind not in {"pool", "virtualservice", "poolgroup", "healthmonitor"} or not body.startswith("{"):
                continue
            file = tmp_path / f"{number}.json"
            file.write_text(body, encoding="utf-8")
            number += 1
            if not json.loads(body).get("results", [1]) or "error" in json.loads(body):
                continue
            report = icapdiag.lint([file])
            assert [] == [each.id for each in report.findings if each.severity is Severity.CRITICAL]
    assert number
