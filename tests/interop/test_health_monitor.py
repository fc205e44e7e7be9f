"""The health monitor at real scanners: it speaks for those that scan, and is silent where the scanner does not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.api.avi_monitor import avi_monitor
from icapdiag.pool import pool_from_urls
from icapdiag.script.monitoring import monitor_script
from tests.interop.conftest import CIcap
from tests.interop.programs import Programs
from tests.interop.scanners import Scanners

LIMIT = 10  # seconds: a machine may be busy


@pytest.fixture(scope="module")
def scanners(programs: Programs, known_eicar: None) -> Scanners:
    return Scanners(programs, "monitored")


def speaks(folder: Path, port: int, service: str = "avscan", *, eicar: bool) -> bool:
    """Whether the monitor, which gets more time than Avi gives it, prints something, and nothing else anywhere."""
    pool = pool_from_urls([f"icap://127.0.0.1:{port}/{service}"])
    file = folder / "monitor.sh"
    text = monitor_script(avi_monitor(pool, eicar=eicar, receive_timeout=LIMIT, send_interval=2 * LIMIT))
    file.write_text(text, "utf-8")
    done = subprocess.run(["bash", str(file), "127.0.0.1", str(port)], env={}, capture_output=True, check=False)
    assert b"" == done.stderr
    return bool(done.stdout)


def with_clamd(scanners: Scanners) -> int:
    scanners.clamd.start()
    return scanners.with_clamd("healthy-clamd")


@pytest.mark.parametrize(
    "server",
    [
        lambda scanners: scanners.port("healthy"),
        with_clamd,
        lambda scanners: scanners.squidclamav(with_clamd(scanners)),
    ],
    ids=["libclamav", "clamd", "squidclamav"],
)
@pytest.mark.parametrize("eicar", [False, True])
def test_it_speaks_for_a_scanner(
    tmp_path: Path, scanners: Scanners, server: Callable[[Scanners], int], eicar: bool
) -> None:
    assert speaks(tmp_path, server(scanners), eicar=eicar)


@pytest.mark.parametrize(
    ("service", "without", "with_eicar"),
    [("avscan", True, True), ("echo", True, False), ("url_check", False, False), ("avscann", False, False)],
)
def test_it_is_silent_where_the_service_is_another(
    tmp_path: Path, cicap: CIcap, service: str, without: bool, with_eicar: bool
) -> None:
    found = [speaks(tmp_path, cicap.plain, service, eicar=eicar) for eicar in (False, True)]

    assert [without, with_eicar] == found


def test_it_is_silent_where_no_type_of_file_is_scanned(tmp_path: Path, scanners: Scanners) -> None:
    assert not speaks(tmp_path, scanners.without_types(), eicar=True)
