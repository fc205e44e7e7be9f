"""The shapes of `icapdiag.avi.entry` for large logs: exact types, and words as `Literal`.

msgspec gives the same object for the same literal, so keys built from these entries are hashed and
compared by identity. What does not fit (an action of a later release, a number as an object) fails
the whole block that is being decoded; the caller then takes `OpenEntry`, and at last `decode_entry`.

The order of the fields is that of Avi's own output, and there are no fields to spare: msgspec holds
every unknown key of an entry against every field.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from icapdiag.avi.entry import NsxDefenderLog, OpswatLog, PoolName

Action = Literal["ICAP_PASSED", "ICAP_BLOCKED", "ICAP_MODIFIED", "ICAP_FAILED", "ICAP_DISABLED"]
Method = Literal["ICAP_METHOD_REQMOD", "ICAP_METHOD_RESPMOD"]
Vendor = Literal["ICAP_VENDOR_OPSWAT", "ICAP_VENDOR_GENERIC", "ICAP_VENDOR_LASTLINE"]


class StrictRequest(Struct, gc=False, kw_only=True):
    """`RequestLog`."""

    icap_response_code: int | None = None
    icap_method: Method | None = None
    http_response_code: int | None = None
    icap_absolute_uri: str | None = None
    complete_body_sent: bool | None = None
    pool_name: PoolName | str | None = None
    latency: int | None = None
    icap_headers_sent_to_server: str | None = None
    icap_headers_received_from_server: str | None = None
    action: Action | None = None
    reason: str | None = None
    threat_id: str | None = None
    modified_content_length: int | None = None
    icap_server_ip: int | str | None = None
    icap_server_port: int | None = None
    vendor: Vendor | None = None
    opswat_log: OpswatLog | None = None
    nsx_defender_log: NsxDefenderLog | None = None


class StrictLog(Struct, gc=False):
    """`IcapLog`."""

    action: Action | None = None
    request_logs: tuple[StrictRequest, ...] | None = None


class StrictEntry(Struct, gc=False, kw_only=True):
    """`LogEntry`, with ``report_timestamp`` as it stands."""

    adf: bool | None = None
    significance: str | None = None
    virtualservice: str | None = None
    report_timestamp: str | None = None
    service_engine: str | None = None
    request_length: int | None = None
    response_code: int | None = None
    significant_log: tuple[str, ...] | None = None
    request_id: str | None = None
    icap_log: StrictLog | None = None


class NamedEntry(StrictEntry, kw_only=True):
    """The same from a stream that names its virtual services."""

    virtualservice: str | None = field(default=None, name="vs_name")


class OpenRequest(StrictRequest, kw_only=True):
    """Any word where `StrictRequest` knows a few."""

    icap_method: str | None = None  # type: ignore[assignment]
    action: str | None = None  # type: ignore[assignment]
    vendor: str | None = None  # type: ignore[assignment]


class OpenLog(Struct, gc=False):
    """`StrictLog` with any action."""

    action: str | None = None
    request_logs: tuple[OpenRequest, ...] | None = None


class OpenEntry(StrictEntry, kw_only=True):
    """`StrictEntry` with any words, and times as numbers, too."""

    report_timestamp: str | int | float | None = None  # type: ignore[assignment]
    icap_log: OpenLog | None = None  # type: ignore[assignment]


class OpenNamedEntry(OpenEntry, kw_only=True):
    """The same from a stream that names its virtual services."""

    virtualservice: str | None = field(default=None, name="vs_name")
