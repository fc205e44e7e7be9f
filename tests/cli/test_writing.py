"""Files that are whole or not there, whatever happens to the program; and runs that a monitoring system starts."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.report.machine.to_json import render
from tests.cli.run import icapdiag, shell, started
from tests.report.samples import HEALTHY, REFUSED, report


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "saved.json"
    file.write_text(render(report()))
    return file


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Twenty moments over the whole length of a run, and more of them near its end, where the file is written."""
    members = [replace(HEALTHY, name=f"m{number}:1344") for number in range(300)]
    saved, target = tmp_path / "saved.json", tmp_path / "new.json"
    new = render(report(members))
    saved.write_text(new)
    args = ("report", "render", str(saved), "--force", "-o", f"json={target}")
    begin = time.monotonic()
    assert 1 == icapdiag(*args)[0]
    length = time.monotonic() - begin
    assert new == target.read_text()
    moments = random.Random(20)  # noqa: S311 - which moments these are is no secret
    outcomes = set()
    for number in range(20):
        target.write_text("old")
        process = started(*args)
        time.sleep(length * (moments.uniform(0, 1) if number < 8 else moments.uniform(0.7, 1.05)))
        process.kill()
        process.communicate()
        outcomes.add(target.read_text())
    assert outcomes <= {"old", new}
    assert "old" in outcomes


def test_a_disk_that_is_full_costs_that_output_only(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    script = (
        "mount -t tmpfs -o size=4k tmpfs full || exit 77; echo old >full/r.txt; "
        "$icapdiag report render saved.json --force -o markdown=full/r.txt -o csv=r.csv -o short; echo $?; "
        "cat full/r.txt; ls -A full"
    )
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no mount namespace of our own here")
    big = report([replace(REFUSED, name=f"m{number}:1344") for number in range(200)])
    saved.write_text(render(big))
    status, out, err = shell(f"unshare --mount bash -c '{script}'", cwd=tmp_path)
    if status == 77:
        pytest.skip("no tmpfs can be mounted here")
    assert "icapdiag: can't write full/r.txt: No space left on device\n" == err
    *lines, code, old, listed = out.splitlines()
    assert ("2", "old", "r.txt") == (code, old, listed)
    assert 201 == len(lines)
    assert (tmp_path / "r.csv").read_text().startswith('"severity"')


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_costs_no_file(unbuffered: str, saved: Path, tmp_path: Path) -> None:
    big = report([replace(REFUSED, name=f"m{number}:1344") for number in range(1000)])
    saved.write_text(render(big))
    status, out, err = shell(
        f"export PYTHONUNBUFFERED={unbuffered}; "
        '$icapdiag report render saved.json -o junit -o json=r.json | head -n 1; echo "${PIPESTATUS[0]}"',
        cwd=tmp_path,
    )
    assert (0, '<?xml version="1.0" encoding="UTF-8"?>\n141\n', "") == (status, out, err)
    assert "critical" == json.loads((tmp_path / "r.json").read_bytes())["verdict"]


@pytest.mark.parametrize(
    "script",
    [
        "$icapdiag report render saved.json -o json=/dev/stdout",
        "$icapdiag report render saved.json -o json=/dev/stdout | cat",
        "$icapdiag report render saved.json -o json=/dev/fd/3 3>&1",
        "$icapdiag report render saved.json -o json=/proc/self/fd/1",
        "$icapdiag report render saved.json -o json=>(cat); wait $!",
        "mkfifo pipe; cat pipe & $icapdiag report render saved.json -o json=pipe; wait",
        "echo -n > f; $icapdiag report render saved.json -o json=/dev/stdout >> f; cat f",
    ],
)
def test_streams_and_pipes_are_written_to(script: str, saved: Path, tmp_path: Path) -> None:
    _, out, err = shell(script, cwd=tmp_path)
    assert ("", saved.read_text()) == (err, out)


def test_no_traffic_for_a_link(tmp_path: Path) -> None:
    (tmp_path / "r.json").symlink_to("elsewhere")
    status, out, err = icapdiag("check", "--lab", "--force", "-o", "json=r.json", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert "'r.json' can't be written: it is a symbolic link" in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("diff", "saved.json", "saved.json", "-o", "json=link"),
        ("bundle", "saved.json", "--force", "-o", "link"),
        ("redact", "saved.json", "--pseudonyms", "link"),
        ("redact", "saved.json", "--pseudonyms", "key"),
    ],
)
def test_nothing_else_that_is_written_follows_a_link(args: tuple[str, ...], saved: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / ".key.lock").symlink_to("elsewhere")
    status, out, err = icapdiag("report", *args, cwd=tmp_path)
    assert (2, "") == (status, out)
    assert "it is a symbolic link" in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "elsewhere").exists()


