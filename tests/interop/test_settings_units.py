"""What fixes name of c-icap's and clamd's systemd units, without systemd: its own programs and what it would do.

`systemd-analyze verify` reads the settings, `systemd-socket-activate` is the socket unit, a cgroup is TasksMax.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.diagnosed import advises, nothing_is_wrong
from tests.interop.hosts import AVSCAN, C_ICAP, Host, host
from tests.interop.programs import Program, Programs, need

pytestmark = pytest.mark.realcases

UNITS = Path("/lib/systemd/system")
SOCKET = "/run/clamav/clamd.ctl"
LOADING = ("sh", "-c", "sleep 4; exec clamd --foreground=true")  # as long as the signatures take, and more
PIDS = Path("/sys/fs/cgroup/pids")


@pytest.fixture(scope="module")
def served(programs: Programs) -> Iterator[Host]:
    with host(programs, "served") as made:
        yield made


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("[Unit]\nAfter=clamav-daemon.service\n", ""),
        ("[Service]\nLimitNOFILE=65536\nTasksMax=8192\n", ""),
        ("[Service]\nLimitNOFILES=65536\n", "Unknown key 'LimitNOFILES'"),  # it does look at them
    ],
)
def test_systemd_knows_the_settings(tmp_path: Path, settings: str, complaint: str) -> None:
    """`systemctl edit c-icap` writes this file."""
    shutil.copy(UNITS / "c-icap.service", tmp_path)
    override = tmp_path / "c-icap.service.d" / "override.conf"
    override.parent.mkdir()
    override.write_text(settings)
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", str(tmp_path / "c-icap.service")],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = "".join(line for line in done.stderr.splitlines() if "override.conf" in line)
    assert complaint in said if complaint else not said, said


def loading(here: Host, *, socket: bool) -> Program:
    """A clamd that is started and not yet there; behind the socket of its unit, or without one."""
    here.install()
    here.run(f"rm -f {SOCKET}")
    if not socket:
        return here.programs.start("loading-clamd", LOADING, namespace=here.namespace)
    argv = [need("systemd-socket-activate"), "--listen", SOCKET, *LOADING]
    made = Path(f"/proc/{here.namespace.pid}/root{SOCKET}")
    program = here.programs.start("socket-unit", argv, socket_file=made, namespace=here.namespace)
    here.run(f"chmod 666 {SOCKET}")  # systemd's default
    return program


def test_c_icap_does_not_wait_for_a_clamd_without_its_socket(served: Host) -> None:
    """After= waits for the process only; so does `systemctl restart`, and clamdscan --ping for the answer."""
    clamd = loading(served, socket=False)
    served.restart_c_icap()
    early = served.check(AVSCAN, "--eicar")
    assert "no-engine-loaded" == early.report["problems"][0]["finding"]
    assert advises(early, "`systemctl restart clamav-daemon && clamdscan --ping 60 && systemctl restart c-icap`")
    assert advises(early, "`systemctl enable clamav-daemon.socket`")
    served.stop_c_icap()
    served.programs.stop(clamd)

    clamd = loading(served, socket=False)
    served.run("clamdscan --ping 60")
    served.restart_c_icap()
    later = served.check(AVSCAN, "--eicar")
    served.stop_c_icap()
    served.programs.stop(clamd)
    nothing_is_wrong(later)


def test_c_icap_waits_at_the_socket_of_clamd(served: Host) -> None:
    clamd = loading(served, socket=True)
    served.restart_c_icap()
    first = served.check(AVSCAN, "--eicar")
    second = served.check(AVSCAN, "--eicar")
    served.stop_c_icap()
    served.programs.stop(clamd)

    assert {} == first.findings("critical")
    assert "blocked" == first.facts("eicar")["verdict"]
    nothing_is_wrong(second)


def test_too_few_tasks(served: Host) -> None:
    """`TasksMax` is the limit of the unit's cgroup, whose processes systemd kills when it stops the unit."""
    if not os.access(PIDS, os.W_OK):
        pytest.skip("this host has no cgroup of version 1 for the number of processes")
    served.install()
    served.restart_clamd()
    served.write(C_ICAP, "StartServers 1", "MaxServers 1", "ThreadsPerChild 10")
    group = PIDS / f"icapdiag-{os.getpid()}"
    group.mkdir()
    inside = ("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" "$@"')
    found = {}
    try:
        for most in (8, 8192):
            (group / "pids.max").write_text(str(most))
            served.restart_c_icap(inside=inside)
            found[most] = served.check(AVSCAN, "--timeout", "2")
            for pid in map(int, (group / "cgroup.procs").read_text().split()):
                os.kill(pid, signal.SIGKILL)
            served.stop_c_icap()
    finally:
        until = time.monotonic() + 10
        while (group / "cgroup.procs").read_text() and time.monotonic() < until:
            time.sleep(0.1)
        group.rmdir()

    assert "server-threads-exhausted" == found[8].report["problems"][0]["finding"]
    assert advises(found[8], "`TasksMax=8192`")
    nothing_is_wrong(found[8192])
