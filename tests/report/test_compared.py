"""Before and after, here and there."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from icapdiag.facts.run import PoolSubject, Tool, Vantage
from icapdiag.model import Finding, JSONValue, MemberReport, Observation, Report, sheet_of, unflatten
from icapdiag.report.compared import as_json, as_markdown, as_text
from icapdiag.report.compared.diff import Change, NotComparable, diff
from icapdiag.report.compared.merge import FaultDomain, merge
from icapdiag.vocabulary import Health, Severity, Status

EMPTY = Report(
    command="check",
    started_at="2026-01-01T00:00:00.000Z",
    finished_at="2026-01-01T00:00:01.000Z",
    complete=True,
    verdict=Health.OK,
    vantage=Vantage(host="jump"),
    subject=PoolSubject(pool="p"),
    tool=Tool(version="1", runbooks="a"),
)
OK, FAILED, BLOCKED = Status.OK, Status.FAILED, Status.BLOCKED


def member(name: str, health: Health = Health.OK, /, **probes: Status) -> MemberReport:
    seen = tuple(
        Observation(
            source="probe",
            probe=probe,
            pool="p",
            member=name,
            status=status,
            reason={BLOCKED: "tcp", Status.SKIPPED: "not-needed"}.get(status),
            facts=sheet_of("probe", probe, {}),
        )
        for probe, status in (probes or {"tcp": OK, "options": OK, "clean": OK}).items()
    )
    return MemberReport(name=name, address=name, port=1344, verdict=health, probes=seen)


def finding(name: str, *members: str, severity: Severity = Severity.CRITICAL, **facts: JSONValue) -> Finding:
    evidence = tuple(
        unflatten({"source": "probe", "member": member, "probe": "options", **facts}) for member in members
    )
    return Finding(id=name, severity=severity, title=name, members=members, count=len(members), evidence=evidence)


def of(*members: MemberReport, findings: tuple[Finding, ...] = (), host: str = "jump") -> Report:
    return replace(EMPTY, members=members, findings=findings, vantage=Vantage(host=host))


def changes(before: Report, after: Report) -> list[tuple[str, str, str]]:
    return [(item.change.value, item.member, item.finding or item.detail) for item in diff(before, after).items]


def test_new_fixed_unchanged() -> None:
    before = of(member("a"), member("b"), findings=(finding("f1", "a"), finding("f2", "a", "b")))
    after = of(member("a"), member("b"), findings=(finding("f2", "b"), finding("f3", "a")))

    assert [("new", "a", "f3"), ("fixed", "a", "f1"), ("fixed", "a", "f2"), ("unchanged", "b", "f2")] == changes(
        before, after
    )


def test_what_is_hidden_by_a_new_failure_is_not_fixed() -> None:
    before = of(member("a"), findings=(finding("f1", "a"),))
    down = member("a", tcp=FAILED, options=BLOCKED, clean=BLOCKED)
    after = of(down, findings=(finding("tcp-refused", "a", probe="tcp"),))

    assert [
        ("new", "a", "tcp-refused"),
        ("not re-tested", "a", "f1"),
        ("not re-tested", "a", "clean: not run (tcp failed)"),
    ] == changes(before, after)


def test_what_needs_no_look_any_more_is_fixed() -> None:
    """Once the service is found nobody asks for others; that is no loss of sight."""
    wrong = replace(
        finding("wrong-service", "a"), evidence=(unflatten({"source": "probe", "member": "a", "probe": "services"}),)
    )
    before = of(member("a", options=FAILED, services=OK), findings=(wrong,))
    after = of(member("a", options=OK, services=Status.SKIPPED))

    assert [("fixed", "a", "wrong-service")] == changes(before, after)


def test_a_member_that_is_gone_is_lost_sight_of() -> None:
    found = diff(of(member("a"), member("b")), of(member("b")))

    assert [("a", "tcp, options, clean: the member is not in the second report")] == [
        (item.member, item.detail) for item in found.of(Change.LOST)
    ]
    assert [("members", ["a"], [])] == [(each.name, each.before, each.after) for each in found.circumstances]
    assert found.is_worse


@pytest.mark.parametrize(
    ("expected", "new"),
    [
        ("icap_status 500 → 404", finding("f", "a", icap_status=404, answer_ms=1.0)),
        ("", finding("f", "a", icap_status=500, answer_ms=9.0, date="today")),
        ("severity critical → info", finding("f", "a", severity=Severity.INFO, icap_status=500)),
        ("x_response_desc nothing → Infected", finding("f", "a", icap_status=500, x_response_desc="Infected")),
    ],
)
def test_what_changed(expected: str, new: Finding) -> None:
    before = of(member("a"), findings=(finding("f", "a", icap_status=500, answer_ms=5.0),))

    (item,) = diff(before, of(member("a"), findings=(new,))).items

    assert (Change.CHANGED if expected else Change.UNCHANGED, expected) == (item.change, item.detail)


def test_the_runs_themselves() -> None:
    after = replace(
        EMPTY,
        tool=Tool(version="2", runbooks="b"),
        vantage=Vantage(host="x"),
        subject=PoolSubject(pool="q"),
        complete=False,
    )

    assert ["icapdiag", "runbooks", "vantage", "pool", "complete"] == [c.name for c in diff(EMPTY, after).circumstances]


def test_logs_are_compared_by_their_counts() -> None:
    log = replace(EMPTY, command="explain")
    before = replace(log, findings=(replace(finding("f", "a"), count=3),))
    after = replace(log, findings=(replace(finding("f", "b"), count=9),))

    assert [("changed", "", "f")] == changes(before, after)
    with pytest.raises(NotComparable, match="icapdiag explain"):
        diff(EMPTY, log)


SICK = Health.CRITICAL


@pytest.mark.parametrize(
    ("whose", "detail", "here", "there"),
    [
        (FaultDomain.NOBODY, "", member("a"), member("a")),
        (FaultDomain.PATH, "fails from h1 only", member("a", SICK), member("a")),
        (FaultDomain.SERVER, "(f1)", member("a", SICK), member("a", SICK)),
        (FaultDomain.UNKNOWN, "not tested from anywhere else", member("a", SICK), member("a", Health.UNKNOWN)),
        (FaultDomain.UNKNOWN, "not tested from anywhere else", member("a", SICK), None),
    ],
)
def test_whose_fault(whose: FaultDomain, detail: str, here: MemberReport, there: MemberReport | None) -> None:
    found = finding("f1", "a")
    reports = [
        of(here, findings=(found,) * (here.verdict is SICK), host="h1"),
        of(*([there] if there else []), findings=(found,) * (there is not None and there.verdict is SICK), host="h2"),
    ]

    (row,) = merge(reports).rows

    assert whose is row.whose
    assert detail in row.detail


def test_failing_everywhere_in_other_ways_is_not_the_server() -> None:
    reports = [of(member("a", SICK), findings=(finding(f"f{n}", "a"),), host=f"h{n}") for n in range(2)]

    assert FaultDomain.PATH is merge(reports).rows[0].whose


def sent_eicar(health: Health = Health.OK) -> MemberReport:
    return member("a", health, tcp=OK, options=OK, clean=OK, eicar=OK)


UNDETECTED = replace(
    finding("eicar-not-detected", "a"), evidence=(unflatten({"source": "probe", "member": "a", "probe": "eicar"}),)
)
SILENT = finding("no-response", "a")


@pytest.mark.parametrize(
    ("whose", "detail", "there", "findings"),
    [
        # sent from one place, not from the other: no word on the path
        (FaultDomain.UNKNOWN, "fails from h1; the same was not tested from h2", member("a"), ()),
        (FaultDomain.PATH, "fails from h1 only, works from h2", sent_eicar(), ()),
        (FaultDomain.SERVER, "(eicar-not-detected)", sent_eicar(SICK), (UNDETECTED,)),
        # another fault there, of what was sent from here, too
        (FaultDomain.PATH, "each time differently", member("a", SICK), (SILENT,)),
        (FaultDomain.UNKNOWN, "not tested from anywhere else", member("a", Health.DISABLED), ()),
    ],
)
def test_a_virus_sent_from_one_place_only_does_not_blame_the_path(
    whose: FaultDomain, detail: str, there: MemberReport, findings: tuple[Finding, ...]
) -> None:
    here = of(sent_eicar(SICK), findings=(UNDETECTED,), host="h1")
    merged = merge([here, of(there, findings=findings, host="h2")])
    assert whose is merged.rows[0].whose
    assert detail in merged.rows[0].detail
    said = "Detection was not tested from h2: EICAR was not sent from there."
    assert (said in merged.notes) is ("eicar" not in {seen.probe for seen in there.probes})


def test_vantages_have_names_of_their_own() -> None:
    reports = [
        of(host="a"),
        of(host="b"),
        of(host="b"),
        replace(EMPTY, vantage=Vantage(host="b", source_address="10.0.0.1")),
        replace(of(host="c"), started_at="2026-01-01T10:00:00.000Z"),
        replace(of(host="c"), started_at="2026-01-01T11:00:00.000Z"),
    ]

    at = "at 2026-01-01"
    assert merge(reports).vantages == (
        "a", f"b {at} 00:00:00 #2", f"b {at} 00:00:00 #3", "b (10.0.0.1)", f"c {at} 10:00:00", f"c {at} 11:00:00"
    )  # fmt: skip


def test_a_host_that_saw_it_fail_and_work_blames_no_path() -> None:
    failed = of(member("a", SICK), findings=(finding("f1", "a"),))
    again = replace(of(member("a")), started_at="2026-01-01T11:00:00.000Z")

    (row,) = merge([failed, again]).rows

    assert FaultDomain.UNKNOWN is row.whose
    assert row.detail == (
        "fails from jump at 2026-01-01 00:00:00, works from jump at 2026-01-01 11:00:00:"
        " it changed between two runs (report diff)"
    )


def test_logs_have_no_members_to_merge() -> None:
    with pytest.raises(ValueError, match="check"):
        merge([EMPTY, replace(EMPTY, command="explain")])


def test_hostile_names_are_shown_as_text() -> None:
    evil = "\x1b[2J<script>|`"
    report = of(member(evil, SICK), findings=(finding("f", evil),))
    for compared in (diff(of(), report), merge([report, of(host="x")])):
        assert "\x1b" not in as_text(compared) + as_markdown(compared)
        assert json.loads(as_json(compared))


def test_a_narrow_screen_gets_a_block_for_each_row() -> None:
    long = replace(
        finding("f", "10.0.0.6:1344"), title="The server refuses TCP connections and says nothing more of it"
    )
    text = as_text(diff(of(member("10.0.0.6:1344")), of(member("10.0.0.6:1344", SICK), findings=(long,))), 60)

    assert max(map(len, text.splitlines())) <= 60
    assert text.endswith("""
New (1)
-------

critical
  Member: 10.0.0.6:1344
  Finding: The server refuses TCP connections and says
    nothing more of it (`f`)
""")
