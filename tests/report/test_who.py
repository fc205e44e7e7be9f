"""Who and where in a report on logs: rates, counts, and the commands that give each of them again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.api.explaining import explain
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.report.document import who
from icapdiag.report.terminal import render
from tests.cli.run import icapdiag
from tests.logs.test_summary import entry

HOSTILE = 'it\'s $(id) `x` \\ & ; "q"'
MEMBERS = ("10.0.0.7", "10.0.0.8", "2001:db8::5")


def log() -> list[dict[str, Any]]:
    """Failures, blocks and disabled uploads of many senders at three members of two pools."""
    found: list[dict[str, Any]] = []
    for n in range(90):
        host = MEMBERS[n % 3]
        action = ("ICAP_FAILED", "ICAP_PASSED", "ICAP_BLOCKED", "ICAP_FAILED", "ICAP_PASSED")[n % 5]
        request: dict[str, Any] = {
            "icap_absolute_uri": f"icap://{f'[{host}]' if ':' in host else host}:1344/avscan ",
            "pool_name": {"val": ("pg", HOSTILE)[n % 2], "crc32": 1},
        }
        if action == "ICAP_BLOCKED":
            words = ("Infected", "No security rule matched", HOSTILE)[n % 3]
            request["icap_response_code"] = 200
            request["icap_headers_received_from_server"] = f"ISTag: x\r\nX-Response-Desc: {words}\r\n"
        elif action == "ICAP_PASSED" and n % 4:
            request["icap_response_code"] = 204
            request["icap_headers_received_from_server"] = "ISTag: x\r\n"
        fields: dict[str, Any] = {
            "vs_name": ("shop", HOSTILE, "x[1]")[n % 3],
            "client_ip": ("10.1.1.1", "2001:db8::9")[n % 7 == 0],
            "method": ("POST", "put")[n % 4 == 0],
            "uri_path": ("/upload", "/a/b/c/1", "/a/b/c/2", f"/{HOSTILE}", "/a*b")[n % 5 % 4],
            "response_code": (200, 500)[n % 11 == 0],
            "request_id": f"r{n}",
            "service_engine": ("se-a", "se-b")[n % 2],
            "http_security_policy_rule_name": ("scan uploads", HOSTILE, None)[n % 3],
            "request_content_type": ("image/PNG", "multipart/form-data; boundary=x", "text/plain")[n % 3],
        }
        found.append(entry(action, request, **fields))
    retried = entry(
        "ICAP_PASSED", {"icap_absolute_uri": "icap://10.0.0.8:1344/avscan ", "pool_name": "pg"}, method="POST"
    )
    failed = {"action": "ICAP_FAILED", "icap_absolute_uri": "icap://10.0.0.7:1344/avscan ", "pool_name": "pg"}
    retried["icap_log"]["request_logs"].insert(0, failed)
    disabled = {
        "vs_name": "shop",
        "method": "POST",
        "uri_path": "/upload",
        "response_code": 200,
        "client_ip": "10.1.1.1",
    }
    return [*found, retried, {**disabled, "icap_log": {"action": "ICAP_DISABLED"}}]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    file = tmp_path / "a log's name.json"
    file.write_text(json.dumps(log()))
    return explain([str(file)])


def requests_of(command: str) -> int:
    """How many requests the report of a printed command has."""
    program, *words = shlex.split(command)
    assert "icapdiag" == program
    _, out, _ = icapdiag(*words, "-o", "json")
    number = json.loads(out)["subject"]["entries"]["icap_requests"]
    assert isinstance(number, int)
    return number


def test_rates(report: Report) -> None:
    assert [
        "member 10.0.0.7:1344 failed 13 of 31 (41.9 %)",
        "member 10.0.0.8:1344 failed 12 of 31 (38.7 %)",
        "member [2001:db8::5]:1344 failed 12 of 30 (40.0 %)",
    ] == [rate.words for rate in who.rates(report) if rate.kind == "member"]


def test_each_printed_command_gives_its_count(report: Report) -> None:
    printed = [(rate.failed, rate.command) for rate in who.rates(report)]
    printed += [(each.number, each.command) for each in who.counts(report) if each.command]

    assert all(command for _, command in printed[: len(who.rates(report))])
    assert {
        *("--member", "--pool", "--vs", "--client", "--method", "--path"),
        *("--se", "--rule", "--content-type", "--reason"),
    } == {word for _, command in printed for word in shlex.split(command) if word.startswith("--")} - {"--action"}
    for number, command in printed:
        assert number == requests_of(command), command


def test_what_no_option_selects_exactly_has_no_command(report: Report) -> None:
    assert "" == who.command(report, who.FAILED, "--path", "/a*b")
    assert "" == who.command(report, who.FAILED, "--vs", "a\x1b[31mb")
    assert who.command(report, who.FAILED, "--path", "/a/b/c/*")


def test_filters_of_the_run_stay_in_force(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps(log()))
    report = explain([str(file)])

    narrowed = explain([str(file)], filters=Filters(vs="shop", method="post"))
    command = next(rate.command for rate in who.rates(narrowed) if rate.kind == "member")
    assert f"explain {file} --vs shop --method post --member" in command.replace("'", "")
    assert next(rate.failed for rate in who.rates(narrowed)) == requests_of(command)
    assert next(rate.failed for rate in who.rates(report)) > requests_of(command)


def test_who_of_a_problem(report: Report) -> None:
    problem = next(each for each in report.problems or () if each.finding == "uploads-bypass-icap")

    assert "client 10.1.1.1; virtual service shop; POST; /upload" == who.of_problem(report, problem)


def test_names_are_counted_where_they_differ(report: Report) -> None:
    assert who.line(report, {"icap-failed"}).startswith("client 10.1.1.1 (31), 2001:db8::9 (5); virtual service ")


def test_a_sample_is_said_to_be_one(report: Report) -> None:
    groups = tuple(replace(group, looked_at=1 if group.looked_at else group.looked_at) for group in report.groups)
    line = who.line(replace(report, groups=groups), {"icap-failed"})

    assert line.startswith("of ")
    assert "≥ " in line
    assert not any(
        each.exact for each in who.counts(replace(report, groups=groups)) if each.kind == "client" and each.number > 1
    )


def test_a_filter_is_never_cut(report: Report) -> None:
    listed = [each for each in who.counts(report) if each.options]
    text = " ".join(render(report, 60, detail=2).split())

    assert [] == [each.options for each in listed if " ".join(each.options.split()) not in text]
    assert all(each.command.endswith(each.options) for each in listed)
