"""The plain way to count a log: `json`, dictionaries, one record after the other. The fast way must agree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from icapdiag.facts import to_plain
from icapdiag.logs.counting.summary import Summary

ACTIONS = {"ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED", "ICAP_FAILED", "ICAP_DISABLED"}


@dataclass
class Counts:
    """What a log holds."""

    entries: int = 0
    entry_actions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)
    pools: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int | None] = field(default_factory=Counter)
    threats: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    first: str | None = None
    last: str | None = None


def count(entries: Iterable[Mapping[str, Any]]) -> Counts:
    """Of entries as `json` gives them, in the well-formed types that Avi writes."""
    counts = Counts()
    for entry in entries:
        counts.entries += 1
        log = entry.get("icap_log") or {}
        requests = log.get("request_logs") or ([{}] if log.get("action") else [])
        if not requests:
            continue
        action = log.get("action") or requests[-1].get("action")
        counts.entry_actions[action if action in ACTIONS else "other"] += 1
        counts.outcomes[_outcome(action, entry)] += 1
        time = entry.get("report_timestamp")
        if time:
            counts.first = min(counts.first or time, time)
            counts.last = max(counts.last or time, time)
        counts.longest = max(counts.longest, entry.get("request_length") or 0)
        for request in requests:
            _count_request(counts, request, action)
    return counts


def _count_request(counts: Counts, request: Mapping[str, Any], action: str) -> None:
    headers = request.get("icap_headers_received_from_server")
    description = re.search(r"(?im)^X-Response-Desc: (.*?)\r?$", headers or "")
    key = (
        request.get("action") or action,
        request.get("icap_response_code"),
        request.get("http_response_code"),
        description[1] if description else None,
    )
    counts.requests[key] += 1
    pool = request.get("pool_name")
    name = pool.get("val") if isinstance(pool, dict) else pool
    if name:
        counts.pools[name] += 1
    if request.get("icap_server_ip"):
        counts.members[f"{request['icap_server_ip']}:{request['icap_server_port']}"] += 1
    latency = request.get("latency")
    counts.latencies[None if latency is None else int(latency)] += 1
    if request.get("threat_id"):
        counts.threats[request["threat_id"]] += 1


def _outcome(action: str, entry: Mapping[str, Any]) -> str:
    code = entry.get("response_code")
    if action == "ICAP_FAILED":
        return "unknown" if not code else "refused-500" if code == 500 else "unscanned"
    return action.removeprefix("ICAP_").lower() if action in ACTIONS else "unknown"


def counts_of(summary: Summary) -> Counts:
    """The same of a summary."""
    head = to_plain(summary.head())
    counts = Counts(entries=summary.entries)
    for action in (*ACTIONS, "other"):
        counts.entry_actions[action] = _number(head[f"entries_{action.removeprefix('ICAP_').lower()}"])
    counts.outcomes = Counter(summary.outcomes())
    for facts in to_plain(summary.groups()):
        key = tuple(facts.get(name) for name in ("icap_action", "icap_status", "http_status", "x_response_desc"))
        counts.requests[key] += _number(facts["count"])
        for counter, name in ((counts.members, "by_member"), (counts.pools, "by_pool"), (counts.threats, "by_threat")):
            found = facts[name]
            assert isinstance(found, dict)
            counter.update(found)
        counts.longest = max(counts.longest, _number(facts["request_length_max"] or 0))
    for group in summary.groups_.values():
        counts.latencies.update(group.latencies)
    counts.first, counts.last = (None if head[k] is None else str(head[k]) for k in ("first_seen", "last_seen"))
    # Counters compare equal with and without zeros.
    return counts


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
