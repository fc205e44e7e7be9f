"""Entries of which no runbook may make a problem."""

from __future__ import annotations

import pytest

from icapdiag.model import Unmatched
from icapdiag.runbook import Library, match
from icapdiag.vocabulary import Severity
from tests.runbook.logged import Entry, entry, found, observe

HEALTHY = [
    entry("ICAP_PASSED", status=204),
    entry("ICAP_PASSED", status=204, response_code=200),
    entry("ICAP_PASSED", status=204, response_code=404),
    entry("ICAP_PASSED", status=204, headers='ISTag: "CI0001-abc"\r\nServer: C-ICAP/0.5.10'),
    entry("ICAP_PASSED", status=204, headers="X-Response-Info: Allowed"),
    entry("ICAP_PASSED", status=204, headers="X-Response-Info: Allowed\r\nX-ICAP-Profile: Proxy"),
    entry("ICAP_PASSED", status=200, headers="X-Response-Info: Allowed\r\nX-Response-Desc: No Threat Detected"),
    entry(
        "ICAP_PASSED", status=200, headers="X-Response-Desc: No Threats Found\r\nEncapsulated: req-hdr=0, req-body=90"
    ),
    entry("ICAP_PASSED", status=200),
    entry("ICAP_PASSED", status=200, headers="Encapsulated: req-hdr=0, req-body=90"),
    entry("ICAP_PASSED", status=200, headers="X-Response-Info: passed\r\nX-Virus-ID: no threats"),
    entry("ICAP_PASSED", status=204, headers="X-FSecure-Scan-Result: clean"),
    entry("ICAP_PASSED", status=204, headers="X-Violations-Found: 0"),
    entry("ICAP_PASSED", status=204, headers="X-Response-Desc: URL: No risk rating from WRS"),
    entry("ICAP_PASSED", status=204, headers="X-Infection-Found: none"),
    entry("ICAP_PASSED", latency=9900),
    entry("ICAP_PASSED", status=204, vendor="ICAP_VENDOR_GENERIC"),
    entry("ICAP_PASSED", status=204, vendor="ICAP_VENDOR_LASTLINE", nsx_defender_log={"score": 0}),
    entry("ICAP_PASSED", status=204, complete_body_sent=None),
    entry("ICAP_PASSED", status=204, icap_method="ICAP_METHOD_RESPMOD"),
    entry("ICAP_MODIFIED", status=200, codes=["ADF_ICAP_MODIFIED"], modified_content_length=70),
    entry("ICAP_MODIFIED", status=200, headers="X-Response-Info: Allowed\r\nX-Response-Desc: Sanitized"),
    entry("ICAP_MODIFIED", status=200, headers="X-Infection-Found: Type=0; Resolution=1; Threat=W97M.Thus;"),
    entry("ICAP_MODIFIED", status=201),
]


@pytest.mark.parametrize("one", HEALTHY)
def test_no_false_alarm_on_a_healthy_request(library: Library, one: Entry) -> None:
    matched = match(library, observe(one))

    assert [] == [finding.id for finding in matched.findings if finding.severity is not Severity.INFO]
    assert Unmatched() == matched.unmatched


def test_what_passed_within_limits_gives_nothing_at_all(library: Library) -> None:
    passed = [one for one in HEALTHY if one["icap_log"]["action"] == "ICAP_PASSED"]  # type: ignore[index]

    assert len(passed) >= 20
    assert set() == found(library, *passed)
    for one in passed:
        assert set() == found(library, one)


def test_no_false_alarm_on_a_healthy_log(library: Library) -> None:
    matched = match(library, observe(*HEALTHY * 5))

    assert {"request-modified"} == {finding.id for finding in matched.findings}
    assert 20 == matched.findings[0].count


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("C-ICAP/0.5.12", "Eicar-Test-Signature"),
        ("Kaspersky Scan Engine", "EICAR-Test-File"),
        ("ESET File Security", "Eicar test file"),
        ("Sophos ICAP", "EICAR-AV-Test"),
    ],
)
def test_the_test_file_is_a_test_that_worked(library: Library, product: str, name: str) -> None:
    headers = f"Server: {product}\r\nX-Virus-ID: {name}"
    blocked = entry("ICAP_BLOCKED", status=200, http_status=403, headers=headers, response_code=403)

    (finding,) = match(library, observe(blocked)).findings

    assert ("eicar-test", "info") == (finding.id, finding.severity)
    assert "rate-limit" not in " ".join(finding.remedy)
    malware = entry(
        "ICAP_BLOCKED", status=200, http_status=403, headers=headers.replace(name, "W32.X"), response_code=403
    )
    assert ["request-blocked-infected"] == [one.id for one in match(library, observe(malware)).findings]
    assert ["request-blocked-infected"] == [one.id for one in match(library, observe(blocked, malware)).findings]
