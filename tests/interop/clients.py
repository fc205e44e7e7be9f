"""Clients as subprocesses: ``icapdiag check`` and c-icap-client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.run import icapdiag
from tests.interop.programs import Namespace, need

ICAPDIAG = (sys.executable, "-m", "icapdiag")


@dataclass(frozen=True, slots=True)
class Checked:
    """What one ``icapdiag check -o json`` gave. ``seconds`` is its wall time."""

    report: Mapping[str, Any]
    exit_status: int
    stderr: str
    seconds: float

    def findings(self, severity: str | None = None) -> dict[str, list[str]]:
        """Finding id to names of members; ``severity`` None: of all severities."""
        return {
            finding["id"]: list(finding["members"])
            for finding in self.report["findings"]
            if severity is None or finding["severity"] == severity
        }

    @property
    def members(self) -> dict[str, str]:
        """Member name to verdict."""
        return {member["name"]: member["verdict"] for member in self.report["members"]}

    def causes(self, finding: str) -> dict[str, str]:
        """The causes of a finding, with their status."""
        found = next(each for each in self.report["findings"] if each["id"] == finding)
        return {cause["id"]: cause["status"] for cause in found["causes"]}

    def facts(self, probe: str, member: int = 0) -> Mapping[str, Any]:
        """The facts of one probe of the member with that index."""
        probes = self.report["members"][member]["probes"]
        return next(each["facts"] for each in probes if each["probe"] == probe)


def check(*arguments: str, namespace: Namespace | None = None) -> Checked:
    """Run ``icapdiag check ARGUMENTS -o json`` and read its report. Fails the test on a traceback."""
    started = time.monotonic()
    if namespace is None:
        status, out, err = icapdiag("check", *arguments, "-o", "json")
    else:
        argv = namespace.command([*ICAPDIAG, "check", *arguments, "-o", "json"])
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
        status, out, err = done.returncode, done.stdout, done.stderr
    seconds = time.monotonic() - started
    assert "Traceback" not in err, err
    assert out, err
    return Checked(json.loads(out), status, err, seconds)


def explained(*files: Path) -> Checked:
    """Run ``icapdiag explain FILES -o json`` and read its report."""
    started = time.monotonic()
    status, out, err = icapdiag("explain", *map(str, files), "-o", "json")
    assert out, err
    return Checked(json.loads(out), status, err, time.monotonic() - started)


def c_icap_client(
    port: int, *options: str, body: bytes | None = None, service: str = "avscan", seconds: float = 30
) -> tuple[str, bytes]:
    """Run c-icap-client against 127.0.0.1:``port``; returns its stderr (headers, verdicts) and stdout (the body).

    ``body`` is the file that is scanned; it stays in memory. The exit status is 0 whatever the server says.
    Raises TimeoutExpired after so many seconds.
    """
    argv = [need("c-icap-client"), "-i", "127.0.0.1", "-p", str(port), "-s", service, *options]
    if body is None:
        return _run(argv, seconds)
    file = os.memfd_create("body")
    try:
        Path(f"/proc/self/fd/{file}").write_bytes(body)
        return _run([*argv, "-f", f"/proc/self/fd/{file}"], seconds, file)
    finally:
        os.close(file)


def _run(argv: list[str], seconds: float, *files: int) -> tuple[str, bytes]:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False, pass_fds=files
    )
    return done.stderr.decode(errors="backslashreplace"), done.stdout
