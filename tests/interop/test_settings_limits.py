"""Limits of threads, time and files: the advised setting, on Debian's own c-icap, ends what the low limit does."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.interop.clients import explained
from tests.interop.diagnosed import advises, nothing_is_wrong
from tests.interop.hosts import AVSCAN, C_ICAP, Host, host
from tests.interop.programs import Programs, need

pytestmark = pytest.mark.realcases

FEW = ("StartServers 1", "MaxServers 1", "MinSpareThreads 1", "ThreadsPerChild 4")
AS_SHIPPED = ("MaxServers 10", "ThreadsPerChild 10")
LOAD = ("--load", "--yes", "--load-ceiling", "16")
# Connects so often, says so, and holds the connections: after an OPTIONS each, or in silence.
_HOLD = """
import socket, sys, time
number, ready, request = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
held = [socket.create_connection(("127.0.0.1", 1344)) for _ in range(number)]
for each in held if request else ():
    each.sendall(request)
    each.recv(4096)
open(ready, "w").close()
time.sleep(300)
"""
OPTIONS = "OPTIONS icap://127.0.0.1:1344/avscan ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n\r\n"
# Stops for so many seconds within the preview, and prints the answer.
SLOWLY = r"""{ printf 'REQMOD icap://127.0.0.1:1344/avscan ICAP/1.0\r\nHost: 127.0.0.1:1344\r\nConnection: close\r\n'
printf 'Preview: 1024\r\nAllow: 204\r\nEncapsulated: req-hdr=0, req-body=47\r\n\r\n'
printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n5\r\nab'; sleep 3; printf 'cde\r\n0; ieof\r\n\r\n'
} | nc -w 10 127.0.0.1 1344"""


@pytest.fixture(scope="module")
def limited(programs: Programs) -> Iterator[Host]:
    with host(programs, "limited") as made:
        yield made


@contextmanager
def holding(here: Host, number: int, request: str = "") -> Iterator[None]:
    """While the block runs, a client has so many connections."""
    ready = here.folder / "holding"
    argv = [sys.executable, "-c", _HOLD, str(number), str(ready), request]
    client = here.programs.start("silent-client", argv, socket_file=ready, namespace=here.namespace)
    try:
        yield
    finally:
        here.programs.stop(client)
        ready.unlink()


def started(here: Host, *settings: str) -> None:
    here.write(C_ICAP, *settings)
    here.restart_c_icap()


@pytest.fixture(autouse=True)
def _installed(limited: Host) -> None:
    limited.install()
    limited.restart_clamd()


def test_more_servers_and_threads(limited: Host) -> None:
    started(limited, *FEW)
    with holding(limited, 4):
        busy = limited.check(AVSCAN, "--timeout", "1")
    assert ["server-threads-exhausted"] == list(busy.findings("critical"))
    assert advises(busy, "Raise MaxServers and ThreadsPerChild")

    started(limited, *AS_SHIPPED)
    with holding(limited, 4):
        nothing_is_wrong(limited.check(AVSCAN))


@pytest.mark.parametrize("request_before", ["", OPTIONS], ids=["silent connections", "kept connections"])
@pytest.mark.parametrize("settings", [("Timeout 30", "KeepAliveTimeout 10"), ("Timeout 300", "KeepAliveTimeout 600")])
def test_idle_connections_free_their_threads(limited: Host, settings: tuple[str, str], request_before: str) -> None:
    """`Timeout 30` and `KeepAliveTimeout 10`; not as shipped, which is 300 and 600."""
    started(limited, *FEW, *settings)
    with holding(limited, 4, request_before):
        busy = limited.check(AVSCAN, "--timeout", "1")
        time.sleep(42)  # both, one after the other
        later = limited.check(AVSCAN, "--timeout", "1")

    assert ["server-threads-exhausted"] == list(busy.findings("critical"))
    assert advises(busy, "set `Timeout 30` and `KeepAliveTimeout 10` in /etc/c-icap/c-icap.conf")
    if settings[0] == "Timeout 30":
        nothing_is_wrong(later)
    else:
        assert ["server-threads-exhausted"] == list(later.findings("critical"))


def test_processes_that_are_there_before_they_are_needed(limited: Host) -> None:
    """c-icap starts one process a second."""
    few = ("MaxServers 10", "ThreadsPerChild 2", "StartServers 1", "MinSpareThreads 1")
    started(limited, *few)
    with holding(limited, 12):
        waited = limited.check(AVSCAN)
    assert ["connection-waits"] == list(waited.findings())
    assert advises(waited, "raise StartServers and MinSpareThreads in c-icap.conf")

    started(limited, *few[:2], "StartServers 8", "MinSpareThreads 10")
    with holding(limited, 12):
        nothing_is_wrong(limited.check(AVSCAN))


def test_a_client_that_is_slower_than_timeout(limited: Host) -> None:
    pasted = limited.folder / "answer.txt"
    started(limited, "Timeout 1")
    limited.check(AVSCAN)  # until it answers
    pasted.write_text(limited.run(SLOWLY))
    found = explained(pasted)
    assert "request-timeout-status" in found.findings()
    assert advises(found, "Raise the server's request timeout (c-icap: `Timeout` in c-icap.conf, 300 s as shipped)")

    started(limited, "Timeout 300")
    assert limited.run(SLOWLY).startswith("ICAP/1.0 204")


def test_idle_connections_are_kept(limited: Host) -> None:
    kept = (AVSCAN, "--only", "keepalive", "--idle", "6")
    started(limited, "Timeout 2", "KeepAliveTimeout 1")
    early = limited.check(*kept)
    assert ["closes-idle-early"] == list(early.findings())
    assert advises(early, "raise the keep-alive timeout (c-icap.conf: KeepAliveTimeout, 600 s as shipped)")

    started(limited, "KeepAliveTimeout 600")
    later = limited.check(*kept)
    assert {} == later.findings()
    assert not later.facts("keepalive")["idle_closed"]


def test_more_file_descriptors(limited: Host) -> None:
    """`LimitNOFILE` sets this limit for the service; here it is as high as this host allows, if not 65536."""
    most = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    limited.write(C_ICAP, "MaxServers 1", "StartServers 1", "ThreadsPerChild 16")
    limited.restart_c_icap(inside=(need("prlimit"), "--nofile=24:24"))
    failing = limited.check(AVSCAN, *LOAD)
    assert ["fails-under-load"] == list(failing.findings())
    assert advises(failing, "`LimitNOFILE=65536`")
    words = limited.run("grep -E 'Too many open files|No space left' /var/log/c-icap/server.log | tail -3")
    assert "Too many open files" in words

    limited.restart_c_icap(inside=(need("prlimit"), f"--nofile={most}:{most}"))
    nothing_is_wrong(limited.check(AVSCAN, *LOAD))
