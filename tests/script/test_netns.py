"""The script in a network namespace: it reaches what is in there only, and says so where it can't get in."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from icapdiag.api.explaining import explain
from icapdiag.api.se_script import se_script
from icapdiag.model import Report
from icapdiag.pool import load_pool
from icapdiag.report.formats import render
from tests.cli.run import PROGRAM, environment
from tests.script.running import ip_is_usable

pytestmark = pytest.mark.skipif(not ip_is_usable(), reason="needs ip, and root to make a network namespace")


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """One with nothing but a loopback."""
    name = f"icapdiag-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture(scope="module")
def pool(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pool file of a lab that is served in the namespace."""
    file = tmp_path_factory.mktemp("netns") / "pool.yaml"
    command = ["ip", "netns", "exec", namespace, *PROGRAM, "lab", "healthy", "eicar-missed", "--pool-file", str(file)]
    lab = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if file.exists():
                break
            assert lab.poll() is None
            time.sleep(0.1)
        yield file
    finally:
        lab.send_signal(signal.SIGINT)
        lab.wait(20)


def ran(pool: Path, folder: Path, netns: str) -> Report:
    script = se_script(load_pool(pool), eicar=True, netns=netns)
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run([bash, "-s"], input=script.encode(), capture_output=True, timeout=60, check=True)
    (folder / "output.txt").write_bytes(done.stdout)
    return explain([folder / "output.txt"])


def test_it_runs_in_the_namespace(pool: Path, namespace: str, tmp_path: Path) -> None:
    report = ran(pool, tmp_path, namespace)

    assert [("eicar-not-detected", ("eicar-missed",))] == [(each.id, each.members) for each in report.findings]
    assert report.complete
    assert f", namespace {namespace}." in " ".join(render(report, "table").split())


def test_outside_of_it_nobody_listens(pool: Path, tmp_path: Path) -> None:
    report = ran(pool, tmp_path, "")

    assert ["tcp-refused"] == [each.id for each in report.findings]


def test_a_namespace_that_is_not_there_is_said(pool: Path, tmp_path: Path) -> None:
    report = ran(pool, tmp_path, "avi_ns99")

    assert [] == [each.id for each in report.findings]
    assert not report.complete
    assert ("healthy, eicar-missed (the script could not enter the namespace avi_ns99)",) == report.not_tested
    assert "nothing was tested: the output of the script has no result of any member" in " ".join(
        render(report, "table").split()
    )
