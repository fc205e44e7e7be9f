"""From Avi's log entries to the runbooks for them: the most telling one, and no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from icapdiag.icap.product import NO_ENGINE
from icapdiag.logs.reading import read_logs
from icapdiag.model import Steps
from icapdiag.runbook import Library, match
from tests.facts import facts_of
from tests.runbook.cases import answered, failed, scored
from tests.runbook.logged import Entry, entry, found, observe
from tests.runbook.writing import library_of, runbook_text

CONNECTION, TIMEDOUT, ERROR = "ADF_ICAP_CONNECTION_ERROR", "ADF_ICAP_TIMEDOUT", "ADF_ICAP_SERVER_ERROR"
MEMORY, SIZE, GENERIC = "ADF_ICAP_OUT_OF_MEMORY", "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED", "ADF_ICAP_FAILED"
REFUSED, RESET = "ADF_SERVER_CONN_SETUP_REFUSED", "ADF_SERVER_SENT_RESET"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (failed(), "icap-failed"),
        (failed(GENERIC), "icap-failed"),
        (failed(CONNECTION), "icap-connection-error"),
        (failed(CONNECTION, GENERIC), "icap-connection-error"),
        (failed(significance="ICAP Error"), "icap-connection-error"),
        (failed(significance="ICAP Error", latency=60000), "icap-connection-error"),
        (failed(GENERIC, significance="Response code 5xx, ICAP Error"), "icap-connection-error"),
        (failed(CONNECTION, REFUSED, GENERIC), "icap-connection-error"),
        (failed(REFUSED), "server-connection-failed"),
        (failed(GENERIC, "ADF_SERVER_CONN_SETUP_TIMEDOUT"), "server-connection-failed"),
        (failed("ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED"), "server-tls-failed"),
        (failed(CONNECTION, GENERIC, "ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED", RESET), "server-tls-failed"),
        (failed(TIMEDOUT), "icap-timeout"),
        (failed(TIMEDOUT, GENERIC, significance="ICAP Error"), "icap-timeout"),
        (failed(TIMEDOUT, "ADF_SERVER_UPSTREAM_TIMEOUT", latency=60001), "icap-timeout"),
        (failed(TIMEDOUT, "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME", latency=30000), "icap-timeout"),
        (failed(latency=60000), "icap-timeout"),
        (failed(ERROR), "icap-server-error"),
        (failed(ERROR, GENERIC, RESET, significance="ICAP Error"), "icap-server-error"),
        (failed(ERROR, status=200), "icap-server-error"),
        (failed(ERROR, status=206), "icap-server-error"),
        (failed(MEMORY), "se-out-of-memory"),
        (failed(MEMORY, ERROR, GENERIC, CONNECTION), "se-out-of-memory"),
        (failed(SIZE, GENERIC), "body-too-large-unscanned"),
        (failed(ERROR, GENERIC, status=400), "bad-request"),
        (failed(ERROR, status=401), "access-denied"),
        (failed(ERROR, status=403), "access-denied"),
        (failed(ERROR, GENERIC, status=404), "service-not-found"),
        (failed(status=404), "service-not-found"),
        (failed(ERROR, status=405), "method-not-allowed"),
        (failed(ERROR, status=407), "access-denied"),
        (failed(ERROR, status=408), "request-timeout-status"),
        (failed(ERROR, status=413), "unexpected-status"),
        (failed(ERROR, status=418), "bad-composition"),
        (failed(ERROR, GENERIC, status=500, significance="ICAP Error"), "server-error"),
        (failed(ERROR, status=501), "method-not-implemented"),
        (failed(ERROR, status=502), "server-error"),
        (failed(ERROR, status=503), "overloaded"),
        (failed(ERROR, status=505), "method-not-implemented"),
        (failed(ERROR, status=506), "overloaded"),
        (failed(ERROR, status=533), "server-error"),
        (failed(ERROR, status=539), "scanner-licence"),
        (failed(ERROR, status=551), "overloaded"),
        (failed(ERROR, status=558), "scanner-licence"),
        (failed(ERROR, status=403, headers="X-Virus-ID: EICAR"), "blocked-with-icap-error"),
        (failed(ERROR, status=500, headers="X-Error-Code: password_protected"), "blocked-with-icap-error"),
    ],
)
def test_of_several_codes_the_most_telling_one(library: Library, one: Entry, expected: str) -> None:
    assert {expected} <= found(library, one)
    assert {expected} >= found(library, one) - {"encrypted-upload"}


@pytest.mark.parametrize("cause", [failed(GENERIC), failed(CONNECTION), failed(ERROR, status=500), failed(MEMORY)])
@pytest.mark.parametrize(
    ("response_code", "expected"),
    [(200, "unscanned-passed"), (404, "unscanned-passed"), (500, "refused-by-fail-closed")],
)
def test_what_clients_got_is_told_beside_the_cause(
    library: Library, cause: Entry, response_code: int, expected: str
) -> None:
    alone = found(library, cause)

    assert alone | {expected} == found(library, {**cause, "response_code": response_code})


@pytest.mark.parametrize(
    ("response_code", "expected"),
    [(200, "body-too-large-unscanned"), (413, "body-too-large-refused"), (None, "body-too-large-unscanned")],
)
@pytest.mark.parametrize("action", ["ICAP_FAILED", "ICAP_DISABLED", None])
def test_a_body_over_buffer_size(
    library: Library, action: str | None, response_code: int | None, expected: str
) -> None:
    findings = found(library, entry(action, codes=[SIZE], response_code=response_code))

    assert {expected} == findings - {"icap-disabled"}


def test_what_passed_in_spite_of_it(library: Library) -> None:
    bare = entry("ICAP_PASSED", status=204, headers="ISTag: x", complete_body_sent=False)
    named = entry(
        "ICAP_PASSED", status=204, headers="X-Response-Info: Allowed\r\nX-ICAP-Profile: p", complete_body_sent=False
    )
    threat = entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Eicar-Test-Signature")

    assert {"body-not-fully-sent"} == found(library, bare)
    assert {"allowed-from-preview"} == found(library, named)
    assert {"threat-passed"} == found(library, threat)
    assert {"threat-passed"} == found(library, answered("ICAP_PASSED", "Infected"))
    assert {"allow-listed"} == found(library, answered("ICAP_PASSED", "Allowlisted"))
    assert {"allow-listed"} == found(library, answered("ICAP_PASSED", "Whitelisted"))
    for desc in (
        "Not Scanned",
        "Failed To Scan",
        "Encrypted Archive",
        "Exceeded Archive Size",
        "Unsupported file type",
    ):
        assert {"allowed-without-scan"} == found(library, answered("ICAP_PASSED", desc))


def test_slow_answers(library: Library) -> None:
    slow = "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"

    assert {"slow-requests"} == found(library, entry("ICAP_PASSED", status=204, codes=[slow], latency=12000))
    assert {"slow-requests"} == found(library, entry("ICAP_PASSED", status=204, latency=10500))
    assert {"slow-requests", "request-modified"} == found(
        library, entry("ICAP_MODIFIED", status=200, codes=[slow, "ADF_ICAP_MODIFIED"], latency=12000)
    )


def test_the_application_s_own_trouble(library: Library) -> None:
    passed = entry("ICAP_PASSED", status=204, codes=[REFUSED], response_code=503)

    assert {"application-server-failed"} == found(library, passed)


def test_nsx_defender(library: Library) -> None:
    assert {"nsx-defender-score"} == found(library, scored("ICAP_PASSED", 95))
    assert set() == found(library, scored("ICAP_PASSED", 10))
    assert {"nsx-defender-no-score"} == found(library, scored("ICAP_PASSED", None))


def test_the_log_as_a_whole(library: Library) -> None:
    significant = failed(CONNECTION)
    passed = entry("ICAP_PASSED", status=204)
    plain: Entry = {"virtualservice": "virtualservice-1", "response_code": 200, "adf": False}

    assert {"icap-connection-error", "significant-logs-only"} == found(library, *[significant] * 9)
    assert {"icap-connection-error"} == found(library, *[significant] * 9, passed)
    assert {"icap-connection-error"} == found(library, significant)
    assert {"icap-never-ran"} == found(library, *[plain] * 3)
    assert {"nothing-to-scan"} == found(library, *[{**plain, "response_code": 403}] * 3)
    assert set() == found(library, *[plain] * 3, passed)
    assert set() == found(library)
    assert {"icap-disabled"} == found(library, {"icap_log": {"action": "ICAP_DISABLED"}})


@pytest.mark.parametrize("action", ["ICAP_QUEUED", "ICAP_SKIPPED", "icap passed", "ICAP_PASSED_LATER"])
def test_an_unknown_action_is_never_well(library: Library, action: str) -> None:
    (finding,) = match(library, observe(entry(action, status=204, headers="X-Response-Info: Allowed"))).findings

    assert ("icap-action-unknown", "warning") == (finding.id, finding.severity)
    assert action == facts_of(finding.evidence[0])["icap_action"]


@pytest.mark.parametrize("headers", ["X-Virus-ID: W32.X", "X-Infection-Found: Type=0; Resolution=2; Threat=W32.X;"])
@pytest.mark.parametrize("code", [403, 404, 500])
def test_a_threat_that_was_refused_behind_icap_has_not_passed_to_anybody(
    library: Library, headers: str, code: int
) -> None:
    answers = [entry("ICAP_PASSED", status=204, headers=headers, response_code=each) for each in (code, code + 1)]

    assert {"threat-passed-refused"} == {one.id for one in match(library, observe(*answers)).findings}
    passed = entry("ICAP_PASSED", status=204, headers=headers, response_code=200)
    assert {"threat-passed"} == {one.id for one in match(library, observe(passed)).findings}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("password_protected", "encrypted-upload"),
        ("max_archive_layers_exceeded", "archive-limits"),
        ("file_type_blocked", "blocked-by-list"),
        ("max_file_size_exceeded", "server-size-limit"),
    ],
)
def test_a_refusal_by_error_code_comes_with_an_icap_error(library: Library, code: str, expected: str) -> None:
    """Symantec's products refuse with ICAP 500: under fail-closed that is a refusal, under fail-open a hole."""
    refused = failed(ERROR, status=500, headers=f"X-Error-Code: {code}", response_code=500)
    matched = match(library, observe(refused))

    assert [expected] == [one.finding for one in matched.problems] == [one.id for one in matched.findings]
    passed = failed(ERROR, status=500, headers=f"X-Error-Code: {code}", response_code=200)
    assert "blocked-with-icap-error" in {one.id for one in match(library, observe(passed)).findings}


