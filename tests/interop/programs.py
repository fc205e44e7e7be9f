"""Real programs under test: find them, start them, wait until they listen, stop them, keep their logs."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATIENCE = 60.0  # seconds; a machine with freshclam's databases loads them all first
_GOODBYE = 8.0  # seconds until SIGKILL
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_TAIL = 4000  # characters of a log that a failed test shows


def need(program: str) -> str:
    """The path of ``program``; skips the test where it is not installed."""
    path = shutil.which(program, path=_PATH)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def need_root(why: str) -> None:
    """Skips the test for other users."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")


def free_port(*addresses: str) -> int:
    """A TCP port that is free on each of the IPv4 ``addresses`` (127.0.0.1 if there are none).

    Below those that the kernel gives to clients: until the server listens, a client of another test might get it.
    """
    hosts = addresses or ("127.0.0.1",)
    for _ in range(100):
        port = 15_000 + secrets.randbelow(15_000)
        if all(_is_free(host, port) for host in hosts):
            return port
    raise OSError(f"no port is free on all of {', '.join(hosts)}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((host, port))
        except OSError:
            return False
        return True


def listens(host: str, port: int) -> bool:
    """Whether a TCP connection to ``host``:``port`` succeeds."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((host, port)) == 0


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network of its own: nothing but a loopback, kept by the process ``pid``. None is the machine's network.

    With ``mounts`` it has mounts of its own, too.
    """

    pid: int | None = None
    mounts: bool = False

    def command(self, argv: Sequence[str]) -> list[str]:
        """``argv``, run in this network, and with these mounts."""
        if self.pid is None:
            return [*argv]
        of = f"/proc/{self.pid}/ns"
        return [need("nsenter"), f"--net={of}/net", *([f"--mount={of}/mnt"] if self.mounts else []), *argv]

    def listens(self, port: int) -> bool:
        """Whether something listens on ``port`` of any address of this network."""
        table = Path(f"/proc/{self.pid or 'self'}/net/tcp").read_text()
        return any(
            int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A"  # TCP_LISTEN
            for fields in map(str.split, table.splitlines()[1:])
        )


@dataclass(frozen=True, slots=True)
class Program:
    """A started program."""

    name: str
    process: subprocess.Popen[bytes]
    logs: tuple[Path, ...]
    stop_signal: signal.Signals

    def excerpt(self) -> str:
        """The end of each log."""
        return "\n".join(
            f"--- {log} ---\n{log.read_text(errors='backslashreplace')[-_TAIL:]}" for log in self.logs if log.exists()
        )


class Programs:
    """The programs that run now. ``folder`` holds their configuration and logs; any user may write there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Program] = []

    def network(self, name: str, script: str, *, mounts: bool = False) -> tuple[Program, Namespace] | None:
        """A network namespace in which the shell has run ``script``, and the program that keeps it.

        With ``mounts`` the script's mounts are seen only there. None where this machine allows no such namespace.
        """
        unshare = [need("unshare"), "--net", *(["--mount"] if mounts else [])]
        need("ip")
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
            return None
        ready = self.folder / f"{name}-is-up"
        keeper = self.start(
            name, [*unshare, "sh", "-ec", f"{script}\n: > {ready} && exec sleep infinity"], socket_file=ready
        )
        return keeper, Namespace(keeper.process.pid, mounts)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        ports: Iterable[tuple[str, int]] = (),
        socket_file: Path | None = None,
        namespace: Namespace | None = None,
        logs: Iterable[Path] = (),
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Program:
        """Start ``argv`` and wait until it listens on ``ports`` (host, port) or ``socket_file``.

        ``namespace`` None: the machine's network. Fails the test if that does not come to pass.
        """
        network = namespace or Namespace()
        output = self.folder / f"{name}.out"
        with output.open("wb") as file:
            process = subprocess.Popen(
                network.command(argv),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        program = Program(name, process, (output, *logs), stop_signal)
        self.running.append(program)
        wanted = list(ports)
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            wanted = [
                (host, port)
                for host, port in wanted
                if not (listens(host, port) if namespace is None else namespace.listens(port))
            ]
            if not wanted and (socket_file is None or socket_file.exists()):
                return program
            time.sleep(0.02)
        state = f"ended with {process.returncode}" if process.poll() is not None else "does not listen"
        excerpt = program.excerpt()
        self.stop(program)
        raise AssertionError(f"{name} {state}\n{excerpt}")

    def stop(self, *programs: Program) -> None:
        """Ask the programs to end, all at once, then wait; kill those that will not."""
        for program in programs:
            program.process.send_signal(program.stop_signal)
        until = time.monotonic() + _GOODBYE
        for program in programs:
            try:
                program.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()
            if program in self.running:
                self.running.remove(program)
