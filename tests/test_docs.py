"""README and docs: every command line is one that the program takes, and each that needs no other host runs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from icapdiag.cli.app import build_app
from icapdiag.controller.folder import Pull, PulledLog
from tests.capture.writing import Line, Tape, ethernet, healthy, pcap
from tests.cli.run import PROGRAM, ROOT, TIMEOUT, environment, icapdiag, started
from tests.lint.right import export, put

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Other hosts, a terminal to ask at, a server that runs until it is stopped, a file that grows.
_NOT_RUN = re.compile(r"10\.0\.0\.|^icapdiag pull\b|--to jira|--load|^icapdiag (?:lab|init)\b|--follow")


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in _BLOCK.findall(page.read_text("utf-8")) if name == language]


def _lines() -> Iterator[Any]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                if "icapdiag " in line and not line.startswith("python3 -m venv"):
                    yield pytest.param(
                        line.partition(" #")[0].rstrip(), id=f"{page.name}: {line.partition(' #')[0].strip()}"
                    )


LINES = [*_lines()]
_PULL = Pull(
    controller="avi.example.com",
    version="30.2.1",
    tenant="admin",
    since="2026-11-16T09:00:00Z",
    until="2026-11-16T10:00:00Z",
    started_at="2026-11-16T10:00:00Z",
    finished_at="2026-11-16T10:00:01Z",
    complete=True,
    logs=(PulledLog("shop", "1", "logs/shop-1.jsonl.gz", 34, complete=True),),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages name: a pool that nobody listens for, the examples under several names, saved reports."""
    made = tmp_path_factory.mktemp("docs")
    assert 0 == icapdiag("init", "--examples", ".", cwd=made)[0]
    log = (made / "avi-log.json").read_bytes()
    for name in ("log.json", "export.csv", "ticket.txt", "big.jsonl"):
        (made / name).write_bytes(log)
    logs = Path(__file__).parent / "data" / "scanner-logs"
    for name, recorded in (("server", "c-icap-server"), ("access", "c-icap-access"), ("cache", "squid-cache-faults")):
        (made / f"{name}.log").write_bytes((logs / f"{recorded}.log").read_bytes())
    subprocess.run(["gzip", "-k", "log.json"], cwd=made, check=True, timeout=TIMEOUT)
    (made / "log.json.gz").rename(made / "se.log.gz")
    (made / "objects").mkdir()
    (made / "incident" / "logs").mkdir(parents=True)
    (made / "incident" / "logs" / "shop-1.jsonl.gz").write_bytes((made / "se.log.gz").read_bytes())
    (made / "incident" / "pull.json").write_bytes(msgspec.json.encode(_PULL))
    (made / "incident" / "metrics.json").write_text('{"virtual_services": []}')
    (made / "incident" / "runtime.json").write_text("{}")
    configuration = json.dumps(export(put("VirtualService", name="icap-test")))
    for name in ("vs.json", "policies.json", "icap.json", "objects/export.json"):
        (made / name).write_text(configuration, "utf-8")
    (made / "incident" / "config.json").write_text(configuration, "utf-8")
    for name in ("icap.pcap", "clear.pcapng", "se_core_0.pcap", "se_core_1.pcap"):
        packets = healthy(Line(Tape(), "127.0.0.1", "127.0.0.1")).packets
        (made / name).write_bytes(pcap([(time, ethernet(packet)) for time, packet in packets]))
    (made / "pool.yaml").write_text("service_uri: /avscan\nmembers: ['127.0.0.1:9']\n", "utf-8")
    script = icapdiag("se-script", "pool.yaml", cwd=made)[1]
    printed = subprocess.run(["bash", "-s"], input=script.encode(), capture_output=True, check=True, timeout=TIMEOUT)
    for name in ("output.txt", "se-1.txt", "se-2.txt"):
        (made / name).write_bytes(printed.stdout)
    for name in ("report", "before", "after", "dc1", "dc2"):
        assert 1 == icapdiag("check", "pool.yaml", "-o", f"json={name}.json", cwd=made)[0]
    return made


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_is_one_that_the_program_takes(line: str) -> None:
    command: Any = typer.main.get_command(build_app(()))
    words = shlex.split(line[line.index("icapdiag ") :])[1:]
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    assert [] == command.make_context("icapdiag", words, resilient_parsing=True).args


@pytest.mark.parametrize("line", [each for each in LINES if not _NOT_RUN.search(each.values[0])])
def test_a_command_line_runs(line: str, folder: Path) -> None:
    for output in re.findall(r"(?:-o|--for) \w+=(\S+)", line):  # another page's line may have made it
        (folder / output).unlink(missing_ok=True)
    done = subprocess.run(
        ["bash", "-c", f'icapdiag() {{ {shlex.join(PROGRAM)} "$@"; }}; {line}'],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode in {0, 1, 3}, done.stderr.decode()


def test_the_pool_file_of_its_page_is_right(folder: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "pool-file.md", "yaml")
    (folder / "documented.yaml").write_text(text, "utf-8")
    assert (0, "") == icapdiag("check", "documented.yaml", "--plan", cwd=folder)[::2]


def test_the_example_in_python_runs(folder: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "python.md", "python")
    script = text.replace("10.0.0.5:1344", "127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment(), capture_output=True, timeout=TIMEOUT, check=True
    )
    assert b"critical" in done.stdout


def _as_shown(text: str) -> str:
    """Without what differs from run to run: ports, and where a line wraps for them."""
    return " ".join(re.sub(r":\d{4,5}/", ":PORT/", text).split())


def test_the_log_that_the_readme_explains(folder: Path) -> None:
    text = blocks(ROOT / "README.md", "text")[1]
    shown = text.partition("avi-log.json\n")[2]
    assert shown == icapdiag("explain", "avi-log.json", cwd=folder)[1]


def test_the_sources_that_the_readme_diagnoses(folder: Path) -> None:
    text = blocks(ROOT / "README.md", "text")[2]
    shown = text.partition("avi-log.json\n")[2].removesuffix("…\n")
    assert icapdiag("diagnose", "avi-export.json", "avi-log.json", cwd=folder)[1].startswith(shown)


def test_the_pool_that_the_readme_checks(tmp_path: Path) -> None:
    text = blocks(ROOT / "README.md", "text")[0]
    shown = text.partition("--eicar\n")[2].removesuffix("…\n")
    faults = text.splitlines()[0].split()[3:-3]
    lab = started("lab", *faults, "--pool-file", "lab.yaml", cwd=tmp_path)
    try:
        assert lab.stderr is not None
        lab.stderr.readline()  # it serves
        out = icapdiag("check", "lab.yaml", "--eicar", cwd=tmp_path)[1]
    finally:
        lab.terminate()
        lab.communicate(timeout=TIMEOUT)
    assert _as_shown(out).startswith(_as_shown(shown))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert [] == [link for link in links if "://" not in link and not (page.parent / link).exists()]