FAILURES = [
    ("icap-timeout", {"codes": ["ADF_ICAP_TIMEDOUT"]}),
    ("icap-connection-error", {"codes": ["ADF_ICAP_CONNECTION_ERROR"]}),
    ("icap-server-error", {"codes": [ERROR]}),
    ("icap-failed", {"codes": ["ADF_ICAP_FAILED"]}),
    ("se-out-of-memory", {"codes": ["ADF_ICAP_OUT_OF_MEMORY"]}),
    ("server-tls-failed", {"codes": ["ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED"]}),
]


@pytest.mark.parametrize(
    ("code", "effect", "action", "other"),
    [
        (200, "unscanned", "ICAP_FAIL_CLOSED", "ICAP_FAIL_OPEN"),
        (500, "refused", "ICAP_FAIL_OPEN", "ICAP_FAIL_CLOSED"),
    ],
)
@pytest.mark.parametrize(("name", "more"), FAILURES)
def test_what_fail_action_did_is_in_the_log_and_one_branch_is_said(
    library: Library, name: str, more: dict[str, Any], code: int, effect: str, action: str, other: str
) -> None:
    matched = match(library, observe(entry("ICAP_FAILED", response_code=code, **more)))

    (problem,) = matched.problems
    assert (name, effect) == (problem.finding, problem.effect)
    assert 1 == len(problem.consequences or ())
    now = " ".join((problem.steps or Steps()).now or ())
    assert action in now
    assert other not in now
    assert "this check" not in " ".join(one.meaning for one in matched.findings).lower()


