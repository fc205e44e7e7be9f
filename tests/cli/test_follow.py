"""``icapdiag explain --follow``: news while the input grows, the report at its end."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.explained import found, validated
from tests.cli.logs import entry, lines, twenty
from tests.cli.run import TIMEOUT, icapdiag, shell, started


def lines_until(process: subprocess.Popen[bytes], words: bytes) -> list[bytes]:
    """What the process says on stdout up to a line with these words."""
    assert process.stdout is not None
    said = [process.stdout.readline()]
    while words not in said[-1]:
        assert said[-1], said  # it ended without them
        said.append(process.stdout.readline())
    return said


def test_a_growing_file(tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    log.write_text(lines([entry(0, adf=False)]))
    process = started("explain", "log.json", "--follow", cwd=tmp_path)
    assert b"OK  1 entry, 1 with ICAP: 1 passed" in lines_until(process, b"1 entry")[-1]
    with log.open("a") as stream:
        stream.write(lines(twenty()))
    said = b"".join(lines_until(process, b"21 entries"))
    said += b"".join(lines_until(process, b"[icap-connection-error]"))
    assert b"[icap-connection-error]" in said
    log.rename(tmp_path / "log.1")
    log.write_text(lines([entry(1, adf=False)] * 2) + json.dumps(entry(3, adf=False)))
    assert b"24 entries" in lines_until(process, b"24 entries")[-1]
    log.write_text(lines([entry(1, "ICAP_DISABLED")]))
    lines_until(process, b"25 entries")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (130, b"") == (process.returncode, err)
    assert b"CRITICAL  log.json: " in out
    assert b"interrupted" not in out.lower()


def test_standard_input_that_ends(log: Path) -> None:
    status, out, err = shell("$icapdiag explain - --follow -o json < log.json", cwd=log.parent)
    document = validated(out)
    assert (1, True) == (status, document["complete"])
    assert "20 entries" in err  # the news; nothing may stand beside the JSON
    assert {"no-security-rule", "icap-connection-error"} <= set(found(document))


def test_news_and_table_go_to_the_same_place(log: Path) -> None:
    status, out, err = shell("cat log.json | $icapdiag explain - --follow", cwd=log.parent)
    assert (1, "") == (status, err)
    assert "UTC  CRITICAL  20 entries" in out.partition("CRITICAL  <stdin>: ")[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"{}", mtime=0), "is gzip: it can't be followed"),
        (b"adf,significant,virtualservice,report_timestamp,icap_log\nTrue,0,vs,2026-01-01,\n", "CSV"),
    ],
)
def test_what_can_not_be_followed(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(content)
    status, out, err = icapdiag("explain", "log", "--follow", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert words in err


def test_lines_are_those_of_the_file(log: Path) -> None:
    with log.open("a") as stream:
        stream.write("\n<html>\n")
    _, out, _ = shell("$icapdiag explain - --follow -o json < log.json", cwd=log.parent)
    (source,) = validated(out)["subject"]["sources"]
    assert [(22, 1)] == [(note["line"], note["column"]) for note in (*source["corrections"], *source["problems"])]
