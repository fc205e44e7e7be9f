"""From entries about a block to the runbook of its reason."""

from __future__ import annotations

import pytest

from icapdiag.runbook import Library
from tests.runbook.cases import answered
from tests.runbook.logged import entry, found

# X-Response-Desc and X-Blocked-Reason of a block, as MetaDefender Core's results are called over the years.
BLOCKED = {
    "Infected": "request-blocked-infected",
    "Suspicious": "blocked-suspicious",
    "Failed": "failed-to-scan",
    "Failed To Scan": "failed-to-scan",
    "Blocklisted": "blocked-by-list",
    "Blacklisted": "blocked-by-list",
    "Skipped Infected": "blocked-by-list",
    "Exceeded Archive Depth": "archive-limits",
    "Not Scanned": "failed-to-scan",
    "Aborted": "failed-to-scan",
    "Encrypted Archive": "encrypted-upload",
    "Exceeded Archive Size": "archive-limits",
    "Exceeded Archive File Number": "archive-limits",
    "Password Protected Document": "encrypted-upload",
    "Exceeded Archive Timeout": "archive-limits",
    "Filetype Mismatch": "blocked-type-mismatch",
    "File type Mismatch": "blocked-type-mismatch",
    "Mismatch": "blocked-type-mismatch",
    "Potentially Vulnerable File": "blocked-vulnerable-file",
    "Cancelled": "failed-to-scan",
    "Canceled": "failed-to-scan",
    "Sensitive data found": "blocked-sensitive-data",
    "Yara Rule Matched": "blocked-yara-rule",
    "Potentially Unwanted Program": "blocked-unwanted-program",
    "PUA detected": "blocked-unwanted-program",
    "PUA/PUP detected": "blocked-unwanted-program",
    "Unsupported file type": "unsupported-file-type",
    "File format not supported": "unsupported-file-type",
    "Known Bad": "blocked-known-bad",
    "In Progress": "failed-to-scan",
    "Error received from MetaDefender Core": "core-unreachable",
}


@pytest.mark.parametrize(("desc", "expected"), BLOCKED.items())
def test_each_reason_of_a_block_has_its_runbook(library: Library, desc: str, expected: str) -> None:
    assert {expected} == found(library, answered("ICAP_BLOCKED", desc))
    assert {expected} == found(library, entry("ICAP_BLOCKED", status=200, http_status=403, opswat_log={"reason": desc}))


# Reasons of the ICAP server itself, which scanned nothing. Wordings but the first are likely, not published.
@pytest.mark.parametrize(
    ("desc", "expected"),
    [
        ("No security rule matched", "no-security-rule"),
        ("No matching workflow rule", "no-security-rule"),
        ("License expired", "scanner-licence"),
        ("The licence is invalid", "scanner-licence"),
        ("MetaDefender Core is unavailable", "core-unreachable"),
        ("No Core server", "core-unreachable"),
        ("Request body too large", "server-size-limit"),
        ("File size exceeds limit", "server-size-limit"),
        ("Invalid header", "invalid-request-blocked"),
        ("Invalid character found in HTTP response header name", "invalid-request-blocked"),
        ("Scan timed out", "failed-to-scan"),
        ("Words of next year's version", "blocked-without-scan"),
    ],
)
def test_a_block_without_a_scan(library: Library, desc: str, expected: str) -> None:
    assert {expected} == found(library, answered("ICAP_BLOCKED", desc, scanned=False))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Signature;", "eicar-test"),
        ("X-Virus-ID: Win.Test.EICAR_HDB-1", "eicar-test"),
        ("X-Response-Desc: URL: No risk rating from WRS; FILE: Detected by ATSE", "request-blocked-infected"),
        ("X-Block-Reason: Malware found", "request-blocked-infected"),
        ("X-Block-Reason: Media Type (Block List)", "blocked-by-list"),
        ("X-Block-Reason: Archive not supported", "unsupported-file-type"),
        ("X-Infection-Found: Type=2; Resolution=0; Threat=Container size violation;", "archive-limits"),
        ("X-Infection-Found: Type=2; Resolution=0; Threat=Encrypted container violation;", "encrypted-upload"),
        ("X-Infection-Found: Type=0; Resolution=2; Threat=Heuristics.Encrypted.Zip;", "encrypted-upload"),
        ("X-Infection-Found: Type=0; Resolution=2; Threat=Heuristics.Limits.Exceeded;", "archive-limits"),
        ("X-Infection-Found: Type=0; Resolution=2; Threat=Heuristics.OLE2.ContainsMacros;", "blocked-suspicious"),
        ("X-Infection-Found: Type=0; Resolution=2; Threat=PUA.Win.Tool.Netcat-1;", "blocked-unwanted-program"),
        ("X-Infection-Found: Type=1; Resolution=0; Threat=File policy violation File Size Blocked;",
            "server-size-limit"),
        ("X-Response-Info: BLOCKED\r\nX-Response-Desc: URL category blk is BLOCKED\r\nServer: C-ICAP/0.5.10",
            "request-blocked"),
        ("Server: KAV ICAP", "request-blocked"),
    ],
)  # fmt: skip
def test_other_products_blocks(library: Library, headers: str, expected: str) -> None:
    assert {expected} == found(library, entry("ICAP_BLOCKED", status=200, http_status=403, headers=headers))