def test_slow_requests_that_passed_unscanned_are_not_called_scanned(library: Library) -> None:
    slow = entry("ICAP_PASSED", codes=[SIZE, "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"], response_code=200, latency=12000)

    matched = match(library, observe(slow))

    assert {"body-too-large-unscanned", "slow-requests"} == {one.id for one in matched.findings}
    assert [] == [one.id for one in matched.findings if "were scanned" in one.meaning]


def test_only_the_members_with_the_tag_of_no_engine_are_without_one(library: Library) -> None:
    def passed(number: int, tag: str) -> Entry:
        headers = f'Server: C-ICAP/0.5.10\r\nISTag: "{tag}"\r\n'
        uri = f"icap://192.0.2.{number}:1344/avscan"
        return entry("ICAP_PASSED", status=204, headers=headers, response_code=200, icap_absolute_uri=uri)

    log = [passed(1, "CI0001-9OPRPm4oRCAVcJKwg9DiggAA"), passed(2, f"{NO_ENGINE}AA"), passed(2, f"{NO_ENGINE}AA")]
    (problem,) = match(library, observe(*log)).problems

    assert ("no-engine-loaded", ("192.0.2.2:1344",), 2, "unscanned") == (
        problem.finding, problem.members, problem.count, problem.effect
    )  # fmt: skip
    assert ("no-engine", "proven") == (problem.causes[0].id, problem.causes[0].status) if problem.causes else False


