"""The samples of the Avi guide's page on ICAP logs, as printed there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.explained import explained, found
from tests.cli.run import ROOT, icapdiag

EVIDENCE = ROOT.parent / "shared" / "evidence"

pytestmark = pytest.mark.skipif(not EVIDENCE.is_dir(), reason="the samples of the guide are not here")


def test_infected() -> None:
    _, document, _ = explained(str(EVIDENCE / "avi-guide" / "1-infected.txt"))
    (group,) = document["groups"]
    assert ("ICAP_BLOCKED", "blocked", "Infected") == tuple(
        group[key] for key in ("icap_action", "verdict", "x_response_desc")
    )
    assert ["EICAR-Test-File (not a virus)"] == group["threats"]
    assert [] != group["findings"]
    assert "EICAR-Test-File" in icapdiag("explain", str(EVIDENCE / "avi-guide" / "1-infected.txt"))[1]


def test_passed() -> None:
    status, document, _ = explained(str(EVIDENCE / "avi-guide" / "2-passed.txt"))
    (group,) = document["groups"]
    assert ("ICAP_PASSED", 204, 456) == tuple(group[key] for key in ("icap_action", "icap_status", "latency_max_ms"))
    assert (0, "ok") == (status, document["verdict"])
    assert [] != [note for note in document["notes"] if "repaired" in note]  # its last brace


def test_disabled() -> None:
    _, document, _ = explained(str(EVIDENCE / "avi-guide" / "3-disabled.txt"))
    assert "icap-disabled" in found(document)


def test_no_security_rule() -> None:
    status, document, _ = explained(str(EVIDENCE / "avi-guide" / "4-no-security-rule.txt"))
    assert (1, "critical") == (status, document["verdict"])
    assert "no-security-rule" in found(document)


def test_the_whole_page() -> None:
    status, document, _ = explained(str(EVIDENCE / "avi-guide" / "guide.txt"))
    assert 1 == status
    assert 4 == document["subject"]["records"]["read"]
    assert {"no-security-rule", "icap-disabled"} <= set(found(document))
    actions = {group["icap_action"] for group in document["groups"]}
    assert {"ICAP_BLOCKED", "ICAP_PASSED", "ICAP_DISABLED"} == actions


def test_connection_failed(tmp_path: Path) -> None:
    sample = {"significance": "ICAP Error", "icap_log": {"action": "ICAP_FAILED"}}
    (tmp_path / "log.json").write_text(json.dumps(sample))
    _, out, _ = icapdiag("explain", "log.json", cwd=tmp_path)
    assert "onnectivity" in out
