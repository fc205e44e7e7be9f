"""Real scanners that work give no critical finding and no warning, however closely they are looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.clients import check
from tests.interop.conftest import CIcap, E2guardian
from tests.interop.diagnosed import nothing_is_wrong
from tests.interop.programs import Programs
from tests.interop.scanners import Scanners

EICAR = ("--eicar",)
DEEP = ("--eicar", "--depth", "deep")
CEILING = "8"  # scans at a time, which two cores take
ALL = (*DEEP, "--count", "20", "--load", "--yes", "--load-ceiling", CEILING)
Server = Callable[[Scanners], int]


def with_libclamav(scanners: Scanners) -> int:
    return scanners.port("healthy")


def with_clamd(scanners: Scanners) -> int:
    scanners.clamd.start()
    return scanners.with_clamd("healthy-clamd")


def squidclamav(scanners: Scanners) -> int:
    return scanners.squidclamav(with_clamd(scanners))


SERVERS = pytest.mark.parametrize("server", [with_libclamav, with_clamd, squidclamav])


@pytest.fixture(scope="module")
def scanners(programs: Programs, known_eicar: None) -> Scanners:
    return Scanners(programs, "well")


def test_a_real_healthy_scanner_has_no_finding(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/avscan", "--eicar")

    assert (0, {}) == (checked.exit_status, checked.findings())
    assert "blocked" == checked.facts("eicar")["verdict"]


@SERVERS
@pytest.mark.parametrize("arguments", [(), EICAR, DEEP], ids=["standard", "eicar", "deep"])
def test_nothing_is_wrong(scanners: Scanners, server: Server, arguments: tuple[str, ...]) -> None:
    nothing_is_wrong(check(f"icap://127.0.0.1:{server(scanners)}/avscan", *arguments))


@pytest.mark.realtime
@SERVERS
def test_nothing_is_wrong_in_many_rounds_and_under_load(scanners: Scanners, server: Server) -> None:
    nothing_is_wrong(check(f"icap://127.0.0.1:{server(scanners)}/avscan", *ALL))


def test_nothing_is_wrong_with_e2guardian(e2guardian_server: E2guardian) -> None:
    """Which scans no uploads, and cuts those that are longer than their preview: it is healthy but for that."""
    nothing_is_wrong(e2guardian_server.check("request"))


@pytest.mark.realtime
def test_nothing_is_wrong_with_e2guardian_in_many_rounds_and_under_load(e2guardian_server: E2guardian) -> None:
    nothing_is_wrong(e2guardian_server.check("request", "--count", "20", "--load", "--yes", "--load-ceiling", CEILING))
