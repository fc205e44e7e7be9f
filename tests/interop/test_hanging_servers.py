"""Servers that hang, and old versions of TLS: the cause that is named, and how sure it is."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop import c_icap, other_programs, stand_ins
from tests.interop.certificates import write_certificate
from tests.interop.clients import check
from tests.interop.diagnosed import Diagnosis
from tests.interop.programs import Program, Programs, free_port, need

pytestmark = pytest.mark.realtime  # timeouts are what it is about


ENGINE_HANGS = Diagnosis("no-response", "engine-hangs", "likely", "clamdscan --fdpass", never="MaxServers|PROXY")


@contextmanager
def stopped(program: Program) -> Iterator[None]:
    """While the block runs, the program does not, with its children."""
    first = program.process.pid
    pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def test_an_engine_that_hangs_is_named_and_not_the_threads(programs: Programs, known_eicar: None) -> None:
    port, clamd_socket = free_port(), programs.folder / "hanging.ctl"
    clamd = c_icap.start_clamd(programs, clamd_socket)
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.clamd_engine(clamd_socket)
    server = c_icap.start(programs, "hanging-engine", [("127.0.0.1", port)], services)
    with stopped(clamd):
        checked = check(f"icap://127.0.0.1:{port}/avscan", "--timeout", "1.5")
    programs.stop(server, clamd)

    ENGINE_HANGS.holds(checked)


def test_an_engine_that_pauses_is_slow(programs: Programs, known_eicar: None) -> None:
    port, clamd_socket = free_port(), programs.folder / "pausing.ctl"
    clamd = c_icap.start_clamd(programs, clamd_socket)
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.clamd_engine(clamd_socket)
    server = c_icap.start(programs, "pausing-engine", [("127.0.0.1", port)], services)
    with stopped(clamd):
        timer = threading.Timer(2, os.kill, (clamd.process.pid, signal.SIGCONT))
        timer.start()
        checked = check(f"icap://127.0.0.1:{port}/avscan", "--warn", "1000")
        timer.join()
    programs.stop(server, clamd)

    Diagnosis(
        "slow-member", "engine-slow", "likely", "engine", severity="warning", effect="slow", never="SSL profile"
    ).holds(checked)


def test_a_handler_that_never_ends_is_an_engine_that_hangs(programs: Programs) -> None:
    port = stand_ins.nodecap(programs)

    Diagnosis("no-response", "engine-hangs", "likely", "log", never="ThreadsPerChild|c-icap|clamdscan").holds(
        check(f"icap://127.0.0.1:{port}/avscan", "--timeout", "1.5")
    )


def test_a_process_that_accepts_and_says_nothing(programs: Programs) -> None:
    checked = check(other_programs.silent(programs), "--timeout", "1")

    Diagnosis("no-response", "service-hangs", "likely", "^On the ICAP server: .*log", never="clamd").holds(checked)
    assert "ruled out" == checked.causes("no-response")["engine-hangs"]


def test_a_server_that_is_stopped_may_be_that_or_out_of_threads(programs: Programs, known_eicar: None) -> None:
    port = free_port()
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
    server = c_icap.start(programs, "stopped", [("127.0.0.1", port)], services)
    with stopped(server):
        checked = check(f"icap://127.0.0.1:{port}/avscan", "--timeout", "1")
    programs.stop(server)

    assert ["server-threads-exhausted"] == list(checked.findings("critical"))
    causes = checked.causes("server-threads-exhausted")
    assert ("possible", "possible") == (causes["threads-busy"], causes["process-hangs"])


@pytest.mark.parametrize("version", ["-tls1_1", "-tls1"])
def test_old_versions_of_tls_are_proven_by_the_alert(programs: Programs, version: str) -> None:
    port = free_port()
    certificate, _ = write_certificate(programs.folder, f"old{version}")
    argv = [need("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", version, "-www", "-cipher", "ALL:@SECLEVEL=0"]
    server = programs.start(f"s_server{version}", [*argv, "-cert", str(certificate)], ports=[("127.0.0.1", port)])
    checked = check(f"icaps://127.0.0.1:{port}/avscan")
    programs.stop(server)

    assert ["tls-handshake-failed"] == list(checked.findings("critical"))
    causes = checked.causes("tls-handshake-failed")
    assert ("proven", "ruled out") == (causes["version"], causes["client-certificate"])
