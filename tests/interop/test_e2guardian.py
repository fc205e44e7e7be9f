"""e2guardian: a real server with an unquoted ISTag, error heads that never end, and no scanner for uploads."""

from __future__ import annotations

import pytest

from tests.interop.conftest import E2guardian
from tests.interop.diagnosed import Diagnosis

OTHERS = "c-icap|ScanFileTypes|FortiSandbox|Kaspersky|Trellix"
NO_SCANNER = Diagnosis("eicar-not-detected", "not-blocking", "likely", "another scanner", never=f"{OTHERS}|_preview")
REQUEST = "^On Avi: Set service_uri to /request, "
RESPMOD_PATH = Diagnosis("wrong-service", "paths-mixed-up", "proven", REQUEST, never=OTHERS)
WRONG_PATH = Diagnosis("service-not-found", "wrong-path", "likely", REQUEST, never="timed out")


def test_a_clean_upload_is_allowed(e2guardian_server: E2guardian) -> None:
    checked = e2guardian_server.check("request")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))
    assert "allowed" == checked.facts("clean")["verdict"]


def test_it_does_not_scan_uploads(e2guardian_server: E2guardian) -> None:
    NO_SCANNER.holds(e2guardian_server.check("request", "--eicar"))


def test_uploads_longer_than_a_preview_come_back_cut(e2guardian_server: E2guardian) -> None:
    checked = e2guardian_server.check("request", "--depth", "deep")
    (problem,) = [each for each in checked.report["problems"] if each["severity"] == "critical"]
    assert ("upload-cut-at-preview", ["size-limit-error"]) == (problem["finding"], problem["consequences"])
    assert {"no-preview-support": "proven"} == checked.causes("upload-cut-at-preview")
    facts = checked.facts("preview")
    assert {"avi-preview", "preview-0", "no-allow-preview"} == set(facts["cases_cut"])
    assert 4900 < checked.facts("size")["size_passed"] < 5000  # bytes; the profile's preview_size is 5,000


def test_an_unquoted_istag_is_recorded(e2guardian_server: E2guardian) -> None:
    facts = e2guardian_server.check("request").facts("clean")
    assert facts["istag"].isdigit()
    assert "istag-unquoted" in facts["deviation_rules"]


def test_a_service_for_responses_does_not_take_requests(e2guardian_server: E2guardian) -> None:
    checked = e2guardian_server.check("response")
    RESPMOD_PATH.holds(checked)
    assert ["/request"] == checked.facts("services")["unproven"]
    assert "reqmod-not-offered" not in checked.findings("info")


@pytest.mark.realtime
@pytest.mark.parametrize("service", ["avscan", "reqmod"])
def test_a_400_without_a_blank_line_ends_in_time(e2guardian_server: E2guardian, service: str) -> None:
    timeout = 2.0
    checked = e2guardian_server.check(service, "--timeout", str(timeout))
    assert ["service-not-found", "bad-request"] == list(checked.findings("critical"))
    assert ["service-not-found"] == [problem["finding"] for problem in checked.report["problems"]]
    assert ["/request"] == checked.facts("services")["unproven"]
    WRONG_PATH.holds(checked)
    assert "head-without-empty-line" in checked.facts("options")["deviation_rules"]
    assert checked.seconds < 10  # 16 OPTIONS among it, which all lack that line
