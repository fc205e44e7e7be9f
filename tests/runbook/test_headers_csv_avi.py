"""The rows of the reference table of headers that are about Avi itself: what a log says, and health monitors.

The table's words for a verdict, compared with what an observation has: a log's entries have the outcome for the
client, and what could not be done has the status ``failed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from icapdiag.model import JSONValue, Observation
from icapdiag.runbook import Library, explaining, match
from tests.facts import facts_of
from tests.runbook.cases import failed, scored
from tests.runbook.logged import Entry, entry, observe
from tests.runbook.test_headers_csv import rows


def verdict_of(observation: Observation) -> str | None:
    """``passed``, ``modified``, ``blocked``, ``error``, or None for what the table has no verdict for."""
    if observation.status == "failed":
        return "error"
    outcome = facts_of(observation)["client_outcome"]
    return str(outcome) if outcome in {"passed", "modified", "blocked"} else None


def found(library: Library, one: Entry) -> tuple[str | None, set[str]]:
    """The verdict of the first observation, and all findings."""
    observations = observe(one)
    matched = match(library, observations)

    assert 0 == matched.unmatched.count

    return verdict_of(observations[0]), {finding.id for finding in matched.findings}


ACTIONS = {
    "ICAP_DISABLED": (None, {"icap-disabled"}),
    "ICAP_PASSED": ("passed", set()),
    "ICAP_MODIFIED": ("modified", {"request-modified"}),
    "ICAP_BLOCKED": ("blocked", {"request-blocked"}),
    "ICAP_FAILED": ("error", {"icap-failed"}),
}
CODES = {
    "ADF_ICAP_OUT_OF_MEMORY": "se-out-of-memory",
    "ADF_ICAP_TIMEDOUT": "icap-timeout",
    "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED": "body-too-large-unscanned",
    "ADF_ICAP_CONNECTION_ERROR": "icap-connection-error",
    "ADF_ICAP_SERVER_ERROR": "icap-server-error",
    "ADF_ICAP_FAILED": "icap-failed",
    "ADF_SERVER_CONN_SETUP_REFUSED": "server-connection-failed",
    "ADF_SERVER_CONN_SETUP_TIMEDOUT": "server-connection-failed",
    "ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED": "server-tls-failed",
    "ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED": "server-tls-failed",
    "ADF_SERVER_SENT_RESET": "server-connection-failed",
    "ADF_SERVER_UPSTREAM_TIMEOUT": "server-connection-failed",
}
SETTLED = {
    "ADF_ICAP_BLOCKED": ("ICAP_BLOCKED", "blocked", "request-blocked"),
    "ADF_ICAP_MODIFIED": ("ICAP_MODIFIED", "modified", "request-modified"),
    "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME": ("ICAP_PASSED", "passed", "slow-requests"),
}
RESOLUTIONS = {
    "ICAP_FILE_NOT_REPAIRED": ("ICAP_BLOCKED", "blocked", "request-blocked"),
    "ICAP_FILE_REPAIRED": ("ICAP_MODIFIED", "modified", "request-modified"),
    "ICAP_VIOLATING_SECTION_REMOVED": ("ICAP_MODIFIED", "modified", "request-modified"),
}
TO_CLIENTS = {
    "413": ("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED", "body-too-large-refused"),
    "500": ("ADF_ICAP_FAILED", "refused-by-fail-closed"),
}
# Health monitors are seen in Avi's own screens. What each code stands for, met by this program's own means: the same
# runbook, which names the code. Records of a configuration have no verdict: the monitor's failure is what they lead to.
Record = Mapping[str, JSONValue]
_TCP: Record = {"source": "probe", "probe": "tcp", "status": "failed", "address": "10.20.0.15"}
_TLS: Record = {"source": "probe", "probe": "tls", "status": "failed", "address": "10.20.0.15"}
_HTTP_MONITOR: Record = {"source": "config", "object": "pool", "monitor_type": "HEALTH_MONITOR_HTTP"}
_NO_MONITOR: Record = {"source": "config", "object": "pool", "monitor_type": "none"}
_IDLE: Record = {"source": "config", "object": "server", "enabled": False}
MONITOR_CODES: Mapping[str, Sequence[tuple[Record, str]]] = {
    "CONNECTION_REFUSED": [({**_TCP, "reason": "refused"}, "tcp-refused")],
    "CONNECTION_TIMEOUT": [({**_TCP, "reason": "timeout"}, "tcp-timeout")],
    "SERVER_UNREACHABLE": [({**_TCP, "reason": "unreachable"}, "tcp-unreachable")],
    "ARP_UNRESOLVED": [({**_TCP, "reason": "unreachable"}, "tcp-unreachable")],
    "CONNECTION_RESET": [({**_TCP, "reason": "reset"}, "tcp-reset")],
    "SSL_ERROR": [({**_TLS, "reason": "tls-handshake"}, "tls-handshake-failed")],
    "SSL_CERT_ERROR": [
        ({**_TLS, "reason": "tls-expired"}, "tls-certificate-expired"),
        ({**_TLS, "reason": "tls-name"}, "tls-certificate-name"),
        ({**_TLS, "reason": "tls-untrusted"}, "tls-certificate-untrusted"),
    ],
    "RESPONSE_CODE_MISMATCH": [(_HTTP_MONITOR, "health-monitor-unfit")],
    "PAYLOAD_CONTENT_MISMATCH": [(_HTTP_MONITOR, "health-monitor-unfit")],
    "PAYLOAD_TIMEOUT": [(_HTTP_MONITOR, "health-monitor-unfit")],
    "NO_RESPONSE": [(_NO_MONITOR, "health-monitor-unfit")],
    "SCRIPT_ERROR": [(_NO_MONITOR, "health-monitor-unfit")],
    "SERVER_DISABLED": [(_IDLE, "member-disabled")],
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action(library: Library, action: str) -> None:
    assert ACTIONS[action] == found(library, entry(action))


@pytest.mark.parametrize("code", CODES)
def test_a_code(library: Library, code: str) -> None:
    assert ("error", {CODES[code]}) == found(library, failed(code))


@pytest.mark.parametrize("code", SETTLED)
def test_a_code_of_what_did_not_fail(library: Library, code: str) -> None:
    action, verdict, expected = SETTLED[code]

    assert (verdict, {expected}) == found(
        library, entry(action, codes=[code], status=204 if verdict == "passed" else 200)
    )


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_a_resolution(library: Library, resolution: str) -> None:
    action, verdict, expected = RESOLUTIONS[resolution]
    violations = [{"file_name": "a", "resolution": resolution}]

    assert (verdict, {expected}) == found(library, entry(action, status=200, opswat_log={"violations": violations}))


@pytest.mark.parametrize("status", TO_CLIENTS)
def test_what_the_client_got(library: Library, status: str) -> None:
    code, expected = TO_CLIENTS[status]
    verdict, findings = found(library, failed(code, response_code=int(status)))

    assert "error" == verdict
    assert expected in findings


@pytest.mark.parametrize("code", MONITOR_CODES)
def test_a_health_monitor_s_code(library: Library, code: str) -> None:
    for record, expected in MONITOR_CODES[code]:
        assert [expected] == [runbook.id for runbook in explaining(library, dict(record))]
        assert "failed" == record.get("status", "failed")
        assert code in library.by_id(expected).body


def test_a_score(library: Library) -> None:
    assert ("passed", {"nsx-defender-score"}) == found(library, scored("ICAP_PASSED", 100))


def test_every_row_about_avi_has_its_case_with_the_table_s_verdict() -> None:
    tested: Mapping[str, Mapping[str, str | None]] = {
        ":log icap_log.action": {action: verdict for action, (verdict, _) in ACTIONS.items()},
        ":log significant_log": {
            **dict.fromkeys(CODES, "error"),
            **{code: verdict for code, (_, verdict, _) in SETTLED.items()},
        },
        ":hm failure": dict.fromkeys(MONITOR_CODES, "error"),
        ":http-status to client": dict.fromkeys(TO_CLIENTS, "error"),
        ":log opswat_log.violations.resolution": {code: verdict for code, (_, verdict, _) in RESOLUTIONS.items()},
    }
    avi = [row for row in rows() if row["vendor"] == "avi"]
    wrong = [
        row
        for row in avi
        if [row["verdict"]]
        != [verdict for value, verdict in tested[row["header"]].items() if re.search(row["value_pattern"], value)]
    ]

    assert [] == wrong
    assert len(avi) > 30
