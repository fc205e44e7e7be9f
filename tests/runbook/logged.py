"""Avi log entries in short, and the observations that the log reader makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icapdiag.avi.entry import decode_entry
from icapdiag.logs.counting.summary import Summary
from icapdiag.model import Observation, Unmatched
from icapdiag.runbook import Library, match

Entry = Mapping[str, object]


def entry(
    action: str | None,
    *,
    status: int | None = None,
    http_status: int | None = None,
    headers: str | None = None,
    codes: Sequence[str] = (),
    response_code: int | None = None,
    significance: str = "",
    latency: int = 40,
    **more: object,
) -> Entry:
    """One entry with one ICAP request; ``more`` are further fields of the request log."""
    request: dict[str, object] = {
        "action": action,
        "icap_method": "ICAP_METHOD_REQMOD",
        "icap_absolute_uri": "icap://100.64.3.15:1344/OMSScanReq-AV ",
        "complete_body_sent": True,
        "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1},
        "latency": str(latency),
        "icap_headers_sent_to_server": "Host: 100.64.3.15:1344\r\nPreview: 653\r\nAllow: 204\r\n",
        **more,
    }
    given = {
        "icap_response_code": status,
        "http_response_code": http_status,
        "icap_headers_received_from_server": headers,
    }
    request |= {name: value for name, value in given.items() if value is not None}
    return {
        "report_timestamp": "2026-01-01T10:00:00.000000+00:00",
        "virtualservice": "virtualservice-1",
        "service_engine": "se-1",
        "request_id": "abc-1",
        "client_ip": "10.0.0.1",
        "request_length": 2000,
        "adf": bool(codes),
        "significant_log": list(codes),
        "significance": significance,
        "response_code": response_code,
        "icap_log": {"action": action, "request_logs": [request]},
    }


def observe(*entries: Entry) -> tuple[Observation, ...]:
    """What the log reader makes of a log with these entries."""
    summary = Summary()
    for one in entries:
        summary.add(decode_entry(one))
    return summary.observations()


def found(library: Library, *entries: Entry) -> set[str]:
    """The ids of what these entries are found to be; each failure has a runbook."""
    matched = match(library, observe(*entries))

    assert Unmatched() == matched.unmatched

    return {finding.id for finding in matched.findings}