@pytest.mark.parametrize(
    "answer",
    [
        f'ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: "{NO_ENGINE}AA"\r\nEncapsulated: null-body=0\r\n\r\n',
        f'ICAP/1.0 204 Unmodified\r\nServer: C-ICAP/0.5.10\r\nISTag: "{NO_ENGINE}AA"\r\n\r\n',
    ],
    ids=["OPTIONS", "REQMOD"],
)
def test_a_pasted_answer_shows_that_there_is_no_engine(library: Library, answer: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(answer.encode())
    (problem,) = match(library, read_logs([str(tmp_path / "answer")]).observations).problems

    assert ("no-engine-loaded", None) == (problem.finding, problem.steps and problem.steps.now)


@pytest.mark.parametrize("code", [CONNECTION, TIMEDOUT, ERROR])
def test_of_a_request_that_was_tried_again_only_the_failed_attempt_is_to_blame(library: Library, code: str) -> None:
    one = dict(entry("ICAP_PASSED", codes=[code], response_code=200))
    failing, passing = (
        {"action": action, "icap_absolute_uri": f"icap://192.0.2.{number}:1344/avscan", "latency": "5"}
        for number, action in ((1, "ICAP_FAILED"), (2, "ICAP_PASSED"))
    )
    one["icap_log"] = {"action": "ICAP_PASSED", "request_logs": [failing, passing | {"icap_response_code": 204}]}

    (problem,) = match(library, observe(one)).problems

    assert (("192.0.2.1:1344",), "none") == (problem.members, problem.effect)


def test_what_the_servers_of_a_log_name_elsewhere_is_the_product_of_its_failures(tmp_path: Path) -> None:
    """The answer that did not come names nothing; steps for other products are left out all the same."""
    cause = '{id: a, title: A, fix: {server: ["c-icap: set it.", Restart it.]}}'
    rule = f"match: {{icap_action: ICAP_FAILED}}\ncauses:\n  - {cause}\n"
    text = runbook_text("failing", rule, sections="## What it means\nIt fails.\n")
    library = library_of(tmp_path / "runbooks", failing=text.replace("source: probe", "source: log"))

    def steps(*entries: Entry) -> int:
        [problem] = match(library, observe(*entries)).problems
        return len((problem.steps and problem.steps.fix) or ())

    timeout = failed(TIMEDOUT, latency=60000)
    passing = entry("ICAP_PASSED", status=204, headers="Server: Metadefender Core V4\r\n", response_code=200)
    other = entry("ICAP_PASSED", status=204, headers="Server: C-ICAP/0.5.10\r\n", response_code=200)

    assert (2, 1, 2) == (steps(timeout), steps(timeout, passing), steps(timeout, passing, other))
