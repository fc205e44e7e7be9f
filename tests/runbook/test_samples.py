"""The EICAR test file in the commands of runbooks: the shell makes it and pipes it, and no disk gets it."""

from __future__ import annotations

import re
import subprocess

import pytest

from icapdiag.icap.samples import eicar
from icapdiag.runbook import load_runbooks

MADE = re.compile(r"^eicar\(\) \{ .* \}$", re.MULTILINE)
USED = re.compile(r"^.*(?<!-)\b(?:eicar|ask|longzip)\b(?!\(\)).*$", re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A file that is written: by the shell, or by a program's own option. Nothing is kept by /dev/null.
WRITTEN = re.compile(r"(?<![\d&])>>? *(?!/dev/null|&)\S|\s-(?:o|O|outfile) +(?!/dev/null)\S|\btee\b|-F file=@(?!-)")

SCRIPTS = [(runbook.id, block) for runbook in load_runbooks().runbooks for block in BLOCK.findall(runbook.body)]
MAKING = [(identity, block) for identity, block in SCRIPTS if MADE.search(block)]


@pytest.mark.parametrize(("identity", "block"), MAKING, ids=[identity for identity, _ in MAKING])
def test_the_shell_makes_the_sample(identity: str, block: str) -> None:
    for made in MADE.findall(block):
        done = subprocess.run(["bash", "-c", f"{made}\neicar"], capture_output=True, timeout=10, check=True)

        assert eicar() == done.stdout, identity


def test_the_sample_is_never_written_to_a_file() -> None:
    lines = [
        (identity, line)
        for identity, block in SCRIPTS
        for line in block.splitlines()
        if USED.match(line) and not line.startswith(("jq ", "grep "))
    ]

    assert len(lines) > 10
    assert [] == [(identity, line) for identity, line in lines if WRITTEN.search(line)]


def test_nobody_has_to_fetch_it() -> None:
    assert [] == [identity for identity, block in SCRIPTS if "eicar.org" in block or "eicar.com.zip" in block]


@pytest.mark.parametrize(
    "line",
    [
        "eicar > /tmp/eicar.com",
        "eicar >> e",
        "eicar | tee /tmp/x",
        "curl -sS -o /tmp/eicar.com https://x",
        "eicar | c-icap-client -f /dev/stdin -o /tmp/back.bin",
        "curl -F file=@/tmp/eicar.com https://x",
    ],
)
def test_a_file_would_be_seen(line: str) -> None:
    assert WRITTEN.search(line)


@pytest.mark.parametrize("line", ["eicar | nc h 1 2>&1 | head", "eicar | curl -o /dev/null -F 'file=@-;filename=x'"])
def test_a_pipe_is_no_file(line: str) -> None:
    assert not WRITTEN.search(line)
