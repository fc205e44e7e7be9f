"""The main job on real servers: five c-icap members that answer OPTIONS alike and are in five states."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.clients import Checked, check
from tests.interop.conftest import Pool


@pytest.fixture(scope="module")
def checked(cicap_pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    pool = tmp_path_factory.mktemp("pool") / "pool.yaml"
    members = "".join(f"  - {{host: 127.0.0.{number}, port: {cicap_pool.port}}}\n" for number in range(1, 6))
    pool.write_text(f"pool: five\nprofile: {{service_uri: /avscan}}\nmembers:\n{members}")
    return check("--eicar", str(pool))


def test_critical_findings_are_exactly_these_on_exactly_these_members(checked: Checked, cicap_pool: Pool) -> None:
    expected = {
        "eicar-not-detected": [cicap_pool.member(2), cicap_pool.member(3)],
        "no-engine-loaded": [cicap_pool.member(3)],
        "server-error": [cicap_pool.member(4)],
        "clean-blocked": [cicap_pool.member(5)],
    }
    assert expected == checked.findings("critical")


def test_only_the_first_member_is_well(checked: Checked, cicap_pool: Pool) -> None:
    expected = {cicap_pool.member(number): "critical" if number > 1 else "ok" for number in range(1, 6)}
    assert expected == checked.members


def test_report_is_complete_and_the_exit_status_says_findings(checked: Checked) -> None:
    assert (1, True, "critical") == (checked.exit_status, checked.report["complete"], checked.report["verdict"])


def test_the_healthy_member_blocks_eicar_and_says_why(checked: Checked) -> None:
    facts = checked.facts("eicar")
    assert ("blocked", ["Eicar-Test-Signature.UNOFFICIAL"]) == (facts["verdict"], facts["threats"])


def test_a_member_alone_is_judged_as_within_the_pool(cicap_pool: Pool) -> None:
    checked = check("--eicar", f"icap://{cicap_pool.member(1)}/avscan")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))


def test_eicar_is_not_sent_unless_asked_for(cicap_pool: Pool) -> None:
    checked = check(f"icap://{cicap_pool.member(2)}/avscan")
    eicar = next(probe for probe in checked.report["members"][0]["probes"] if probe["probe"] == "eicar")
    assert (0, "skipped", "not-asked") == (checked.exit_status, eicar["status"], eicar["reason"])


def test_what_the_pool_differs_in_is_said_of_the_odd_members_alone(checked: Checked, cicap_pool: Pool) -> None:
    five, found = cicap_pool.member(5), checked.findings("warning")
    assert [five] == found["members-differ-in-product"] == found["members-disagree-on-verdict"]
    assert [] == [name for name, members in found.items() if cicap_pool.member(1) in members]


def test_a_missing_engine_is_recognised_without_eicar(cicap_pool: Pool) -> None:
    checked = check(*(f"icap://{cicap_pool.member(number)}/avscan" for number in (1, 2, 3)))
    three = [cicap_pool.member(3)]
    assert {"no-engine-loaded": three, "istag-differs": three} == checked.findings()
    assert {"istag-differs": ["no-engine-loaded"]} == {
        each["id"]: each["because_of"] for each in checked.report["findings"] if each.get("because_of")
    }
    odd = {row["fact"]: row["outliers"] for row in checked.report["comparison"] if row["outliers"]}
    times = {"rtt", "scan_time"}  # a busy machine makes its own
    assert {"istag": three} == {fact: members for fact, members in odd.items() if fact not in times}


def test_table_names_each_finding_and_member(cicap_pool: Pool, tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    urls = [f"icap://{cicap_pool.member(number)}/avscan" for number in (4, 5)]
    check(*urls, "-o", f"table={table}")
    text = table.read_text()
    assert all(word in text for word in ("server-error", "clean-blocked", cicap_pool.member(4), cicap_pool.member(5)))
