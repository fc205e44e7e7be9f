"""The closed vocabularies of ICAP logs, in our own words where Avi publishes none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from icapdiag.facts.groups import ACTIONS

# IcapLog.action and IcapRequestLog.action (developer.broadcom.com); Avi describes no meaning of ICAP_DISABLED.
DISABLED, PASSED, MODIFIED, BLOCKED, FAILED = ACTIONS

WITH_BODY = ("POST", "PUT", "PATCH")  # HTTP methods whose requests have one
WAF_REJECTED = "REJECTED"  # waf_log.status
FORBIDDEN = 403  # what WAF and security rules answer

FAILURES = frozenset(  # codes of significant_log that say that ICAP failed
    {
        "ADF_ICAP_CONNECTION_ERROR",
        "ADF_ICAP_FAILED",
        "ADF_ICAP_OUT_OF_MEMORY",
        "ADF_ICAP_SERVER_ERROR",
        "ADF_ICAP_TIMEDOUT",
    }
)
BODY_SIZE = "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"

ICAP_CODES = FAILURES | {  # all of significant_log that are about ICAP
    "ADF_ICAP_BLOCKED",
    "ADF_ICAP_MODIFIED",
    "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME",
    BODY_SIZE,
}

METHODS: Mapping[str, str] = MappingProxyType({"ICAP_METHOD_REQMOD": "REQMOD", "ICAP_METHOD_RESPMOD": "RESPMOD"})

VENDORS: Mapping[str, str] = MappingProxyType(
    {
        "ICAP_VENDOR_GENERIC": "generic",
        "ICAP_VENDOR_OPSWAT": "OPSWAT MetaDefender",
        "ICAP_VENDOR_LASTLINE": "NSX Defender (Lastline)",
    }
)


def is_unknown(code: str) -> bool:
    """Whether a code is about ICAP and none that is known."""
    return code.startswith("ADF_ICAP") and code not in ICAP_CODES


def concerns_icap(code: str) -> bool:
    """Whether a code of significant_log is about ICAP or the server side (which may be the ICAP side)."""
    return code.startswith(("ADF_ICAP", "ADF_SERVER"))
