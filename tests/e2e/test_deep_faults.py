"""The same for the deep probes: a fault that only they can see gives its one finding, and health gives none."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from icapdiag.lab import FAULTS
from tests.e2e.first_causes import first_cause, first_causes

pytestmark = pytest.mark.realtime  # delays are what it is about

# On a busy machine the lab, which is a part of the same process, answers late: its own threshold of 400 ms would call
# some member slow, and no deep fault is about that. What takes longer than the timeout has failed.
TIMEOUT = 4.0  # seconds for one transaction
SLOW = 1000 * TIMEOUT  # ms
DEADLINE = 3 * TIMEOUT  # seconds for one member
DEEP = [name for name, fault in FAULTS.items() if fault.depth == "deep"]
HEALTHY = ["healthy", "folded-violations", "tls-healthy"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`check --lab --depth deep` once, as a user would run it."""
    target = tmp_path_factory.mktemp("lab") / "report.json"
    command = [sys.executable, "-m", "icapdiag", "check", "--lab", "--depth", "deep", "-o", f"json={target}"]
    command += ["--timeout", str(TIMEOUT), "--connect-timeout", str(TIMEOUT), "--deadline", str(DEADLINE)]
    command += ["--warn", f"{SLOW:g}", "--crit", f"{SLOW:g}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (1, "") == (done.returncode, "".join(line for line in done.stderr.splitlines(True) if "Traceback" in line))
    return json.loads(target.read_text())


@pytest.mark.parametrize("fault", DEEP)
def test_a_deep_fault_gives_its_one_problem(report: Any, fault: str) -> None:
    assert [FAULTS[fault].finding] == [each["finding"] for each in report["problems"] if fault in each["members"]]


@pytest.mark.parametrize(("fault", "expected"), first_causes("deep"))
def test_its_first_cause_and_how_sure_it_is(report: Any, fault: str, expected: tuple[str, str] | None) -> None:
    assert expected == first_cause(report["problems"], fault)


@pytest.mark.parametrize("name", HEALTHY)
def test_health_gives_none(report: Any, name: str) -> None:
    assert [] == [found["id"] for found in report["findings"] if name in found["members"]]


def test_nothing_stays_unexplained_and_nothing_was_our_fault(report: Any) -> None:
    assert (0, []) == (report["unmatched"]["count"], report["unmatched"]["examples"])
    assert [] == [p for member in report["members"] for p in member["probes"] if p["status"] == "error"]
    assert report["complete"] is True


def test_who_breaks_a_rule_on_which_clients_fail_has_a_finding(report: Any) -> None:
    breaking = {each["member"] for rule in report["conformance"] for each in rule["deviating"] if each["breaks"]}
    found = {member for finding in report["findings"] for member in finding["members"]}

    assert {"204-without-allow", "206", "100-after-ieof", "bad-chunk", "wrong-encapsulated"} <= breaking
    assert set() == breaking - found
