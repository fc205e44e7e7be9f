"""The commands of each runbook's Verify section run as they are printed, against the lab.

Left out is what needs an Avi Controller, the scanner's own host, privileges, or files of the reader's.
Commands on a saved log are run by tests/runbook/test_commands.py.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from icapdiag.cli.runbooks.placeholders import fill, over_tls, values
from icapdiag.pool import load_pool
from icapdiag.pool.hosts import Endpoint
from icapdiag.runbook import load_runbooks
from tests.cli.run import ROOT, served
from tests.interop.conftest import CIcap
from tests.interop.programs import need

pytestmark = pytest.mark.interop

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = ("nc", "c-icap-client", "openssl", "icapdiag", "zip")
# What only the reader has: a Controller, an application, a log, the scanner's host, files, root.
ELSEWHERE = re.compile(
    r"\$(AVI|VS|SE|POOL|APP|ICAP|PKI|POLICY|CORE|LOGFILE|REST_PORT|APPLICATION)|/etc/|/var/|/path/to|/proc/|\./|log\.json"
    r"|^(ss|ip|ping|tcpdump|traceroute|tracepath|systemctl|journalctl|uptime|ulimit|clamdscan|df|dig|getent|resolvectl|yara|free"
    r"|timedatectl|chronyc|date)\b|\bcurl |pool\.yaml"
    r"|\b(ca\.pem|client\.(crt|key)|icap1\.example\.com|jq|dig|ping)\b|/usr/bin/time|nc -vz -w 5 \S+ 22|tcp port"
)
FUNCTION = re.compile(r"\w+\(\) \{ ")
WRONG = re.compile(r"not found|syntax error|(invalid|illegal|unknown|unrecognized) option|[Uu]sage:")
# What ends with 1 to say "no": nothing found, nobody there, a service of another product.
MAY_SAY_NO = re.compile(
    r"(^|[|;&] *)grep [^;]*(; done)?$|^(for .*do )?nc -vz|timeout \d+ openssl|^icapdiag .*icap://\{host\}:\{port\}/"
)


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


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from served(tmp_path_factory.mktemp("verify") / "pool.yaml", "healthy", "tls-healthy")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with this icapdiag, a curl that fetches nothing, and a sleep that does not wait."""
    folder = tmp_path_factory.mktemp("bin")
    for name, status in (("curl", 7), ("sleep", 0)):
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    program = folder / "icapdiag"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m icapdiag "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"], "/usr/sbin", "/sbin"])


def ran(command: str, member: Endpoint, path: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The command as ``runbooks show --member --uri`` prints it; its /tmp is ``folder``."""
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


@pytest.mark.parametrize("identity", VERIFY)
def test_commands_run_as_printed(identity: str, pool_file: Path, path: str, tmp_path: Path) -> None:
    for program in PROGRAMS:
        if program != "icapdiag" and any(program in line for line in VERIFY[identity]):
            need(program)
    healthy, tls = load_pool(pool_file).members
    wrong = []
    for line in VERIFY[identity]:
        member = tls if "openssl s_client" in line else healthy
        done = ran(line, Endpoint(member.host, member.port), path, tmp_path)
        output = (done.stdout + done.stderr).decode(errors="replace")
        allowed = {0, 1} if MAY_SAY_NO.search(line) else {0}
        if done.returncode not in allowed or WRONG.search(done.stderr.decode(errors="replace")):
            wrong.append(f"{line}\n-> {done.returncode}\n{output[-1500:]}")

    assert [] == wrong


def test_there_are_such_commands() -> None:
    assert len(VERIFY) > 60
    assert sum(map(len, VERIFY.values())) > 120


def sample(identity: str) -> str:
    """The first command of a runbook that sends EICAR."""
    return next(line for line in VERIFY[identity] if re.search(r"(^|; )(ask|eicar) \|", line, re.MULTILINE))


@pytest.mark.parametrize("identity", ["eicar-not-detected", "blocked-with-icap-error", "allow-listed"])
def test_a_real_scanner_knows_the_sample(identity: str, cicap: CIcap, path: str, tmp_path: Path) -> None:
    need("nc")
    need("c-icap-client")
    done = ran(sample(identity), Endpoint("127.0.0.1", cicap.plain), path, tmp_path)

    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Eicar" in done.stdout


@pytest.mark.parametrize("identity", ["eicar-not-detected", "allow-listed"])
def test_the_same_commands_reach_a_member_with_tls(identity: str, cicap: CIcap, path: str, tmp_path: Path) -> None:
    need("openssl")
    need("c-icap-client")
    done = ran(over_tls(sample(identity)), Endpoint("127.0.0.1", cicap.tls, tls=True), path, tmp_path)

    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Eicar" in done.stdout
