"""The table for logs: what it says, how wide it gets, and what logs can't make it do."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.facts import from_plain
from icapdiag.facts.groups import ReportedGroup
from icapdiag.model import Cause, Facts, Steps, Unmatched, unflatten
from icapdiag.report import formats as form
from icapdiag.report.build import NOTHING_LEARNT, exit_status
from icapdiag.report.document.evidence import describe, reason, where
from icapdiag.report.machine.to_json import settled
from icapdiag.report.terminal import draw, render_news
from icapdiag.report.terminal.lines import columns, cut, grid
from icapdiag.vocabulary import CauseStatus, Effect, ExitStatus, Health, Severity
from tests.report.documents import document, seen
from tests.report.documents import table as render
from tests.report.log_samples import ANSWER, BLOCKED, DISABLED, ENTRIES, FAILED, FINDING, bucket, log_report, source

HOSTILE = "\x1b[2J\x9b31m\r\n\x07\u202e\u2028\ud800\x7f"


def golden(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_whole() -> None:
    expected = golden("""
        CRITICAL  log.json: 3 of 16 requests with an icap_log passed unscanned, 2026-01-01 10:00:00 to 2026-01-02
          00:00:01 UTC

        client got       requests   share  main reason
        200 (unscanned)         3  18.8 %  ADF_ICAP_CONNECTION_ERROR
        unknown                 1   6.2 %
        403 (blocked)          12  75.0 %  Infected: EICAR-Test-File (not a virus)

        1  CRITICAL  No connection to an ICAP server: 3 requests at 100.64.3.15:1344 [connection-error]
           What   The Service Engine found no ICAP server to talk to.
           Users  3 of 16 requests with an icap_log (18.8 %) passed unscanned (fail open).
           Fix    On Avi: check direct connectivity from the Service Engine.
           When   2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC
           Seen   3 requests to 100.64.3.15:1344: ICAP_FAILED; passed unscanned, the client got 200;
                  ADF_ICAP_CONNECTION_ERROR
           More   icapdiag runbooks show connection-error

        Over time, 2026-01-01 10:00 to 2026-01-01 14:00 UTC, each column is 1 hour:
          with ICAP █▄ ▂ max 9
          blocked   █▄   max 8
          unscanned ▄  █ max 2

        Request groups:
        count  action    client got       ICAP       p50    p95    max  reason
        -----  --------  ---------------  -------  -----  -----  -----  ---------------------------------------
            3  failed    200 (unscanned)  -            -      -      -  ADF_ICAP_CONNECTION_ERROR
                2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC; pool ICAP-POOL-GROUP; see connection-error
            1  disabled  -                -            -      -      -
           12  blocked   403 (blocked)    200/403  17 ms  1.3 s  1.3 s  Infected: EICAR-Test-File (not a virus)
                2026-01-01 10:00:00 to 11:30:00 UTC; 100.64.3.15:1344; pool ICAP-POOL-GROUP; request ids aAa-1,
                bBb-2, cCc-3; see infected

        Notes:
          - log.json: repaired (line 3, column 17): a missing brace

        20 entries, 16 with ICAP: 0 passed, 0 modified, 12 blocked, 3 failed, 1 disabled; 3 passed unscanned.
        2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC.
        JSON Lines: 20 of 22 records read, 1 skipped, 1 unreadable.

        1 problem. 20 of 22 records read, 1 skipped, 1 unreadable. Everything: -vv. Causes:
        icapdiag runbooks show connection-error
    """)
    assert expected == render(
        log_report(notes=("log.json: repaired (line 3, column 17): a missing brace",)), 105, detail=1
    )


def test_the_first_screen() -> None:
    expected = golden("""
        CRITICAL  log.json: 3 of 16 requests with an icap_log passed unscanned, 2026-01-01 10:00:00 to
          2026-01-02 00:00:01 UTC
        First: On Avi: check direct connectivity from the Service Engine.

        client got       requests   share  main reason
        200 (unscanned)         3  18.8 %  ADF_ICAP_CONNECTION_ERROR
        unknown                 1   6.2 %
        403 (blocked)          12  75.0 %  Infected: EICAR-Test-File (not a virus)

        1  CRITICAL  No connection to an ICAP server: 3 requests at 100.64.3.15:1344 [connection-error]
           Users  3 of 16 requests with an icap_log (18.8 %) passed unscanned (fail open).
           Fix    On Avi: check direct connectivity from the Service Engine.

        1 problem. 20 of 22 records read, 1 skipped, 1 unreadable. Details and 1 note: -v. Causes:
        icapdiag runbooks show connection-error
    """)
    assert expected == render(log_report(notes=("log.json: repaired (line 3, column 17): a missing brace",)), 100)


@pytest.mark.parametrize("name", ["table", "short", "markdown", "html", "servicenow"])
def test_every_format_counts_the_entries_whose_action_is_not_known(name: str) -> None:
    odd = log_report(entries={**ENTRIES, "entries_total": 21, "entries_other": 1})
    text = " ".join(form.render(settled(odd), name, form.Style(detail=1)).split())
    assert "12 blocked, 3 failed, 1 disabled, 1 other; 3 passed unscanned" in text
    assert "other" not in form.render(settled(log_report()), name)


@pytest.mark.parametrize("name", ["table", "short", "markdown", "html", "servicenow", "nagios", "prometheus"])
def test_every_format_has_the_same_number_of_unscanned_requests(name: str) -> None:
    """Three that passed after a failure, and five that the scanner let through."""
    passed: Facts = {**BLOCKED, "count": 5, "icap_action": "ICAP_PASSED", "client_outcome": "passed"}
    unscanned: Facts = {**passed, "verdict": "allowed", "threats": [], "findings": ["allowed"]}
    allowed = replace(FINDING, id="allowed", severity=Severity.CRITICAL, effect=Effect.UNSCANNED, count=5)
    made = log_report((BLOCKED, FAILED, unscanned), (FINDING, allowed))
    text = " ".join(form.render(settled(made), name, form.Style(detail=1)).split())
    assert {
        "servicenow": "8 of 16 requests with an icap_log passed unscanned",  # whose room ends before the counts
        "nagios": "'unscanned'=8;;;0",
        "prometheus": "icapdiag_log_unscanned_entries 8",
    }.get(name, "8 passed unscanned") in text
    if name in {"table", "markdown", "html", "servicenow"}:
        assert "Unscanned: 3 after an ICAP failure, 5 let through by the scanner." in text


def test_what_passed_although_something_was_detected_is_not_called_unscanned() -> None:
    passed: Facts = {**BLOCKED, "count": 5, "icap_action": "ICAP_PASSED", "client_outcome": "passed"}
    score: Facts = {**passed, "verdict": "allowed", "threats": [], "nsx_score_max": 85}
    allowed = replace(FINDING, id="allowed", severity=Severity.CRITICAL, effect=Effect.UNSCANNED, count=5)
    for detected in (passed, score):
        groups, entries = [{**detected, "findings": ["allowed"]}], {**ENTRIES, "unscanned_count": 0}
        made = log_report(groups, (allowed,), entries=entries)
        text = render(made, 100)
        assert "5 of 16 requests with an icap_log passed despite a detection" in text
        assert "(detected, let through)" in text
        assert "unscanned" not in text


def block(text: str, start: str) -> str:
    """The block that begins with ``start``."""
    return next(part for part in text.split("\n\n") if part.startswith(start)).rstrip("\n") + "\n"


def test_a_narrow_terminal_gets_the_reasons_below() -> None:
    expected = golden("""
        Request groups:
        count  action    client got       ICAP       p95    max
        -----  --------  ---------------  -------  -----  -----
            3  failed    200 (unscanned)  -            -      -
                ADF_ICAP_CONNECTION_ERROR
                2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC; pool
                ICAP-POOL-GROUP; see connection-error
            1  disabled  -                -            -      -
           12  blocked   403 (blocked)    200/403  1.3 s  1.3 s
                Infected: EICAR-Test-File (not a virus)
                2026-01-01 10:00:00 to 11:30:00 UTC;
                100.64.3.15:1344; pool ICAP-POOL-GROUP; request ids
                aAa-1, bBb-2, cCc-3; see infected
    """)
    assert expected == block(render(log_report(), 60, detail=1), "Request groups")


def test_several_files_are_added_up() -> None:
    expected = golden("""
        records  read  skipped  unreadable  file      form
        -------  ----  -------  ----------  --------  -----------------
             22    20        1           1  log.json  JSON Lines
          1,000   900      100           0  b.gz      JSON array (gzip)
             22    20        1           1  in all
    """)
    second = source("b.gz", label="JSON array", compressed="gzip", total=1000, read=900, skipped=100, unreadable=0)
    text = render(log_report(sources=(source(), second)), detail=1)
    assert expected in text
    assert text.startswith("CRITICAL  2 files: 3 of 16 requests")


def test_many_files_are_cut_short() -> None:
    text = render(log_report(sources=[source(f"{number}.json") for number in range(30)]), detail=1)
    assert "19.json" in text
    assert "20.json" not in text
    assert "and 10 more files" in text


def test_many_groups_are_cut_short() -> None:
    text = render(log_report([{**BLOCKED, "count": 10, "findings": [f"f-{n}"]} for n in range(17)]), detail=1)
    assert "f-14" in text
    assert "f-15" not in text
    assert "and 2 more groups of 20 requests: see -o json\n" in text


def test_an_answer_is_explained() -> None:
    expected = golden("""
        ICAP response of 10.0.0.5:1344: ICAP 200 OK, HTTP 403 inside
          Verdict: blocked: Infected
          Decided by: X-Infection-Found
          Threats: Eicar-Test-Signature
          Deviations from the standard: no ISTag (RFC 3507 4.7)
    """)
    empty: Facts = {key: 0 for key in ENTRIES if key not in ("first_seen", "last_seen")}
    text = render(log_report(({**ANSWER, "member": "10.0.0.5:1344"},), (), entries=empty, timeline=()))
    assert expected == block(text, "ICAP response")
    assert "entries" not in text.partition("\n\n")[0]
    assert "Requests alike" not in text


def test_a_log_with_many_problems_has_one_screen() -> None:
    long = "A step that goes on for longer than one line of the screen has room for, and then for some more. " * 3
    steps = Steps(now=(long,), fix=(long,), check=(long,))
    causes = tuple(Cause(id=f"c{number}", title=long, status=CauseStatus.POSSIBLE) for number in range(4))
    members = tuple(f"100.64.3.{number}:1344" for number in range(40))
    found = [
        replace(FINDING, id=f"finding-{number}", members=members, steps=steps, causes=causes, effect=Effect.UNSCANNED)
        for number in range(12)
    ]
    lines = render(log_report(findings=tuple(found)), 100).splitlines()
    assert len(lines) <= 80
    assert list(range(1, 13)) == [int(line.split()[0]) for line in lines if re.match(r"\d+  CRITICAL", line)]


def test_many_answers_are_counted() -> None:
    made = log_report([{**ANSWER, "member": f"10.0.0.{number}:1344"} for number in range(8)], ())
    assert (5, 8) == tuple(render(made, detail=detail).count("ICAP response of 10.0.0.") for detail in (0, 1))
    assert "\n\nand 3 more ICAP responses: -v\n\n" in render(made)
    assert "more ICAP responses" not in render(made, detail=1)


def test_an_answer_that_says_little() -> None:
    answer: Facts = {"probe": "answer", "count": 1, "icap_status": 204, "verdict": "allowed", "findings": []}
    assert "ICAP response: ICAP 204\n  Verdict: allowed\n" == block(render(log_report((answer,), ())), "ICAP response")
    lines: Facts = {"probe": "answer", "count": 1, "verdict": "blocked", "verdict_reason": "Infected", "findings": []}
    assert "ICAP response\n  Verdict: blocked: Infected\n" == block(render(log_report((lines,), ())), "ICAP response")


def test_an_answer_that_is_none() -> None:
    answer: Facts = {"probe": "answer", "count": 1, "peer": "http", "peer_excerpt": "HTTP/1.1 400", "findings": []}
    expected = "ICAP response\n  Not understood: the peer speaks http; it sent: HTTP/1.1 400\n"
    assert expected == block(render(log_report((answer,), ())), "ICAP response")


@pytest.mark.parametrize(
    ("report", "health", "status"),
    [
        (log_report(), Health.CRITICAL, ExitStatus.FINDINGS),
        (log_report(findings=()), Health.OK, ExitStatus.OK),
        (log_report(findings=(replace(FINDING, severity=Severity.INFO),)), Health.OK, ExitStatus.OK),
        (log_report(findings=(replace(FINDING, severity=Severity.WARNING),)), Health.WARNING, ExitStatus.OK),
        (log_report(findings=(), unmatched=Unmatched(count=1)), Health.UNKNOWN, ExitStatus.INCOMPLETE),
        (log_report(findings=(), complete=False), Health.UNKNOWN, ExitStatus.INCOMPLETE),
        (log_report((), ()), Health.UNKNOWN, ExitStatus.INCOMPLETE),
        (log_report((), complete=False), Health.CRITICAL, ExitStatus.FINDINGS),
    ],
)
def test_verdict(report: Any, health: Health, status: ExitStatus) -> None:
    assert (health, status) == (report.verdict, exit_status(report))


def test_says_that_nothing_was_learnt() -> None:
    found = log_report((), (), notes=("first",))
    assert ("first", NOTHING_LEARNT) == found.notes
    assert "Export the log of a virtual service with uploads: " in " ".join(render(found).split())


def test_says_that_only_a_part_was_read() -> None:
    first = render(log_report(complete=False), detail=-1)
    assert first.startswith("CRITICAL  log.json: 3 of 16 requests")
    assert first.endswith("(interrupted: only partly read)\n")


def test_what_nothing_explains_is_counted_in_requests() -> None:
    example: Facts = {"source": "log", "probe": "", "member": "", "count": 7, "icap_action": "ICAP_FAILED"}
    text = render(log_report(unmatched=Unmatched(count=7, examples=(unflatten(example),))))
    assert "7 requests that no runbook explains:\n  7 requests: ICAP_FAILED\n" == block(text, "7 requests")


def test_news_are_short() -> None:
    expected = "00:00:01 UTC  CRITICAL  20 entries, 16 with ICAP: 0 passed, 0 modified, 12 blocked, 3 failed"
    made = log_report()
    assert render_news(made, (), 200).startswith(expected)
    assert 1 == render_news(made, (), 200).count("\n")
    assert "[connection-error]" in render_news(made, (FINDING,))


HOSTILE_GROUP: Facts = {
    key: HOSTILE if isinstance(value, str) and key not in ("probe", "source") else value
    for key, value in BLOCKED.items()
} | {key: [HOSTILE, HOSTILE] for key in ("members", "pools", "request_ids", "threats", "findings", "adf_codes")}


@pytest.mark.parametrize("detail", [0, 2])
@pytest.mark.parametrize("width", [60, 100, 200])
def test_nothing_that_a_log_says_reaches_the_terminal_unescaped(width: int, detail: int) -> None:
    answer: Facts = {key: HOSTILE if isinstance(value, str) else value for key, value in ANSWER.items()}
    answer = {**answer, "probe": "answer", "decided_by": [HOSTILE], "threats": [HOSTILE], "member": HOSTILE}
    sources = [source(HOSTILE, label=HOSTILE, compressed=HOSTILE), source(HOSTILE * 50)]
    finding = replace(
        FINDING,
        title=HOSTILE,
        members=(HOSTILE,),
        first_seen=HOSTILE,
        evidence=(unflatten({**HOSTILE_GROUP, "member": HOSTILE}),),
    )
    for some in (sources[:1], sources):
        text = render(
            log_report((HOSTILE_GROUP, answer), (finding,), sources=some, notes=(HOSTILE,)), width, detail=detail
        )
        assert [] == [char for char in text if char in HOSTILE and char not in "\n[2J31m"]
        assert [] == [line for line in text.splitlines() if len(line) > width]
        text.encode("utf-8")


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("width", [10, 60, 61, 79, 80, 100, 133, 250])
def test_keeps_to_the_width(width: int, detail: int) -> None:
    groups = (BLOCKED, FAILED, DISABLED, {**BLOCKED, "x_response_desc": "so long " * 25}, ANSWER)
    text = render(log_report(groups, sources=(source(), source("a/very/long/path/" * 9))), width, detail=detail)
    assert [] == [line for line in text.splitlines() if columns(line) > max(width, 60)]


def test_odd_values_break_nothing() -> None:
    odd: Facts = {"probe": "", "count": None, "first_seen": "yesterday", "last_seen": None, "icap_status": -1}
    odd = {**odd, "latency_p50_ms": -1, "latency_max_ms": 10**12}
    render(log_report((odd,), entries={"entries_total": -7, "first_seen": "9999-12-31T23:59:59-23:59"}, timeline=()))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"icap_action": "ICAP_PASSED", "response_code": 200}, "ICAP_PASSED; the client got 200"),
        (
            {"icap_action": "ICAP_FAILED", "client_outcome": "unscanned", "significance": "ICAP Error"},
            "ICAP_FAILED; passed unscanned; ICAP Error",
        ),
        (
            {"icap_status": 200, "complete_body_sent": False, "opswat_reason": "Infected", "latency_max_ms": 1500},
            "ICAP 200; OPSWAT: Infected; the body was not sent completely; up to 1.5 s",
        ),
        (
            {"probe": "summary", "entries_total": 5, "entries_icap": 4, "entries_failed": 1, "unscanned_count": 1},
            "5 in all; 4 with ICAP; 1 failed; 1 passed unscanned after a failure; 0 disabled",
        ),
        ({"count": 1, "icap_status": 200, "latency_max_ms": 1500}, "ICAP 200; took 1.5 s"),
        ({"probe": "answer", "icap_status": 204, "verdict": "allowed"}, "ICAP 204; verdict allowed"),
    ],
)
def test_evidence_says_why(facts: Facts, expected: str) -> None:
    assert expected == describe(seen("", **{"source": "log", **facts}))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"member": "10.0.0.5:1344", "count": 1}, "1 request to 10.0.0.5:1344"),
        ({"member": "", "count": 1200}, "1,200 requests"),
        ({"probe": "summary", "member": ""}, "the log as a whole"),
        ({"probe": "answer"}, "the ICAP response"),
    ],
)
def test_evidence_says_whose_it_is(facts: Facts, expected: str) -> None:
    assert expected == where(seen("", **{"source": "log", **facts}))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"x_response_desc": "Infected", "threats": ["A", "B"]}, "Infected: A and 1 more"),
        ({"x_blocked_reason": "Found A", "threats": ["A"]}, "Found A"),
        ({"threats": ["A"]}, "A"),
        ({"adf_codes": ["ADF_ICAP_TIMEDOUT", "ADF_ICAP_FAILED"]}, "ADF_ICAP_TIMEDOUT ADF_ICAP_FAILED"),
        ({"significance": "ICAP Error"}, "ICAP Error"),
        ({"status": "failed", "adf_codes": ["ADF_ICAP_TIMEDOUT"], "threats": ["A"]}, "ADF_ICAP_TIMEDOUT"),
        ({"verdict_reason": "204"}, "204"),
        ({}, ""),
    ],
)
def test_reasons(facts: Facts, expected: str) -> None:
    assert expected == reason(from_plain(ReportedGroup, facts))


def test_a_finding_from_answers_or_on_the_whole_log_counts_no_requests() -> None:
    for probe in ("answer", "summary"):
        finding = replace(FINDING, evidence=(unflatten({"source": "log", "probe": probe}),))
        assert "3 requests" not in block(render(log_report((), (finding,), timeline=())), "1  CRITICAL  No connection")


def chart(timeline: Sequence[Facts], width: int, *, plain: bool = False) -> list[str]:
    return draw.time_line(document(log_report(timeline=tuple(timeline))).timeline, width, plain=plain)


class TestChart:
    def test_neighbours_share_a_column(self) -> None:
        minutes: list[Facts] = [
            {"start": f"2026-01-01T{n // 60:02}:{n % 60:02}:00Z", "step_s": 60, "passed": n // 300} for n in range(600)
        ]
        *heading, bars = chart(minutes, 60)
        assert "Over time, 2026-01-01 00:00 to 2026-01-01 10:00 UTC, each column is 20 minutes:" == " ".join(heading)
        assert 30 == len(bars.removeprefix("  with ICAP ").removesuffix(" max 20"))
        assert bars.endswith("█ max 20")

    def test_one_failure_beside_a_thousand_is_seen(self) -> None:
        lines = chart([bucket(1, unscanned=1), bucket(2, unscanned=1000)], 80)
        assert "  unscanned ▁█ max 1,000" == lines[2]

    def test_keeps_to_ascii(self) -> None:
        lines = chart([bucket(hour, blocked=hour) for hour in range(9)], 80, plain=True)
        assert ["  with ICAP  .:-=+*#@ max 8", "  blocked    .:-=+*#@ max 8"] == lines[1:]

    @pytest.mark.parametrize(
        "timeline", [(), (bucket(1, passed=1),), (bucket(1), bucket(2)), ({"start": ""}, {"start": "soon"})]
    )
    def test_nothing_to_draw(self, timeline: tuple[Facts, ...]) -> None:
        assert [] == chart(timeline, 80)

    def test_long_spans(self) -> None:
        days: list[Facts] = [
            {"start": "1999-01-01T00:00:00", "step_s": 86400, "passed": 1},
            {"start": "2026-01-01T00:00:00", "step_s": 86400, "passed": 1},
        ]
        heading, *_, bars = chart(days, 80)
        assert "each column is 183 days" in heading
        assert len(bars) <= 80


def test_grid() -> None:
    expected = golden("""
        name   n
        ----  --
        検疫   9
        a     10
    """)
    assert expected == "\n".join(grid(("name", "n"), (("検疫", "9"), ("a", "10")), right=(1,))) + "\n"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("検疫検", 5, "検疫…"), ("検疫検", 4, "検…"), ("abc", 0, "…")],
)
def test_cut(text: str, width: int, expected: str) -> None:
    assert expected == cut(text, width)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("EICAR test file blocked", "OK  log.json: 2 requests blocked as intended: EICAR test file"),
        ("Blocked, reason not in the log", "OK  log.json: 2 requests blocked, reason not in the log"),
    ],
)
def test_what_the_first_line_says_is_not_said_again(title: str, expected: str) -> None:
    info = replace(FINDING, id="known", title=title, severity=Severity.INFO, count=2)
    entries: Facts = {"probe": "summary", "entries_total": 2, "entries_icap": 2, "entries_blocked": 2}
    text = render(log_report(({**BLOCKED, "count": 2, "findings": ["known"]},), (info,), entries=entries))

    assert expected == text.splitlines()[0]
    assert "Also:" not in text
    assert "More: icapdiag runbooks show known" in " ".join(text.split())
