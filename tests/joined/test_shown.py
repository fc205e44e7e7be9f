"""How a diagnosis is shown: the answer first in every format, and nothing cut away that matters."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from icapdiag.facts.joined import JoinedMember, JoinedSubject
from icapdiag.model import Report
from icapdiag.report.formats import Style, render
from icapdiag.report.machine.to_json import settled
from tests.report import samples

MEMBER = JoinedMember(
    monitored="down", monitor_since="2026-01-01T09:00:00.000Z", logged="failing", log_requests=90, log_failures=60,
    last_failure="2026-01-01T10:00:00.000Z", probed="failing", probed_step="tcp", probed_reason="refused",
)  # fmt: skip
SUBJECT = JoinedSubject(
    scanning="no", scanning_by="check", scanning_at="2026-01-01T10:00:03.000Z", joined_members=(MEMBER,) * 2,
    member_names=("192.0.2.15:1344", "192.0.2.16:1344"),
)  # fmt: skip


def report() -> Report:
    return settled(replace(samples.report(), command="diagnose", subject=SUBJECT))


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("table", "CRITICAL  "),
        ("short", "CRITICAL  "),
        ("nagios", "ICAP CRITICAL - "),
        ("markdown", "# CRITICAL: `"),
        ("html", "<h1>"),
    ],
)
def test_the_answer_comes_first(name: str, begins: str) -> None:
    assert f"{begins}Uploads are not being scanned (check, 2026-01-01 10:00:03 UTC)" in render(
        report(), name, Style(width=120)
    )


def test_a_member_by_source_is_written_out_where_a_table_would_be_cut() -> None:
    cells = ("down since 09:00", "fails: 60 of 90 until 10:00", "fails (tcp: refused)")
    wide = render(report(), "table", Style(width=100)).splitlines()
    assert f"192.0.2.15:1344  {'  '.join(cells)}" in wide
    narrow = render(report(), "table", Style(width=60))
    monitor, log, check = cells
    said = f"192.0.2.15:1344: health monitor {monitor}; log {log}; check {check}"
    assert said in " ".join(narrow.split())
    assert 60 >= max(map(len, narrow.splitlines()))
