"""The table: what it says, how wide it gets, and what servers can't make it do."""

from __future__ import annotations

import re
import textwrap
from datetime import timedelta

import pytest
from msgspec.structs import replace

from icapdiag.model import Facts, Finding, Steps, Unmatched, unflatten
from icapdiag.report import formats as form
from icapdiag.report.build import timestamp
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.words import measured, milliseconds
from icapdiag.report.terminal import MIN_WIDTH, PIPED_WIDTH
from icapdiag.report.terminal.lines import columns
from icapdiag.vocabulary import Severity, Status
from tests.report.documents import seen
from tests.report.documents import table as render
from tests.report.samples import (
    DISABLED,
    HEALTHY,
    NAMED,
    REFUSED,
    START,
    TCP_REFUSED,
    UNTESTED,
    VANTAGE,
    member,
    observation,
    report,
)

ALL = (HEALTHY, REFUSED, DISABLED, NAMED, UNTESTED)
HOSTILE = "\x1b[2J\x9b31m\r\n\x07\u202e\u2028\ud800\x7f"
SGR = re.compile(r"\x1b\[[0-9;]*m")


def golden(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_whole() -> None:
    expected = golden("""
        CRITICAL  ICAP-POOL-GROUP /avscan: 1 of 2 members has critical problems: The server refuses TCP connections, 1
          failure that no runbook explains

        member         tcp             options  clean    EICAR    verdict
        10.0.0.6:1344  FAILED refused  not run  not run  not run  critical
        10.0.0.5:1344  ok              ok       allowed  blocked  ok
        10.0.0.7:1344  -               -        -        -        disabled

        1  CRITICAL  The server refuses TCP connections at 10.0.0.6:1344 [tcp-refused]
           What   Nothing listens on the port: the ICAP service is stopped, or it listens elsewhere.
           Fix    1. On the ICAP server: start the service, then run `ss -ltn`.
                  2. On Avi: check the port of the pool member.
           Seen   10.0.0.6:1344 tcp: [Errno 111] Connection refused
           More   icapdiag runbooks show tcp-refused

        1 observation that no runbook explains:
          10.0.0.9:1344 options: ICAP 299 Odd

        Notes:
          - TLS was not verified.

        3 members: 1 critical, 1 ok, 1 disabled.
        Probed from jump1 (source address 10.0.0.9) by icapdiag 0.1.0, 2026-01-01 00:00:00 UTC, took 1.5 s.
        Route: eth0 via 10.0.0.1. This host's clock is synchronised, to within 1.5 ms.
        This host stands in for the Service Engine.

        1 problem at 1 of 2 members. Seen from jump1, which is not the Service Engine. Everything: -vv. Causes:
        icapdiag runbooks show tcp-refused
    """)
    example: Facts = {"source": "probe", "probe": "options", "member": "10.0.0.9:1344", "icap_status": 299}
    example = {**example, "icap_reason": "Odd"}
    built = report(unmatched=Unmatched(count=1, examples=(unflatten(example),)), notes=("TLS was not verified.",))
    assert expected == render(built, 110, detail=1)


def matrix(text: str) -> str:
    return text.split("\n\n")[1].rstrip("\n")


def test_leaves_out_times_and_threats_before_anything_else() -> None:
    expected = golden("""
        member                 dns  tcp                options     clean       EICAR    verdict
        icap.example.com:1344  ok   -                  -           -           -        critical
        at 10.0.1.1            -    ok                 FAILED 404  FAILED 500  -
        at 10.0.1.2            -    FAILED timeout     not run     not run     -
        10.0.0.6:1344          -    FAILED refused     not run     not run     not run  critical
        10.0.0.8:1344          -    ERROR interrupted  -           -           -        unknown
        10.0.0.5:1344          -    ok                 ok          allowed     blocked  ok
        10.0.0.7:1344          -    -                  -           -           -        disabled
    """)
    findings = (replace(TCP_REFUSED, id="worse", members=("icap.example.com:1344",)), TCP_REFUSED)
    for detail in (0, 1):
        assert expected == matrix(render(report(ALL, findings), detail=detail)) + "\n"


def test_then_leaves_out_the_word_failed() -> None:
    expected = golden("""
        member                 dns  tcp                options  clean    EICAR    verdict
        10.0.0.6:1344          -    refused            not run  not run  not run  critical
        icap.example.com:1344  ok   -                  -        -        -        unknown
        at 10.0.1.1            -    ok                 404      500      -
        at 10.0.1.2            -    timeout            not run  not run  -
        10.0.0.8:1344          -    ERROR interrupted  -        -        -        unknown
        10.0.0.5:1344          -    ok                 ok       allowed  blocked  ok
        10.0.0.7:1344          -    -                  -        -        -        disabled
    """)
    assert expected == matrix(render(report(ALL), 85)) + "\n"


def test_a_narrow_terminal_gets_one_line_a_member() -> None:
    expected = golden("""
        10.0.0.6:1344: critical  tcp FAILED refused
        icap.example.com:1344: unknown
          at 10.0.1.1  options FAILED 404, clean FAILED 500
          at 10.0.1.2  tcp FAILED timeout
        10.0.0.8:1344: unknown  tcp ERROR interrupted
        10.0.0.5:1344: ok
        10.0.0.7:1344: disabled
    """)
    assert expected == matrix(render(report(ALL), 60)) + "\n"


def test_a_narrow_terminal_gets_one_block_a_member_with_details() -> None:
    expected = golden("""
        icap.example.com:1344: unknown
          dns      ok 2.0 ms
          at 10.0.1.1
          tcp      ok 0.4 ms
          options  FAILED 404
          clean    FAILED 500
          at 10.0.1.2
          tcp      FAILED timeout
          options  not run (tcp failed)
          clean    not run (tcp failed)
        10.0.0.5:1344: ok
          tcp      ok 0.4 ms
          options  ok 1.3 ms
          clean    allowed 13 ms
          EICAR    blocked (Eicar-Test-Signature) 15 ms
    """)
    assert expected == matrix(render(report((HEALTHY, NAMED), ()), 60, detail=1)) + "\n"


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("width", [0, 40, MIN_WIDTH, 61, 72, 80, PIPED_WIDTH, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int, detail: int) -> None:
    long = replace(
        TCP_REFUSED,
        title="A title " * 20,
        members=tuple(f"{'x' * 300}{number}:1344" for number in range(9)),
        evidence=(unflatten({"source": "probe", "member": "y" * 300, "probe": "tcp", "error": "z" * 5000}),) * 5,
    )
    far = member("a" * 253, observation("tcp", Status.FAILED, "refused"), observation("options", Status.BLOCKED, "tcp"))
    text = render(
        report((*ALL, far), (long,), notes=("n" * 999,), vantage={**VANTAGE, "host": "h" * 900}), width, detail=detail
    )
    assert max(len(line) for line in text.splitlines()) <= max(width, MIN_WIDTH)


def test_a_column_that_no_member_used_is_left_out() -> None:
    header = matrix(render(report((HEALTHY, DISABLED), ()), 120)).splitlines()[0]
    assert ["member", "tcp", "options", "clean", "EICAR", "verdict"] == header.split()


def test_names_of_wide_characters_leave_the_columns_in_line() -> None:
    wide = member("検疫", observation("tcp", address="10.0.0.9"))
    lines = matrix(render(report((HEALTHY, wide), ()), 120)).splitlines()
    verdicts = [columns(line[: line.rindex(" ok") + 1]) for line in lines[1:]]

    assert verdicts[0] == verdicts[1]
    assert all(columns(line) <= 120 for line in lines)


def test_says_when_it_is_incomplete() -> None:
    first = render(report((UNTESTED,), (), complete=False), detail=-1)
    expected = "1 member could not be judged (incomplete: not all probes ran)"
    assert f"UNKNOWN  ICAP-POOL-GROUP, 10.0.0.8:1344 /avscan: {expected}\n" == first


def test_names_four_members_and_counts_the_rest() -> None:
    finding = replace(TCP_REFUSED, members=tuple(f"m{number}" for number in range(1, 9)))
    assert " at 8 members: m1, m2, m3, m4 and 4 more [tcp-refused]\n" in render(report(findings=(finding,)), 120)


def test_a_long_title_gives_way_and_the_id_stays() -> None:
    title = "A member has a fault that takes many words to be named"
    many = tuple(replace(TCP_REFUSED, id=f"f{number}", title=title) for number in range(20))
    drawn = [line for color in (False, True) for line in render(report(findings=many), 80, color=color).splitlines()]
    heads = [line for line in drawn if "CRITICAL" in line and "[f19]" in line]

    assert "20  CRITICAL  A member has a fault that takes many … at 10.0.0.6:1344 [f19]" == heads[0]
    assert "20  \x1b[1;31mCRITICAL\x1b[0m  A member has a fault that takes many … at 10.0.0.6:1344 [f19]" == heads[1]


def test_what_is_only_worth_knowing_has_no_number() -> None:
    info = replace(TCP_REFUSED, severity=Severity.INFO)
    lines = render(report(findings=(info,)), 100, detail=1).splitlines()

    assert ["-  INFO  The server refuses TCP connections at 10.0.0.6:1344 [tcp-refused]"] == [
        line for line in lines if "INFO" in line
    ]


def test_keeps_a_command_on_one_line() -> None:
    finding = replace(TCP_REFUSED, remedy=("word " * 9 + "run `ss -ltn sport = :1344` there",))
    assert "`ss -ltn sport = :1344`" in render(report(findings=(finding,)), 60)


def test_a_command_is_whole_on_the_narrowest_screen() -> None:
    command = f"icapdiag check icap://{'a' * 30}.example.com:1344/avscan --eicar"
    long = "A sentence that goes on for longer than one line of so narrow a screen has room for. " * 4
    steps = Steps(now=(long,), fix=(long,), check=(f"`{command}`",))
    text = render(report(findings=(replace(TCP_REFUSED, steps=steps),)), 60)
    assert command in " ".join(text.split())
    assert 3 == text.count(" …\n")  # what it is, the fix, and the first step at the top: then there is room


def test_shows_the_first_step_and_all_with_details() -> None:
    finding = replace(TCP_REFUSED, remedy=("Step a", "Step b", "`step c`"))
    steps = [line for line in render(report(findings=(finding,))).splitlines() if "tep" in line]
    assert ["First: Step a", "   Fix    Step a"] == steps
    steps = [line for line in render(report(findings=(finding,)), detail=1).splitlines() if "tep" in line]
    assert ["   Fix    1. Step a", "          2. Step b", "          3. step c"] == steps


def test_colour_adds_nothing_but_colour() -> None:
    built = report(ALL)
    plain, coloured = render(built, 120), render(built, 120, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31mCRITICAL\x1b[0m" in coloured
    assert plain == SGR.sub("", coloured)


def hostile_finding() -> Finding:
    said = ("member", "reason", "error", "icap_reason", "verdict", "x_response_desc", "peer", "peer_excerpt")
    answered: Facts = {
        **dict.fromkeys(said, HOSTILE),
        "source": "probe",
        "probe": "clean",
        "icap_status": 200,
        "threats": [HOSTILE],
        "deviations": [{"detail": HOSTILE}],
    }
    certificate: Facts = {
        **dict.fromkeys(("member", "error", "verify_error", "server_name"), HOSTILE),
        "source": "probe",
        "probe": "tls",
        "reason": "tls-name",
        "cert_names": [HOSTILE],
    }
    evidence = (unflatten(answered), unflatten(certificate))
    return replace(
        TCP_REFUSED, title=HOSTILE, members=(HOSTILE,), evidence=evidence, meaning=HOSTILE, remedy=(HOSTILE,)
    )


@pytest.mark.parametrize("detail", [-1, 0, 1, 2])
@pytest.mark.parametrize("width", [60, 120])
def test_nothing_a_server_says_reaches_the_terminal_unescaped(width: int, detail: int) -> None:
    odd = member(HOSTILE, observation("clean", verdict=HOSTILE, threats=[HOSTILE], address=HOSTILE))
    failed = member("10.0.0.6", observation(HOSTILE, Status.FAILED, HOSTILE, address=HOSTILE))
    built = report(
        (odd, failed),
        (hostile_finding(),),
        notes=(HOSTILE,),
        subject={"pool": HOSTILE, "service_uri": HOSTILE},
        vantage={"host": HOSTILE, "source_addresses": [HOSTILE], "caveat": HOSTILE},
        unmatched=Unmatched(count=1, examples=hostile_finding().evidence),
    )
    text = render(built, width, detail=detail)
    assert [] == [char for char in text if char in HOSTILE and char not in "\n[2J31m"]
    assert "\\x1b[2J" in text
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("probe", "facts", "expected"),
    [
        ("clean", {"reason": "timeout"}, "timeout"),
        ("clean", {}, "failed"),
        (
            "clean",
            {"icap_status": 204, "icap_reason": "No Content", "verdict": "allowed"},
            "ICAP 204 No Content; verdict allowed",
        ),
        (
            "eicar",
            {
                "icap_status": 200,
                "icap_reason": "",
                "http_status": 403,
                "verdict": "blocked",
                "threats": ["A", "B"],
                "x_response_desc": "No security rule matched",
            },
            "ICAP 200; HTTP 403 inside; verdict blocked; threats: A, B; X-Response-Desc: No security rule matched",
        ),
        ("eicar", {"x_violations_found": "1\nfile\nEicar"}, "X-Violations-Found: 1 / file / Eicar"),
        ("eicar", {"x_virus_id": "Gef\xc3\xa4hrlich"}, "X-Virus-ID: Gefährlich"),
        ("options", {"peer": "http", "peer_excerpt": "HTTP/1.1 400"}, "the peer speaks http; it sent: HTTP/1.1 400"),
        ("options", {"peer": "unknown"}, "the peer does not speak ICAP"),
        (
            "tls",
            {
                "reason": "tls-expired",
                "cert_not_after": "2025-01-01T00:00:00Z",
                "verify_error": "certificate has expired",
            },
            "certificate valid until 2025-01-01T00:00:00Z; certificate has expired",
        ),
        ("tls", {"error": "verify failed: self-signed", "verify_error": "self-signed"}, "self-signed"),
        (
            "tls",
            {"reason": "tls-not-yet-valid", "cert_not_before": "2099-01-01"},
            "certificate not valid before 2099-01-01",
        ),
        (
            "tls",
            {"reason": "tls-name", "cert_names": ["a.example", "b.example"], "server_name": "c.example"},
            "certificate for a.example, b.example, asked for c.example",
        ),
        ("clean", {"deviations": [{"detail": "No ISTag."}], "error": "cut"}, "No ISTag.; cut"),
        (
            "clean",
            {"deviations": [{"detail": "no ISTag", "section": "4.7"}], "icap_status": 200},
            "ICAP 200; no ISTag (RFC 3507 4.7)",
        ),
        ("clean", {"deviations": [{"detail": "bad", "section": "RFC 2616 3.6.1"}]}, "bad (RFC 2616 3.6.1)"),
        (
            "preview",
            {"cases_failed": ["preview-0"], "eicar_beyond_preview": "passed", "eicar_whole": "not-asked"},
            "failed: preview-0; EICAR behind the preview: passed",
        ),
        ("a probe of tomorrow", {"error": "refused"}, "refused"),
    ],
)
def test_evidence_says_why(probe: str, facts: Facts, expected: str) -> None:
    assert expected == describe(seen(probe, "failed", **facts))


def test_evidence_says_whose_it_is() -> None:
    assert "10.0.0.5:1344 eicar" == where(seen("eicar", member="10.0.0.5:1344"))
    literal = {"host": "10.0.0.5", "address": "10.0.0.5"}
    assert "av1 eicar" == where(seen("eicar", member="av1", **literal))
    named = {"host": "av.example.com", "address": "10.0.0.6"}
    assert "av.example.com:1344 at 10.0.0.6 eicar" == where(seen("eicar", member="av.example.com:1344", **named))


@pytest.mark.parametrize(
    ("facts", "place", "words"),
    [
        ({"object": "icapprofile", "object_name": "icap", "fail_action": "ICAP_FAIL_OPEN"}, "icapprofile icap",
         "fail_action ICAP_FAIL_OPEN"),
        ({"object": "pool", "object_name": "av\x1b[2J", "monitor_type": "HEALTH_MONITOR_TCP", "monitor_request": "x"},
         "pool av\\x1b[2J", "health monitor HEALTH_MONITOR_TCP; health monitor request x"),
        ({"object": "pool", "object_name": "av", "ratio": 0}, "pool av", "ratio 0"),
        ({"object": "poolgroup", "object_name": "g", "group_fail_action": "FAIL_ACTION_CLOSE_CONN"}, "poolgroup g",
         "fail_action FAIL_ACTION_CLOSE_CONN"),
    ],
)  # fmt: skip
def test_the_evidence_of_a_configuration(facts: Facts, place: str, words: str) -> None:
    found = unflatten({"source": "config", **facts})
    assert (place, words) == (where(found), describe(found))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (float("nan"), ""),
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (999.4, "999 ms"),
        (12_345, "12.3 s"),
    ],
)
def test_durations(value: float | None, expected: str) -> None:
    assert expected == milliseconds(value)


@pytest.mark.parametrize(
    ("value", "doubtful", "expected"),
    [
        (None, True, "-"),
        (0.0, False, "<0.1 ms"),
        (0.049, True, "<0.1 ms"),  # our delays only make a figure longer
        (0.05, True, "~0.1 ms"),
        (1500.0, False, "1.5 s"),
    ],
)
def test_measured_times(value: float | None, doubtful: bool, expected: str) -> None:
    assert expected == measured(value, doubtful=doubtful, nothing="-")


@pytest.mark.parametrize("name", ["table", "markdown", "html", "servicenow"])
@pytest.mark.parametrize(("ms", "took"), [(47, "took 47 ms"), (1500, "took 1.5 s"), (0, "took 0.0 ms")])
def test_every_format_says_the_same_of_how_long_the_run_took(name: str, ms: int, took: str) -> None:
    end = START + timedelta(milliseconds=ms)
    built = replace(report(), started_at=timestamp(START), finished_at=timestamp(end))
    assert {took} == set(re.findall(r"\btook [\d.]+ m?s\b", form.render(built, name, form.Style(detail=1))))


def test_what_to_do_now_stands_once_where_it_is_whole_above() -> None:
    whole, cut = ("Do this. ", "Do this, and then that, as it is said in so many words. " * 5)
    drawn = [
        render(report(findings=(replace(TCP_REFUSED, steps=Steps(now=(step.strip(),), fix=("Fix it.",))),)), 100)
        for step in (whole, cut)
    ]

    assert [("First: Do this.", False), ("First: Do this, and", True)] == [
        (next(line for line in text.splitlines() if "First:" in line)[:19].strip(), "   Now    Do this" in text)
        for text in drawn
    ]
