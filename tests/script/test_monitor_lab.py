"""The health monitor against every member of the lab, run as Avi runs it: it speaks for those that scan, in time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from icapdiag.api.avi_monitor import avi_monitor
from icapdiag.lab import FAULTS, LabMember, faults_of, serve_lab
from icapdiag.runbook import load_runbooks
from icapdiag.script.monitoring import monitor_script
from icapdiag.vocabulary import Severity
from tests.script.running import pool_of, tools

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(300)]  # deadlines are what it is about

TRIED = [name for name in faults_of("standard") if FAULTS[name].enabled]
LIMIT = 4.0  # seconds: Avi's receive_timeout
# Faults of a server that scans: users get the right answer, perhaps late.
SCANNING = {
    "slow", "waits-for-thread", "blocks-without-header", "disarms", "echo-without-allow", "offers-respmod",
    "no-connections", "no-istag", "istag-changes", "clock-skewed", "100-in-vain",
}  # fmt: skip
REFUSING_OPTIONS = {"options-refused", "options-without-encapsulated"}
# What only EICAR shows.
UNNOTICED = {"eicar-missed", "form-missed", "passes-not-scanned", "blocks-with-403"}


class Ran(NamedTuple):
    """What a monitor did."""

    out: bytes
    err: bytes
    status: int
    seconds: float


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    began = time.monotonic()
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, env=environment)
    return Ran(done.stdout, done.stderr, done.returncode, time.monotonic() - began)


def monitor_for(
    folder: Path, pool_yaml: str, member: LabMember, *, eicar: bool = True, options: bool = True
) -> list[str]:
    """The command that Avi would run for a member: the script, its address and its port."""
    file = folder / f"{member.name}.sh"
    monitor = avi_monitor(pool_of(pool_yaml, member.name), eicar=eicar, options=options)
    file.write_text(monitor_script(monitor), "utf-8")
    file.chmod(0o755)
    return [str(file), member.host, str(member.port)]


def run_all(
    folder: Path, names: Sequence[str], *, eicar: bool = True, options: bool = True, host: str = "127.0.0.1"
) -> Mapping[str, Ran]:
    """What the monitor did for each of these members, without any environment."""
    found: dict[str, Ran] = {}

    async def main() -> None:
        limit = trio.CapacityLimiter(4)
        async with serve_lab(names, host=host) as lab:

            async def one(name: str) -> None:
                command = monitor_for(folder, lab.pool_yaml, lab.member(name), eicar=eicar, options=options)
                async with limit:
                    found[name] = await _run(command, {})

            async with trio.open_nursery() as nursery:
                for name in names:
                    nursery.start_soon(one, name)

    trio.run(main)
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ran]:
    return run_all(tmp_path_factory.mktemp("monitor"), TRIED)


@pytest.mark.parametrize("fault", TRIED)
def test_it_speaks_only_for_a_server_that_scans_and_in_time(ran: Mapping[str, Ran], fault: str) -> None:
    scans = FAULTS[fault].finding is None or fault in SCANNING

    assert (scans, b"") == (bool(ran[fault].out), ran[fault].err)
    assert (0 if scans else 1) == ran[fault].status
    assert ran[fault].seconds < LIMIT


def test_no_critical_fault_is_among_those_it_speaks_for() -> None:
    library = load_runbooks()
    severities = {name: library.by_id(FAULTS[name].finding or "").severity for name in SCANNING & set(TRIED)}

    assert SCANNING == {name for name, severity in severities.items() if severity != Severity.CRITICAL}


def test_without_eicar_it_does_not_see_what_only_eicar_shows(tmp_path: Path) -> None:
    faults = sorted(UNNOTICED | {"healthy", "500", "clean-blocked", "not-scanned", "shadow"})

    found = run_all(tmp_path, faults, eicar=False)

    assert UNNOTICED | {"healthy"} == {name for name, each in found.items() if each.out}


def test_without_options_a_server_that_refuses_it_is_up(tmp_path: Path) -> None:
    found = run_all(tmp_path, sorted(REFUSING_OPTIONS | {"404", "500"}), options=False)

    assert REFUSING_OPTIONS == {name for name, each in found.items() if each.out}


def test_an_ipv6_address(tmp_path: Path) -> None:
    found = run_all(tmp_path, ["healthy", "eicar-missed"], host="::1")

    assert found["healthy"].out.startswith(b"[::1]:")
    assert not found["eicar-missed"].out


def one(
    folder: Path,
    name: str,
    *,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    arguments: bool = True,
) -> Ran:
    """What the monitor does for one member, however it is run."""

    async def main() -> Ran:
        async with serve_lab([name]) as lab:
            member = lab.members[0]
            command = monitor_for(folder, lab.pool_yaml, member)
            given = {"IP": member.host, "PORT": str(member.port), "HM_NAME": "icap"} if not arguments else {}
            return await _run([*before, *(command if arguments else command[:1])], {**given, **(environment or {})})

    return trio.run(main)


def test_the_address_may_be_in_the_environment_only(tmp_path: Path) -> None:
    assert one(tmp_path, "healthy", arguments=False).out
    assert not one(tmp_path, "eicar-missed", arguments=False).out


@pytest.mark.parametrize("name", ["healthy", "tls-healthy", "eicar-missed", "mute"])
def test_bash_and_openssl_are_enough(tmp_path: Path, name: str) -> None:
    ran = one(tmp_path, name, environment=tools(tmp_path / "bin", ("openssl",)))

    assert (name.endswith("healthy"), b"") == (bool(ran.out), ran.err)
    assert ran.seconds < LIMIT


@pytest.mark.skipif(shutil.which("dash") is None, reason="needs dash")
@pytest.mark.parametrize("name", ["healthy", "eicar-missed"])
def test_another_shell_hands_it_to_bash(tmp_path: Path, name: str) -> None:
    ran = one(tmp_path, name, before=["dash"])

    assert (name == "healthy", b"") == (bool(ran.out), ran.err)


def test_bash_as_sh(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/bash")

    assert one(tmp_path, "healthy", before=[str(tmp_path / "sh")]).out
    assert not one(tmp_path, "500", before=[str(tmp_path / "sh")]).out


def test_why_it_is_silent_is_said_on_request(tmp_path: Path) -> None:
    why = {"ICAPDIAG_WHY": "1"}

    assert b"silent: EICAR: passed\n" == one(tmp_path, "eicar-missed", environment=why).err
    assert b"silent: OPTIONS: ICAP 404\n" == one(tmp_path, "404", environment=why).err
    mute = one(tmp_path, "mute", environment=why)
    assert (b"", b"silent: no result within 3.500 s\n") == (mute.out, mute.err)


@pytest.mark.parametrize("name", ["mute", "tls-on-plain-port", "healthy", "tls-healthy"])
def test_no_process_is_left(tmp_path: Path, name: str) -> None:
    ran = one(tmp_path, name)

    left = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if os.fsencode(tmp_path) in words:
            left.append(words)
    assert ran.status in {0, 1}
    assert [] == left


@pytest.mark.parametrize("arguments", [[], ["127.0.0.1"], ["127.0.0.1", "x"], ["$(id)", "1344"], ["", ""]])
def test_without_a_server_it_is_silent(tmp_path: Path, arguments: list[str]) -> None:
    file = tmp_path / "monitor.sh"
    pool = "service_uri: /avscan\nmembers: [{host: 127.0.0.1, name: a}]\n"
    file.write_text(monitor_script(avi_monitor(pool_of(pool, "a"))), "utf-8")

    ran = trio.run(_run, ["/bin/bash", str(file), *arguments], {})

    assert (b"", b"", 2) == (ran.out, ran.err, ran.status)
