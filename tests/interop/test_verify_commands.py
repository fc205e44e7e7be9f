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
# What ends with 1 to say "no": nothing found, nobody there, a service of another product.
MAY_SAY_NO = re.compile(
    r"(^|[|;&] *)grep [^;]*(; done)?$|^(for .*do )?nc -vz|timeout \d+ openssl|^icapdiag .*icap://\{host\}:\{port\}/"
)


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from served(tmp_path_factory.mktemp("verify") / "pool.yaml", "healthy", "tls-healthy")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return path_with_icapdiag(tmp_path_factory.mktemp("bin"))


@pytest.mark.parametrize("identity", VERIFY)
def test_commands_run_as_printed(identity: str, pool_file: Path, path: str, tmp_path: Path) -> None:
    for program in PROGRAMS:
        if program != "icapdiag" and any(program in line for line in VERIFY[identity]):
            need(program)
    healthy, tls = load_pool(pool_file).members
    wrong = []
    for line in VERIFY[identity]:
        member = tls if "openssl s_client" in line else healthy
        done = ran(line, ServerAddress(member.host, member.port), path, tmp_path)
        output = (done.stdout + done.stderr).decode(errors="replace")
        allowed = {0, 1} if MAY_SAY_NO.search(line) else {0}
        if done.returncode not in allowed or WRONG.search(done.stderr.decode(errors="replace")):
            wrong.append(f"{line}\n-> {done.returncode}\n{output[-1500:]}")

    assert [] == wrong


def test_there_are_such_commands() -> None:
    assert len(VERIFY) > 60
    assert sum(map(len, VERIFY.values())) > 120
