"""The script against every member of the lab, without Python: the first finding is that of a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from icapdiag.api.explaining import explain
from icapdiag.facts.connection import Transfer
from icapdiag.lab import FAULTS, faults_of, serve_lab
from icapdiag.model import Report
from icapdiag.runbook import load_runbooks
from tests.script.running import DAMAGES, Output, run, script_for, tools

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(600)]  # delays are what it is about

LIBRARY = load_runbooks()
TIMEOUT = 3.0  # seconds for a connection or a response
# What the script can't see, and why.
UNSEEN: Mapping[str, str] = {
    "threads-exhausted": "bash can't close one half of a connection, which tells a full queue from a hanging service",
}
TRIED = [name for name in faults_of("standard") if FAULTS[name].enabled]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Output]:
    """What the script printed for each member."""
    environment = tools(tmp_path_factory.mktemp("bin") / "bin")
    found: dict[str, Output] = {}

    async def main() -> None:
        limit = trio.CapacityLimiter(6)
        async with serve_lab(TRIED) as lab:

            async def one(name: str) -> None:
                async with limit:
                    found[name] = await run(script_for(lab.pool_yaml, lab.member(name), timeout=TIMEOUT), environment)

            async with trio.open_nursery() as nursery:
                for name in TRIED:
                    nursery.start_soon(one, name)

    trio.run(main)
    return found


def explained(data: bytes, folder: Path) -> Report:
    file = folder / "output.txt"
    file.write_bytes(data)
    return explain([file], runbooks=LIBRARY)


def first_of(report: Report) -> str | None:
    return report.problems[0].finding if report.problems else None


@pytest.mark.parametrize("fault", TRIED)
def test_the_first_finding_is_that_of_a_check(outputs: Mapping[str, Output], fault: str, tmp_path: Path) -> None:
    report = explained(outputs[fault].out, tmp_path)
    expected = FAULTS[fault].finding

    assert (0, b"") == (outputs[fault].status, outputs[fault].err)
    assert report.complete
    assert (first_of(report) == expected) is (fault not in UNSEEN)


# Each fault with one kind of damage in every run, in turn; with the others where there is time for it.
DAMAGED = [
    pytest.param(fault, damage, id=f"{fault}-{name}", marks=() if at % len(DAMAGES) == kind else pytest.mark.realcases)
    for at, fault in enumerate(TRIED)
    for kind, (name, damage) in enumerate(DAMAGES.items())
]


@pytest.mark.parametrize(("fault", "damage"), DAMAGED)
def test_the_same_after_damage(
    outputs: Mapping[str, Output], fault: str, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    whole = explained(outputs[fault].out, tmp_path)
    damaged = explained(damage(outputs[fault].out), tmp_path)

    assert whole.members == damaged.members
    assert first_of(whole) == first_of(damaged)


def test_bash_alone_is_enough(tmp_path: Path) -> None:
    async def main() -> Output:
        environment = tools(tmp_path / "bin", ())
        async with serve_lab(["eicar-missed"]) as lab:
            return await run(script_for(lab.pool_yaml, lab.members[0], timeout=TIMEOUT), environment)

    output = trio.run(main)

    assert b"" == output.err
    assert first_of(explained(output.out, tmp_path)) == "eicar-not-detected"
    assert b";code=b;" not in output.out.replace(b"f=plan;code=b;", b"")


def test_a_preview_that_ends_before_the_body_and_an_ipv6_address(tmp_path: Path) -> None:
    async def main() -> Output:
        environment = tools(tmp_path / "bin")
        async with serve_lab(["healthy"], host="::1") as lab:
            text = lab.pool_yaml.replace("preview_size: 1024", "preview_size: 10")
            return await run(script_for(text, lab.members[0], timeout=TIMEOUT), environment)

    output = trio.run(main)
    report = explained(output.out, tmp_path)
    [clean] = [probe for probe in report.members[0].probes if probe.probe == "clean"]

    assert first_of(report) is None
    assert "ok" == report.members[0].verdict
    transfer = clean.facts.part(Transfer)
    assert transfer is not None
    assert transfer.continued is True
