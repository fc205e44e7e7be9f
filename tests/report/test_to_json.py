"""The published JSON: its shape is a promise, and its text is safe to cat."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP
from icapdiag.facts.standard import Options
from icapdiag.model import Report, Unmatched, unflatten
from icapdiag.report.machine.schema import schema
from icapdiag.report.machine.to_json import render, to_plain
from icapdiag.vocabulary import Health, Reason, Severity, Status
from tests.report.log_samples import ANSWER, BLOCKED, FAILED, log_report
from tests.report.readers import read_json, report_validator
from tests.report.samples import DISABLED, HEALTHY, NAMED, REFUSED, UNTESTED, member, observation, report
from tests.report.test_comparison import POOL

HOSTILE = '\x1b[2J \x00\r\n\x7f\x9b \u202e \u2028 \ud800 \ufeff \U000e0041 " \\ 検疫'


@pytest.mark.parametrize(
    "built",
    [
        report(),
        report((), ()),
        replace(report(), comparison=POOL),
        report((HEALTHY, REFUSED, DISABLED, NAMED, UNTESTED), complete=False, notes=("interrupted",)),
        report(
            unmatched=Unmatched(count=7, examples=(unflatten({"source": "probe", "probe": "tcp", "status": "failed"}),))
        ),
        log_report((BLOCKED, FAILED, ANSWER)),
        log_report((), (), timeline=(), complete=False),
    ],
)
def test_is_valid(built: Report) -> None:
    read_json(render(built))


def test_the_schema_is_a_schema_and_can_fail() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    plain = to_plain(report())
    plain["members"][1]["probes"][1]["reason"] = "no such word"
    plain["findings"][0]["severity"] = "fatal"
    del plain["complete"]
    errors = {error.json_path for error in report_validator().iter_errors(plain)}
    assert {"$", "$.members[1].probes[1].reason", "$.findings[0].severity"} == errors


def test_the_schema_holds_a_report_on_logs() -> None:
    plain = to_plain(log_report())
    plain["groups"][0]["count"] = 0
    del plain["groups"][1]["findings"]
    del plain["timeline"][0]["start"]
    del plain["subject"]["sources"][0]["skipped"]
    plain["subject"]["sources"][0]["corrections"][0]["line"] = "3"
    errors = {error.json_path for error in report_validator().iter_errors(plain)}
    assert {
        "$.groups[0].count",
        "$.groups[1]",
        "$.timeline[0]",
        "$.subject.sources[0]",
        "$.subject.sources[0].corrections[0].line",
    } == errors


def test_the_schema_documents_what_a_report_on_logs_has() -> None:
    parts, plain = schema()["$defs"], to_plain(log_report())
    assert set(plain["subject"]) <= set(parts["Subject"]["properties"])
    of_others = {"matching", "more", "percent_remaining", "keys_not_checked", "cut_off"}  # of pages, large and cut logs
    assert set(plain["subject"]["sources"][0]) == set(parts["LogSource"]["properties"]) - of_others


NEW = {
    "effect",
    "by_fail_action",
    "causes",
    "steps",
    "because_of",
    "places",
    "problems",
    "not_tested",
    "scanner_events",
    "scanner_requests",
}  # since findings have causes; older reports have none


def test_the_schema_documents_every_key() -> None:
    published, plain = schema(), to_plain(replace(report(), redacted="by a rule"))
    parts = published["$defs"]
    one = plain["members"][0]
    assert [name for name in published["properties"] if name not in NEW] == list(plain)
    assert list(parts["MemberReport"]["properties"]) == list(one)
    assert list(parts["Observation"]["properties"]) == [*one["probes"][0], "transcript"]  # which is there if asked for
    assert [name for name in parts["Finding"]["properties"] if name not in NEW] == list(plain["findings"][0])
    elsewhere = {"place", "avi_form", "namespace", "shell"}  # of captures and of the script for a Service Engine
    assert [each for each in parts["Vantage"]["properties"] if each not in elsewhere] == list(plain["vantage"])


def test_the_schema_knows_the_vocabulary() -> None:
    parts = schema()["$defs"]
    assert [reason.value for reason in Reason] == parts["Reason"]["enum"]
    assert [status.value for status in Status] == parts["Observation"]["properties"]["status"]["enum"]
    assert {health.value for health in Health} == set(parts["MemberReport"]["properties"]["verdict"]["enum"])
    assert {severity.value for severity in Severity} == set(parts["Finding"]["properties"]["severity"]["enum"])


def test_design_example() -> None:
    """Keys and order of a report that failed at the first step, as the design prints them."""
    document = json.loads(render(report((REFUSED,))))
    probes = document["members"][0].pop("probes")
    assert ["schema_version", "tool", "command", "started_at", "finished_at", "complete"] == list(document)[:6]
    assert {"name": "icapdiag", "version": "0.1.0"} == document["tool"]
    assert [
        {"name": "10.0.0.6:1344", "address": "10.0.0.6", "port": 1344, "line": None, "verdict": "critical"}
    ] == document["members"]
    assert {
        "probe": "tcp",
        "status": "failed",
        "reason": "refused",
        "elapsed_ms": 0.42,
        "facts": {"address": "10.0.0.6", "error": "[Errno 111] Connection refused"},
    } == probes[1]
    assert ("blocked", "tcp", None) == tuple(probes[3][key] for key in ("status", "reason", "elapsed_ms"))
    assert {"count": 0, "examples": []} == document["unmatched"]
    assert [] == document["groups"] == document["timeline"]


def probe_of(**facts: Any) -> Any:
    return json.loads(render(report((member("10.0.0.5", observation("tcp", **facts)),), ())))["members"][0]["probes"][0]


def test_has_no_nan_no_infinity_and_only_lists() -> None:
    facts = TCP(rtt_ms=float("nan"))
    seen = replace(observation("tcp", elapsed_ms=1 / 3), facts=facts)
    probe = to_plain(report((member("10.0.0.5", seen),), ()))["members"][0]["probes"][0]
    assert {"rtt_ms": None} == probe["facts"]
    assert 0.333 == probe["elapsed_ms"]
    assert probe_of(elapsed_ms=float("nan"))["elapsed_ms"] is None
    answer = Options(answer=Answer(threats=("a", "b"), methods=()))
    odd = replace(observation("options"), facts=answer)
    assert {"threats": ["a", "b"], "methods": []} == (
        to_plain(report((member("10.0.0.5", odd),), ()))["members"][0]["probes"][0]["facts"]
    )


def test_hostile_text_is_safe_to_cat_and_comes_back() -> None:
    group = {**BLOCKED, "by_threat": {HOSTILE: 1}}
    text = render(log_report((group,), notes=(HOSTILE,)))
    assert [] == [char for char in text if char in "\x1b\x00\r\x7f\x9b\u202e\u2028\ud800\ufeff\U000e0041"]
    assert "\\u001b[2J" in text
    assert "\\u202e" in text
    assert "\\udb40\\udc41" in text  # beyond the BMP: a pair
    assert "検疫" in text
    document = json.loads(text)
    assert [HOSTILE] == document["notes"]
    assert {HOSTILE: 1} == document["groups"][0]["by_threat"]
    text.encode("utf-8")  # no lone surrogate is left


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render(report()) == render(report())
    assert render(report()).endswith("}\n")


def test_text_that_has_no_utf_8_is_written_by_the_same_form() -> None:
    plain, odd = (render(report((member("10.0.0.5", observation("tcp", error=text)),))) for text in ("aé", "aé\ud800"))

    assert plain == odd.replace("\\ud800", "")
