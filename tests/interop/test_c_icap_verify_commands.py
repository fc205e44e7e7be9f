"""The commands of runbooks that send EICAR, as they are printed, against a real scanner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from icapdiag.pool.hosts import ServerAddress
from icapdiag.runbook.placeholders import over_tls
from tests.interop.conftest import CIcap
from tests.interop.programs import need
from tests.interop.verify import VERIFY, path_with_icapdiag, ran


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return path_with_icapdiag(tmp_path_factory.mktemp("bin"))


def sample(identity: str) -> str:
    """The first command of a runbook that sends EICAR."""
    return next(line for line in VERIFY[identity] if re.search(r"(^|; )(ask|eicar) \|", line, re.MULTILINE))


@pytest.mark.parametrize("identity", ["eicar-not-detected", "blocked-with-icap-error", "allow-listed"])
def test_a_real_scanner_knows_the_sample(identity: str, cicap: CIcap, path: str, tmp_path: Path) -> None:
    need("nc")
    need("c-icap-client")
    done = ran(sample(identity), ServerAddress("127.0.0.1", cicap.plain), path, tmp_path)

    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Eicar" in done.stdout


@pytest.mark.parametrize("identity", ["eicar-not-detected", "allow-listed"])
def test_the_same_commands_reach_a_member_with_tls(identity: str, cicap: CIcap, path: str, tmp_path: Path) -> None:
    need("openssl")
    need("c-icap-client")
    done = ran(over_tls(sample(identity)), ServerAddress("127.0.0.1", cicap.tls, tls=True), path, tmp_path)

    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Eicar" in done.stdout
