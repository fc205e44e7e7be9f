"""What a decoded JSON object is: a log entry, a part of one, an alert, a client's view of an ICAP answer, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from msgspec import Struct

from icapdiag.avi.entry import LogEntry, decode_entry, looks_like_entry

JSONObject = dict[str, object]

REQUEST_KEYS = (
    "icap_response_code",
    "icap_method",
    "icap_absolute_uri",
    "icap_headers_received_from_server",
    "icap_headers_sent_to_server",
)
_ENTRY_KEYS = ("significant_log", "significance")  # enough for an entry of which only the telling part was copied
_TELLING = ("report_timestamp", "virtualservice", "vs_name", "icap_log", "request_logs", "events")
_ALERT_KEYS = ("event_id", "event_details", "obj_key", "events", "alert_config_name")
# Under which collectors and search engines keep what they were sent (Splunk, Elastic, Graylog, Fluentd, Loki).
_WRAPPERS = ("_source", "result", "_raw", "event", "message", "full_message", "log", "entry", "json", "data", "line")
_WRAPPED = 4  # levels
_STATUS_LINE = r"ICAP/\d\.\d \d{3}"


class Skip(Struct, frozen=True):
    """A record that is no application log entry, and why."""

    reason: str


class Answer(Struct, frozen=True):
    """An ICAP answer as bytes, to be read like one from the wire."""

    data: bytes


class Wrapped(Struct, frozen=True):
    """A text inside a collector's record that has to be read in its turn."""

    text: str


ALERT = Skip("a Controller alert, not an application log")


def interpret(value: JSONObject) -> LogEntry | Skip | Answer | Wrapped:
    """Tell what the object is. Raises nothing."""
    for _ in range(_WRAPPED):
        found = _plain(value)
        if found is not None:
            return found
        inner = next((value[key] for key in _WRAPPERS if isinstance(value.get(key), dict | str)), None)
        if isinstance(inner, str):
            return Wrapped(inner)
        if inner is None:
            break
        value = cast("JSONObject", inner)
    return Skip("an object without any field of a log entry" if value else "an empty object")


def listing(value: JSONObject) -> list[object] | None:
    """The records in an object that only holds them: an API answer, a search result; None if it is a record itself."""
    results = value.get("results")
    if isinstance(results, list) and "report_timestamp" not in value:
        return results
    if not value.keys().isdisjoint(_TELLING):
        return None
    level: list[object] = [value]
    for _ in range(_WRAPPED):
        members = [member for one in level if isinstance(one, dict) for member in one.values()]
        for member in members:
            records: list[object] = member if isinstance(member, list) else []
            first = records[0] if records else None
            if isinstance(first, dict) and not first.keys().isdisjoint((*_TELLING, "_source", "_raw")):
                return records
        level = [member for member in members[:100] if isinstance(member, dict)]
    return None


def _plain(value: JSONObject) -> LogEntry | Skip | Answer | None:
    entry = decode_entry(value)
    if looks_like_entry(entry):
        return entry
    if part := _part(value):
        return decode_entry({"icap_log": part})
    if any(key in value for key in _ENTRY_KEYS):
        return entry
    if sum(key in value for key in _ALERT_KEYS) > 1:
        return ALERT
    headers, protocol = value.get("headers"), value.get("protocol")
    if isinstance(headers, dict) and isinstance(protocol, dict):
        return Answer(_rebuilt(protocol, headers, value.get("body")))
    return None


def _part(value: JSONObject) -> JSONObject | None:
    """The icap_log that the object is, or that it is one request log of."""
    action = value.get("action")
    if any(key in value for key in REQUEST_KEYS):
        return {"action": action, "request_logs": [value]}
    if isinstance(value.get("request_logs"), list) or (isinstance(action, str) and action.startswith("ICAP_")):
        return value
    return None


def _rebuilt(protocol: Mapping[str, object], headers: Mapping[str, object], body: object) -> bytes:
    """The heads that a parsing client (files_antivirus) made its object of.

    A client that does not skip 100 Continue has the final status line among the header names;
    where the offsets were wrong, so has the encapsulated head.
    """
    status_lines = [name for name in headers if re.match(_STATUS_LINE, name)]
    lines = status_lines[-1:] or [f"ICAP/1.0 {protocol.get('code')} {protocol.get('status') or ''}"]
    lines += [f"{name}: {text}" for name, text in headers.items() if name not in status_lines]
    http = body.get("res-hdr") if isinstance(body, dict) else None
    if isinstance(http, dict):
        start = [str(name) for name, text in http.items() if not text]
        fields = [f"{name}: {text}" for name, text in http.items() if text and name != "HTTP_STATUS"]
        lines += ["", *start, *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
