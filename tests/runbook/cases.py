"""For each runbook about logs an entry of an Avi log (or more) that leads to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from icapdiag.icap.product import NO_ENGINE
from tests.runbook.logged import Entry, entry

OPSWAT = "Server: Metadefender Core V4\r\n"


def failed(*codes: str, response_code: int | None = None, **more: Any) -> Entry:
    """ICAP failed with these codes."""
    return entry("ICAP_FAILED", codes=codes, response_code=response_code, **more)


def answered(action: str, desc: str, *, info: str | None = None, scanned: bool = True) -> Entry:
    """What MetaDefender's answer with this reason looks like in a log."""
    blocked = action == "ICAP_BLOCKED"
    headers = OPSWAT
    headers += "X-ICAP-Profile: File process\r\n" if scanned else ""
    headers += f"X-Response-Info: {info or ('Blocked' if blocked else 'Allowed')}\r\nX-Response-Desc: {desc}\r\n"
    headers += f"X-Blocked-Reason: {desc}\r\n" if blocked and scanned else ""
    return entry(action, status=200, http_status=403 if blocked else None, headers=headers)


def refused(desc: str, *, scanned: bool = True) -> Entry:
    return answered("ICAP_BLOCKED", desc, scanned=scanned)


def status(code: int, **more: Any) -> Entry:
    """ICAP failed because the server answered with this status."""
    return failed("ADF_ICAP_SERVER_ERROR", status=code, **more)


def scored(action: str, score: int | None) -> Entry:
    log = None if score is None else {"score": score, "task_uuid": "x"}
    return entry(action, status=204, vendor="ICAP_VENDOR_LASTLINE", nsx_defender_log=log)


SIZE = "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"
PLAIN: Entry = {"virtualservice": "virtualservice-1", "response_code": 200, "adf": False, "client_ip": "10.0.0.1"}

