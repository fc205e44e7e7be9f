"""Rows of the reference table of headers that need a whole answer: pasted as bytes, read by the log reader.

That is the HTTP status and the parts inside, what a product says beside a status, and OPTIONS. A verdict of an
OPTIONS row is about the service: ``passed`` is right (no finding), ``error`` is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from icapdiag.logs.reading import read_logs
from icapdiag.runbook import Library, match
from tests.facts import facts_of
from tests.icap.test_verdict_headers_csv import HEADERS, REPAIRED, STATUSES, WHOLE
from tests.runbook.coverage import COVERAGE
from tests.runbook.test_headers_csv import OTHER_HINTS, rows


def wire(
    *fields: str, status: str = "200 OK", response: str = "", request: str = "", body: bytes | None = None
) -> bytes:
    """An ICAP answer as a client saves it."""
    http = "".join(f"{line}\r\n" for line in (response or request).split("\n") if line)
    side = "res" if response else "req"
    parts = f"{side}-hdr=0, {side if body else 'null'}-body={len(http) + 2}" if http else "null-body=0"
    head = "".join(f"{line}\r\n" for line in (f"ICAP/1.0 {status}", 'ISTag: "x"', *fields, f"Encapsulated: {parts}"))
    inside = f"{http}\r\n".encode() if http else b""
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b""
    return head.encode() + b"\r\n" + inside + chunks


PAGE = b"<html>blocked</html>"
FORM = "POST /upload HTTP/1.1\nHost: www.example.com"
# (vendor, header, value, answer, verdict, runbook)
Case = tuple[str, str, str, bytes, str, str | None]
ANSWERS: Sequence[Case] = [
    ("generic", ":http-status", "403", wire(response="HTTP/1.1 403 Forbidden", body=PAGE),
     "blocked", "request-blocked"),
    *[
        ("generic", ":http-status", status, wire(response=f"HTTP/1.1 {status} X"), "blocked", "request-blocked")
        for status in ("301", "302", "303", "307", "404")
    ],
    ("trendmicro", ":http-status", "403 Forbidden (TMWS Blocked)",
     wire(response="HTTP/1.1 403 Forbidden (TMWS Blocked)", body=PAGE), "blocked", "request-blocked"),
    ("mcafee-skyhigh", ":http-status", "403 VirusFound",
     wire(response="HTTP/1.1 403 VirusFound", body=PAGE), "blocked", "request-blocked-infected"),
    ("generic", ":encapsulated", "req-hdr=0, req-body=100", wire(request=FORM, body=b"adapted"),
     "modified", "request-modified"),
    ("generic", ":encapsulated", "res-hdr=0, res-body=100", wire(response="HTTP/1.1 403 Forbidden", body=PAGE),
     "blocked", "request-blocked"),
    ("generic", "X-Infection-Found", REPAIRED, wire(f"X-Infection-Found: {REPAIRED}", request=FORM, body=b"clean"),
     "modified", "request-modified"),
    ("c-icap-virus_scan", "X-Infection-Found", REPAIRED,
     wire(f"X-Infection-Found: {REPAIRED}", request=FORM, body=b"clean"), "modified", "request-modified"),
    ("trendmicro", ":icap-status", "403", wire("Server: Trend Micro IWSVA", status="403 Forbidden"),
     "blocked", "blocked-with-icap-error"),
    ("fortisandbox", ":icap-status", "403", wire("Server: FortiSandbox", status="403 Forbidden"),
     "blocked", "blocked-with-icap-error"),
    ("symantec-cas", ":detail icap-error-code", "password_protected",
     wire("X-Error-Code: password_protected", status="500 Server error"), "unscannable", "encrypted-upload"),
    ("symantec-cas", ":detail icap-error-code", "max_file_size_exceeded",
     wire("X-Error-Code: max_file_size_exceeded", status="500 Server error"), "unscannable",
     "server-size-limit"),
    ("OPTIONS", "Methods", "REQMOD", wire("Methods: REQMOD"), "passed", None),
    ("OPTIONS", "Methods", "RESPMOD", wire("Methods: RESPMOD"), "error", "reqmod-not-offered"),
    ("OPTIONS", "ISTag", '"x"', wire("Methods: REQMOD"), "passed", None),
    ("OPTIONS", "Max-Connections", "0", wire("Methods: REQMOD", "Max-Connections: 0"), "error",
     "no-connections-offered"),
    ("OPTIONS", "Allow", "204", wire("Methods: REQMOD", "Allow: 204"), "passed", None),
]  # fmt: skip
# A 200 with an echo is judged against the original, which a pasted answer comes without: tests/icap holds the verdict,
# and a member that echoes what is clean gives no finding (tests/e2e/test_healthy_dialects.py).
NEED_THE_ORIGINAL = [("fortisandbox", ":icap-status", "200")]
# Where the table's hint and the runbook differ, this is why.
HINTS = {
    ("trendmicro", ":icap-status", "^403$"): "RB-16",
    ("fortisandbox", ":icap-status", "^403$"): "RB-16",
    ("OPTIONS", "ISTag", '^"[^"]{1,32}"$'): None,
}


@pytest.mark.parametrize("case", ANSWERS, ids=[f"{case[0]} {case[1]} {case[2]}" for case in ANSWERS])
def test_a_whole_answer(library: Library, case: Case, tmp_path: Path) -> None:
    vendor, _, _, answer, verdict, runbook = case
    (tmp_path / "answer").write_bytes(answer)
    [observation] = read_logs([str(tmp_path / "answer")]).observations
    matched = match(library, [observation])

    assert 0 == matched.unmatched.count
    assert ({runbook} if runbook else set()) == {finding.id for finding in matched.findings}
    if vendor != "OPTIONS":
        assert verdict == facts_of(observation)["verdict"]


def test_the_hint_of_each_row_is_kept() -> None:
    wrong = []
    for row in rows():
        key = (row["vendor"], row["header"], row["value_pattern"])
        hint = HINTS.get(key, OTHER_HINTS.get(key, row["runbook_hint"]))
        for vendor, header, value, _, verdict, runbook in ANSWERS:
            fits = (vendor, header) == key[:2] and re.search(row["value_pattern"], value)
            said_otherwise = {row["verdict"], verdict} == {"blocked", "modified"}  # another part of the value decides
            if fits and runbook and hint and not said_otherwise and runbook not in COVERAGE[hint]:
                wrong.append((*key, value, runbook))

    assert [] == wrong


def test_no_row_with_a_verdict_is_without_a_runbook_test() -> None:
    """Those about Avi itself have a test of their own in test_headers_csv_avi.py."""
    tested = [(vendor, ":icap-status", str(status)) for vendor, status, _ in STATUSES]
    tested += [(vendor, header, value) for vendor, header, value, _ in HEADERS]
    tested += [case[:3] for case in ANSWERS]
    tested += NEED_THE_ORIGINAL
    others = [row for row in rows() if row["vendor"] != "avi"]
    forgotten = [
        row
        for row in others
        if not any(
            (vendor, header) == (row["vendor"], row["header"]) and re.search(row["value_pattern"], value)
            for vendor, header, value in tested
        )
    ]

    assert [] == forgotten
    assert len(others) > 140


def test_nothing_that_the_verdict_s_test_knows_is_left_out() -> None:
    whole = {case[:3] for case in WHOLE}

    assert set() == whole - {case[:3] for case in ANSWERS} - {*NEED_THE_ORIGINAL}
