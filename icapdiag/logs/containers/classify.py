"""Classifies records (a log entry, a part of one, an alert, an ICAP response) and syslog lines.

Syslog lines are those of Service Engines (RFC 5424, JSON members without braces), Controller alerts, others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.entry import LogEntry, decode_entry, looks_like_entry
from icapdiag.doubled import Ambiguous, check
from icapdiag.logs.damage.records import expand, read_object
from icapdiag.logs.damage.recovery import Found, read_members
from icapdiag.logs.damage.tokens import QUOTE

JSONObject = dict[str, object]

REQUEST_KEYS = (
    *("icap_response_code", "icap_method", "icap_absolute_uri"),
    *("icap_headers_received_from_server", "icap_headers_sent_to_server"),
)
_ENTRY_KEYS = ("significant_log", "significance")  # enough for an entry of which only the telling part was copied
_TELLING = ("report_timestamp", "virtualservice", "vs_name", "icap_log", "request_logs", "events")
_ALERT_KEYS = ("event_id", "event_details", "obj_key", "events", "alert_config_name")
# Under which collectors and search engines keep what they were sent (Splunk, Elastic, Graylog, Fluentd, Loki).
_WRAPPERS = ("_source", "result", "_raw", "event", "message", "full_message", "log", "entry", "json", "data", "line")
_WRAPPED = 4  # levels
_STATUS_LINE = r"ICAP/\d\.\d \d{3}"
_MESSAGES = 3  # inside each other
ALERT = "a Controller alert, not an application log"

# Keys with which a piece of an entry, or a whole one, may begin whose brace was left behind.
_KNOWN = (
    *("icap_log", "request_logs", "report_timestamp", "virtualservice", "vs_name", "service_engine"),
    *("significant_log", "significance", "adf", "log_id", "client_ip", "request_id", "response_code"),
)
_MEMBER = rf"{QUOTE}(?:{'|'.join([*_KNOWN, *REQUEST_KEYS])}){QUOTE}\s*:|{QUOTE}action{QUOTE}\s*:\s*{QUOTE}ICAP_[A-Z]"
STARTS_MEMBER = re.compile(_MEMBER)

_PRI = rb"(?:\d{1,7} )?<\d{1,3}>"  # the number is the octet count of RFC 6587
_PREFIX = re.compile(_PRI)
_RFC5424 = re.compile(
    _PRI + rb"1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]\\]*(?:\\.[^\]\\]*)*\])+)(?: |$)(?:\xef\xbb\xbf)?", re.DOTALL
)
_MEMBERS = re.compile(rb'"[A-Za-z_]\w*"\s*:')
_JSON = re.compile(rb'\{\s*"[A-Za-z_]\w*"\s*:|(?<=[\s:\]])"[A-Za-z_]\w*"\s*:')
_ALERT = re.compile(rb"\bAvi-Controller\b|\bevent [A-Z][A-Z0-9_]+ occurred on object\b")
# A file that a syslog server wrote: no priority any more, a time stamp and a host instead.
_STAMP = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* \S+ |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ ")


def classify(value: JSONObject) -> LogEntry | bytes | str:
    """What the object is, unwrapping objects and messages that log collectors add. Raises `Ambiguous` and nothing else.

    Bytes: an ICAP response to be parsed; text: why it is neither.
    """
    for _ in range(_MESSAGES):
        inner: object = None
        for _ in range(_WRAPPED):
            if found := _plain(value):
                return found
            inner = next((value[key] for key in _WRAPPERS if isinstance(value.get(key), dict | str)), None)
            if not isinstance(inner, dict):
                break
            value = inner
        if not isinstance(inner, str):
            check(value)
            return "an object without log entry fields" if value else "an empty object"
        payload = payload_of(inner.strip().encode("utf-8", "replace"))  # as a Service Engine sends it, or JSON
        message = None if isinstance(payload, str) else read_payload(payload)
        if message is None or message.value is None:
            break
        value = message.value
    return "a log collector's record whose message is not a log entry"


def records_in(found: Found) -> Iterator[Found] | None:
    """The records in an object that only contains them; None if it is a record itself."""
    try:
        records = _listing(found.value or {})
    except Ambiguous as error:
        return iter((replace(found, value=None, reason=str(error)),))
    return None if records is None else expand(found, records)


def _listing(value: JSONObject) -> list[object] | None:
    """The list in an API response or a search result. Raises `Ambiguous`."""
    results = value.get("results")
    if isinstance(results, list) and "report_timestamp" not in value:
        return results
    if not value.keys().isdisjoint(_TELLING):
        return None
    level: list[object] = [value]
    for _ in range(_WRAPPED):
        for one in level:
            check(one)
        members = [member for one in level if isinstance(one, dict) for member in one.values()]
        for member in members:
            records: list[object] = member if isinstance(member, list) else []
            first = records[0] if records else None
            if isinstance(first, dict) and not first.keys().isdisjoint((*_TELLING, "_source", "_raw")):
                return records
        level = [member for member in members[:100] if isinstance(member, dict)]
    return None


def _plain(value: JSONObject) -> LogEntry | bytes | str | None:
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
        return _rebuilt(protocol, headers, value.get("body"))
    return None


def _part(value: JSONObject) -> JSONObject | None:
    """The object as an icap_log, if it is one or one of its request logs."""
    action = value.get("action")
    if any(key in value for key in REQUEST_KEYS):
        return {"action": action, "request_logs": [value]}
    if isinstance(value.get("request_logs"), list) or (isinstance(action, str) and action.startswith("ICAP_")):
        return value
    return None


def _rebuilt(protocol: Mapping[str, object], headers: Mapping[str, object], body: object) -> bytes:
    """The heads rebuilt from the object of a client that parses them (files_antivirus).

    A client that does not skip 100 Continue has the final status line among the header names;
    with wrong offsets, the encapsulated head is there too.
    """
    check(headers)
    status_lines = [name for name in headers if re.match(_STATUS_LINE, name)]
    lines = status_lines[-1:] or [f"ICAP/1.0 {protocol.get('code')} {protocol.get('status') or ''}"]
    lines += [f"{name}: {text}" for name, text in headers.items() if name not in status_lines]
    http = body.get("res-hdr") if isinstance(body, dict) else None
    if isinstance(http, dict):
        start = [str(name) for name, text in http.items() if not text]
        fields = [f"{name}: {text}" for name, text in http.items() if text and name != "HTTP_STATUS"]
        lines += ["", *start, *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Payload(Struct, frozen=True):
    """The JSON text of a line, from byte ``start`` of it; ``bare``: members without braces."""

    text: bytes
    start: int
    bare: bool

    @property
    def object(self) -> bytes:
        return b"{" + self.text + b"}" if self.bare else self.text


def is_syslog(line: bytes) -> bool:
    """Whether the line begins like syslog: with a priority, or as a syslog server writes it to a file."""
    return _PREFIX.match(line) is not None or (_STAMP.match(line) is not None and isinstance(payload_of(line), Payload))


def payload_of(line: bytes) -> Payload | str:
    """The payload of a line, or why it has none (an alert, not JSON). Raises nothing.

    The line has no line end. An alert in JSON is a payload; its object shows what it is.
    """
    if header := _RFC5424.match(line):
        start = header.end()
        rest = line[start:]
        if rest.startswith(b"{"):
            return Payload(rest.rstrip(), start, bare=False)
        if _MEMBERS.match(rest):
            return Payload(rest.strip(), start, bare=True)
    found = _JSON.search(line)
    alert = _ALERT.search(line, 0, found.start() if found else len(line))
    if alert and not (found and line[found.start() : found.start() + 1] == b"{"):
        return ALERT
    if found is None:
        return "a syslog message without JSON"
    start = found.start()
    return Payload(line[start:].rstrip(), start, bare=line[start : start + 1] == b'"')


def read_payload(payload: Payload) -> Found | None:
    """The object of a syslog line, damaged or not; indices are those of the payload's text."""
    text = payload.text.decode("utf-8", "replace")
    return read_members(text, 0) if payload.bare else read_object(text, 0)
