"""What is planted in every shape and encoding comes through nowhere, and what is harmless stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from icapdiag.model import Report
from icapdiag.report.machine.to_json import render
from icapdiag.report.redact import Pseudonyms
from icapdiag.report.redact.texts import Texts
from tests.cli.run import icapdiag
from tests.examples import PROFILE
from tests.report.leaking import (
    ENCODINGS,
    SHAPES,
    came_through,
    drawn,
    kept_words,
    names_report,
    planted,
    texts_report,
)

REPORTS = pytest.mark.parametrize("filled", [texts_report, names_report])


@REPORTS
def test_none_comes_through(filled: Callable[[Sequence[str]], Report]) -> None:
    """In CI each encoding of each in every format; else a different one of each."""
    texts = [each.text for each in planted()]
    chosen = texts if PROFILE == "ci" else [*texts[:: len(ENCODINGS) // 2], *(shape.text for shape in SHAPES)]

    assert len(chosen) >= 200
    assert [] == came_through(drawn(filled(chosen)))


@REPORTS
def test_they_are_there_where_nothing_is_redacted(filled: Callable[[Sequence[str]], Report]) -> None:
    """Else the other test would show nothing."""
    whole = {needle.lower() for shape in SHAPES for needle in shape.needles}
    arrived = {needle for _, needle in came_through({"json": render(filled([shape.text for shape in SHAPES]))})}

    assert len(whole - arrived) < 0.1 * len(whole), whole - arrived  # a quote is escaped in JSON


def test_no_report_has_them_of_itself() -> None:
    assert [] == came_through(drawn(texts_report(["virus"])))


def test_harmless_words_stay() -> None:
    kept, total = kept_words()

    assert total > 50_000
    assert kept / total >= 0.95


@pytest.mark.parametrize(
    "text",
    [
        "ICAP/1.0 404 ICAP Service not found",
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5242880\r\n",
        "Server: C-ICAP/0.5.10, Apache/2.4.57, nginx/1.18.0, Python 3.11.2, OpenSSL 3.0.15, ClamAV 1.4.6",
        "ClamAV 1.4.6/27800/Sun Nov 29 10:00:00 2026",
        "X-Infection-Found: Type=0; Resolution=2; Threat=Win.Test.EICAR_HDB-1;",
        "X-Response-Info: Blocked\r\nX-Response-Desc: No security rule matched",
        "ICAP_VENDOR_OPSWAT ADF_ICAP_SERVER_ERROR ICAP_FAIL_OPEN",
        "Encapsulated: req-hdr=0, req-body=412",
        "Tue, 24 Nov 2026 11:56:51 GMT and 2026-11-24T11:56:51.123Z, until 2026-12-31",
        "after 10.5 s of 60 s, 1,234,567 bytes, 12 MiB, 0.4 ms, 99.9 %",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)",
        "[Errno 111] Connection refused",
        "127.0.0.1:1344, ::1, localhost:1344 and 0.0.0.0",
        "icap://127.0.0.1:1344/avscan",
        "/etc/clamav/clamd.conf",
    ],
)
def test_what_the_reader_needs_stays(text: str) -> None:
    assert text == Texts(Pseudonyms(), {}, lambda *_: None).of(text)


OUTPUTS = ("json", "markdown", "html")


def leaving(folder: Path, *asked: str) -> dict[str, str]:
    """What a redacted run writes, by format; the program itself is run."""
    outputs = [word for name in OUTPUTS for word in ("-o", f"{name}={folder / name}")]
    key, ticket = folder / "key", folder / "jira"
    status, _, err = icapdiag(*asked, "--redact", "--pseudonyms", str(key), *outputs, "--for", f"jira={ticket}")
    assert status in {0, 1, 3}, err
    return {name: (folder / name).read_text() for name in (*OUTPUTS, "jira")}


def test_none_comes_through_of_a_log(tmp_path: Path) -> None:
    """In the fields of Avi's log and in the headers that it has of a server's answer, and in the name of the file."""
    entries = [
        {
            "report_timestamp": f"2026-03-02T10:00:00.{number:06}+00:00", "vs_name": f"vs{number}", "adf": True,
            "significance": shape.text, "client_ip": "10.9.8.7",
            "icap_log": {"action": "ICAP_FAILED", "request_logs": [{
                "icap_response_code": 500, "reason": shape.text, "threat_id": shape.text,
                "icap_headers_received_from_server": f"ICAP/1.0 500 Error\r\nServer: {shape.text}\r\n",
            }]},
        }
        for number, shape in enumerate(SHAPES)
    ]  # fmt: skip
    log = tmp_path / "4111-1111-1111-1111 kim@zorrobank.ch.json"
    log.write_text(json.dumps(entries))

    assert [] == came_through(leaving(tmp_path, "explain", str(log)))


def test_none_comes_through_of_a_pool_file(tmp_path: Path) -> None:
    members = [
        {"host": "127.0.0.1", "port": port, "name": shape.text, "enabled": False}
        for port, shape in enumerate(SHAPES, 2000)
    ]
    profile = {"service_uri": "/avscan", "description": "; ".join(shape.text for shape in SHAPES)}
    suppressions = [
        {"finding": "tcp-refused", "member": "*", "until": "2099-01-01", "reason": shape.text, "owner": shape.text}
        for shape in SHAPES
    ]
    pool = tmp_path / "scan.security.lan.yaml"
    whole = {"pool": "zorro-bank", "profile": profile, "members": members, "suppressions": suppressions}
    pool.write_text(json.dumps(whole))

    assert [] == came_through(leaving(tmp_path, "check", str(pool), "--only", "tcp"))
