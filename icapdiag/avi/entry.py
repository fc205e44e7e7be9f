"""One entry of Avi's application log: just the fields that are used.

Both generations of ``icap_log`` are covered: 20.1 has ``reason`` and ``threat_id`` in the request
log, 21.1 has them in ``opswat_log``, with ``nsx_defender_log`` beside it.

msgspec decodes whole blocks of a large log into these shapes; what has a wrong type fails the block, and
`decode_entry` reads its records leniently, one by one. `KnownEntry` has the words that Avi writes today as
`Literal`: msgspec gives the same object for the same word, so keys made of them are quick to hash and to compare.
The order of the fields is that of Avi's own output, and there are no fields to spare: msgspec compares every unknown
key of an entry with every field. So who sent what is in shapes of its own, `DetailedEntry`, which take a tenth longer
to decode: see `icapdiag.logs.blocks.decoding.Sink`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from icapdiag.avi.addresses import to_address
from icapdiag.avi.times import to_iso
from icapdiag.doubled import members

_TEXT_KEPT = 64 * 1024  # characters of one text; a header block of an ICAP response has at most 64 KiB
LIST_KEPT = 100  # ICAP requests of an entry, violations in a file, codes; there is one, as a rule, or two
_NUMBER_END = 1 << 64
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Action(str):
    """What became of an entry or of an ICAP request, such as ICAP_PASSED; to msgspec a type that a hook makes."""

    __slots__ = ()


class PoolName(Struct, frozen=True, gc=False):
    """``{"val": name, "crc32": n}``, as the Controller writes a name."""

    val: str | None = None


class Violation(Struct, gc=False):
    """One finding of MetaDefender inside a file."""

    file_name: str | None = None
    threat_name: str | None = None
    resolution: str | None = None


class OpswatLog(Struct, gc=False):
    """IcapOPSWATLog, since 21.1."""

    reason: str | None = None
    threat_id: str | None = None
    violations: tuple[Violation, ...] | None = None


class NsxDefenderLog(Struct, gc=False):
    """IcapNSXDefenderLog, since 21.1. ``score``: 0 to 100; none while the task has not ended."""

    score: int | None = None
    status_url: str | None = None
    task_uuid: str | None = None


class WafLog(Struct, gc=False):
    """WafLog; ``status``: PASSED, FLAGGED, REJECTED, …"""

    status: str | None = None


class RequestLog(Struct, gc=False, kw_only=True):
    """IcapRequestLog: one ICAP request. ``latency`` is in ms, the lengths in bytes."""

    icap_response_code: int | None = None
    icap_method: str | None = None
    http_response_code: int | None = None  # what came back inside ICAP; only of blocked requests
    icap_absolute_uri: str | None = None
    complete_body_sent: bool | None = None
    pool_name: PoolName | str | None = None  # usually the pool *group*
    latency: int | None = None
    icap_headers_sent_to_server: str | None = None
    icap_headers_received_from_server: str | None = None
    action: Action | None = None
    reason: str | None = None
    threat_id: str | None = None
    modified_content_length: int | None = None
    icap_server_ip: int | str | None = None
    icap_server_port: int | None = None
    vendor: str | None = None
    opswat_log: OpswatLog | None = None
    nsx_defender_log: NsxDefenderLog | None = None


class DetailedRequest(RequestLog, kw_only=True):
    """An ICAP request with what finds it elsewhere: its flow in a capture, its pool in the configuration."""

    http_method: str | None = None
    pool_uuid: str | None = None  # usually of the pool group
    source_port: int | None = None


class IcapLog(Struct, gc=False):
    """IcapLog: the action as a whole, and each ICAP request of this HTTP request."""

    action: Action | None = None
    request_logs: tuple[RequestLog, ...] | None = None


class LogEntry(Struct, gc=False, kw_only=True):
    """ApplicationLog, one HTTP request; ``request_length`` in bytes.

    ``report_timestamp`` is ISO 8601 in UTC from `decode_entry`, as it stands in the log from a block: see `to_iso`.
    """

    adf: bool | None = None  # the entry is significant
    significance: str | None = None
    virtualservice: str | None = None  # its uuid
    report_timestamp: str | int | float | None = None
    service_engine: str | None = None
    request_length: int | None = None
    server_response_code: int | None = None  # what the application answered; none, or 0, if it did not
    response_code: int | None = None  # what the client got
    significant_log: tuple[str, ...] | None = None
    request_id: str | None = None
    icap_log: IcapLog | None = None

    @property
    def service(self) -> str | None:
        """The virtual service, by its name where that is known."""
        return self.virtualservice


class DetailedIcapLog(IcapLog):
    """Its requests with details."""

    request_logs: tuple[DetailedRequest, ...] | None = None


class DetailedEntry(LogEntry, kw_only=True):
    """An entry with who sent what, and which rule decided about it."""

    vs_name: str | None = None
    method: str | None = None
    client_ip: int | str | None = None
    client_ip6: str | None = None
    uri_path: str | None = None
    host: str | None = None
    request_content_type: str | None = None
    user_id: str | None = None
    http_security_policy_rule_name: str | None = None
    http_request_policy_rule_name: str | None = None
    waf_log: WafLog | None = None
    dns_fqdn: str | None = None  # the name that was asked for, of a virtual service for DNS
    icap_log: DetailedIcapLog | None = None

    @property
    def service(self) -> str | None:
        return self.vs_name or self.virtualservice

    @property
    def client(self) -> int | str | None:
        """Where the request came from, as it stands in the log: see `to_address`."""
        return self.client_ip or self.client_ip6

    @property
    def rule(self) -> str | None:
        """The rule of a policy that decided about it."""
        return self.http_security_policy_rule_name or self.http_request_policy_rule_name


_Method = Literal["ICAP_METHOD_REQMOD", "ICAP_METHOD_RESPMOD"]
_Vendor = Literal["ICAP_VENDOR_OPSWAT", "ICAP_VENDOR_GENERIC", "ICAP_VENDOR_LASTLINE"]


class _KnownRequest(RequestLog, kw_only=True):
    icap_method: _Method | None = None
    vendor: _Vendor | None = None


class _KnownDetailedRequest(DetailedRequest, kw_only=True):
    icap_method: _Method | None = None
    vendor: _Vendor | None = None


class _KnownIcapLog(IcapLog):
    request_logs: tuple[_KnownRequest, ...] | None = None


class _KnownDetailedIcapLog(DetailedIcapLog):
    request_logs: tuple[_KnownDetailedRequest, ...] | None = None


class KnownEntry(LogEntry, kw_only=True):
    """`LogEntry` of a log without a word that is not known."""

    icap_log: _KnownIcapLog | None = None


class KnownDetailedEntry(DetailedEntry, kw_only=True):
    """The same with details."""

    icap_log: _KnownDetailedIcapLog | None = None


def looks_like_entry(entry: LogEntry) -> bool:
    """Whether an object is a log entry at all, and not an alert or some other JSON."""
    told = (entry.icap_log, entry.report_timestamp, entry.service)
    return any(field is not None for field in told)


def decode_entry(obj: bytes | str | Mapping[str, object]) -> DetailedEntry:
    """The entry in ``obj``: JSON text of one object, or the object itself.

    Lenient per field: what has a wrong type is None, numbers may be text and the other way round.
    Raises `ValueError` if the text is not one JSON object, and `Ambiguous` for a field that appears twice; a mapping
    that is not of `Members` raises nothing.
    """
    fields = obj if isinstance(obj, Mapping) else _parse(obj)
    waf = fields.get("waf_log")
    return DetailedEntry(
        report_timestamp=to_iso(fields.get("report_timestamp")),
        virtualservice=_text(fields.get("virtualservice")),
        vs_name=_text(fields.get("vs_name")),
        service_engine=_text(fields.get("service_engine")),
        request_id=_text(fields.get("request_id")),
        response_code=_number(fields.get("response_code")),
        request_length=_number(fields.get("request_length")),
        adf=_flag(fields.get("adf")),
        significant_log=_codes(fields.get("significant_log")),
        significance=_text(fields.get("significance")),
        icap_log=_icap_log(fields.get("icap_log")),
        method=_text(fields.get("method")),
        client_ip=to_address(fields.get("client_ip")),
        client_ip6=to_address(fields.get("client_ip6")),
        uri_path=_text(fields.get("uri_path")),
        host=_text(fields.get("host")),
        request_content_type=_text(fields.get("request_content_type")),
        user_id=_text(fields.get("user_id")),
        http_security_policy_rule_name=_text(fields.get("http_security_policy_rule_name")),
        http_request_policy_rule_name=_text(fields.get("http_request_policy_rule_name")),
        server_response_code=_number(fields.get("server_response_code")),
        dns_fqdn=_text(fields.get("dns_fqdn")),
        waf_log=WafLog(_text(waf.get("status"))) if isinstance(waf, Mapping) else None,
    )


def _parse(text: bytes | str) -> Mapping[str, object]:
    try:
        value = json.loads(text, strict=False, object_pairs_hook=members)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong value in the text, not a wrong argument
    return value


def _icap_log(value: object) -> DetailedIcapLog | None:
    if not isinstance(value, Mapping):
        return None
    logs = value.get("request_logs")
    if isinstance(logs, Mapping):
        logs = [logs]
    found = logs[:LIST_KEPT] if isinstance(logs, list | tuple) else []
    requests = tuple(_request(log) for log in found if isinstance(log, Mapping))
    return DetailedIcapLog(_action(value.get("action")), requests or None)


def _request(fields: Mapping[str, object]) -> DetailedRequest:
    port = _number(fields.get("icap_server_port"))
    address = to_address(fields.get("icap_server_ip"))
    uri = _text(fields.get("icap_absolute_uri"))
    if address is None and uri is None:
        address = to_address(fields.get("server_ip"))
    return DetailedRequest(
        action=_action(fields.get("action")),
        icap_response_code=_number(fields.get("icap_response_code")),
        icap_method=_text(fields.get("icap_method")),
        http_response_code=_number(fields.get("http_response_code")),
        icap_absolute_uri=uri,
        complete_body_sent=_flag(fields.get("complete_body_sent")),
        pool_name=_name(fields.get("pool_name")),
        latency=_number(fields.get("latency")),
        icap_headers_sent_to_server=_text(fields.get("icap_headers_sent_to_server")),
        icap_headers_received_from_server=_text(fields.get("icap_headers_received_from_server")),
        reason=_text(fields.get("reason")),
        threat_id=_text(fields.get("threat_id")),
        modified_content_length=_number(fields.get("modified_content_length")),
        icap_server_ip=address,
        icap_server_port=port,
        vendor=_text(fields.get("vendor")),
        opswat_log=_opswat(fields.get("opswat_log")),
        nsx_defender_log=_nsx(fields.get("nsx_defender_log")),
        http_method=_text(fields.get("http_method")),
        pool_uuid=_text(fields.get("pool_uuid")),
        source_port=_number(fields.get("source_port")),
    )


def _opswat(value: object) -> OpswatLog | None:
    if not isinstance(value, Mapping):
        return None
    found = value.get("violations")
    violations = tuple(
        Violation(_text(one.get("file_name")), _text(one.get("threat_name")), _text(one.get("resolution")))
        for one in (found[:LIST_KEPT] if isinstance(found, list | tuple) else [])
        if isinstance(one, Mapping)
    )
    return OpswatLog(_text(value.get("reason")), _text(value.get("threat_id")), violations or None)


def _nsx(value: object) -> NsxDefenderLog | None:
    if not isinstance(value, Mapping):
        return None
    return NsxDefenderLog(_number(value.get("score")), _text(value.get("status_url")), _text(value.get("task_uuid")))


def _name(value: object) -> str | None:
    return _text(value.get("val")) if isinstance(value, Mapping) else _text(value)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value[:_TEXT_KEPT]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _action(value: object) -> Action | None:
    text = _text(value)
    return None if text is None else Action(text)


def _number(value: object) -> int | None:
    """Whole numbers, also as text (64-bit numbers come so); a fraction is cut off."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _DIGITS.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _NUMBER_END:
        return None
    return int(value)


def _flag(value: object) -> bool | None:
    """``adf`` is a bool in the API, 1 or 0 in streamed logs, text in a CSV."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(str(value).strip().lower()) if isinstance(value, int | str) else None


def _codes(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return None
    return tuple(code[:200] for code in value[:LIST_KEPT] if isinstance(code, str))
