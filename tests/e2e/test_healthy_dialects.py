"""A healthy member is ok whatever vendor's dialect it speaks: no finding, not even of severity info."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from icapdiag.lab import DIALECTS, FAULTS, serve_lab


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`check --eicar` of one member of each dialect, as a user would run it."""
    return trio.run(checked, tmp_path_factory.mktemp("dialects"))


async def checked(folder: Path, *options: str) -> dict[str, Any]:
    pool, target = folder / "pool.yaml", folder / "report.json"
    async with serve_lab([*DIALECTS]) as lab:
        pool.write_text(lab.pool_yaml)
        command = [sys.executable, "-m", "icapdiag", "check", str(pool), "--eicar", "-o", f"json={target}", *options]
        with trio.fail_after(60):
            await trio.run_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    saved: dict[str, Any] = json.loads(target.read_text())
    return saved


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_healthy_member_has_no_finding(report: dict[str, Any], dialect: str) -> None:
    (member,) = [member for member in report["members"] if member["name"] == dialect]

    assert [] == [finding["id"] for finding in report["findings"] if dialect in finding["members"]]
    assert "ok" == member["verdict"]
    assert {"clean": "allowed", "eicar": "blocked", "eicar-form": "blocked"} == {
        probe["probe"]: probe["facts"]["verdict"] for probe in member["probes"] if "verdict" in probe["facts"]
    }


def test_the_pool_is_healthy(report: dict[str, Any]) -> None:
    assert ("ok", 0, []) == (report["verdict"], report["unmatched"]["count"], report["findings"])
    assert len(DIALECTS) > 15


def test_a_deep_look_finds_nothing_either(tmp_path: Path) -> None:
    deep = trio.run(checked, tmp_path, "--depth", "deep")

    assert ("ok", 0, []) == (deep["verdict"], deep["unmatched"]["count"], [found["id"] for found in deep["findings"]])
    broken = [each for sheet in deep["conformance"] for each in sheet["deviating"] if each["breaks"]]
    assert (30, []) == (len(deep["conformance"]), broken)


def test_a_dialect_is_no_fault() -> None:
    assert set() == DIALECTS.keys() & FAULTS.keys()
    assert {None} == {dialect.finding for dialect in DIALECTS.values()}
