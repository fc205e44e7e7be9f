"""The commands of runbooks that run on the scanner's own host, as printed, on a Debian host with c-icap and clamd."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from icapdiag.pool.hosts import ServerAddress
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.placeholders import fill, values
from tests.interop.hosts import Host, host
from tests.interop.programs import Programs, need
from tests.interop.verify import lines_of

pytestmark = pytest.mark.realcases

ON_THE_SERVER = re.compile(
    r"^(grep|tail -n|ls -l|df|free|ss|nstat|uptime|vmstat|ulimit|clamdscan|c-icap -V|ps|ip|for p in \$\(pidof|awk)\b"
)
# What this host has not: other products, a copy of a file, systemd, a connection from elsewhere; and what waits.
ABSENT = re.compile(
    r"squid|mdicap|avi_ns|pool\.yaml|haproxy|nginx|systemctl|journalctl|kavicap"
    r"|\./|/path/to|daily|\bdst \{host\}|SE_ADDR"
    r"|/tmp/"
)
WRONG = re.compile(
    r"^(bash|grep|tail|ls|df|free|ss|nstat|uptime|vmstat|clamdscan|ps|ip|awk|ERROR)(:| ).*:|syntax error"
    r"|(invalid|illegal|unknown|unrecognized) option|^[Uu]sage:",
    re.MULTILINE,
)
COMMANDS = sorted(
    {
        line
        for runbook in load_runbooks().runbooks
        for line in lines_of(runbook.sections["Verify"])
        if ON_THE_SERVER.search(line.rsplit("\n", 1)[-1]) and not ABSENT.search(line.rsplit("\n", 1)[-1])
    }
)
MAY_SAY_NO = re.compile(r"\bgrep\b|clamdscan")  # nothing found; a virus found


@pytest.fixture(scope="module")
def up(programs: Programs) -> Iterator[Host]:
    for program in ("clamdscan", "nc"):
        need(program)
    with host(programs, "server-commands") as made:
        made.install()
        made.restart()
        yield made


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.rsplit("\n", 1)[-1][:60])
def test_it_runs_as_printed(up: Host, command: str) -> None:
    member = ServerAddress("127.0.0.1", 1344)
    filled = fill(f"```sh\n{command}\n```", values(member, "/avscan")).removeprefix("```sh\n").removesuffix("\n```")
    said = up.run(filled, fails=bool(MAY_SAY_NO.search(command)))

    assert not WRONG.search(said), f"{filled}\n{said}"


# Within a step; what looks and changes nothing. tcpdump waits for packets: here for a second.
LOOKS = re.compile(
    r"(ss|grep|df|ls|free|nstat|uptime|vmstat|ps|clamdscan|timeout 10 clamdscan|date|dpkg|tcpdump|nft list|iptables -S"
    r"|ip (route get|-6 route|-br|-s|addr|neigh)|c-icap-client|file|gdb|sysctl net|nc|curl -s )\b"
)
STEPS = sorted(
    {
        command
        for runbook in load_runbooks().runbooks
        for step in (*runbook.now, *(each for cause in runbook.causes for each in (*cause.fix, *cause.settle)))
        for command in re.findall(r"`([^`]+)`", step.text)
        if LOOKS.match(command) and " " in command and not re.search(r"squid|8048|8008|avi_ns|^vmstat 1$", command)
    }
)
STANDS_FOR = {
    "PID": "$(pidof -s c-icap)",
    "FILE": "/etc/hostname",
    "SE_ADDRESS": "127.0.0.1",
    "tcpdump": "timeout 1 tcpdump",
    "/tmp/icap.pcap": "/run/icap.pcap",  # noqa: S108 - as printed
    "systemctl restart": "echo",
}


@pytest.mark.parametrize("command", STEPS)
def test_a_command_within_a_step_runs(up: Host, command: str) -> None:
    filled = command.replace("{host}", "127.0.0.1").replace("{port}", "1344").replace("{service}", "avscan")
    for word, meant in STANDS_FOR.items():
        filled = filled.replace(word, meant)
    said = up.run(filled, fails=True)

    assert not WRONG.search(said), f"{filled}\n{said}"


def test_there_are_such_commands() -> None:
    assert 25 < len(COMMANDS)
    assert 40 < len(STEPS)
