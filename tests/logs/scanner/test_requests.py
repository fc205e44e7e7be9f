"""Lines of access logs of c-icap and ICAP logs of Squid, in the default formats and in others."""

from __future__ import annotations

import pytest

from icapdiag.logs.scanner.requests import Logged, read_request
from icapdiag.vocabulary import Verdict

AT = "30/Nov/2026:12:00:01 +0000"


def request(line: str) -> Logged:
    found = read_request(line)
    assert found is not None
    return found


def test_c_icaps_default_format() -> None:
    found = request(f"{AT}, 192.0.2.1 198.51.100.20 REQMOD avscan?allow204=on&mode=simple 204")

    assert ("REQMOD", "/avscan", 204, "192.0.2.1", "198.51.100.20") == (
        found.method, found.service, found.status, found.member, found.peer
    )  # fmt: skip
    assert Verdict.ALLOWED is found.verdict
    assert not found.failed


@pytest.mark.parametrize(
    ("line", "peer", "status"),
    [
        (f"{AT}, 198.51.100.20 REQMOD avscan 500 396 902 68 489 hello", "198.51.100.20", 500),
        ("1796013429 198.51.100.20 192.0.2.7 REQMOD avscan?a=b 404 12 - \"-\" www.example.com/x", "198.51.100.20", 404),
        (f'[{AT}] "RESPMOD" "squidclamav" "200" 192.0.2.7', "", 200),
        ("1796013429;198.51.100.20;OPTIONS;echo;200", "198.51.100.20", 200),
    ],
)  # fmt: skip
def test_other_formats_of_c_icap(line: str, peer: str, status: int) -> None:
    found = request(line)

    assert ("c-icap", peer, status) == (found.program, found.peer, found.status)


def test_a_threat_in_a_format_of_ones_own() -> None:
    found = request(f'{AT} 198.51.100.20 REQMOD avscan 200 "Type=0; Resolution=2; Threat=Eicar-Test;" x')

    assert ("Eicar-Test", Verdict.BLOCKED) == (found.threat, found.verdict)


@pytest.mark.parametrize(
    ("status", "verdict", "failed"),
    [(204, Verdict.ALLOWED, False), (200, None, False), (408, None, False), (404, Verdict.ERROR, True),
     (500, Verdict.ERROR, True)],
)  # fmt: skip
def test_what_c_icaps_status_says(status: int, verdict: Verdict | None, failed: bool) -> None:
    found = request(f"{AT}, 192.0.2.1 198.51.100.20 REQMOD avscan {status}")

    assert (verdict, failed) == (found.verdict, found.failed)


def test_squids_default_format() -> None:
    found = request("1796040001.500      7 198.51.100.9 ICAP_SAT/200 911 REQMOD icap://192.0.2.1/av jo -/192.0.2.1 -")

    assert ("squid", "REQMOD", "/av", 200, "192.0.2.1:1344", "198.51.100.9", 7) == (
        found.program, found.method, found.service, found.status, found.member, found.peer, found.milliseconds
    )  # fmt: skip
    assert Verdict.BLOCKED is found.verdict


@pytest.mark.parametrize(
    ("outcome", "verdict", "bypassed", "failed"),
    [
        ("ICAP_ECHO/204", Verdict.ALLOWED, False, False),
        ("ICAP_ECHO/000", None, True, True),
        ("ICAP_ECHO/500", None, True, True),
        ("ICAP_MOD/200", Verdict.MODIFIED, False, False),
        ("ICAP_PART_ECHO/206", Verdict.MODIFIED, False, False),
        ("ICAP_ERR_OTHER/000", Verdict.ERROR, False, True),
        ("ICAP_ERR_OTHER/500", Verdict.ERROR, False, True),
        ("ICAP_ERR_GONE/000", None, False, False),
        ("ICAP_ERR_RACE/000", None, False, False),
    ],
)
def test_what_squids_outcome_says(outcome: str, verdict: Verdict | None, bypassed: bool, failed: bool) -> None:
    found = request(f'{AT} 198.51.100.9 {outcome} REQMOD "icap://icap.example.com:1344/avscan" 1 http://a.test/x 0')

    assert (verdict, bypassed, failed) == (found.verdict, found.bypassed, found.failed)
    assert "icap.example.com:1344" == found.member


def test_options_that_failed() -> None:
    assert request("1796040001.000 0 - ICAP_OPT/404 76 OPTIONS icap://192.0.2.1:1344/nope - -/192.0.2.1 -").failed
    assert not request("1796040001.000 0 - ICAP_OPT/200 76 OPTIONS icap://192.0.2.1:1344/av - -/192.0.2.1 -").failed


@pytest.mark.parametrize(
    "line",
    [
        "", "x", AT, f"{AT}, 192.0.2.1 198.51.100.20 REQMOD avscan", "REQMOD avscan 204",
        "99/Foo/2026:12:00:01 +0000, 192.0.2.1 198.51.100.20 REQMOD avscan 204",
        "1796040001.000 3 198.51.100.9 TCP_MISS/200 1 GET http://a.test/ - HIER_DIRECT/192.0.2.1 -",
    ],
)  # fmt: skip
def test_lines_that_are_no_request(line: str) -> None:
    assert read_request(line) is None
