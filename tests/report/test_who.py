"""Who and where in a report on logs: rates, counts, and the commands that give each of them again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import html5lib
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from icapdiag.api.explaining import explain
from icapdiag.facts.run import LogSubject
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.report import formats
from icapdiag.report.document import Document, who
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


def test_the_page_has_the_tables(report: Report) -> None:
    doc = Document(report)
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(formats.render(report, "html"))
    tables = {each.get("aria-label"): each for each in tree.iter("div") if each.get("role") == "region"}
    counted = {who.RATE_TITLE: [each.cells for each in doc.rates], who.COUNT_TITLE: [each.cells for each in doc.counts]}
    for title, expected in counted.items():
        rows = [tuple("".join(cell.itertext()) for cell in row) for row in tables[f"Table: {title}"].iter("tr")]
        assert expected
        assert expected == rows[1:]


@pytest.mark.parametrize("format_", ["markdown", "github"])
def test_markdown_has_the_tables(report: Report, format_: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False})
    tokens = parser.parse(formats.render(report, format_))
    cells = ["".join(part.content for part in each.children or ()) for each in tokens if each.type == "inline"]
    text = "\n".join(cells)
    doc = Document(report)
    for row in (*(each.cells for each in doc.rates), *(each.cells for each in doc.counts)):
        assert "\n".join(row).strip("\n") in text


def test_requests_of_clients_are_counted_where_one_was_sent_again(report: Report) -> None:
    doc = Document(report)
    counted = {row.cells[0]: int(row.cells[1]) for row in doc.outcomes}
    assert "requests" == doc.outcome_head[1]
    assert 92 == sum(counted.values())  # 93 ICAP requests
    assert any(" ICAP requests (" in block.users for block in doc.problems)


def test_a_failure_that_was_sent_again_says_what_became_of_it(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps([each for each in log() if len(each["icap_log"].get("request_logs", ())) > 1]))
    doc = Document(explain([str(file)]))
    assert ["1 of 2 ICAP requests (50.0 %) failed; another attempt passed."] == [each.users for each in doc.problems]
    assert [("passed", "1", "100.0 %")] == [row.cells[:3] for row in doc.outcomes]


def test_a_client_whose_request_failed_twice_counts_once(tmp_path: Path) -> None:
    attempt = {"action": "ICAP_FAILED", "icap_server_ip": "10.0.0.1"}
    failed = {"response_code": 200, "icap_log": {"action": "ICAP_FAILED", "request_logs": [attempt, attempt]}}
    passed = {"response_code": 200, "icap_log": {"action": "ICAP_PASSED", "request_logs": [{"action": "ICAP_PASSED"}]}}
    file = tmp_path / "log.json"
    file.write_text(json.dumps([failed, failed, passed]))

    (block,) = Document(explain([str(file)])).problems

    assert "4 of 5 ICAP requests (80.0 %) failed: 2 requests passed unscanned (fail open)." == block.users


def test_a_report_of_before_they_were_counted_says_that_it_has_icap_requests(report: Report) -> None:
    subject = report.subject
    assert isinstance(subject, LogSubject)
    assert subject.entries is not None
    old = replace(report, subject=replace(subject, entries=replace(subject.entries, by_outcome=None)))
    doc = Document(old)
    assert "ICAP requests" == doc.outcome_head[1]
    assert 93 == sum(int(row.cells[1]) for row in doc.outcomes)


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
