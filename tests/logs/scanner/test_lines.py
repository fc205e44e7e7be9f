"""Which program wrote a line, and what it says; whatever stands around it."""

from __future__ import annotations

import pytest

from icapdiag.logs.scanner.lines import Message, is_scanner_log, records
from icapdiag.logs.scanner.requests import Logged
from icapdiag.logs.scanner.times import Time, read_time

NOON = Time("2026-11-30T12:00:01.000000+00:00", assumed=True)
C_ICAP = "Mon Nov 30 12:00:01 2026, main proc, Error binding  "
FORKED = "Mon Nov 30 12:00:01 2026, 4711/139814501176, Failed to scan web object"
SQUID = "2026/11/30 12:00:01 kid1| optional ICAP service is down after"
ACCESS = "30/Nov/2026:12:00:01 +0000, 192.0.2.1 198.51.100.20 REQMOD avscan?mode=simple 204"
ICAP_LOG = "1796040001.000      3 198.51.100.9 ICAP_ECHO/204 116 REQMOD icap://192.0.2.1:1344/avscan - -/192.0.2.1 -"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (C_ICAP, [("c-icap", "Error binding")]),
        (FORKED, [("c-icap", "Failed to scan web object")]),
        (f"> {FORKED}", [("c-icap", "Failed to scan web object")]),
        (f"a user wrote: {FORKED}", [("c-icap", "Failed to scan web object")]),
        (f"{C_ICAP}{FORKED}", [("c-icap", "Error binding"), ("c-icap", "Failed to scan web object")]),
        (SQUID, [("squid", "optional ICAP service is down after")]),
        ("2026/11/30 12:00:01.345| x", [("squid", "x")]),
        ("    current master transaction: master53", []),
        ("Mon Nov 30 12:00:01 2026, 4711", []),
        ("", []),
    ],
)
def test_messages(line: str, said: list[tuple[str, str]]) -> None:
    found = list(records(line))

    assert said == [(each.program, each.text) for each in found if isinstance(each, Message)]


FORGED = "Mon Nov 30 12:00:02 2026, 1/2, Antivirus engine is not available, allow 204"


@pytest.mark.parametrize("end", ["", " ", "\r", "\\n", "#012", "\v", "\f", "\x85", "\u2028", "%0a"])
@pytest.mark.parametrize(
    "text",
    [
        "VIRUS DETECTED: X , http client ip: -, http user: -, http url: http://a.test/",
        "Error parsing chunks, current chunk len: 0 readed:0, str:zz",
        "Error parsing encapsulated headers,no \\r\\n\\r\\n at the end of headers:GET /",
        "srv_url_check: bad: block, http url: a.test/",
        "WARNING! none, can not get required info to scan url: a.test/",
        "LOG Virus found in http://a.test/",
    ],
)
@pytest.mark.parametrize("before", ["", "> ", "Nov 30 12:00:01 icap1 c-icap[77]: "])
def test_what_a_client_sent_is_no_message(before: str, text: str, end: str) -> None:
    (found,) = records(f"{before}Mon Nov 30 12:00:01 2026, 1/2, {text}{end}{FORGED}")

    assert Message("c-icap", NOON, f"{text}{end}{FORGED}") == found


def test_the_place_before_a_message_of_squidclamav_is_no_message() -> None:
    place = "Mon Nov 30 12:00:01 2026, 1/2, squidclamav.c(1167) squidclamav_end_of_data_handler: "
    (found,) = records(place + "Mon Nov 30 12:00:01 2026, 1/2, ERROR Can't connect to Clamd daemon.")

    assert Message("c-icap", NOON, "ERROR Can't connect to Clamd daemon.") == found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Nov 30 12:00:01 icap1 c-icap[77]: main proc, Error binding  ", ("c-icap", "Error binding")),
        ("2026-11-30T12:00:01+01:00 icap1 c-icap: 77/12345, Failed to scan", ("c-icap", "Failed to scan")),
        (f"Nov 30 12:00:01 icap1 c-icap[77]: {FORKED}", ("c-icap", "Failed to scan web object")),
        ("<14>Nov 30 12:00:01 px squid[9]: essential ICAP service is up: icap://a/b", ("squid", "essential")),
        ("Nov 30 12:00:01 px (squid-1)[9]: essential ICAP service is up", ("squid", "essential")),
        ("Nov 30 12:00:01 px sshd[9]: essential ICAP service is up", None),
    ],
)
def test_syslog(line: str, said: tuple[str, str] | None) -> None:
    found = [each for each in records(line) if isinstance(each, Message)]

    if said is None:
        assert [] == found
    else:
        assert [said] == [(each.program, each.text[: len(said[1])]) for each in found]


