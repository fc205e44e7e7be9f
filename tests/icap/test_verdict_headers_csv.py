"""Every verdict in the reference table of headers, with a value that a server might send.

Where the table and the verdict differ, the difference is meant: the table has no ``unscannable``,
calls what blocks a request for want of a scan sometimes ``blocked`` and sometimes ``error``, and
knows vendors that an answer does not name.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from icapdiag.icap.message import Response
from icapdiag.icap.verdict import judge
from tests.icap.answers import FORBIDDEN, HTTP_OK, ORIGINAL, POST, answer, http

TABLE = Path(__file__).parents[1] / "data" / "headers.csv"

STATUSES = [
    ("generic", 201, "modified"),
    ("generic", 204, "allowed"),
    ("generic", 206, "modified"),  # an error to a client that did not ask for it; the deviation says that
    *[("generic", status, "error") for status in (400, 401, 403, 404, 405, 407, 408, 413, 418)],
    *[("generic", status, "error") for status in (500, 501, 502, 503, 505, 506, 599, 300, 999)],
    *[("opswat", status, "error") for status in (400, 404, 502)],
    ("opswat", 403, "error"),  # blocked for FILEMOD, which is never sent
    *[("symantec", status, "error") for status in (539, 533, 551, 558)],
    ("symantec-dlp", 503, "error"),
    *[("trendmicro", status, "error") for status in (506, 551, 558)],
    ("mcafee-skyhigh", 418, "error"),
    ("trellix-ivx", 204, "allowed"),
    ("fortisandbox", 204, "allowed"),
    ("eset", 405, "error"),
    ("c-icap-virus_scan", 500, "error"),
    ("c-icap-virus_scan", 204, "allowed"),
    ("squidclamav", 204, "allowed"),
    ("e2guardian", 418, "error"),
    ("e2guardian", 400, "error"),
]

CORE_RESULTS = [
    ("No Threat Detected", "allowed"),
    ("No Threats Found", "allowed"),
    ("Infected", "blocked"),
    ("Suspicious", "blocked"),
    ("Failed", "error"),
    ("Failed To Scan", "error"),
    ("Cleaned", "modified"),
    ("Allowlisted", "allowed"),
    ("Whitelisted", "allowed"),
    ("Skipped Clean", "allowed"),
    ("Blocklisted", "blocked"),
    ("Blacklisted", "blocked"),
    ("Skipped Infected", "blocked"),
    ("Exceeded Archive Depth", "unscannable"),
    ("Not Scanned", "error"),
    ("Aborted", "error"),
    ("Encrypted Archive", "unscannable"),
    ("Exceeded Archive Size", "unscannable"),
    ("Exceeded Archive File Number", "unscannable"),
    ("Password Protected Document", "unscannable"),
    ("Exceeded Archive Timeout", "unscannable"),
    ("File type Mismatch", "blocked"),
    ("Mismatch", "blocked"),
    ("Potentially Vulnerable File", "blocked"),
    ("Canceled", "error"),
    ("Cancelled", "error"),
    ("Sensitive data found", "blocked"),
    ("Yara Rule Matched", "blocked"),
    ("PUP detected", "blocked"),
    ("PUA detected", "blocked"),
    ("Potentially Unwanted Program", "blocked"),
    ("Unsupported file type", "unscannable"),
    ("File format not supported", "unscannable"),
    ("In Progress", "error"),
    ("Known Bad", "blocked"),
]

HEADERS = [
    ("generic", "X-Infection-Found", "Type=0; Resolution=0; Threat=Eicar;", "blocked"),
    ("generic", "X-Infection-Found", "Type=1; Resolution=2; Threat=Policy;", "blocked"),
    ("generic", "X-Infection-Found", "Type=2; Resolution=2; Threat=Too deep;", "unscannable"),
    ("generic", "X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar;", "blocked"),
    ("generic", "X-Violations-Found", "0", "allowed"),
    ("generic", "X-Violations-Found", "2", "blocked"),
    ("generic", "X-Virus-ID", "No Threats", "allowed"),
    ("generic", "X-Virus-ID", "Eicar", "blocked"),
    ("generic", "X-Virus-Name", "Eicar", "blocked"),
    ("generic", "X-Response-Info", "block", "blocked"),
    ("generic", "X-Response-Info", "allow", "allowed"),
    ("generic", "X-Response-Info", "Passed", "allowed"),
    ("generic", "X-Response-Info", "clean", "allowed"),
    ("opswat", "X-Response-Info", "Allowed", "allowed"),
    ("opswat", "X-Response-Info", "Blocked", "blocked"),
    *[("opswat", "X-Response-Desc", value, verdict) for value, verdict in CORE_RESULTS],
    *[("opswat", "X-Blocked-Reason", value, verdict) for value, verdict in CORE_RESULTS],
    ("opswat", "X-Response-Desc", "Error received from MetaDefender Core", "error"),
    ("opswat", "X-Response-Desc", "No security rule matched", "blocked"),  # nothing failed: it is the default
    ("opswat", "X-Response-Desc", "License expired", "error"),
    ("opswat", "X-Response-Desc", "MetaDefender Core is unreachable", "error"),
    ("opswat", "X-Response-Desc", "Scan timeout", "error"),
    ("opswat", "X-Response-Desc", "Request body is too large", "unscannable"),
    ("opswat", "X-Response-Desc", "Invalid character found in header", "error"),
    ("opswat", "X-Infection-Found", "Type=0; Resolution=0; Threat=EICAR;", "blocked"),
    ("opswat", "X-Infection-Found", "Type=2; Resolution=0; Threat=Encrypted Archive;", "unscannable"),
    ("opswat", "X-Virus-ID", "EICAR Test String", "blocked"),
    ("opswat", "X-Virus-ID", "Encrypted Archive", "unscannable"),
    ("symantec", "X-Infection-Found", "Type=2; Resolution=2; Threat=Container size violation", "unscannable"),
    ("symantec", "X-Infection-Found", "Type=2; Resolution=2; Threat=Encrypted container violation;", "unscannable"),
    ("symantec", "X-Infection-Found", "Type=1; Resolution=2; Threat=File policy violation;", "blocked"),
    ("trendmicro-ddan", "X-Response-Desc", "URL: No risk rating from WRS; FILE: Detected by ATSE", "blocked"),
    ("trendmicro-ddan", "X-Response-Desc", "URL: No risk rating from WRS", "allowed"),
    ("trendmicro-ddan", "X-Infection-Found", "Type=0; Resolution=2; Threat=TSPY.MCS;", "blocked"),
    ("kaspersky", "X-Infection-Found", "Type=0; Resolution=0; Threat=virus;", "blocked"),
    ("kaspersky", "X-Response-Info", "blocked", "blocked"),
    ("kaspersky", "X-Response-Info", "passed", "allowed"),
    ("kaspersky", "X-Virus-ID", "no threats", "allowed"),
    ("kaspersky", "X-Virus-ID", "EICAR-Test-File", "blocked"),
    ("mcafee-skyhigh", "X-Virus-Name", "EICAR test file", "blocked"),
    ("mcafee-skyhigh", "X-Block-Reason", "Malware found", "blocked"),
    ("mcafee-skyhigh", "X-Block-Reason", "Archive not supported", "unscannable"),
    ("mcafee-skyhigh", "X-Block-Reason", "Media Type (Block List)", "blocked"),
    ("mcafee-skyhigh", "X-Block-Result", "80", "blocked"),
    ("mcafee-skyhigh", "X-WWBlockResult", "80", "blocked"),
    ("mcafee-skyhigh", "X-MWG-Block-Reason", "site policy 7", "blocked"),
    ("sophos-savdi", "X-Blocked", "Virus found during virus scan", "blocked"),
    ("sophos-savdi", "X-Blocked-By", "Sophos Anti-Virus", "blocked"),
    ("eset", "X-Response-Info", "Blocked", "blocked"),
    ("fsecure", "X-FSecure-Scan-Result", "clean", "allowed"),
    ("fsecure", "X-FSecure-Scan-Result", "infected", "blocked"),
    ("fsecure", "X-FSecure-Infection-Name", '"Bad.GUY"', "blocked"),
    ("fsecure", "X-FSecure-Infected-Filename", '"x.zip"', "blocked"),
    ("c-icap-virus_scan", "X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar;", "blocked"),
    ("squidclamav", "X-Virus-ID", "Eicar", "blocked"),
    ("squidclamav", "X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar;", "blocked"),
    ("c-icap-content_filtering", "X-Response-Info", "block", "blocked"),
    ("icapeg", "X-ICAPeg-Shadow-Service", "true", "allowed"),
    ("clearswift", "X-Infection-Found", "Type=1; Resolution=0; Threat=Encrypted Archive;", "blocked"),
    ("clearswift", "X-Infection-Found", "Type=0; Resolution=0; Threat=Eicar;", "blocked"),
]


REPAIRED = "Type=0; Resolution=1; Threat=W97M;"

# Cases that need more than one header or one status: (vendor, header, value, method, answer, verdict).
WHOLE = [
    ("generic", ":http-status", "403", None, answer(response=FORBIDDEN), "blocked"),
    *[
        ("generic", ":http-status", str(status), None, answer(response=http(f"HTTP/1.1 {status} Moved")), "blocked")
        for status in (301, 302, 303, 307, 404)
    ],
    (
        "trendmicro",
        ":http-status",
        "403 Forbidden (TMWS Blocked)",
        None,
        answer(response=http("HTTP/1.1 403 Forbidden (TMWS Blocked)")),
        "blocked",
    ),
    (
        "mcafee-skyhigh",
        ":http-status",
        "403 VirusFound",
        None,
        answer(response=http("HTTP/1.1 403 VirusFound")),
        "blocked",
    ),
    (
        "generic",
        ":encapsulated",
        "req-hdr=0, req-body=100",
        "REQMOD",
        answer(request=POST, body=b"adapted"),
        "modified",
    ),
    (
        "generic",
        ":encapsulated",
        "res-hdr=0, res-body=100",
        "REQMOD",
        answer(response=HTTP_OK, body=b"page"),
        "blocked",
    ),
    (
        "generic",
        "X-Infection-Found",
        REPAIRED,
        None,
        answer(("X-Infection-Found", REPAIRED), request=POST, body=b"clean"),
        "modified",
    ),
    (
        "c-icap-virus_scan",
        "X-Infection-Found",
        REPAIRED,
        None,
        answer(("X-Infection-Found", REPAIRED), response=HTTP_OK, body=b"clean"),
        "modified",
    ),
    ("trendmicro", ":icap-status", "403", None, answer(("Server", "Trend Micro IWSVA"), status=403), "blocked"),
    ("fortisandbox", ":icap-status", "403", None, answer(("Server", "FortiSandbox"), status=403), "blocked"),
    # A 200 alone is never clean; FortiSandbox's is an echo, and the body says so.
    ("fortisandbox", ":icap-status", "200", None, answer(request=POST, body=ORIGINAL), "allowed"),
    (
        "symantec-cas",
        ":detail icap-error-code",
        "password_protected",
        None,
        answer(("X-Error-Code", "password_protected"), status=500),
        "unscannable",
    ),
    (
        "symantec-cas",
        ":detail icap-error-code",
        "max_file_size_exceeded",
        None,
        answer(("X-Error-Code", "max_file_size_exceeded"), status=500),
        "unscannable",
    ),
]


@pytest.mark.parametrize(("_vendor", "status", "expected"), STATUSES)
def test_a_status(_vendor: str, status: int, expected: str) -> None:
    assert expected == judge(answer(status=status)).verdict


@pytest.mark.parametrize(("_vendor", "header", "value", "expected"), HEADERS)
def test_a_header(_vendor: str, header: str, value: str, expected: str) -> None:
    judgement = judge(answer((header, value)))
    assert expected == judgement.verdict
    assert judgement.decided_by == (header,)


@pytest.mark.parametrize(("_vendor", "_header", "_value", "method", "response", "expected"), WHOLE)
def test_a_whole_answer(
    _vendor: str, _header: str, _value: str, method: str | None, response: Response, expected: str
) -> None:
    sent_body = ORIGINAL if response.body else None
    assert expected == judge(response, sent_body=sent_body, method=method).verdict


def test_no_row_with_a_verdict_is_forgotten() -> None:
    cases = [(vendor, ":icap-status", str(status)) for vendor, status, _ in STATUSES]
    cases += [(vendor, header, value) for vendor, header, value, _ in HEADERS]
    cases += [case[:3] for case in WHOLE]
    with TABLE.open(newline="") as lines:
        # `OPTIONS` rows are about a service, `avi` rows about the load balancer's own logs.
        rows = [row for row in csv.DictReader(lines) if row["vendor"] not in {"OPTIONS", "avi"}]
    forgotten = [
        row
        for row in rows
        if not any(
            (vendor, header) == (row["vendor"], row["header"]) and re.search(row["value_pattern"], value)
            for vendor, header, value in cases
        )
    ]
    assert forgotten == []
    assert len(rows) > 100
