"""The closed vocabularies of ICAP logs, in our own words where Avi publishes none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DISABLED = "ICAP_DISABLED"
PASSED = "ICAP_PASSED"
MODIFIED = "ICAP_MODIFIED"
BLOCKED = "ICAP_BLOCKED"
FAILED = "ICAP_FAILED"

# IcapLog.action and IcapRequestLog.action (developer.broadcom.com); Avi describes no meaning of ICAP_DISABLED.
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        DISABLED: "ICAP was not asked about this request",
        PASSED: "the ICAP server let the request pass",
        MODIFIED: "the ICAP server changed the request",
        BLOCKED: "the ICAP server answered in place of the application",
        FAILED: "ICAP could not be completed; the profile's fail_action decided",
    }
)

BODY_SIZE = "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"

ADF_CODES: Mapping[str, str] = MappingProxyType(
    {
        "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME": "ICAP took longer than slow_response_warning_threshold",
        "ADF_ICAP_BLOCKED": "the ICAP server blocked the request",
        "ADF_ICAP_MODIFIED": "the ICAP server changed the request",
        "ADF_ICAP_OUT_OF_MEMORY": "the Service Engine had no memory to buffer the request",
        "ADF_ICAP_TIMEDOUT": "no answer within response_timeout",
        BODY_SIZE: "the body is larger than buffer_size",
        "ADF_ICAP_CONNECTION_ERROR": "no connection to any ICAP server, or it was lost",
        "ADF_ICAP_SERVER_ERROR": "the ICAP server answered with an error, or not in ICAP",
        "ADF_ICAP_FAILED": "ICAP failed; another code usually says how",
        "ADF_SERVER_CONN_SETUP_REFUSED": "the server refused the connection",
        "ADF_SERVER_CONN_SETUP_TIMEDOUT": "the server did not answer the connection",
        "ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED": "the TLS handshake with the server failed",
        "ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED": "the server's certificate could not be verified",
        "ADF_SERVER_SENT_RESET": "the server reset the connection",
        "ADF_SERVER_UPSTREAM_TIMEOUT": "the server did not answer in time",
    }
)

METHODS: Mapping[str, str] = MappingProxyType({"ICAP_METHOD_REQMOD": "REQMOD", "ICAP_METHOD_RESPMOD": "RESPMOD"})

VENDORS: Mapping[str, str] = MappingProxyType(
    {
        "ICAP_VENDOR_GENERIC": "generic",
        "ICAP_VENDOR_OPSWAT": "OPSWAT MetaDefender",
        "ICAP_VENDOR_LASTLINE": "NSX Defender (Lastline)",
    }
)


def concerns_icap(code: str) -> bool:
    """Whether a code of significant_log is about ICAP or the server side (which may be the ICAP side)."""
    return code.startswith(("ADF_ICAP", "ADF_SERVER"))
