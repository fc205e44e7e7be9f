"""The commands of each runbook's Verify section run as they are printed, against the lab.

Left out is what needs an Avi Controller, the scanner's own host, privileges, or files of the reader's.
Commands on a saved log are run by tests/runbook/test_commands.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from icapdiag.pool import load_pool
from icapdiag.pool.hosts import ServerAddress
from tests.cli.run import served
from tests.interop.programs import need
from tests.interop.verify import PROGRAMS, VERIFY, path_with_icapdiag, ran

WRONG = re.compile(r"not found|syntax error|(invalid|illegal|unknown|unrecognized) option|[Uu]sage:")
# What ends with 1 to say "no": nothing found, nobody there, a service of another product, the lab's own CA.
MAY_SAY_NO = re.compile(
    r"(^|[|;&] *)grep [^;]*(; done)?$|^(for .*do )?nc -vz|timeout \d+ openssl"
    r"|^icapdiag .*icap://\{host\}:\{port\}/|^icapdiag check icaps://"
)


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from served(tmp_path_factory.mktemp("verify") / "pool.yaml", "healthy", "tls-healthy")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return path_with_icapdiag(tmp_path_factory.mktemp("bin"))


def _wrong(line: str, member: ServerAddress, path: str, folder: Path) -> str:
    done = ran(line, member, path, folder)
    output = (done.stdout + done.stderr).decode(errors="replace")
    allowed = {0, 1} if MAY_SAY_NO.search(line) else {0}
    if done.returncode not in allowed or WRONG.search(done.stderr.decode(errors="replace")):
        return f"{line}\n-> {done.returncode}\n{output[-1500:]}"
    return ""


class Done:
    """What was wrong with each line at each member, or "": many runbooks print the same one."""

    def __init__(self, path: str, folder: Path) -> None:
        self._path = path
        self._folder = folder  # one for all, as some lines use the file of another
        self._wrong: dict[tuple[str, str], str] = {}

    def wrong(self, line: str, member: ServerAddress) -> str:
        """Runs it, if it did not run yet."""
        key = line, str(member)
        if key not in self._wrong:
            self._wrong[key] = _wrong(line, member, self._path, self._folder)
        return self._wrong[key]


@pytest.fixture(scope="module")
def done(path: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return Done(path, tmp_path_factory.mktemp("verify"))


@pytest.mark.parametrize("identity", VERIFY)
def test_commands_run_as_printed(identity: str, pool_file: Path, done: Done) -> None:
    for program in PROGRAMS:
        if program != "icapdiag" and any(program in line for line in VERIFY[identity]):
            need(program)
    healthy, tls = load_pool(pool_file).members
    wrong = [
        done.wrong(line, ServerAddress(member.host, member.port))
        for line in VERIFY[identity]
        for member in [tls if "openssl s_client" in line or "icaps://" in line else healthy]
    ]

    assert [] == [each for each in wrong if each]


def test_there_are_such_commands() -> None:
    assert len(VERIFY) > 60
    assert sum(map(len, VERIFY.values())) > 120
