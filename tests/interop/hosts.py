"""A host of its own with Debian's c-icap and ClamAV as they are installed, to apply the steps of runbooks as printed.

Its files are those of the packages, copied over their places in a mount namespace; its network is a loopback.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from icapdiag.icap.samples import eicar
from tests.interop.clients import Checked, check, explained
from tests.interop.programs import Namespace, Program, Programs, need, need_root

C_ICAP, VIRUS_SCAN, CLAMD = "/etc/c-icap/c-icap.conf", "/etc/c-icap/virus_scan.conf", "/etc/clamav/clamd.conf"
CLAMAV_MOD = "/etc/c-icap/clamav_mod.conf"
SCANNED = "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GRAPHICS DOCUMENT STREAM"
SERVER_LOG = "/var/log/c-icap/server.log"
AVSCAN = "icap://127.0.0.1:1344/avscan"
_GOODBYE = 20.0  # seconds
_COPIED = ("etc/c-icap", "etc/clamav")
_DATABASES = "var/lib/clamav"
_PLACES = (*_COPIED, _DATABASES, "var/log")
_SCRIPT = """
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir /run/c-icap /run/clamav
chown c-icap:c-icap /run/c-icap
chown clamav:clamav /run/clamav
{mounts}
"""


@dataclass(slots=True)
class Host:
    """Where its own files are, and the programs that run there."""

    programs: Programs
    namespace: Namespace
    folder: Path
    clamd: Program | None = None
    c_icap: Program | None = None
    _pools: list[Path] = field(default_factory=list)

    def file(self, path: str) -> Path:
        """The host's file of this path, as seen from here."""
        return self.folder / path.lstrip("/")

    def install(self) -> None:
        """Debian's files, and what a scanner needs beside them: the service, an engine, one signature."""
        self.stop()
        for name in _COPIED:
            for file in filter(Path.is_file, (Path("/") / name).iterdir()):
                shutil.copy(file, self.folder / name)
        self.write(C_ICAP, "Include virus_scan.conf")
        self.write(VIRUS_SCAN, "Include clamd_mod.conf")
        for file in (self.folder / _DATABASES).iterdir():
            file.unlink()
        self._empty_log()
        self.file("/var/lib/clamav/lab.ndb").write_text(f"Eicar-Test-Signature:0:*:{eicar().hex()}\n")

    def write(self, path: str, *lines: str) -> None:
        """Write settings into a file, each in the place of those with the same first word."""
        words = {line.split()[0] for line in lines}
        old = self.file(path).read_text().splitlines()
        kept = [each for each in old if each.split()[:1] == ["Include"] or not words & set(each.split()[:1])]
        self.file(path).write_text("\n".join([*kept, *lines, ""]))

    def run(self, command: str, *, given: bytes = b"", fails: bool = False) -> str:
        """What the shell command prints there, on both of its outputs. Fails the test where it ``fails`` unasked."""
        argv = self.namespace.command(["bash", "-c", f"exec 2>&1; {command}"])
        done = subprocess.run(argv, input=given, stdout=subprocess.PIPE, timeout=60, check=False)
        said = done.stdout.decode(errors="backslashreplace")
        assert fails or done.returncode == 0, f"{command}\n{said}"
        return said

    def threat(self, upload: bytes, *, service: str = "avscan") -> str:
        """The threat that c-icap names in its answer to this upload; empty where there is none."""
        client = f"c-icap-client -i 127.0.0.1 -p 1344 -s {service} -req http://x/upload -method POST -f /dev/stdin -v"
        found = re.search(r"Threat=([^\s;]+)", self.run(client, given=upload))
        return found[1] if found else ""

    def restart_clamd(self) -> None:
        """As its unit does: `clamd --foreground=true`."""
        if self.clamd is not None:
            self.programs.stop(self.clamd)
        socket_file = f"/proc/{self.namespace.pid}/root/run/clamav/clamd.ctl"
        argv = [need("clamd"), "--foreground=true"]
        self.clamd = self.programs.start("clamd", argv, socket_file=Path(socket_file), namespace=self.namespace)

    def restart_c_icap(self, *ports: int, inside: tuple[str, ...] = ()) -> None:
        """Start it, again if it runs, with its configuration in /etc; until it listens on the ports."""
        self.stop_c_icap()
        self._empty_log()
        argv = [*inside, need("c-icap"), "-N"]
        listen = [("127.0.0.1", port) for port in ports or (1344,)]
        logs = [self.file(SERVER_LOG)]
        self.c_icap = self.programs.start("c-icap-host", argv, ports=listen, namespace=self.namespace, logs=logs)

    def reconfigure(self) -> None:
        """As printed, when c-icap is up."""
        self.run("timeout 20 sh -c 'until [ -p /run/c-icap/c-icap.ctl ]; do sleep 0.05; done'")
        self.run("echo -n reconfigure > /run/c-icap/c-icap.ctl")

    def explained_start(self) -> Checked:
        """What is said of the log of a c-icap that does not come up."""
        self._empty_log()
        self.run(f"timeout 20 {need('c-icap')} -N", fails=True)
        return explained(self.file(SERVER_LOG))

    def _empty_log(self) -> None:
        self.file(SERVER_LOG).write_text("")
        shutil.chown(self.file(SERVER_LOG), "c-icap", "c-icap")

    def restart(self) -> None:
        """Both, as runbooks say it: clamd first."""
        self.restart_clamd()
        self.restart_c_icap()

    def stop_c_icap(self) -> None:
        """Stop it, with its children, which may take longer than itself."""
        if self.c_icap is None:
            return
        self.programs.stop(self.c_icap)
        self.c_icap = None
        until = time.monotonic() + _GOODBYE
        while self.namespace.listens(1344) and time.monotonic() < until:
            time.sleep(0.05)

    def stop(self) -> None:
        self.stop_c_icap()
        if self.clamd is not None:
            self.programs.stop(self.clamd)
            self.clamd = None

    def check(self, *arguments: str) -> Checked:
        """``icapdiag check`` on the host itself."""
        return check(*arguments, namespace=self.namespace)


@contextmanager
def host(programs: Programs, name: str) -> Iterator[Host]:
    """A host with nothing running on it yet, where one can be made."""
    need_root("files of Debian's packages are covered by copies")
    for program in ("c-icap", "clamd"):
        need(program)
    folder = programs.folder / name
    for place in _PLACES:
        (folder / place).mkdir(parents=True)
    for log, user in (("c-icap", "c-icap"), ("clamav", "clamav")):
        made = folder / "var/log" / log
        made.mkdir()
        shutil.chown(made, user, user)
    mounts = "\n".join(f"mount --bind {folder}/{place} /{place}" for place in _PLACES)
    network = programs.network(name, _SCRIPT.format(mounts=mounts), mounts=True)
    if network is None:
        pytest.skip("no namespaces can be made here")
    keeper, namespace = network
    found = Host(programs, namespace, folder)
    try:
        yield found
    finally:
        found.stop()
        programs.stop(keeper)
