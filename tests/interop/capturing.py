"""Captures by tcpdump in a network namespace, and what a report says of them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.programs import Namespace, Programs, need

# gso_max_segs 1: else packets are only cut, or put together, after the filter has seen them.
NETWORK = """
ip link set lo mtu 1500 gso_max_segs 1 up
nft add table inet rows
nft add chain inet rows arrival '{ type filter hook input priority 0; }'
"""


@dataclass(slots=True)
class Network:
    """A namespace with the lab and c-icap, and a folder for captures."""

    programs: Programs
    namespace: Namespace
    pool: Path
    count: int = 0
    made: dict[str, Any] = field(default_factory=dict)
    interface: str = "lo"

    @contextmanager
    def capturing(self, wanted: str = "", name: str = "tcpdump") -> Iterator[Path]:
        """While the block runs, tcpdump writes the file; ``wanted`` is its filter."""
        self.count += 1
        file = self.programs.folder / f"{name}-{self.count}.pcap"
        # Each packet takes as much room in the kernel as -s says: with -s 0 that is 64 KiB, and a burst is lost.
        snap = "0" if self.namespace.pid is None else "2048"
        options = [
            "-i",
            self.interface,
            "-s",
            snap,
            "-U",
            "--immediate-mode",
            "-B",
            "65536",
            "-Z",
            "root",
            "-w",
            str(file),
        ]
        argv = [need("tcpdump"), *options, wanted]
        inside = None if self.namespace.pid is None else self.namespace
        tcpdump = self.programs.start(
            f"{name}-{self.count}", argv, socket_file=file, namespace=inside, stop_signal=signal.SIGINT
        )
        try:
            yield file
            self.written(file)
        finally:
            self.programs.stop(tcpdump)

    @staticmethod
    def written(file: Path) -> None:
        """Wait until nothing has been added to it for a while, so that all that was seen is there."""
        size, since = -1, 0
        for _ in range(100):
            time.sleep(0.1)
            since = since + 1 if file.stat().st_size == size else 0
            size = file.stat().st_size
            if since == 4:
                return

    def check(self, *arguments: str, rules: str = "") -> tuple[Checked, Path]:
        """``icapdiag check`` while the nft rules hold, and its capture."""
        with self.filtered(rules), self.capturing() as file:
            return check(*arguments, namespace=self.namespace), file

    @contextmanager
    def filtered(self, rules: str) -> Iterator[None]:
        for rule in filter(None, map(str.strip, rules.split(";"))):
            self.run(need("nft"), f"add rule inet rows arrival {rule}")
        try:
            yield
        finally:
            self.run(need("nft"), "flush chain inet rows arrival")

    def run(self, *argv: str, check: bool = True, fds: tuple[int, ...] = ()) -> None:
        subprocess.run(
            self.namespace.command(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=check,
            pass_fds=fds,
        )


def explain(file: Path, *arguments: str) -> Mapping[str, Any]:
    """The report of ``icapdiag explain FILE``."""
    argv = [*ICAPDIAG, "explain", str(file), *arguments, "-o", "json"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def first(report: Mapping[str, Any]) -> dict[str, str]:
    """The first finding at each member, but for lost packets, which have a test of their own.

    On a busy machine the kernel repeats segments on loopback, too, and a capture shows it.
    """
    found: dict[str, str] = {}
    for problem in report.get("problems") or ():
        for member in problem["members"] if problem["finding"] != "packet-loss" else ():
            found.setdefault(member, problem["finding"])
    return found


def outcomes(report: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Of each request of each member."""
    return [
        (member["name"], each["probe"], each["status"], each["facts"].get("icap_status"), each["facts"].get("verdict"))
        for member in report["members"]
        for each in member["probes"]
        if each["probe"] in {"options", "upload", "clean", "eicar"}
    ]
