"""A real c-icap that has no thread left for a connection: more than a timeout can be said of it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from icapdiag.icap.request import options_request
from tests.interop import c_icap
from tests.interop.certificates import write_certificate
from tests.interop.clients import check
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.programs import Programs, free_port

pytestmark = pytest.mark.realtime  # delays are what it is about

THREADS = 4
PATIENCE = 6  # seconds that c-icap waits for a request
KEPT = 1  # seconds that it waits for the next one on a connection, beside those


NO_THREAD = Diagnosis(
    "server-threads-exhausted", "threads-busy", "possible", "KeepAliveTimeout|ThreadsPerChild", never="SSL profile"
)
ONE_AT_A_TIME = Diagnosis(
    "slow-under-load", "threads", "possible", "[Tt]hreads", severity="warning", effect="slow", never="firewall|SYN"
)


@dataclass(frozen=True, slots=True)
class Small:
    """A c-icap with few threads: plain, and with TLS."""

    plain: int
    tls: int


@pytest.fixture(scope="module")
def small(programs: Programs, known_eicar: None) -> Small:
    server = Small(free_port(), free_port())
    certificate, _ = write_certificate(programs.folder, "small")
    services = (
        f"TlsPort 127.0.0.1:{server.tls} cert={certificate}\nKeepAliveTimeout {KEPT}\n"
        + c_icap.ANTIVIRUS
        + c_icap.FILE_TYPES
        + c_icap.LIBCLAMAV
    )
    listen = [("127.0.0.1", server.plain)]
    c_icap.start(programs, "small", listen, services, threads=THREADS, patience=PATIENCE)
    return server


@contextmanager
def silent_clients(port: int) -> Iterator[None]:
    """Hold every thread with a connection on which nothing is said, for as long as c-icap puts up with that."""
    with ExitStack() as stack:
        for _ in range(THREADS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        time.sleep(0.2)
        yield


def test_no_free_thread_is_its_own_finding(small: Small) -> None:
    with silent_clients(small.plain):
        checked = check(f"icap://127.0.0.1:{small.plain}/avscan", "--timeout", "0.5")

    facts = checked.facts("options")
    assert (0, True, "none") == (facts["bytes_received"], facts["request_acknowledged"], facts["close_reaction"])
    assert ["server-threads-exhausted"] == list(checked.findings())
    NO_THREAD.holds(checked)


def test_more_threads_cure_it(programs: Programs, known_eicar: None) -> None:
    port = free_port()
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
    c_icap.start(programs, "more-threads", [("127.0.0.1", port)], services, threads=THREADS + 2, patience=PATIENCE)
    with silent_clients(port):
        nothing_is_wrong(check(f"icap://127.0.0.1:{port}/avscan", "--timeout", "1"))


@contextmanager
def _in_small_portions(pid: int) -> Iterator[None]:
    """The process runs a fifth of the time, so that what it works on takes milliseconds on a machine of any speed."""
    ended = threading.Event()

    def pace() -> None:
        for _ in range(10_000):
            os.kill(pid, signal.SIGSTOP)
            stopped = ended.wait(0.012)
            os.kill(pid, signal.SIGCONT)
            if stopped or ended.wait(0.003):
                return

    pacer = threading.Thread(target=pace)
    pacer.start()
    try:
        yield
    finally:
        ended.set()
        pacer.join()


def test_one_thread_is_slow_under_load(programs: Programs, known_eicar: None) -> None:
    port, clamd_socket = free_port(), programs.folder / "one-thread-clamd.ctl"
    clamd = c_icap.start_clamd(programs, clamd_socket)
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.clamd_engine(clamd_socket)
    c_icap.start(programs, "one-thread", [("127.0.0.1", port)], services, threads=1)

    with _in_small_portions(clamd.process.pid):
        slow = check(f"icap://127.0.0.1:{port}/avscan", "--load", "--yes")
    programs.stop(clamd)
    ONE_AT_A_TIME.holds(slow)


def test_too_few_file_descriptors_are_likely_where_uploads_fail_under_load(
    programs: Programs, known_eicar: None
) -> None:
    port = free_port()
    services = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
    few = ["sh", "-c", 'ulimit -n 24; exec "$0" "$@"']
    c_icap.start(programs, "few-files", [("127.0.0.1", port)], services, inside=few)
    checked = check(f"icap://127.0.0.1:{port}/avscan", "--load", "--yes")

    assert ["fails-under-load"] == list(checked.findings())
    left = {cause: status for cause, status in checked.causes("fails-under-load").items() if status != "ruled out"}
    assert {"engine": "likely", "resources": "likely"}.items() <= left.items()
    assert not left.keys() & {"connections-dropped", "connections-rejected", "too-slow"}
    assert "Too many open files" in " ".join(checked.report["problems"][0]["steps"]["check"])


def test_no_free_thread_for_tls_is_the_same_finding(small: Small) -> None:
    with silent_clients(small.tls):
        checked = check(f"icaps://127.0.0.1:{small.tls}/avscan", "--connect-timeout", "0.5")

    assert ["server-threads-exhausted"] == list(checked.findings())


def test_a_thread_that_becomes_free_in_time_is_a_wait(small: Small) -> None:
    with silent_clients(small.plain):
        checked = check(f"icap://127.0.0.1:{small.plain}/avscan")

    assert "204" in str(checked.facts("clean")["icap_status"])
    assert ["connection-waits"] == list(checked.findings())


def test_a_client_that_is_served_sees_its_end_of_stream_noticed(small: Small) -> None:
    """What the finding rests on: a thread that has the connection reacts, if only by closing."""
    with socket.create_connection(("127.0.0.1", small.plain), timeout=2) as sock:
        sock.sendall(options_request("127.0.0.1", small.plain, "/avscan").first[:20])
        sock.shutdown(socket.SHUT_WR)
        started = time.monotonic()
        while sock.recv(4096):
            pass

    assert time.monotonic() - started < 1


def test_the_idle_close_is_the_one_that_is_configured(small: Small) -> None:
    checked = check(f"icap://127.0.0.1:{small.plain}/avscan", "--only", "keepalive", "--idle", "12")

    facts = checked.facts("keepalive")
    assert ("honoured", True) == (facts["reuse"], facts["idle_closed"])
    assert pytest.approx(KEPT + PATIENCE, abs=1) == facts["idle_close_s"]
    assert ["closes-idle-early"] == list(checked.findings())
