"""Exceptions and errnos as reasons: the one place where they are told apart."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from icapdiag.probe.base import Facts, Outcome, error, failed
from icapdiag.probe.connection.dial import BindError
from icapdiag.vocabulary import Reason

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EACCES: Reason.PROHIBITED,
    errno.EPERM: Reason.PROHIBITED,
} | dict.fromkeys(_UNREACHABLE, Reason.UNREACHABLE)

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_VERIFY = {
    9: Reason.TLS_NOT_YET_VALID,
    10: Reason.TLS_EXPIRED,
    62: Reason.TLS_NAME,  # host name mismatch
    64: Reason.TLS_NAME,  # address mismatch
}
_CLEAR_TEXT = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)


def os_failure(exc: OSError, address: str = "") -> Outcome:
    """The outcome of a failed socket call: ``failed`` if the peer or the path did it, ``error`` if this host did."""
    facts: Facts = {"error": describe(exc)}
    if isinstance(exc, BindError):
        return error(Reason.CONFIGURATION, facts)
    reason = _REASONS.get(exc.errno or 0)
    if reason is None or (reason is Reason.UNREACHABLE and address and not has_route(address)):
        return error(Reason.LOCAL_NETWORK, facts)
    return failed(reason, facts)


def ssl_failure(exc: ssl.SSLError) -> Outcome:
    """The outcome of a TLS handshake, or of a later read, that failed."""
    facts: Facts = {"error": describe(exc)}
    if isinstance(exc, ssl.SSLCertVerificationError):
        facts["verify_error"] = exc.verify_message
        return failed(_VERIFY.get(exc.verify_code, Reason.TLS_UNTRUSTED), facts)
    if isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return failed(Reason.CLOSED, facts)
    reason = (exc.reason or "").upper()
    if "CERTIFICATE_REQUIRED" in reason:
        return failed(Reason.TLS_CLIENT_CERTIFICATE, facts)
    if any(word in reason for word in _CLEAR_TEXT):
        return failed(Reason.TLS_NOT_TLS, facts)
    return failed(Reason.TLS_HANDSHAKE, facts)


def stream_failure(exc: BaseException) -> Outcome:
    """The outcome of a broken stream, by the error beneath trio's BrokenResourceError."""
    cause = exc.__cause__
    if isinstance(cause, ssl.SSLError):
        return ssl_failure(cause)
    if isinstance(cause, OSError):
        return os_failure(cause)
    return failed(Reason.CLOSED, {"error": describe(exc)})


def describe(exc: BaseException) -> str:
    """The system's or the library's own words."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, ssl.SSLError):
        return " ".join(str(exc.strerror or exc).split())
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno)
    return str(exc) or type(exc).__name__


def has_route(address: str) -> bool:
    """Whether this host knows any route to the address. Nothing is sent: a UDP connect only looks it up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError as exc:
        return exc.errno not in _UNREACHABLE
    return True