LOGS: Mapping[str, Sequence[Entry]] = {
    "access-denied": [status(403)],
    "allow-listed": [answered("ICAP_PASSED", "Allowlisted")],
    "allowed-from-preview": [
        entry("ICAP_PASSED", status=204, headers="X-Response-Info: Allowed\r\n", complete_body_sent=False)
    ],
    "allowed-without-scan": [answered("ICAP_PASSED", "Not Scanned")],
    "application-server-failed": [
        entry("ICAP_PASSED", status=204, codes=["ADF_SERVER_CONN_SETUP_REFUSED"], response_code=503)
    ],
    "archive-limits": [refused("Exceeded Archive Depth")],
    "bad-composition": [status(418)],
    "bad-request": [status(400)],
    "blocked-by-list": [refused("Blocklisted")],
    "blocked-known-bad": [refused("Known Bad")],
    "blocked-sensitive-data": [refused("Sensitive data found")],
    "blocked-suspicious": [refused("Suspicious")],
    "blocked-type-mismatch": [refused("Filetype Mismatch")],
    "blocked-unwanted-program": [refused("Potentially Unwanted Program")],
    "blocked-vulnerable-file": [refused("Potentially Vulnerable File")],
    "blocked-with-icap-error": [status(403, headers="X-Virus-ID: EICAR")],
    "blocked-without-scan": [refused("Words of next year's version", scanned=False)],
    "blocked-yara-rule": [refused("Yara Rule Matched")],
    "body-not-fully-sent": [entry("ICAP_PASSED", status=204, headers="ISTag: x", complete_body_sent=False)],
    "body-too-large-refused": [failed(SIZE, response_code=413)],
    "body-too-large-unscanned": [failed(SIZE, response_code=200)],
    "core-unreachable": [refused("Error received from MetaDefender Core", scanned=False)],
    "eicar-test": [entry("ICAP_BLOCKED", status=200, http_status=403, headers="X-Virus-ID: Eicar-Test-Signature")],
    "encrypted-upload": [refused("Encrypted Archive")],
    "failed-to-scan": [refused("Failed To Scan")],
    "icap-action-unknown": [entry("ICAP_QUEUED", status=204)],
    "icap-connection-error": [failed("ADF_ICAP_CONNECTION_ERROR", response_code=500)],
    "icap-disabled": [{**PLAIN, "icap_log": {"action": "ICAP_DISABLED"}}],
    "uploads-bypass-icap": [{**PLAIN, "method": "POST", "icap_log": {"action": "ICAP_DISABLED"}}],
    "icap-failed": [failed("ADF_ICAP_FAILED")],
    "icap-never-ran": [PLAIN, PLAIN],
    "nothing-to-scan": [{**PLAIN, "response_code": 403}],
    "icap-server-error": [failed("ADF_ICAP_SERVER_ERROR")],
    "icap-timeout": [failed("ADF_ICAP_TIMEDOUT", latency=60000)],
    "invalid-request-blocked": [refused("Invalid header", scanned=False)],
    "method-not-allowed": [status(405)],
    "method-not-implemented": [status(501)],
    "no-engine-loaded": [entry("ICAP_PASSED", status=204, headers=f'ISTag: "{NO_ENGINE}AA"\r\n')],
    "no-security-rule": [refused("No security rule matched", scanned=False)],
    "nsx-defender-no-score": [scored("ICAP_PASSED", None)],
    "nsx-defender-pending": [
        entry("ICAP_PASSED", status=204, vendor="ICAP_VENDOR_LASTLINE", nsx_defender_log={"task_uuid": "x"})
    ],
    "log-throttled": [
        {**entry("ICAP_FAILED"), "report_timestamp": f"2026-01-01T10:00:{n // 10:02d}.{n % 10:02d}0000+00:00"}
        for n in range(140)
    ],
    "response-blocked": [entry("ICAP_BLOCKED", status=200, http_status=403, icap_method="ICAP_METHOD_RESPMOD")],
    "icap-code-unknown": [entry("ICAP_PASSED", status=204, codes=["ADF_ICAP_QUEUED"])],
    "nsx-defender-score": [scored("ICAP_PASSED", 95)],
    "overloaded": [status(503)],
    "preview-not-continued": [failed("ADF_ICAP_TIMEDOUT", latency=60000, complete_body_sent=False)],
    "refused-by-fail-closed": [failed("ADF_ICAP_FAILED", response_code=500)],
    "request-blocked": [entry("ICAP_BLOCKED", status=200, http_status=403, headers="Server: KAV ICAP")],
    "request-blocked-infected": [refused("Infected")],
    "request-modified": [entry("ICAP_MODIFIED", status=200, modified_content_length=70)],
    "request-timeout-status": [status(408)],
    "scanner-licence": [status(539)],
    "se-out-of-memory": [failed("ADF_ICAP_OUT_OF_MEMORY")],
    "server-connection-failed": [failed("ADF_SERVER_CONN_SETUP_REFUSED")],
    "server-error": [status(500)],
    "server-size-limit": [refused("Request body too large", scanned=False)],
    "server-tls-failed": [failed("ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED")],
    "service-not-found": [status(404)],
    "significant-logs-only": [failed("ADF_ICAP_CONNECTION_ERROR")] * 9,
    "slow-requests": [entry("ICAP_PASSED", status=204, codes=["ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"], latency=12000)],
    "threat-passed": [entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Eicar-Test-Signature")],
    "threat-passed-refused": [
        entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Bad.Thing", response_code=403),
    ],
    "shadow-service": [entry("ICAP_PASSED", status=204, headers="X-ICAPeg-Shadow-Service: true")],
    "unexpected-status": [status(429)],
    "unscanned-passed": [failed("ADF_ICAP_FAILED", response_code=200)],
    "unsupported-file-type": [refused("Unsupported file type")],
}  # fmt: skip

_OPTIONS = b'ICAP/1.0 200 OK\r\nMethods: %b\r\nISTag: "x"\r\nMax-Connections: %b\r\nEncapsulated: null-body=0\r\n\r\n'
_ECHO = b'ICAP/1.0 200 OK\r\nISTag: "x"\r\nEncapsulated: req-hdr=0, req-body=26\r\n\r\nPOST /upload? HTTP/1.1\r\n\r\n'

# What a port answered, pasted into a file as it came.
PASTED: Mapping[str, bytes] = {
    "response-too-large": _ECHO + b"fffffff\r\nno chunk is that long\r\n",
    "verdict-unclear": b'ICAP/1.0 200 OK\r\nISTag: "x"\r\n\r\n',
    "pasted-not-icap": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "plain-on-tls-port": bytes.fromhex("15030300020246"),
    "reqmod-not-offered": _OPTIONS % (b"RESPMOD", b"100"),
    "no-connections-offered": _OPTIONS % (b"REQMOD", b"0"),
}
