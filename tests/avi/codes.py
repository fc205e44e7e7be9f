"""Codes of significant_log that are about ICAP, with what they mean: the logs of failures have them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from icapdiag.avi.vocabulary import BODY_SIZE

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