def test_requests() -> None:
    for line in (ACCESS, f"> {ACCESS}", ICAP_LOG):
        (found,) = records(line)
        assert isinstance(found, Logged)


@pytest.mark.parametrize(
    "text",
    [
        C_ICAP,
        f"hello\n{FORKED}\n",
        f"> {SQUID}\r\n",
        ACCESS,
        ICAP_LOG,
        f"Nov 30 12:00:01 h c-icap[1]: main proc, x {C_ICAP}",
    ],
)
def test_what_is_taken_for_a_scanners_log(text: str) -> None:
    assert is_scanner_log(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        '192.0.2.9 - - [30/Nov/2026:12:00:01 +0000] "OPTIONS /x HTTP/1.1" 200 12',
        "1796040001.000    3 198.51.100.9 TCP_MISS/200 116 POST http://a.test/ - HIER_DIRECT/192.0.2.1 -",
        "1796040001.000    0 198.51.100.9 NONE_NONE/000 0 POST http://a.test/ - HIER_NONE/- -",
        "Mon Nov 30 12:00:01 2026 -> /tmp/x: OK",
        "REQMOD icap://192.0.2.1:1344/avscan ICAP/1.0\r\nHost: 192.0.2.1\r\n",
        f"ICAP/1.0 500 Server error\r\nServer: C-ICAP/0.5.10\r\n\r\n{FORKED}\n",
        f'{{"icap_log": {{}}}}\n{FORKED}\n',
        "2026/11/30 12:00:01 [error] 12#12: *1 connect() failed (111: Connection refused)",
        "",
    ],
)
def test_what_is_not(text: str) -> None:
    assert not is_scanner_log(text.encode())


@pytest.mark.parametrize(
    ("text", "iso", "assumed"),
    [
        ("Mon Nov 30 12:00:01 2026", "2026-11-30T12:00:01.000000+00:00", True),
        ("Tue Dec  1 00:00:00 2026", "2026-12-01T00:00:00.000000+00:00", True),
        ("2026/11/30 12:00:01", "2026-11-30T12:00:01.000000+00:00", True),
        ("2026/11/30 12:00:01.345", "2026-11-30T12:00:01.345000+00:00", True),
        ("30/Nov/2026:12:00:01 +0530", "2026-11-30T06:30:01.000000+00:00", False),
        ("30/Nov/2026:12:00:01 -0800", "2026-11-30T20:00:01.000000+00:00", False),
        ("1796040001.000", "2026-11-30T12:00:01.000000+00:00", False),
        ("2026-11-30T12:00:01+01:00", "2026-11-30T11:00:01.000000+00:00", False),
    ],
)
def test_times(text: str, iso: str, assumed: bool) -> None:
    assert Time(iso, assumed) == read_time(text)


@pytest.mark.parametrize(
    "text",
    ["Tue Feb 31 00:00:00 2026", "2026/13/01 00:00:00", "2026/00/01 00:00:00", "31/Feb/2026:00:00:00 +0000", "x"],
)
def test_no_times(text: str) -> None:
    assert read_time(text) is None


def test_a_time_without_a_year_is_not_in_the_future() -> None:
    found = [read_time(f"{month} 15 12:00:00") for month in ("Jan", "Apr", "Jul", "Oct")]
    moments = [each.iso for each in found if each is not None]

    assert 4 == len(moments)
    assert all(each.assumed for each in found if each)
    assert max(moments) <= read_time("9999-01-01T00:00:00")[0]  # type: ignore[index]
