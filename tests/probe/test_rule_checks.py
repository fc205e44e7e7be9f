"""Each of the thirty rules: kept, broken and unknown, by what the probes saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from icapdiag.facts import Answer, from_plain
from icapdiag.facts.connection import Transfer
from icapdiag.facts.deep import RuleResult
from icapdiag.icap.conformance import RULES
from icapdiag.probe import Settings
from icapdiag.probe.base import Context
from icapdiag.probe.comparing.rule_checks import Evidence, Heard, check_rules
from icapdiag.probe.probes.conformance import requests
from tests.probe.fakes import member, pool_of, sheet

Facts = Mapping[str, Any]

OPTIONS: Facts = {
    "icap_status": 200, "icap_reason": "OK", "istag": '"tag"', "methods": ["REQMOD"], "allow": ["204"], "preview": 1024,
    "service": "a scanner", "options_ttl": 3600, "max_connections": 100, "transfer_preview": "*",
    "date": "Tue, 24 Nov 2026 05:44:41 GMT", "parts": ["null-body"], "encapsulated": "null-body=0",
}  # fmt: skip
CLEAN: Facts = {
    "icap_status": 204, "icap_reason": "No Content", "istag": '"tag"', "profile_preview_size": 1024, "sample_size": 71,
}  # fmt: skip
EICAR: Facts = {
    "icap_status": 200, "istag": '"tag"', "parts": ["res-hdr", "res-body"], "encapsulated": "res-hdr=0, res-body=108",
    "x_violations_found": "1\n-\nEicar\n0\n0",
}  # fmt: skip
ECHO: Facts = {
    "case": "no-allow",
    "status": "ok",
    "icap_status": 200,
    "istag": '"tag"',
    "parts": ["req-hdr", "req-body"],
}
ANSWERS: Mapping[str, Facts] = {
    "options": OPTIONS,
    "clean": CLEAN,
    "eicar": EICAR,
    "preview": {"cases": [ECHO]},
    "keepalive": {"reuse": "honoured"},
}
REQUESTS: Mapping[str, Facts] = {
    "options-again": OPTIONS,
    "unknown-service": {"icap_status": 404, "icap_reason": "Service not found", "bytes_sent": 99, "istag": '"tag"'},
    "unknown-method": {"icap_status": 501, "bytes_sent": 99},
}


def without(facts: Facts, *names: str) -> Facts:
    return {name: value for name, value in facts.items() if name not in names}


def deviating(facts: Facts, rule: str, seen: str = "") -> Facts:
    """The facts with one more deviation."""
    return {**facts, "deviation_rules": [rule], "deviations": [{"rule": rule, "detail": f"{rule} it is", "seen": seen}]}


def judged(answers: Mapping[str, Facts] = ANSWERS, requests: Mapping[str, Facts] = REQUESTS) -> dict[str, RuleResult]:
    heard = {
        name: Heard(from_plain(Answer, facts), bytes_sent=from_plain(Transfer, facts).bytes_sent)
        for name, facts in requests.items()
    }
    sheets = {name: sheet(name, **facts) for name, facts in answers.items()}
    return {str(result.rule): result for result in check_rules(Evidence(sheets, heard))}


def changed(**probes: Facts) -> dict[str, Facts]:
    return {**ANSWERS, **probes}


def test_a_good_server_keeps_every_rule() -> None:
    results = judged()

    assert list(RULES) == list(results)
    assert {"pass"} == {result.result for result in results.values()}
    assert not any(result.breaks for result in results.values())
    assert 'ISTag: "tag"' == results["istag-present"].seen
    assert "Encapsulated: res-hdr=0, res-body=108" == results["encapsulated"].seen


def test_of_a_server_that_was_not_heard_nothing_is_known() -> None:
    assert {"not-tested"} == {result.result for result in judged({}, {}).values()}


BROKEN: Mapping[str, tuple[Mapping[str, Facts], Mapping[str, Facts], str, bool]] = {
    "status-line": (changed(options={"peer": "http", "peer_excerpt": "HTTP/1.1 400"}), REQUESTS, "HTTP/1.1 400", True),
    "options": (changed(options={"icap_status": 501, "icap_reason": "No"}), REQUESTS, "ICAP/1.0 501 No", False),
    "methods": (
        changed(options={**OPTIONS, "methods": ["REQMOD", "RESPMOD"]}),
        REQUESTS,
        "Methods: REQMOD, RESPMOD",
        False,
    ),
    "reqmod-offered": (changed(options={**OPTIONS, "methods": ["RESPMOD"]}), REQUESTS, "Methods: RESPMOD", True),
    "istag-present": (changed(clean=deviating(CLEAN, "istag-missing")), REQUESTS, "ICAP/1.0 204 No Content", False),
    "istag-quoted": (changed(clean=deviating(CLEAN, "istag-unquoted", "ISTag: x")), REQUESTS, "ISTag: x", False),
    "istag-length": (changed(clean=deviating(CLEAN, "istag-too-long", "ISTag: y")), REQUESTS, "ISTag: y", False),
    "istag-stable": (
        ANSWERS,
        {**REQUESTS, "options-again": {**OPTIONS, "istag": '"b"'}},
        'ISTag: "tag", ISTag: "b"',
        False,
    ),
    "options-encapsulated": (
        changed(options=without(OPTIONS, "parts", "encapsulated")),
        REQUESTS,
        "ICAP/1.0 200 OK",
        False,
    ),
    "encapsulated": (changed(eicar=deviating(EICAR, "encapsulated-wrong-offset", "HTT")), REQUESTS, "HTT", True),
    "opt-body-type": (
        changed(options=deviating(OPTIONS, "opt-body-missing", "Opt-body-type: x")),
        REQUESTS,
        "Opt-body-type: x",
        False,
    ),
    "max-connections": (changed(options={**OPTIONS, "max_connections": 0}), REQUESTS, "Max-Connections: 0", False),
    "options-ttl": (
        changed(options=deviating(OPTIONS, "options-ttl-invalid", "Options-TTL: x")),
        REQUESTS,
        "Options-TTL: x",
        False,
    ),
    "date": (
        changed(clean={**CLEAN, "date": "b'Tue', 24 b'Nov' 2026"}),
        REQUESTS,
        "Date: b'Tue', 24 b'Nov' 2026",
        False,
    ),
    "allow-204": (changed(options={**OPTIONS, "allow": ["206"]}), REQUESTS, "Allow: 206", False),
    "preview": (changed(options=deviating(OPTIONS, "preview-invalid", "Preview: x")), REQUESTS, "Preview: x", False),
    "transfer": (
        changed(options={**OPTIONS, "transfer_ignore": "*"}),
        REQUESTS,
        "Transfer-Preview: *, Transfer-Ignore: *",
        False,
    ),
    "204-allowed": (
        changed(preview={"cases": [deviating(ECHO, "204-without-allow", "ICAP/1.0 204 No")]}),
        REQUESTS,
        "ICAP/1.0 204 No",
        True,
    ),
    "100-continue": (
        changed(clean=deviating({"status": "failed"}, "100-after-ieof", "ICAP/1.0 100 Continue")),
        REQUESTS,
        "ICAP/1.0 100 Continue",
        True,
    ),
    "body-coding": (
        changed(eicar={"icap_status": 200, "protocol_rule": "chunk-invalid", "error": "zz"}),
        REQUESTS,
        "",
        True,
    ),
    "heads": (changed(eicar=deviating(EICAR, "encapsulated-head-without-empty-line", "a: b")), REQUESTS, "a: b", True),
    "hop-by-hop": (changed(eicar={**EICAR, "hop_by_hop": ["Connection"]}), REQUESTS, "Connection", False),
    "unknown-method": (
        ANSWERS,
        {**REQUESTS, "unknown-method": {"icap_status": 400, "bytes_sent": 9}},
        "ICAP/1.0 400",
        False,
    ),
    "unknown-service": (
        ANSWERS,
        {**REQUESTS, "unknown-service": {"icap_status": 200, "bytes_sent": 9}},
        "ICAP/1.0 200",
        False,
    ),
    "close-announced": (changed(keepalive={"reuse": "closed"}), REQUESTS, "", False),
    "kept-alive": (changed(keepalive={"reuse": "unanswered"}), REQUESTS, "", False),
    "host-names": (ANSWERS, {**REQUESTS, "options-by-name": {"icap_status": 404}}, "ICAP/1.0 404", False),
    "header-names": (changed(clean={**CLEAN, "odd_headers": ["Threat"]}), REQUESTS, "Threat", False),
    "folding": (
        changed(eicar=deviating(EICAR, "header-without-colon", "-")),
        REQUESTS,
        str(EICAR["x_violations_found"]),
        False,
    ),
}


@pytest.mark.parametrize("name", [name for name in RULES if name != "service"])
def test_a_rule_is_broken(name: str) -> None:
    answers, requests, seen, breaks = BROKEN[name]
    result = judged(answers, requests)[name]

    assert ("deviates", seen, breaks) == (result.result, result.seen, result.breaks)


def test_no_service_text_can_be_wrong() -> None:
    assert ("pass", "not sent, and need not be") == (
        (result := judged(changed(options=without(OPTIONS, "service")))["service"]).result,
        result.detail,
    )


def test_what_error_answers_leave_out_is_tolerated() -> None:
    bare = {**deviating({"icap_status": 404, "bytes_sent": 99}, "istag-missing")}
    result = judged(ANSWERS, {**REQUESTS, "unknown-service": bare})["istag-present"]

    assert ("pass", "error answers have none") == (result.result, result.detail)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refusal_of_the_service_or_the_client_says_nothing_of_options(status: int) -> None:
    results = judged(changed(options={"icap_status": status}), {"unknown-service": {"icap_status": status}})

    assert ["not-tested"] * 3 == [results[name].result for name in ("options", "unknown-service", "unknown-method")]


def test_a_result_is_bounded() -> None:
    long = judged(changed(clean=deviating(CLEAN, "istag-too-long", "I" * 500)))["istag-length"]

    assert ("istag-length", 7, "4.7", "deviates") == (long.rule, long.number, long.section, long.result)
    assert ("istag-too-long it is", "I" * 80, False) == (long.detail, long.seen, long.breaks)


@pytest.mark.parametrize(
    ("host", "address", "expected"),
    [
        ("10.0.0.5", "10.0.0.5", []),
        ("fd00::5", "fd00::5", []),
        ("icap.example.test", "10.0.0.5", ["icap.example.test:1344"]),
    ],
)
def test_it_calls_a_member_by_its_name_if_it_has_one(host: str, address: str, expected: list[str]) -> None:
    pool = pool_of(member(1344, host=host))
    context = Context(pool=pool, member=pool.members[0], settings=Settings(), address=address)
    sent = {name: request.first.decode() for name, request in requests(context)}

    named = [text for name, text in sent.items() if name == "options-by-name"]
    assert expected == [text.partition("Host: ")[2].partition("\r\n")[0] for text in named]
    assert [f"OPTIONS icap://{name}/avscan ICAP/1.0" for name in expected] == [text.split("\r\n")[0] for text in named]
    assert sent["unknown-method"].startswith("ICAPDIAG icap://")
    assert "/icapdiag-no-such-service ICAP/1.0" in sent["unknown-service"]
