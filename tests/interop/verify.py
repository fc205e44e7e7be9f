"""The commands of runbooks' Verify sections, and running them as they are printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from icapdiag.pool.hosts import ServerAddress
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.placeholders import fill, values
from tests.cli.run import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = ("nc", "c-icap-client", "openssl", "icapdiag", "zip")
# What only the reader has: a Controller, an application, a log, the scanner's host, files, root.
ELSEWHERE = re.compile(
    r"\$(AVI|VS|SE|POOL|APP|ICAP|PKI|POLICY|CORE|LOGFILE|REST_PORT|APPLICATION)|/etc/|/var/|/path/to|/proc/|\./|log\.json"
    r"|^(ss|ip|ping|tcpdump|traceroute|tracepath|systemctl|journalctl|uptime|ulimit|clamdscan|df|dig|getent|resolvectl|yara|free"
    r"|timedatectl|chronyc|date)\b|\bcurl |pool\.yaml|export\.json"
    r"|\b(ca\.pem|client\.(crt|key)|icap1\.example\.com|jq|dig|ping)\b|nc -vz -w 5 \S+ 22|tcp port"
)
FUNCTION = re.compile(r"\w+\(\) \{ ")


def lines_of(markdown: str) -> Iterator[str]:
    """The commands, each on one line: a pipe at a line's end goes on below. Before each stand its block's functions."""
    for block in BLOCK.findall(markdown):
        command = functions = ""
        for line in re.sub(r"(\||\\)\n\s*", lambda end: "| " if end[1] == "|" else "", block).splitlines():
            command = f"{command}\n{line}" if command else line
            try:
                shlex.split(command)
            except ValueError:
                continue  # a quoted script goes on
            if FUNCTION.match(command):
                functions += f"{command}\n"
            else:
                yield functions + command
            command = ""


VERIFY = {
    runbook.id: lines
    for runbook in load_runbooks().runbooks
    if (lines := [line for line in lines_of(runbook.sections["Verify"]) if not ELSEWHERE.search(line)])
    and any(re.search(rf"(^|[\s(]){re.escape(program)}\s", line) for line in lines for program in PROGRAMS)
}


def path_with_icapdiag(folder: Path) -> str:
    """A PATH with this icapdiag, a curl that fetches nothing, and a sleep that does not wait."""
    for name, status in (("curl", 7), ("sleep", 0)):
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    program = folder / "icapdiag"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m icapdiag "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"], "/usr/sbin", "/sbin"])


def ran(command: str, member: ServerAddress, path: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The command as ``runbooks show --member --uri`` prints it, but idle for a second only; its /tmp is ``folder``."""
    command = command.replace("--idle 60", "--idle 1")
    filled = fill(f"```sh\n{command}\n```", values(member, "/avscan")).removeprefix("```sh\n").removesuffix("\n```")
    return subprocess.run(
        ["bash", "-c", re.sub(r"/tmp(?=[/ ])", str(folder), filled)],  # noqa: S108
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        check=False,
    )
