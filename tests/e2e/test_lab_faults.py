"""The whole way on the embedded lab: this fault gives this one finding, and in time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import Any

import pytest

from icapdiag.lab import FAULTS, faults_of
from icapdiag.vocabulary import EFFECT_ORDER, SEVERITY_ORDER
from tests.e2e.first_causes import FIRST_CAUSES, first_cause, first_causes

pytestmark = pytest.mark.realtime  # delays are what it is about

TIMEOUT = 2.0  # seconds for one transaction; what the mute and dripping members cost
DEADLINE = 6.0  # seconds for one member
PATH = 8.0  # seconds more where late answers look like lost packets
IMPORTS = 3.0  # seconds for the interpreter, the imports and the lab's certificates on a slow machine


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], float]:
    """`check --lab` once, as a user would run it in 100 columns: (process, report, seconds)."""
    target = tmp_path_factory.mktemp("lab") / "report.json"
    command = [sys.executable, "-m", "icapdiag", "check", "--lab", "-o", "table", "-o", f"json={target}"]
    command += ["--timeout", str(TIMEOUT), "--connect-timeout", str(TIMEOUT), "--deadline", str(DEADLINE)]
    started = time.monotonic()
    environment = {**os.environ, "COLUMNS": "100"}
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    return process, json.loads(target.read_text()), time.monotonic() - started


Run = tuple[subprocess.CompletedProcess[str], dict[str, Any], float]


@pytest.mark.parametrize("fault", faults_of("standard"))
def test_a_fault_gives_its_one_problem(run: Run, fault: str) -> None:
    _, report, _ = run

    found = [problem["finding"] for problem in report["problems"] if fault in problem["members"]]

    expected = FAULTS[fault].finding
    assert ([expected] if expected else []) == found


@pytest.mark.parametrize(("fault", "expected"), first_causes("standard"))
def test_its_first_cause_and_how_sure_it_is(run: Run, fault: str, expected: tuple[str, str] | None) -> None:
    _, report, _ = run

    assert expected == first_cause(report["problems"], fault)


def test_the_first_screen_is_short_and_sorted_by_harm(run: Run) -> None:
    process, report, _ = run
    harm = [(SEVERITY_ORDER.index(each["severity"]), _rank(each.get("effect"))) for each in report["problems"]]
    lines = process.stdout.splitlines()
    matrix = [line.partition(":")[0].split()[0] for line in lines[:27] if line.strip()]

    assert sorted(harm) == harm
    assert len(lines) <= 250
    assert re.match(r"CRITICAL  icapdiag-lab /avscan: \d+ of \d+ members ", lines[0])
    assert re.search(r"\+ \d+ more: \d+ critical, \d+ warning, \d+ ok, 1 disabled", process.stdout)
    assert report["problems"][0]["members"][0] in matrix


def _rank(effect: str | None) -> int:
    return len(EFFECT_ORDER) if effect is None else [each.value for each in EFFECT_ORDER].index(effect)


def test_nothing_stays_unexplained_and_nothing_was_our_fault(run: Run) -> None:
    _, report, _ = run

    assert 0 == report["unmatched"]["count"]
    assert [] == [p for member in report["members"] for p in member["probes"] if p["status"] == "error"]
    assert report["complete"] is True


def test_a_demand_for_a_client_certificate_is_told_from_other_failures_of_tls(run: Run) -> None:
    _, report, _ = run

    [member] = [member for member in report["members"] if member["name"] == "tls-client-certificate"]
    assert [("options", "tls-client-certificate")] == [
        (probe["probe"], probe["reason"]) for probe in member["probes"] if probe["status"] == "failed"
    ]


def test_it_ends_with_findings_and_without_a_traceback(run: Run) -> None:
    process, _, _ = run

    assert 1 == process.returncode
    assert "Traceback" not in process.stdout + process.stderr


def test_no_member_holds_up_the_end(run: Run) -> None:
    _, report, seconds = run

    for member in report["members"]:
        spent = {probe["probe"]: (probe["elapsed_ms"] or 0) / 1000 for probe in member["probes"]}
        assert spent.pop("path", 0.0) <= PATH + 1.0, member["name"]
        assert sum(spent.values()) <= DEADLINE + 1.0, member["name"]
    assert seconds <= DEADLINE + PATH + IMPORTS


def test_healthy_members_are_ok(run: Run) -> None:
    _, report, _ = run

    verdicts = {member["name"]: member["verdict"] for member in report["members"]}
    assert ["ok", "ok", "ok", "disabled"] == [
        verdicts[n] for n in ("healthy", "folded-violations", "tls-healthy", "disabled")
    ]


def test_server_text_reaches_the_terminal_escaped(run: Run) -> None:
    process, _, _ = run

    assert "\x1b" not in process.stdout


def test_each_fault_that_gives_a_finding_has_its_cause_in_the_table() -> None:
    assert {name for name, fault in FAULTS.items() if fault.finding} == FIRST_CAUSES.keys()
    assert 80 <= len(FIRST_CAUSES)
