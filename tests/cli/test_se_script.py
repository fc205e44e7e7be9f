"""``icapdiag se-script``: a script on stdout, and `explain` of what it printed; outputs of several, cut ones."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icapdiag.script.frames import cksum
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


WORKS = "end=eof;connected=1;took=1;status=200"
ANSWER = base64.b64encode(
    b'ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: "a"\r\nEncapsulated: null-body=0\r\n\r\n'
).decode()


def from_another(output: str, engine: str, *, works: bool = False, namespace: str = "", later: int = 0) -> str:
    """The same output from another Service Engine, perhaps one that reaches the server."""
    other = re.sub(r"~[0-9a-f]{6}\.", f"~{cksum(engine.encode()) % 0x1000000:06x}.", output)
    other = re.sub(r";sum=\d+", "", other)
    other = re.sub(r"host=[^;]*;uid=(\d+);ns=[^;]*", rf"host={engine};uid=\1;ns={namespace}", other)
    other = re.sub(r"(?<=;at=)\d+", lambda found: str(int(found[0]) + 1000 * later), other)
    if works:
        lines = other.splitlines()
        at = next(number for number, line in enumerate(lines) if "s=options;" in line)
        head = re.sub(r"end=unconnected;took=\d+", WORKS, lines[at])
        lines[at] = re.sub(r"code=[bx];len=\d+", f"code=b;len={len(ANSWER)}", head)
        pieces = [ANSWER[start : start + 56] for start in range(0, len(ANSWER), 56)]
        mark = lines[at][: lines[at].index(".0:")]
        lines[at + 1 : at + 1] = [f"{mark}.{number}:{piece}~" for number, piece in enumerate(pieces, 1)]
        other = "\n".join(lines) + "\n"
    return other


def test_a_server_that_fails_from_one_of_two_service_engines(output: str, tmp_path: Path) -> None:
    fails, works = from_another(output, "se-1"), from_another(output, "se-2", works=True)

    status, out, report = explained(tmp_path, fails, works)

    first = report["problems"][0]
    assert (1, "fails-from-one-engine", ["closed from se-1"]) == (status, first["finding"], first["members"])
    assert ["tcp-refused"] == first["consequences"]
    assert "Likely: A route or firewall of that Service Engine." in " ".join(out.split())
    [facts] = [probe["facts"] for probe in report["members"][0]["probes"] if probe["probe"] == "engines"]
    assert (["se-1"], ["se-2"], "tcp", "refused", False, 0) == (
        facts["fails_from"], facts["works_from"], facts["failed_step"], facts["failed_because"],
        facts["other_namespace"], facts["apart_s"],
    )  # fmt: skip
    assert "Seen by scripts on se-1, se-2." in " ".join(out.split())
    _, detailed, _ = icapdiag("explain", "0.txt", "1.txt", "-v", cwd=tmp_path)
    assert "closed from se-1 engines: fails from se-1 (tcp: refused); works from se-2" in " ".join(detailed.split())


def test_another_namespace_and_a_long_time_between_are_causes_too(output: str, tmp_path: Path) -> None:
    fails = from_another(output, "se-1")
    works = from_another(output, "se-2", works=True, namespace="avi_ns1", later=3600)

    _, _, report = explained(tmp_path, fails, works)

    causes = {cause["id"]: cause["status"] for cause in report["problems"][0]["causes"]}
    assert "likely" == causes["namespace"] == causes["changed"]


def test_a_server_that_is_seen_from_all_service_engines_is_one_member(output: str, tmp_path: Path) -> None:
    _, out, report = explained(tmp_path, from_another(output, "se-1"), from_another(output, "se-2"))

    assert [("tcp-refused", ["closed"])] == [(finding["id"], finding["members"]) for finding in report["findings"]]
    [member] = report["members"]
    [facts] = [probe["facts"] for probe in member["probes"] if probe["probe"] == "engines"]
    assert ("closed", ["se-1", "se-2"]) == (member["name"], facts["seen_from"])
    assert "Seen by scripts on se-1, se-2." in " ".join(out.split())


def test_of_three_service_engines_two_are_alike(output: str, tmp_path: Path) -> None:
    engines = [from_another(output, "se-1"), from_another(output, "se-2", works=True), from_another(output, "se-3")]

    _, _, report = explained(tmp_path, *engines)

    assert ["closed from se-1, se-3", "closed from se-2"] == sorted(each["name"] for each in report["members"])
    [problem] = report["problems"]
    assert ("fails-from-one-engine", ["closed from se-1, se-3"]) == (problem["finding"], problem["members"])


def test_an_output_without_its_end_is_incomplete(output: str, tmp_path: Path) -> None:
    cut = output[: output.index(".2.0:f=plan")]

    _, _, report = explained(tmp_path, cut[: cut.rindex("\n")])

    assert report["complete"] is False
    assert "the output ends before the script did" in " ".join(report["notes"])


def test_an_output_without_one_of_its_members_is_incomplete(output: str, tmp_path: Path) -> None:
    without = "".join(line for line in output.splitlines(keepends=True) if not re.match(r"~[0-9a-f]{6}\.1\d\d\.", line))

    status, out, report = explained(tmp_path, without)

    assert (3, False) == (status, report["complete"])
    assert "closed (not in the output of run " in " ".join(out.split())


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


@pytest.mark.parametrize("works", [True, False])
def test_diagnose_knows_every_service_engine(output: str, tmp_path: Path, works: bool) -> None:
    engines = {"1": from_another(output, "se-1"), "2": from_another(output, "se-2", works=works)}
    for name, text in engines.items():
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")

    _, out, err = icapdiag("diagnose", "1.txt", "2.txt", "-o", "json", cwd=tmp_path)

    report = json.loads(out)
    [facts] = report["subject"]["joined_members"]
    expected = ("mixed", ["se-1"], ["se-2"]) if works else ("failing", ["se-1", "se-2"], None)
    assert "" == err
    assert expected == (facts["scripted"], facts["script_failing"], facts.get("script_working"))
    assert ["one-engine-fails" if works else "tcp-refused"] == [each["finding"] for each in report["problems"]]


def test_it_can_not_be_followed(output: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(output, "utf-8")

    status, out, err = icapdiag("explain", "--follow", "a.txt", cwd=tmp_path)

    assert (2, "") == (status, out)
    assert "a.txt is the output of icapdiag se-script: it can't be followed; read it without --follow" in err


# --- filters -------------------------------------------------------------------------------------------


@pytest.fixture
def engines(output: str, tmp_path: Path) -> Path:
    """A folder with the outputs of two Service Engines, the second an hour later."""
    (tmp_path / "1.txt").write_text(from_another(output, "se-1"), "utf-8")
    (tmp_path / "2.txt").write_text(from_another(output, "se-2", later=3600), "utf-8")
    return tmp_path


def _seen_from(folder: Path, *filters: str) -> set[str]:
    status, out, err = icapdiag("explain", "1.txt", "2.txt", *filters, "-o", "json", cwd=folder)
    assert (1, "") == (status, err)
    return {run["host"] for run in json.loads(out)["subject"]["scripts"]}


def test_filters_choose_among_the_runs(engines: Path) -> None:
    between = datetime.fromtimestamp(_started(engines) + 1800, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    assert {"se-1", "se-2"} == _seen_from(engines) == _seen_from(engines, "--pool", "ic*")
    assert {"se-1"} == _seen_from(engines, "--until", between)
    assert {"se-2"} == _seen_from(engines, "--since", between)
    assert {"se-2"} == _seen_from(engines, "--se", "*-2")


def _started(folder: Path) -> int:
    """Seconds since 1970."""
    found = re.search(r"f=who;[^~]*;at=(\d+)", (folder / "1.txt").read_text("utf-8"))
    assert found
    return int(found[1]) // 1000


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (("--pool", "other"), "no run of the script is left: --pool other. The output has pool icap from se-1 at "),
        (("--se", "x"), "no run of the script is left: --se x. The output has "),
        (("--since", "2099-01-01"), "no run of the script is left: --since 2099-01-01T00:00:00Z. The output has "),
        (("--action", "failed"), "--action is for logs; the output of a script is chosen by"),
        (("--client", "192.0.2.1"), "--client is for logs; the output of a script is chosen by"),
        (("--member", "x"), "no member of the script's output is left: --member x. It has closed"),
    ],
)
def test_a_filter_that_leaves_nothing_or_can_not_be_used(engines: Path, filters: tuple[str, ...], words: str) -> None:
    status, out, err = icapdiag("explain", "1.txt", "2.txt", *filters, cwd=engines)

    assert (2, "") == (status, out)
    assert words in err
