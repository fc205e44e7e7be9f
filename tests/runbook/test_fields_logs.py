"""What a log's observations hold is documented, and nothing else is called a field of logs."""

from __future__ import annotations

from typing import Any

import pytest

from icapdiag.avi.vocabulary import concerns_icap
from icapdiag.facts import groups
from icapdiag.facts.fields import fields
from icapdiag.facts.groups import ACTIONS
from icapdiag.logs.counting.timeline import OUTCOMES
from icapdiag.model import Observation, flatten
from icapdiag.runbook import load_runbooks
from tests.avi.codes import ADF_CODES
from tests.runbook.cases import LOGS
from tests.runbook.logged import entry, observe
from tests.runbook.test_fields import fits

HEADERS = "Server: x\r\nX-Response-Info: Blocked\r\nX-Response-Desc: Infected\r\nX-Infection-Found: Type=0; Threat=A;"


@pytest.fixture(scope="module")
def observations() -> tuple[Observation, ...]:
    everything: dict[str, Any] = {
        "modified_content_length": 5,
        "nsx_defender_log": {"score": 7},
        "vendor": "ICAP_VENDOR_LASTLINE",
        "complete_body_sent": True,
        "opswat_log": {
            "reason": "Infected",
            "threat_id": "EICAR",
            "violations": [{"threat_name": "EICAR", "resolution": "ICAP_FILE_REPAIRED"}],
        },
        "source_port": 40123,
        "pool_uuid": "poolgroup-1",
    }
    sender: dict[str, Any] = {
        "method": "POST",
        "uri_path": "/upload",
        "host": "shop.example.com",
        "user_id": "alice",
        "request_content_type": "text/plain",
        "http_security_policy_rule_name": "scan",
    }
    task = {"task_uuid": "abc", "status_url": "https://user.lastline.com/portal#/analyst/task/abc/overview"}
    failed: dict[str, Any] = {**entry("ICAP_FAILED", codes=["ADF_ICAP_TIMEDOUT"]), "service_engine": "se-b"}
    outage = [{**failed, "report_timestamp": f"2026-01-01T10:0{n}:00.000000+00:00"} for n in range(8)]
    passed = {**entry("ICAP_PASSED", status=204), "report_timestamp": "2026-01-01T11:00:00.000000+00:00"}
    return (
        observe(
            entry(
                "ICAP_BLOCKED", status=200, http_status=403, headers=HEADERS, codes=["ADF_ICAP_BLOCKED"], **everything
            ),
            entry("ICAP_PASSED", status=204, headers="ISTag: x"),
            entry(
                "ICAP_FAILED", codes=["ADF_ICAP_TIMEDOUT"], significance="ICAP Error", response_code=200, latency=60000
            ),
            entry("ICAP_PASSED", status=204, nsx_defender_log=task, codes=["ADF_ICAP_QUEUED"]),
            {**entry("ICAP_FAILED", icap_absolute_uri="icaps://100.64.3.15:11344/x"), **sender},
            {"icap_log": {"action": "ICAP_DISABLED"}, "response_code": 403, "method": "POST"},
            {"virtualservice": "virtualservice-1", "response_code": 200},
            *LOGS["log-throttled"],
        )
        + observe(*LOGS["nothing-to-scan"])
        + observe(*outage, passed)
    )


def test_every_fact_is_documented_for_logs_with_its_type(observations: tuple[Observation, ...]) -> None:
    wrong = []
    for observation in observations:
        for name, value in flatten(observation).items():
            field = fields().get(name)
            if field is None or "log" not in field.sources:
                wrong.append(f"{name} is not documented for logs")
            elif value is None or value in ("", []):
                continue
            elif not fits(value, field):
                wrong.append(f"{name} is {field.type}, not {value!r}")
            elif field.values and value not in field.values:
                wrong.append(f"{name} is never {value!r}")

    assert [] == wrong


def test_every_field_of_logs_alone_is_met_in_them(observations: tuple[Observation, ...]) -> None:
    met = {name for observation in observations for name in flatten(observation)}

    assert set() == {name for name, field in fields().items() if field.sources == ("log",)} - met - {"timestamp"}


def test_the_vocabularies_are_those_of_the_log_reader() -> None:
    assert set(ACTIONS) == set(groups.ACTIONS)
    assert set(OUTCOMES) == set(groups.OUTCOMES)


def test_runbooks_know_each_code() -> None:
    named = {
        str(value)
        for runbook in load_runbooks().runbooks
        for group in (*runbook.match, *runbook.unless)
        for condition in group.conditions
        if condition.field == "adf_codes"
        for value in condition.values
    }

    assert set() == set(ADF_CODES) - named
    assert [] == [code for code in named if not concerns_icap(code)]
