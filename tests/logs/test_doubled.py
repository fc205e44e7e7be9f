"""A key that is there twice in an entry, with two values: neither of them is taken for the truth in silence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from icapdiag.doubled import Ambiguous, Members, check
from icapdiag.logs.notes import SourceReport
from icapdiag.logs.opening import source as sources
from tests.logs.samples import actions, containers, entry, read

_MARK = re.compile(r"""(\\*["'])MARK\1: ?\1\1""")
_COUNT = 120
_BLOCKED = {"ICAP_BLOCKED": _COUNT - 1}


def doubled(form: str, member: dict[str, Any], *, where: str, number: int = 100, name: str = "") -> str:
    """The container with one more member in one of its entries: in the entry, its icap_log or its request."""
    entries = tuple(entry(at % 10) for at in range(_COUNT))
    found = entries[number]
    log = found["icap_log"] = json.loads(json.dumps(found["icap_log"]))
    {"entry": found, "log": log, "request": log["request_logs"][0]}[where]["MARK"] = ""
    ((key, value),) = member.items()

    def text(quoted: re.Match[str]) -> str:
        written = json.dumps({"KEY": value}).replace("KEY", name or key)[1:-1]
        return written.replace('"', quoted[1])

    return _MARK.sub(text, containers(entries)[form])


@pytest.fixture(params=["whole", "streamed"])
def _head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(sources, "HEAD", 2000)


def refused(report: SourceReport) -> list[str]:
    return [problem.reason for problem in report.problems]


PASSED: dict[str, Any] = {"action": "ICAP_PASSED"}
TWICE = '"action" is there twice, with different values: ICAP_BLOCKED, ICAP_PASSED'


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("where", ["log", "request"])
@pytest.mark.parametrize("form", containers())
def test_in_any_container_a_blocked_is_not_hidden_by_a_passed(tmp_path: Path, form: str, where: str) -> None:
    reading, report = read(tmp_path / "log", doubled(form, PASSED, where=where))
    assert (_COUNT - 1, 0, 1) == (report.read, report.skipped, report.unreadable)
    assert [TWICE] == refused(report)
    assert actions(reading) == _BLOCKED


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(
    ("where", "member", "shown"),
    [
        ("entry", {"icap_log": {"action": "ICAP_PASSED"}}, "…, …"),
        ("log", {"request_logs": [{"action": "ICAP_PASSED"}]}, "…, …"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "array", "pretty", "envelope", "syslog"])
def test_a_log_in_the_place_of_another(
    tmp_path: Path, form: str, where: str, member: dict[str, Any], shown: str
) -> None:
    reading, report = read(tmp_path / "log", doubled(form, member, where=where))
    (key,) = member
    assert [f'"{key}" is there twice, with different values: {shown}'] == refused(report)
    assert actions(reading) == _BLOCKED


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("form", ["jsonl", "array", "csv", "syslog"])
def test_however_the_key_is_written(tmp_path: Path, form: str) -> None:
    text = doubled(form, PASSED, where="request", name="ac\\u0074ion")
    reading, report = read(tmp_path / "log", text)
    assert ([TWICE], _BLOCKED) == (refused(report), actions(reading))


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(
    ("where", "member"),
    [
        ("entry", {"response_code": 200}),
        ("request", {"icap_response_code": 204}),
        ("request", {"reason": "Allowed"}),
        ("request", {"pool_name": "other"}),
        ("request", {"icap_headers_received_from_server": "X-Response-Info: Allowed\r\n"}),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "array", "syslog"])
def test_every_field_that_is_read(tmp_path: Path, form: str, where: str, member: dict[str, Any]) -> None:
    """A large log is looked through for other keys than ``action`` in its first records only."""
    _, report = read(tmp_path / "log", doubled(form, member, where=where, number=2))
    (key,) = member
    assert [True] == [reason.startswith(f'"{key}" is there twice') for reason in refused(report)]


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize(
    ("where", "member"), [("log", {"action": "ICAP_BLOCKED"}), ("entry", {"grpc_status": "other"})]
)
def test_what_decides_nothing_makes_nothing_ambiguous(tmp_path: Path, where: str, member: dict[str, Any]) -> None:
    reading, report = read(tmp_path / "log", doubled("jsonl", member, where=where, number=2))
    assert ((), {"ICAP_BLOCKED": _COUNT}) == (report.problems, actions(reading))


@pytest.mark.usefixtures("_head")
@pytest.mark.parametrize("name", ["results", "res\\u0075lts"])
def test_a_second_list_of_results(tmp_path: Path, name: str) -> None:
    half = json.dumps([entry(at % 10) for at in range(60)])
    reading, _ = read(tmp_path / "log", f'{{"count": 9, "results": {half}, "{name}": {half}}}')
    assert {"ICAP_BLOCKED": 120} == actions(reading)


@pytest.mark.parametrize(
    "text",
    [
        '{"_source": ENTRY, "_source": {}}',
        '{"protocol": {"code": 200}, "headers": {"X-Infection-Found": "a", "X-Infection-Found": "b"}}',
        '{"icap_log": {"action": "ICAP_BLOCKED", "action": "ICAP_PASSED"',  # damaged
        "{'icap_log': {'action': 'ICAP_BLOCKED', 'action': 'ICAP_PASSED'}}",
    ],
)
def test_in_what_wraps_entries(tmp_path: Path, text: str) -> None:
    found = text.replace("ENTRY", json.dumps(entry()))
    reading, report = read(tmp_path / "log", f"{json.dumps(entry())}\n{found}\n")
    assert (1, {"ICAP_BLOCKED": 1}) == (report.unreadable, actions(reading))
    assert "is there twice, with different values" in "".join(refused(report))


def test_in_what_holds_a_list(tmp_path: Path) -> None:
    _, report = read(tmp_path / "log", f'{{"hits": {{"hits": [{json.dumps(entry())}], "hits": []}}}}')
    assert ['"hits" is there twice, with different values: …, …'] == refused(report)


def test_only_reading_the_key_is_refused() -> None:
    found = Members([("a", 1), ("b", 1), ("a", 1.0), ("b", 2)])
    assert (1, 1, None) == (found["a"], found.get("a"), found.get("c"))
    for read_it in (found.get, found.__getitem__, lambda _: check(found)):
        with pytest.raises(Ambiguous, match='"b" is there twice, with different values: 1, 2'):
            read_it("b")