def test_no_traffic_for_a_file_that_exists(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("old")
    status, out, err = icapdiag("check", "--lab", "-o", "json=r.json", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert "'r.json' exists: give another name, or --force to replace it" in err
    assert "EICAR" not in err
    assert "old" == (tmp_path / "r.json").read_text()


@pytest.mark.parametrize(
    "args", [("explain", "log"), ("explain", "log", "--fail-on", "warning"), ("report", "render", "log")]
)
def test_every_command_keeps_files_that_exist(args: tuple[str, ...], saved: Path, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(
        saved.read_bytes() if args[0] == "report" else b'{"icap_log": {"action": "ICAP_PASSED"}}\n'
    )
    (tmp_path / "r.json").write_text("old")
    status, _, err = icapdiag(*args, "-o", "json=r.json", cwd=tmp_path)
    assert 2 == status
    assert "'r.json' exists" in err
    assert "old" == (tmp_path / "r.json").read_text()
    status, _, err = icapdiag(*args, "--force", "-o", "json=r.json", cwd=tmp_path)
    assert "" == err
    assert json.loads((tmp_path / "r.json").read_bytes())["schema_version"] == 1


def test_a_monitoring_system_gets_one_line_and_its_own_status(saved: Path) -> None:
    status, out, err = icapdiag("report", "render", str(saved), "-o", "nagios")
    assert (2, 1, "") == (status, len(out.splitlines()), err)
    assert out.startswith("ICAP CRITICAL - ")


@pytest.mark.parametrize(
    "args",
    [
        ("report", "render", "no-such-file", "-o", "nagios"),
        ("report", "render", "--output=nagios"),
        ("explain", "no-such-file", "-o", "nagios"),
        ("check", "-onagios", "--nonsense"),
        ("check", "no-such-pool.yaml", "--output", "nagios"),
    ],
)
def test_a_mistake_is_unknown_to_a_monitoring_system(args: tuple[str, ...], tmp_path: Path) -> None:
    status, out, err = icapdiag(*args, cwd=tmp_path)
    assert (3, "ICAP UNKNOWN - icapdiag failed: see its standard error\n") == (status, out)
    assert err


def test_help_of_a_plugin_is_help() -> None:
    status, out, _ = icapdiag("check", "-o", "nagios", "--help")
    assert (0, "Usage") == (status, out[:5])


def test_the_body_of_a_ticket_goes_where_it_is_told_to(saved: Path, tmp_path: Path) -> None:
    status, out, err = icapdiag("report", "render", str(saved), "--for", "jira", "--for", "github=g.md", cwd=tmp_path)
    assert 1 == status
    assert err.startswith("icapdiag: replaced by pseudonyms: ")
    assert out.startswith("Redacted: ")
    assert re.search(r"\n\nh2\. CRITICAL: pool-\d+ /\S+: 1 of 2 members has critical problems", out)
    assert (tmp_path / "g.md").read_text().startswith("Redacted: ")


def test_interrupted_by_a_signal_it_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    """SIGTERM ends a rendering at once: there is nothing to save that is not saved already."""
    members = [replace(HEALTHY, name=f"m{number}:1344") for number in range(300)]
    (tmp_path / "saved.json").write_text(render(report(members)))
    process = started("report", "render", "saved.json", "-o", "json=r.json", cwd=tmp_path)
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    if (tmp_path / "r.json").exists():
        assert json.loads((tmp_path / "r.json").read_bytes())["complete"]
