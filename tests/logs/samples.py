"""Small logs in every container, with values of our own."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from icapdiag.facts.scanner import CONTAINERS
from icapdiag.logs.notes import SourceReport
from icapdiag.logs.reading import Reading, read_logs
from tests.facts import facts_of

HEADERS = (
    'Date: Mon, 02 Mar 2026 10:00:0{} GMT\r\nServer: Metadefender Core V4\r\nISTag: "7{}"\r\n'
    "X-ICAP-Profile: File process\r\nX-Response-Info: Blocked\r\nX-Response-Desc: Infected\r\n"
    "X-Blocked-Reason: Infected\r\nX-Infection-Found: Type=0"
)


def icap_log(number: int = 0, action: str = "ICAP_BLOCKED") -> dict[str, Any]:
    return {
        "action": action,
        "request_logs": [
            {
                "icap_response_code": 200,
                "icap_method": "ICAP_METHOD_REQMOD",
                "http_response_code": 403,
                "icap_absolute_uri": f"icap://192.0.2.{number + 1}:1344/scan ",
                "complete_body_sent": True,
                "pool_name": {"val": "av-group", "crc32": 77},
                "latency": str(10 + number),
                "icap_headers_received_from_server": HEADERS.format(number, number),
                "action": action,
                "reason": "Infected",
                "threat_id": "Sample.Threat",
            }
        ],
    }


def entry(number: int = 0, action: str = "ICAP_BLOCKED") -> dict[str, Any]:
    return {
        "adf": True,
        "significant_log": ["ADF_ICAP_BLOCKED"],
        "virtualservice": "virtualservice-1",
        "report_timestamp": f"2026-03-02T10:00:0{number}.500000+00:00",
        "service_engine": "se-1",
        "request_id": f"req-{number}",
        "response_code": 403,
        "request_length": 2000 + number,
        "all_request_headers": 'Host: up.example\r\nCookie: a="b"\r\n',
        "icap_log": icap_log(number, action),
        "grpc_status": "GRPC_STATUS_CODE_OK",
    }


ENTRIES = tuple(entry(number) for number in range(4))


def as_csv(entries: tuple[dict[str, Any], ...]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for entry in entries for name in entry)))
    writer.writeheader()
    writer.writerows(entries)
    return out.getvalue()


def syslog_line(entry: dict[str, Any], *, braces: bool = False) -> str:
    members = json.dumps(entry)
    return f"<134>1 2026-03-01T23:59:59.5Z se-host upload-vs 0 815 - {members if braces else members[1:-1]}\n"


def _text(entries: tuple[dict[str, Any], ...]) -> str:
    pieces = [
        "\n".join(f"    {line}" for line in json.dumps(one["icap_log"], indent=2).splitlines())
        for one in entries
        if one.get("icap_log")
    ]
    return (
        "Hello,\n\nthis is what we see:\n\n"
        + "\n\nand then\n\n".join(f'"icap_log": {piece},' for piece in pieces)
        + "\n\nThanks!\n"
    )


def containers(entries: tuple[dict[str, Any], ...] = ENTRIES) -> dict[str, str]:
    """The same entries in every container."""
    half = len(entries) // 2
    return {
        "jsonl": "".join(json.dumps(one) + "\n" for one in entries),
        "array": json.dumps(entries),
        "array-lines": "[\n" + ",\n".join(map(json.dumps, entries)) + "\n]\n",
        "pretty": json.dumps(entries, indent=4),
        "envelope": json.dumps(
            {"count": 99, "results": entries, "next": "https://x/?page=2", "percent_remaining": 0.0}
        ),
        "envelopes": json.dumps({"count": 2, "results": entries[:half]})
        + json.dumps({"count": 2, "results": entries[half:]}),
        "pretty-objects": "\n".join(json.dumps(one, indent=1) for one in entries),
        "csv": as_csv(entries),
        "syslog": "".join(map(syslog_line, entries)),
        "syslog-braces": "".join(syslog_line(one, braces=True) for one in entries),
        "text": _text(entries),
    }


def read(path: Path, data: bytes | str) -> tuple[Reading, SourceReport]:
    """Write the data to the path and read it; the counts always add up."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    reading = read_logs([str(path)])
    (source,) = reading.sources
    assert source.total == source.read + source.skipped + source.unreadable
    if source.container not in CONTAINERS:  # whose lines are counted otherwise
        assert reading.summary.entries + len(reading.answers) == source.read
    return reading, source


def actions(reading: Reading) -> dict[str, int]:
    """How many ICAP requests there are of each action."""
    counts: dict[str, int] = {}
    for observation in reading.observations:
        action, count = facts_of(observation).get("icap_action"), facts_of(observation).get("count")
        if isinstance(action, str) and isinstance(count, int):
            counts[action] = counts.get(action, 0) + count
    return counts
