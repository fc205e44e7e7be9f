"""The EICAR test file in the commands of runbooks: the shell makes it and pipes it, and no disk gets it."""

from __future__ import annotations

import re
import subprocess

import pytest

from icapdiag.icap.samples import eicar
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.house import SCRIPT

MADE = re.compile(r"^eicar\(\) \{ .* \}$", re.MULTILINE)

SCRIPTS = [(runbook.id, block) for runbook in load_runbooks().runbooks for block in SCRIPT.findall(runbook.body)]
MAKING = [(identity, block) for identity, block in SCRIPTS if MADE.search(block)]


@pytest.mark.parametrize(("identity", "block"), MAKING, ids=[identity for identity, _ in MAKING])
def test_the_shell_makes_the_sample(identity: str, block: str) -> None:
    for made in MADE.findall(block):
        done = subprocess.run(["bash", "-c", f"{made}\neicar"], capture_output=True, timeout=10, check=True)

        assert eicar() == done.stdout, identity


def test_there_are_such_commands() -> None:
    assert len(MAKING) >= 10
