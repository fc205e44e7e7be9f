"""Each reason that MetaDefender gives, as its documentation lists them: its verdict and its runbook."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from icapdiag.runbook import Library, match
from tests.facts import facts_of
from tests.runbook.logged import entry, observe
from tests.runbook.test_headers_csv import rows

# value: (verdict, runbook); the runbook None: it passed within the rules.
RESULTS: Mapping[str, tuple[str, str | None]] = {
    "No Threat Detected": ("allowed", None),
    "No Threats Found": ("allowed", None),
    "Infected": ("blocked", "request-blocked-infected"),
    "Suspicious": ("blocked", "blocked-suspicious"),
    "Failed": ("error", "failed-to-scan"),
    "Failed To Scan": ("error", "failed-to-scan"),
    "Allowlisted": ("allowed", "allow-listed"),
    "Skipped Clean": ("allowed", "allow-listed"),
    "Blocklisted": ("blocked", "blocked-by-list"),
    "Skipped Infected": ("blocked", "blocked-by-list"),
    "Blacklisted": ("blocked", "blocked-by-list"),
    "Exceeded Archive Depth": ("unscannable", "archive-limits"),
    "Not Scanned": ("error", "failed-to-scan"),
    "Encrypted Archive": ("unscannable", "encrypted-upload"),
    "Exceeded Archive Size": ("unscannable", "archive-limits"),
    "Exceeded Archive File Number": ("unscannable", "archive-limits"),
    "Exceeded Archive Timeout": ("unscannable", "archive-limits"),
    "Password Protected Document": ("unscannable", "encrypted-upload"),
    "File type Mismatch": ("blocked", "blocked-type-mismatch"),
    "Mismatch": ("blocked", "blocked-type-mismatch"),
    "Potentially Vulnerable File": ("blocked", "blocked-vulnerable-file"),
    "Sensitive data found": ("blocked", "blocked-sensitive-data"),
    "Known Bad": ("blocked", "blocked-known-bad"),
    "Yara Rule Matched": ("blocked", "blocked-yara-rule"),
    "In Progress": ("error", "failed-to-scan"),
    "Cleaned": ("modified", "request-modified"),
    "Deleted": ("modified", "request-modified"),
    "Cancelled": ("error", "failed-to-scan"),
    "Canceled": ("error", "failed-to-scan"),
    "Aborted": ("error", "failed-to-scan"),
    "PUA/PUP detected": ("blocked", "blocked-unwanted-program"),
    "Potentially Unwanted Program": ("blocked", "blocked-unwanted-program"),
    "Unsupported file type": ("unscannable", "unsupported-file-type"),
    "File format not supported": ("unscannable", "unsupported-file-type"),
    "Error received from MetaDefender Core": ("error", "core-unreachable"),
}
# Of hash look-ups only, and no result of a scan: it says nothing about the body.
NO_RESULT = {"Unknown"}


@pytest.mark.parametrize("value", RESULTS)
@pytest.mark.parametrize("header", ["X-Response-Desc", "X-Blocked-Reason"])
def test_a_result(library: Library, header: str, value: str) -> None:
    verdict, expected = RESULTS[value]
    action = {"allowed": "ICAP_PASSED", "modified": "ICAP_MODIFIED"}.get(verdict, "ICAP_BLOCKED")
    http_status = 403 if action == "ICAP_BLOCKED" else None
    observations = observe(entry(action, status=200, http_status=http_status, headers=f"{header}: {value}\r\n"))
    matched = match(library, observations)

    assert verdict == facts_of(observations[0])["verdict"]
    assert ({expected} if expected else set()) == {finding.id for finding in matched.findings}


@pytest.mark.parametrize("value", sorted(NO_RESULT))
def test_what_is_no_result_passes_as_what_avi_did_with_it(library: Library, value: str) -> None:
    observations = observe(entry("ICAP_PASSED", status=200, headers=f"X-Response-Desc: {value}\r\n"))

    assert "unknown" == facts_of(observations[0])["verdict"]
    assert () == match(library, observations).findings


def test_each_row_of_the_table_has_its_value_here() -> None:
    patterns = [
        row["value_pattern"] for row in rows() if (row["vendor"], row["header"]) == ("opswat", "X-Blocked-Reason")
    ]

    assert [] == [pattern for pattern in patterns if not any(re.search(pattern, value) for value in RESULTS)]
    assert len(patterns) > 20
