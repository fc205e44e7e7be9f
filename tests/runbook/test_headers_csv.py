"""From each verdict in the reference table of headers to its runbook, by the reader's own facts.

The verdicts are held by tests/icap/test_verdict_headers_csv.py, which has a value for each row; here the same
values stand in an entry of an Avi log. No runbook (None) is right for what passed within the rules: a bare 204 of
FortiSandbox, Trellix, squidclamav or virus_scan can't be told from a clean one.
"""

from __future__ import annotations

import csv
import re

import pytest

from icapdiag.icap.verdict import judge
from icapdiag.runbook import Library, match
from tests.facts import facts_of
from tests.icap.answers import answer
from tests.icap.test_verdict_headers_csv import HEADERS, STATUSES, TABLE
from tests.runbook.coverage import COVERAGE
from tests.runbook.logged import Entry, entry, observe

STATUS_RUNBOOKS: dict[int, str | None] = {
    201: "request-modified",
    204: None,
    206: "icap-server-error",
    300: "unexpected-status",
    400: "bad-request",
    401: "access-denied",
    403: "access-denied",
    404: "service-not-found",
    405: "method-not-allowed",
    407: "access-denied",
    408: "request-timeout-status",
    413: "unexpected-status",
    418: "bad-composition",
    500: "server-error",
    501: "method-not-implemented",
    502: "server-error",
    503: "overloaded",
    505: "method-not-implemented",
    506: "overloaded",
    533: "server-error",
    539: "scanner-licence",
    551: "overloaded",
    558: "scanner-licence",
    599: "server-error",
    999: "unexpected-status",
}

