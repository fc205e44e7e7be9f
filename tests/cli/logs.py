"""Log entries as Avi writes them, for the command line's tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
SERVER = "100.64.3.15:1344"

_ALLOWED = 'Server: Metadefender Core V4\r\nISTag: "001605792300"\r\nX-Response-Info: Allowed\r\n'
_HEADERS = {
    "ICAP_PASSED": _ALLOWED + "Encapsulated: null-body=0\r\n",
    "ICAP_BLOCKED": _ALLOWED.replace("Allowed", "Blocked")
    + "X-Response-Desc: Infected\r\nX-Blocked-Reason: Infected\r\nEncapsulated: res-hdr=0, res-body=91\r\n",
    "no-security-rule": _ALLOWED.replace("Allowed", "Blocked")
    + "X-Response-Desc: No security rule matched\r\nEncapsulated: res-hdr=0, res-body=91\r\n",
}


def entry(number: int, action: str = "ICAP_PASSED", **changed: object) -> dict[str, object]:
    """The log entry of one upload. ``action`` may be ``no-security-rule`` for a block of that kind."""
    blocked = action in ("ICAP_BLOCKED", "no-security-rule")
    name = "ICAP_BLOCKED" if blocked else action
    request: dict[str, object] = {
        "action": name,
        "icap_method": "ICAP_METHOD_REQMOD",
        "http_method": "HTTP_METHOD_POST",
        "icap_absolute_uri": f"icap://{SERVER}/OMSScanReq-AV ",
        "complete_body_sent": True,
        "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1799851903},
        "latency": str(10 + number),
    }
    if action in _HEADERS:
        request |= {
            "icap_response_code": 200 if blocked else 204,
            "icap_headers_received_from_server": f"Date: Thu, 01 Jan 2026 10:00:00 GMT\r\n{_HEADERS[action]}",
        }
    if blocked:
        request |= {"http_response_code": 403}
    if action == "ICAP_BLOCKED":
        request |= {"reason": "Infected", "threat_id": "EICAR-Test-File (not a virus)"}
    failed = name == "ICAP_FAILED"
    return {
        "report_timestamp": (START + timedelta(minutes=number)).isoformat(),
        "virtualservice": "virtualservice-1",
        "service_engine": "se-1",
        "log_id": number,
        "request_id": f"req-{number}",
        "client_ip": "203.0.113.7",
        "method": "POST",
        "uri_path": "/upload",
        "response_code": 403 if blocked else 200,
        "adf": True,
        "significant_log": ["ADF_ICAP_CONNECTION_ERROR"] if failed else [],
        "significance": "ICAP Error" if failed else "",
        "icap_log": {"action": name, "request_logs": [request]},
        **changed,
    }


def twenty() -> list[dict[str, object]]:
    """Twenty uploads, of which five were blocked by a missing rule and three passed unscanned."""
    actions = ["ICAP_PASSED"] * 12 + ["no-security-rule"] * 5 + ["ICAP_FAILED"] * 3
    return [entry(number, action) for number, action in enumerate(actions)]


def lines(entries: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in entries)
