"""Runs of the program as processes of their own, without the time that an interpreter and all imports take.

A server imports everything once and forks for each run: its child has the arguments, the environment, the folder and
the files of that run, and ends as the program ends. What is about start-up, signals or terminals takes a real start
(`tests.cli.run.started`).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import icapdiag
from icapdiag.__main__ import main

_LARGEST = 1 << 17  # bytes of a request: arguments and environment


@cache
def _server() -> socket.socket:
    """Our end of the connection to the server, which ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.cli.forking", str(its.fileno())]
    process = subprocess.Popen(
        command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    its.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # first, so that the server ends
    return ours


def run(
    arguments: Sequence[str], *, cwd: Path | None, environment: Mapping[str, str], timeout: float
) -> tuple[int, bytes, bytes]:
    """Run the program with nothing on its stdin; its exit status, stdout and stderr."""
    server = _server()
    request = json.dumps([list(arguments), str(cwd or Path.cwd()), dict(environment)]).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        socket.send_fds(server, [request], [out.fileno(), err.fileno()])
        pid = int(server.recv(64))
        server.settimeout(timeout)
        try:
            status = int(server.recv(64))
        except TimeoutError:
            os.kill(pid, 9)
            server.settimeout(None)
            server.recv(64)
            raise
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def _serve(connection: socket.socket) -> None:
    for module in pkgutil.walk_packages(icapdiag.__path__, "icapdiag."):
        if module.name != "icapdiag.__main__":
            importlib.import_module(module.name)
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(connection, _LARGEST, 2)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            connection.close()
            arguments, cwd, environment = json.loads(request)
            _child(arguments, cwd, environment, files)
        for file in files:
            os.close(file)
        connection.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _child(arguments: list[str], cwd: str, environment: dict[str, str], files: list[int]) -> None:
    """Become a run of the program, and never return."""
    status = 1
    try:
        for ours, its in enumerate(files, 1):
            os.dup2(its, ours)
            os.close(its)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end of the process
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(cwd)
        sys.argv = ["icapdiag", *arguments]
        status = main()
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does at its end
    except BaseException:  # noqa: BLE001 - shown as the interpreter shows it
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
