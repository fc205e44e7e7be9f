"""``icapdiag se-script``: a script on stdout, and `explain` of what it printed; outputs of several, cut ones."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import icapdiag

POOL = """\
pool: icap
profile: {service_uri: /avscan}
members:
  - {host: 127.0.0.1, port: 9, name: closed}
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the script printed about a closed port."""
    folder = tmp_path_factory.mktemp("se")
    (folder / "pool.yaml").write_text(POOL, "utf-8")
    status, out, err = icapdiag("se-script", "pool.yaml", cwd=folder)
    assert (0, "") == (status, err)
    return subprocess.run(["bash", "-s"], input=out, capture_output=True, text=True, check=True).stdout


def explained(folder: Path, *texts: str) -> tuple[int, str, dict[str, Any]]:
    names = []
    for at, text in enumerate(texts):
        (folder / f"{at}.txt").write_text(text, "utf-8")
        names.append(f"{at}.txt")
    status, out, err = icapdiag("explain", *names, "-o", "table", "-o", "json=report.json", cwd=folder)
    assert "" == err
    return status, out, json.loads((folder / "report.json").read_text("utf-8"))


def test_the_same_finding_as_a_check_seen_from_the_engine(output: str, tmp_path: Path) -> None:
    status, out, report = explained(tmp_path, output)

    assert 1 == status
    assert ["tcp-refused"] == [finding["id"] for finding in report["findings"]]
    assert re.search(r"Seen by a script on \S+", out)
    assert "detection (the script was written without --eicar)" in " ".join(out.split())


def test_a_saved_report_is_read_again(output: str, tmp_path: Path) -> None:
    _, out, _ = explained(tmp_path, output)

    assert (1, out, "") == icapdiag("report", "render", "report.json", "-o", "table", cwd=tmp_path)


def test_one_of_two_service_engines_reaches_the_server(output: str, tmp_path: Path) -> None:
    other = re.sub(r"~[0-9a-f]{6}\.", "~ffffff.", output)
    other = re.sub(r";sum=\d+", "", other).replace("end=unconnected", "end=eof;connected=1")
    other = re.sub(r"host=[^;]*", "host=se-2", other)

    _, out, report = explained(tmp_path, output, other)

    assert 2 == len(report["members"])
    assert "from se-2" in out


def test_an_output_without_its_end_is_incomplete(output: str, tmp_path: Path) -> None:
    cut = output[: output.index(".2.0:f=plan")]

    _, _, report = explained(tmp_path, cut[: cut.rindex("\n")])

    assert report["complete"] is False
    assert "the output ends before the script did" in " ".join(report["notes"])


def test_an_output_without_its_plan_says_what_to_do(output: str, tmp_path: Path) -> None:
    lines = [line for line in output.splitlines() if not re.match(r"~[0-9a-f]{6}\.[12]\.", line)]
    (tmp_path / "a.txt").write_text("\n".join(lines), "utf-8")

    status, out, err = icapdiag("explain", "a.txt", cwd=tmp_path)

    assert (2, "") == (status, out)
    assert "Run the script again and save all that it prints" in err


def test_a_log_beside_it_is_refused(output: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(output, "utf-8")
    (tmp_path / "b.json").write_text("{}", "utf-8")

    status, _, err = icapdiag("explain", "a.txt", "b.json", cwd=tmp_path)

    assert 2 == status
    assert "SE script output and logs can't be explained together" in err


def test_a_pool_or_a_namespace_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(POOL, "utf-8")

    assert 2 == icapdiag("se-script", "nothing.yaml", cwd=tmp_path)[0]
    status, out, err = icapdiag("se-script", "pool.yaml", "--netns", "a b", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert "'a b' is not the name of a network namespace, such as avi_ns1" in err