HEADER_RUNBOOKS: dict[tuple[str, str], str | None] = {
    ("X-Infection-Found", "Type=0; Resolution=0; Threat=Eicar;"): "eicar-test",
    ("X-Infection-Found", "Type=1; Resolution=2; Threat=Policy;"): "request-blocked",
    ("X-Infection-Found", "Type=2; Resolution=2; Threat=Too deep;"): "archive-limits",
    ("X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar;"): "eicar-test",
    ("X-Violations-Found", "0"): None,
    ("X-Violations-Found", "2"): "request-blocked",
    ("X-Virus-ID", "No Threats"): None,
    ("X-Virus-ID", "Eicar"): "eicar-test",
    ("X-Virus-Name", "Eicar"): "eicar-test",
    ("X-Response-Info", "block"): "request-blocked",
    ("X-Response-Info", "allow"): None,
    ("X-Response-Info", "Passed"): None,
    ("X-Response-Info", "clean"): None,
    ("X-Response-Info", "Allowed"): None,
    ("X-Response-Info", "Blocked"): "request-blocked",
    ("X-Response-Desc", "No Threat Detected"): None,
    ("X-Response-Desc", "No Threats Found"): None,
    ("X-Response-Desc", "Infected"): "request-blocked-infected",
    ("X-Response-Desc", "Suspicious"): "blocked-suspicious",
    ("X-Response-Desc", "Failed"): "failed-to-scan",
    ("X-Response-Desc", "Failed To Scan"): "failed-to-scan",
    ("X-Response-Desc", "Cleaned"): "request-modified",
    ("X-Response-Desc", "Allowlisted"): "allow-listed",
    ("X-Response-Desc", "Whitelisted"): "allow-listed",
    ("X-Response-Desc", "Skipped Clean"): "allow-listed",
    ("X-Response-Desc", "Blocklisted"): "blocked-by-list",
    ("X-Response-Desc", "Blacklisted"): "blocked-by-list",
    ("X-Response-Desc", "Skipped Infected"): "blocked-by-list",
    ("X-Response-Desc", "Exceeded Archive Depth"): "archive-limits",
    ("X-Response-Desc", "Not Scanned"): "failed-to-scan",
    ("X-Response-Desc", "Aborted"): "failed-to-scan",
    ("X-Response-Desc", "Encrypted Archive"): "encrypted-upload",
    ("X-Response-Desc", "Exceeded Archive Size"): "archive-limits",
    ("X-Response-Desc", "Exceeded Archive File Number"): "archive-limits",
    ("X-Response-Desc", "Password Protected Document"): "encrypted-upload",
    ("X-Response-Desc", "Exceeded Archive Timeout"): "archive-limits",
    ("X-Response-Desc", "File type Mismatch"): "blocked-type-mismatch",
    ("X-Response-Desc", "Mismatch"): "blocked-type-mismatch",
    ("X-Response-Desc", "Potentially Vulnerable File"): "blocked-vulnerable-file",
    ("X-Response-Desc", "Canceled"): "failed-to-scan",
    ("X-Response-Desc", "Cancelled"): "failed-to-scan",
    ("X-Response-Desc", "Sensitive data found"): "blocked-sensitive-data",
    ("X-Response-Desc", "Yara Rule Matched"): "blocked-yara-rule",
    ("X-Response-Desc", "PUP detected"): "blocked-unwanted-program",
    ("X-Response-Desc", "PUA detected"): "blocked-unwanted-program",
    ("X-Response-Desc", "Potentially Unwanted Program"): "blocked-unwanted-program",
    ("X-Response-Desc", "Unsupported file type"): "unsupported-file-type",
    ("X-Response-Desc", "File format not supported"): "unsupported-file-type",
    ("X-Response-Desc", "In Progress"): "failed-to-scan",
    ("X-Response-Desc", "Known Bad"): "blocked-known-bad",
    ("X-Blocked-Reason", "No Threat Detected"): None,
    ("X-Blocked-Reason", "No Threats Found"): None,
    ("X-Blocked-Reason", "Infected"): "request-blocked-infected",
    ("X-Blocked-Reason", "Suspicious"): "blocked-suspicious",
    ("X-Blocked-Reason", "Failed"): "failed-to-scan",
    ("X-Blocked-Reason", "Failed To Scan"): "failed-to-scan",
    ("X-Blocked-Reason", "Cleaned"): "request-modified",
    ("X-Blocked-Reason", "Allowlisted"): "allow-listed",
    ("X-Blocked-Reason", "Whitelisted"): "allow-listed",
    ("X-Blocked-Reason", "Skipped Clean"): "allow-listed",
    ("X-Blocked-Reason", "Blocklisted"): "blocked-by-list",
    ("X-Blocked-Reason", "Blacklisted"): "blocked-by-list",
    ("X-Blocked-Reason", "Skipped Infected"): "blocked-by-list",
    ("X-Blocked-Reason", "Exceeded Archive Depth"): "archive-limits",
    ("X-Blocked-Reason", "Not Scanned"): "failed-to-scan",
    ("X-Blocked-Reason", "Aborted"): "failed-to-scan",
    ("X-Blocked-Reason", "Encrypted Archive"): "encrypted-upload",
    ("X-Blocked-Reason", "Exceeded Archive Size"): "archive-limits",
    ("X-Blocked-Reason", "Exceeded Archive File Number"): "archive-limits",
    ("X-Blocked-Reason", "Password Protected Document"): "encrypted-upload",
    ("X-Blocked-Reason", "Exceeded Archive Timeout"): "archive-limits",
    ("X-Blocked-Reason", "File type Mismatch"): "blocked-type-mismatch",
    ("X-Blocked-Reason", "Mismatch"): "blocked-type-mismatch",
    ("X-Blocked-Reason", "Potentially Vulnerable File"): "blocked-vulnerable-file",
    ("X-Blocked-Reason", "Canceled"): "failed-to-scan",
    ("X-Blocked-Reason", "Cancelled"): "failed-to-scan",
    ("X-Blocked-Reason", "Sensitive data found"): "blocked-sensitive-data",
    ("X-Blocked-Reason", "Yara Rule Matched"): "blocked-yara-rule",
    ("X-Blocked-Reason", "PUP detected"): "blocked-unwanted-program",
    ("X-Blocked-Reason", "PUA detected"): "blocked-unwanted-program",
    ("X-Blocked-Reason", "Potentially Unwanted Program"): "blocked-unwanted-program",
    ("X-Blocked-Reason", "Unsupported file type"): "unsupported-file-type",
    ("X-Blocked-Reason", "File format not supported"): "unsupported-file-type",
    ("X-Blocked-Reason", "In Progress"): "failed-to-scan",
    ("X-Blocked-Reason", "Known Bad"): "blocked-known-bad",
    ("X-Response-Desc", "Error received from MetaDefender Core"): "core-unreachable",
    ("X-Response-Desc", "No security rule matched"): "no-security-rule",
    ("X-Response-Desc", "License expired"): "scanner-licence",
    ("X-Response-Desc", "MetaDefender Core is unreachable"): "core-unreachable",
    ("X-Response-Desc", "Scan timeout"): "failed-to-scan",
    ("X-Response-Desc", "Request body is too large"): "server-size-limit",
    ("X-Response-Desc", "Invalid character found in header"): "invalid-request-blocked",
    ("X-Infection-Found", "Type=0; Resolution=0; Threat=EICAR;"): "eicar-test",
    ("X-Infection-Found", "Type=2; Resolution=0; Threat=Encrypted Archive;"): "encrypted-upload",
    ("X-Virus-ID", "EICAR Test String"): "eicar-test",
    ("X-Virus-ID", "Encrypted Archive"): "encrypted-upload",
    ("X-Infection-Found", "Type=2; Resolution=2; Threat=Container size violation"): "archive-limits",
    ("X-Infection-Found", "Type=2; Resolution=2; Threat=Encrypted container violation;"): "encrypted-upload",
    ("X-Infection-Found", "Type=1; Resolution=2; Threat=File policy violation;"): "request-blocked",
    ("X-Response-Desc", "URL: No risk rating from WRS; FILE: Detected by ATSE"): "request-blocked-infected",
    ("X-Response-Desc", "URL: No risk rating from WRS"): None,
    ("X-Infection-Found", "Type=0; Resolution=2; Threat=TSPY.MCS;"): "request-blocked-infected",
    ("X-Infection-Found", "Type=0; Resolution=0; Threat=virus;"): "request-blocked-infected",
    ("X-Response-Info", "blocked"): "request-blocked",
    ("X-Response-Info", "passed"): None,
    ("X-Virus-ID", "no threats"): None,
    ("X-Virus-ID", "EICAR-Test-File"): "eicar-test",
    ("X-Virus-Name", "EICAR test file"): "eicar-test",
    ("X-Block-Reason", "Malware found"): "request-blocked-infected",
    ("X-Block-Reason", "Archive not supported"): "unsupported-file-type",
    ("X-Block-Reason", "Media Type (Block List)"): "blocked-by-list",
    ("X-Block-Result", "80"): "request-blocked-infected",
    ("X-WWBlockResult", "80"): "request-blocked-infected",
    ("X-MWG-Block-Reason", "site policy 7"): "request-blocked",
    ("X-Blocked", "Virus found during virus scan"): "request-blocked-infected",
    ("X-Blocked-By", "Sophos Anti-Virus"): "request-blocked",
    ("X-FSecure-Scan-Result", "clean"): None,
    ("X-FSecure-Scan-Result", "infected"): "request-blocked-infected",
    ("X-FSecure-Infection-Name", '"Bad.GUY"'): "request-blocked-infected",
    ("X-FSecure-Infected-Filename", '"x.zip"'): "request-blocked",
    ("X-ICAPeg-Shadow-Service", "true"): "shadow-service",
    ("X-Infection-Found", "Type=1; Resolution=0; Threat=Encrypted Archive;"): "encrypted-upload",
}

