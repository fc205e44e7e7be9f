"""Errors as reasons: the peer's doing, or this host's own."""

from __future__ import annotations

import errno
import os
import ssl

import pytest
import trio

from icapdiag.probe.connection import connect
from icapdiag.probe.connection.connect import os_failure, ssl_failure, stream_failure
from icapdiag.vocabulary import Reason, Status


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (errno.ECONNREFUSED, Status.FAILED, Reason.REFUSED),
        (errno.ETIMEDOUT, Status.FAILED, Reason.TIMEOUT),
        (errno.ECONNRESET, Status.FAILED, Reason.RESET),
        (errno.EPIPE, Status.FAILED, Reason.RESET),
        (errno.EHOSTUNREACH, Status.FAILED, Reason.UNREACHABLE),
        (errno.ENETUNREACH, Status.FAILED, Reason.UNREACHABLE),
        (errno.EACCES, Status.FAILED, Reason.PROHIBITED),
        (errno.EMFILE, Status.ERROR, Reason.LOCAL_NETWORK),
        (errno.EADDRNOTAVAIL, Status.ERROR, Reason.LOCAL_NETWORK),
    ],
)
def test_errnos(number: int, status: Status, reason: Reason) -> None:
    failure = os_failure(OSError(number, "trio's own words"), "127.0.0.1")

    assert (status, reason, os.strerror(number)) == (failure.status, failure.reason, failure.error)


def test_no_route_from_here_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "has_route", lambda _: False)

    failure = os_failure(OSError(errno.ENETUNREACH, "Network is unreachable"), "203.0.113.1")

    assert (Status.ERROR, Reason.LOCAL_NETWORK) == (failure.status, failure.reason)


def test_a_route_is_looked_up_without_traffic() -> None:
    assert connect.has_route("127.0.0.1") is True


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code = code
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (9, Reason.TLS_NOT_YET_VALID),
        (10, Reason.TLS_EXPIRED),
        (18, Reason.TLS_UNTRUSTED),
        (20, Reason.TLS_UNTRUSTED),
        (62, Reason.TLS_NAME),
        (64, Reason.TLS_NAME),
    ],
)
def test_certificate_errors(code: int, reason: Reason) -> None:
    failure = ssl_failure(verification(code, "why"))

    assert (Status.FAILED, reason, "why") == (failure.status, failure.reason, failure.error)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("WRONG_VERSION_NUMBER", Reason.TLS_NOT_TLS),
        ("HTTP_REQUEST", Reason.TLS_NOT_TLS),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", Reason.TLS_CLIENT_CERTIFICATE),
        ("TLSV1_ALERT_PROTOCOL_VERSION", Reason.TLS_HANDSHAKE),
        (None, Reason.TLS_HANDSHAKE),
    ],
)
def test_handshake_errors(word: str | None, reason: Reason) -> None:
    error = ssl.SSLError(1, "text")
    error.reason = word  # type: ignore[assignment]  # OpenSSL leaves it unset for some errors

    assert reason == ssl_failure(error).reason


def test_a_close_inside_the_handshake() -> None:
    assert Reason.CLOSED == ssl_failure(ssl.SSLEOFError(8, "EOF")).reason


def test_a_broken_stream_without_a_cause_is_a_close() -> None:
    assert Reason.CLOSED == stream_failure(trio.BrokenResourceError("gone")).reason
