"""Findings that the pool file accepts: they count for nothing, and everybody sees them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from junitparser import JUnitXml

from icapdiag.api.suppressing import Judged, judge, resolve
from icapdiag.facts.connection import ProbeSheet
from icapdiag.model import Observation, flatten
from icapdiag.pool import Member, Pool, PoolError, Profile, Suppression, load_pool
from icapdiag.report.compared.diff import Change, diff
from icapdiag.report.formats import Style, render
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.redact import Pseudonyms, redact
from icapdiag.runbook import Library, load_runbooks
from icapdiag.vocabulary import Severity, Status
from tests.cli.run import icapdiag
from tests.report.readers import read_json

TODAY = date(2026, 11, 24)
NAMES = ("av1", "av2", "av3")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_runbooks()


def accepted(member: str = "*", until: str = "2026-12-31", finding: str = "tcp-refused") -> Suppression:
    return Suppression(finding=finding, member=member, reason="r", owner="o", until=date.fromisoformat(until), line=4)


def pool_with(*suppressions: Suppression, disabled: Sequence[str] = ()) -> Pool:
    members = tuple(Member(host="192.0.2.7", port=1344, name=name, enabled=name not in disabled) for name in NAMES)
    return Pool(name="p", profile=Profile(service_uri="/s"), members=members, suppressions=suppressions)


def seen(probe: str, member: str, status: Status, reason: str | None = None) -> Observation:
    return Observation(
        source="probe", probe=probe, pool="p", member=member, status=status, reason=reason, facts=ProbeSheet()
    )


REFUSED = tuple(seen("tcp", name, Status.FAILED, "refused") for name in NAMES)
HEALTHY = tuple(seen("tcp", name, Status.OK) for name in NAMES)


def judged(
    library: Library, pool: Pool, observations: Sequence[Observation], *, complete: bool = True
) -> tuple[list[tuple[str, tuple[str, ...], int]], list[tuple[str, tuple[str, ...], int]]]:
    """Findings, and suppressed ones: id, members and count."""
    found: Judged = judge(library, pool, observations, TODAY, complete=complete)
    hidden = [(each.id, each.members, each.count) for each in found.suppressed]
    return [(f.id, f.members, f.count) for f in found.findings], hidden


def test_one_of_three_members_leaves_two(library: Library) -> None:
    assert (
        [("tcp-refused", ("av1", "av3"), 2)],
        [("tcp-refused", ("av2",), 1)],
    ) == judged(library, pool_with(accepted("av2")), REFUSED)


def test_the_last_day_belongs_to_the_time(library: Library) -> None:
    assert ([], [("tcp-refused", NAMES, 3)]) == judged(library, pool_with(accepted(until="2026-11-24")), REFUSED)


def test_an_expired_one_hides_nothing_and_is_a_finding(library: Library) -> None:
    assert (
        [("tcp-refused", NAMES, 3), ("suppression-expired", (), 1)],
        [],
    ) == judged(library, pool_with(accepted(until="2026-11-23")), REFUSED)


def test_the_first_that_holds_hides_and_each_counts_as_used(library: Library) -> None:
    pool = pool_with(accepted("av1", "2026-11-23"), accepted("av1"), accepted("av*"))

    assert (
        [("suppression-expired", (), 1)],
        [("tcp-refused", ("av1",), 1), ("tcp-refused", ("av2", "av3"), 2)],
    ) == tuple(sorted(part) if index else part for index, part in enumerate(judged(library, pool, REFUSED)))


def test_an_unused_one_is_a_finding(library: Library) -> None:
    found = judge(library, pool_with(accepted()), HEALTHY, TODAY, complete=True)

    assert [("suppression-unused", Severity.INFO)] == [(f.id, f.severity) for f in found.findings]
    assert [
        {"object": "suppression", "finding": "tcp-refused", "suppression": "unused", "owner": "o", "because": "r",
         "until": "2026-12-31", "member_pattern": None}
    ] == [{key: flatten(f.evidence[0]).get(key) for key in ("object", "finding", "suppression", "owner", "because",
          "until", "member_pattern")} for f in found.findings]  # fmt: skip


@pytest.mark.parametrize(
    ("pool", "observations", "complete"),
    [
        (pool_with(accepted()), HEALTHY, False),
        (pool_with(accepted()), HEALTHY[:2], True),
        (pool_with(accepted("av1"), disabled=["av1"]), HEALTHY[1:], True),
        (pool_with(accepted("av1")), (seen("tcp", "av1", Status.BLOCKED, "dns"), *HEALTHY[1:]), True),
        (pool_with(accepted(finding="eicar-not-detected")), HEALTHY, True),
    ],
    ids=["interrupted", "one was not asked", "disabled", "not reached", "no such probe was run"],
)
def test_what_nobody_looked_at_is_not_called_unused(
    library: Library, pool: Pool, observations: Sequence[Observation], *, complete: bool
) -> None:
    assert ([], []) == judged(library, pool, observations, complete=complete)


def test_a_member_that_is_not_there_is_told_even_then(library: Library) -> None:
    assert ([("suppression-unused", (), 1)], []) == judged(library, pool_with(accepted("av9")), (), complete=False)


def test_unknown_ids_are_told_with_their_places(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text(
        "service_uri: /s\nmembers: [192.0.2.7]\nsuppressions:\n"
        "  - {finding: tcp-refusd, reason: a, owner: b, until: 2026-12-31}\n"
        "  - {finding: suppression-unused, reason: a, owner: b, until: 2026-12-31}\n"
    )
    with pytest.raises(PoolError) as caught:
        resolve(load_pool(path), library)

    assert [
        "no runbook 'tcp-refusd'; did you mean 'tcp-refused'? (see icapdiag runbooks list)",
        "suppression-unused is about suppressions and can't be suppressed: correct them instead",
    ] == [error.message for error in caught.value.errors]
    assert [(4, 15, "suppressions[0].finding"), (5, 15, "suppressions[1].finding")] == [
        (error.line, error.column, error.path) for error in caught.value.errors
    ]
    assert str(path) == caught.value.errors[0].file


POOL = """\
service_uri: /avscan
members: ["127.0.0.1:1", "127.0.0.1:2"]
compare: false
suppressions:
  - {finding: tcp-refused, member: "127.0.0.1:*", reason: "Zorro <b>told</b> us", owner: J. Zorro, until: 9999-12-31}
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose every fault is accepted."""
    folder = tmp_path_factory.mktemp("suppressed")
    (folder / "pool.yaml").write_text(POOL)
    status, _, errors = icapdiag("check", "pool.yaml", "-o", "json=r.json", cwd=folder)
    assert (0, "") == (status, errors)
    return folder / "r.json"


def test_the_report_keeps_to_its_schema_and_says_who_answers_for_it(saved: Path) -> None:
    read_json(saved.read_text())
    document = json.loads(saved.read_text())

    assert ("ok", [], ["ok", "ok"]) == (
        document["verdict"],
        document["findings"],
        [member["verdict"] for member in document["members"]],
    )
    assert {
        "severity": "critical", "id": "tcp-refused", "members": ["127.0.0.1:1", "127.0.0.1:2"], "count": 2,
        "title": "Connection refused on the ICAP port", "member_pattern": "127.0.0.1:*", "owner": "J. Zorro",
        "because": "Zorro <b>told</b> us", "until": "9999-12-31",
    } == document["suppressed"][0]  # fmt: skip


@pytest.mark.parametrize("name", ["table", "markdown", "html", "github", "jira", "servicenow"])
def test_every_document_says_what_is_suppressed_and_why(saved: Path, name: str) -> None:
    drawn = " ".join(re.sub(r"<[^>]*>", "", render(read_report(saved.read_bytes()), name, Style(detail=1))).split())

    assert (True, True) == ("tcp-refused" in drawn, "J. Zorro" in drawn)


def test_readers_of_other_formats_count_it(saved: Path) -> None:
    report = read_report(saved.read_bytes())
    (run,) = json.loads(render(report, "sarif"))["runs"]
    suites = JUnitXml.fromstring(render(report, "junit").encode())
    (skipped,) = [case.result[0].message for suite in suites if suite.name == "findings" for case in suite]

    assert ["external", "external"] == [result["suppressions"][0]["kind"] for result in run["results"]]
    assert "suppressed: Zorro <b>told</b> us (owner: J. Zorro, until 9999-12-31)" == skipped
    assert "1 finding suppressed" in render(report, "short")
    assert "'suppressed'=1;;;0" in render(report, "nagios")
    assert 'icapdiag_suppressed_findings{severity="critical"} 1' in render(report, "prometheus")
    assert [] == list(csv.reader(render(report, "csv").splitlines()))[1:]


def test_redaction_covers_it(saved: Path) -> None:
    redacted, _ = redact(read_report(saved.read_bytes()), Pseudonyms())

    (accepted,) = redacted.suppressed
    assert "zorro" not in repr(accepted).lower()
    assert ("person-1", "pattern-1", "tcp-refused", "9999-12-31") == (
        accepted.owner, accepted.member_pattern, accepted.id, accepted.until,
    )  # fmt: skip


def test_diff_calls_nothing_fixed_that_is_suppressed(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(POOL.partition("suppressions")[0])
    assert 1 == icapdiag("check", "pool.yaml", "-o", "json=r.json", cwd=tmp_path)[0]
    open_, hidden = read_report((tmp_path / "r.json").read_bytes()), read_report(saved.read_bytes())

    assert [(Change.CHANGED, "suppressed now: Zorro <b>told</b> us (owner: J. Zorro, until 9999-12-31)")] * 2 == [
        (item.change, item.detail) for item in diff(open_, hidden).items
    ]
    assert [(Change.NEW, "was suppressed before")] * 2 == [
        (item.change, item.detail) for item in diff(hidden, open_).items
    ]