# Where the table's hint and the runbook differ, this is why.
OTHER_HINTS = {
    ("generic", ":icap-status", "^413$"): "RB-18",  # a status: what to do about it depends on fail_action
    ("symantec", ":icap-status", "^533$"): "RB-15",  # a 5xx like others, with 533 explained
    ("opswat", ":icap-status", "^403$"): "RB-16",  # FILEMOD is never sent
    ("e2guardian", ":icap-status", "^400$"): "RB-11",
    ("mcafee-skyhigh", "X-Block-Reason", "(?i)Archive not supported"): "RB-34",
    ("opswat", "X-Response-Desc", "(?i)time.?out"): "RB-34",
    ("opswat", "X-Response-Desc", "(?i)In Progress"): "RB-34",
    ("opswat", "X-Blocked-Reason", "(?i)In Progress"): "RB-34",
    ("c-icap-content_filtering", "X-Response-Info", "(?i)^(?!allow|pass).+"): "RB-30",
    ("generic", "X-Infection-Found", "(?i)Type=1;"): "RB-30",
    ("symantec", "X-Infection-Found", "(?i)Type=1;.*File policy violation"): "RB-30",  # unless it speaks of size
    ("generic", "X-Infection-Found", "(?i)Resolution=2;"): "RB-30",
}
# Texts that no public document gives: the runbook says so.
INFERRED = {
    "no-security-rule",
    "scanner-licence",
    "core-unreachable",
    "failed-to-scan",
    "server-size-limit",
    "invalid-request-blocked",
}


