"""One of two real members is repaired: diff says what, and merge whose fault it was."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop import c_icap
from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.programs import Namespace, Programs, free_port

GOOD = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
SCANS_NO_TYPE = c_icap.ANTIVIRUS + c_icap.LIBCLAMAV


@pytest.fixture(scope="module")
def runs(
    programs: Programs, known_eicar: None, own_network: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with before.json, after.json and elsewhere.json, where no member can be reached."""
    folder = tmp_path_factory.mktemp("repair")
    port = free_port("127.0.0.6", "127.0.0.7")
    pool = folder / "pool.yaml"
    pool.write_text(
        "pool: two\nprofile: {service_uri: /avscan}\nmembers:\n"
        f"  - {{host: 127.0.0.6, port: {port}, name: six}}\n  - {{host: 127.0.0.7, port: {port}, name: seven}}\n"
    )

    def run(name: str, *arguments: str, namespace: Namespace | None = None) -> None:
        checked: Checked = check("--eicar", *arguments, str(pool), namespace=namespace)
        (folder / name).write_text(json.dumps(checked.report))

    six = c_icap.start(programs, "six", [("127.0.0.6", port)], GOOD)
    seven = c_icap.start(programs, "seven", [("127.0.0.7", port)], SCANS_NO_TYPE)
    run("before.json")
    programs.stop(seven)
    seven = c_icap.start(programs, "seven", [("127.0.0.7", port)], GOOD)
    run("after.json")
    run("elsewhere.json", namespace=own_network)
    programs.stop(six)
    programs.stop(seven)
    return folder


def report(*arguments: str) -> tuple[int, Any]:
    argv = [*ICAPDIAG, "report", *arguments, "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert "" == done.stderr
    return done.returncode, json.loads(done.stdout)


def items(found: Any) -> set[tuple[str, str, str]]:
    return {(item["change"], item["member"], item["finding"]) for item in found["items"]}


def test_diff_says_exactly_what_was_repaired(runs: Path) -> None:
    status, found = report("diff", str(runs / "before.json"), str(runs / "after.json"))

    assert (0, "critical", "ok", []) == (
        status,
        found["verdict_before"],
        found["verdict_after"],
        found["circumstances"],
    )
    assert {("fixed", "seven", "eicar-not-detected")} == {
        item for item in items(found) if item[2] != "members-disagree-on-verdict"
    }
    assert {"fixed"} == {change for change, _, _ in items(found)}


def test_diff_the_other_way_round_is_worse(runs: Path) -> None:
    status, found = report("diff", str(runs / "after.json"), str(runs / "before.json"))

    assert 1 == status
    assert ("new", "seven", "eicar-not-detected") in items(found)


def test_what_can_be_seen_no_more_is_not_fixed(runs: Path) -> None:
    status, found = report("diff", str(runs / "before.json"), str(runs / "elsewhere.json"))

    assert 1 == status
    assert ("not re-tested", "seven", "eicar-not-detected") in items(found)
    assert {("new", name, "tcp-refused") for name in ("six", "seven")} <= items(found)


@pytest.mark.parametrize(
    ("expected", "saved"),
    [
        ({"six": "nobody", "seven": "server"}, ("before.json", "again.json")),
        ({"six": "path", "seven": "path"}, ("after.json", "elsewhere.json")),
        ({"six": "nobody", "seven": "nobody"}, ("after.json", "again.json")),
    ],
)
def test_merge_says_whose_fault_it_is(expected: dict[str, str], saved: tuple[str, str], runs: Path) -> None:
    (runs / "again.json").write_text((runs / saved[0]).read_text())

    status, merged = report("merge", *(str(runs / name) for name in saved))

    assert expected == {row["member"]: row["whose"] for row in merged["rows"]}
    assert (set(expected.values()) != {"nobody"}) == status