def found(library: Library, one: Entry) -> set[str]:
    matched = match(library, observe(one))

    assert 0 == matched.unmatched.count

    return {finding.id for finding in matched.findings}


def logged(status: int, verdict: str, headers: str | None = None) -> Entry:
    """What Avi would log of such an answer."""
    if status >= 300 or status == 206:
        return entry("ICAP_FAILED", status=status, codes=["ADF_ICAP_SERVER_ERROR"], headers=headers)
    action = {"allowed": "ICAP_PASSED", "modified": "ICAP_MODIFIED"}.get(verdict, "ICAP_BLOCKED")
    return entry(action, status=status, http_status=403 if action == "ICAP_BLOCKED" else None, headers=headers)


@pytest.mark.parametrize(("_vendor", "status", "verdict"), STATUSES)
def test_a_status(library: Library, _vendor: str, status: int, verdict: str) -> None:
    expected = STATUS_RUNBOOKS[status]

    assert verdict == judge(answer(status=status)).verdict
    assert ({expected} if expected else set()) == found(library, logged(status, verdict))


@pytest.mark.parametrize(("_vendor", "header", "value", "verdict"), HEADERS)
def test_a_header(library: Library, _vendor: str, header: str, value: str, verdict: str) -> None:
    expected = HEADER_RUNBOOKS[header, value]
    one = logged(200, verdict, f"{header}: {value}\r\n")

    assert verdict == facts_of(observe(one)[0])["verdict"]
    assert ({expected} if expected else set()) == found(library, one)


def test_each_row_s_hint_is_kept() -> None:
    cases = [(vendor, ":icap-status", str(status), STATUS_RUNBOOKS[status]) for vendor, status, _ in STATUSES]
    cases += [(vendor, header, value, HEADER_RUNBOOKS[header, value]) for vendor, header, value, _ in HEADERS]
    wrong = []
    seen = 0
    for row in rows():
        key = (row["vendor"], row["header"], row["value_pattern"])
        if row["value_pattern"] == r"^(?!1|2)\d{3}$":  # any other status: those are cases of their own
            continue
        allowed = COVERAGE[OTHER_HINTS.get(key, row["runbook_hint"])] if row["runbook_hint"] else ()
        for vendor, header, value, runbook in cases:
            if (vendor, header) == key[:2] and re.search(row["value_pattern"], value) and runbook:
                seen += 1
                if row["verdict"] not in {"passed", "modified"} and runbook not in allowed and not narrower(row, value):
                    wrong.append((*key, value, runbook))

    assert [] == wrong
    assert seen > 100


def narrower(row: dict[str, str], value: str) -> bool:
    """Whether another row of the same vendor and header fits the value and says more."""
    others = [other for other in rows() if (other["vendor"], other["header"]) == (row["vendor"], row["header"])]
    return sum(bool(re.search(other["value_pattern"], value)) for other in others) > 1


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_row_that_is_inferred_leads_to_a_runbook_that_says_so() -> None:
    inferred = [row for row in rows() if row["inferred"] and row["vendor"] != "avi"]
    reached = {
        HEADER_RUNBOOKS[header, value]
        for row in inferred
        for vendor, header, value, _ in HEADERS
        if (vendor, header) == (row["vendor"], row["header"])
        and re.search(row["value_pattern"], value)
        and not narrower(row, value)
    }

    assert len(inferred) > 5
    assert INFERRED == reached


@pytest.mark.parametrize("identity", sorted(INFERRED))
def test_what_is_inferred_says_so(library: Library, identity: str) -> None:
    meaning = " ".join(library.by_id(identity).sections["What it means"].split())

    assert re.search(r"(wording|words)[^.]* (is|are) not published|other texts [^.]*most likely", meaning)
    assert "likely" in meaning or "not published" in meaning
