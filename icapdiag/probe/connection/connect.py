"""Connects to a member, with TLS if configured; translates exceptions and errnos into reasons."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from functools import lru_cache

import trio
from msgspec.structs import replace

from icapdiag.pool import TLS
from icapdiag.probe.base import Context, Failure
from icapdiag.probe.connection.stream import TimestampedStream
from icapdiag.probe.connection.tcp import BindError, dial
from icapdiag.vocabulary import Reason, Status

SSLStream = trio.SSLStream[TimestampedStream]

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    **dict.fromkeys((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED), Reason.RESET),
    **dict.fromkeys((errno.EACCES, errno.EPERM), Reason.PROHIBITED),
    **dict.fromkeys(_UNREACHABLE, Reason.UNREACHABLE),
}

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_HOST_MISMATCH = 62
_VERIFY = {
    9: Reason.TLS_NOT_YET_VALID,
    10: Reason.TLS_EXPIRED,
    _HOST_MISMATCH: Reason.TLS_NAME,
    64: Reason.TLS_NAME,  # address mismatch
}
_CLEAR_TEXT = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG",
               "RECORD_LAYER_FAILURE")  # fmt: skip


class ConnectError(Exception):
    """No connection was made; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.error or failure.reason)


async def open_connection(context: Context, *, segment: int | None = None, proxied: bool = False) -> trio.abc.Stream:
    """Connect within the settings' ``connect_timeout``; the caller closes. Raises `ConnectError`.

    ``segment`` is as of `tcp.connect`; ``proxied``: with a line of the PROXY protocol first.
    """
    stream: trio.abc.Stream | None = None
    try:
        with trio.fail_after(context.time_for(context.settings.connect_timeout)):
            stream = raw = await dial(context, segment=segment)
            if proxied:
                await raw.send_all(proxy_line(raw.socket))
            return await handshake(context, raw) if context.member.tls else raw
    except trio.TooSlowError:
        failure = Failure(Reason.TIMEOUT, "no connection in time")
    except trio.BrokenResourceError as exc:
        failure = stream_failure(exc)
    except OSError as exc:
        # Once connected, what fails here is a file of the TLS settings.
        failure = os_failure(exc, context.address) if stream is None else _unusable(exc)
    except trio.Cancelled:
        if stream is not None:
            await trio.aclose_forcefully(stream)
        raise
    if stream is not None:
        await trio.aclose_forcefully(stream)
    raise ConnectError(failure)


def proxy_line(sock: socket.socket) -> bytes:
    """The first line from a load balancer that uses the PROXY protocol, version 1: source and destination."""
    (here, its_port), (there, port) = sock.getsockname()[:2], sock.getpeername()[:2]
    family = "TCP6" if sock.family == socket.AF_INET6 else "TCP4"
    return f"PROXY {family} {here} {there} {its_port} {port}\r\n".encode("ascii")


@lru_cache(maxsize=64)
def client_context(tls: TLS, *, verify: bool | None = None) -> ssl.SSLContext:
    """One context for all members with these settings, as creating one takes 60 ms.

    Raises OSError (ssl.SSLError too) if a file can't be used.
    """
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None, cadata=tls.ca_pem or None)
    context.minimum_version = (
        ssl.TLSVersion.TLSv1_2
    )  # Python's own default, which Debian's Python leaves to openssl.cnf
    context.check_hostname = tls.names is None and tls.sni  # else `_insist_on_name` does
    if not (tls.verify if verify is None else verify):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(str(tls.cert_file), str(tls.key_file) if tls.key_file else None)
    return context


def server_name(context: Context) -> str:
    """The name for SNI, and the one expected in the certificate unless other names are configured."""
    tls = context.member.tls
    return (tls.server_name if tls else None) or context.member.host


async def handshake(context: Context, stream: TimestampedStream, *, verify: bool | None = None) -> SSLStream:
    """Wrap the connection. Raises trio.BrokenResourceError, and OSError for unusable files."""
    tls = context.member.tls or TLS()
    shared = client_context(replace(tls, server_name=None), verify=verify)  # the name is no part of it
    asked = server_name(context) if tls.sni else None
    wrapped = trio.SSLStream(stream, shared, server_hostname=asked, https_compatible=True)
    try:
        await wrapped.do_handshake()
        if tls.names and shared.verify_mode is ssl.CERT_REQUIRED:
            _insist_on_name(wrapped, tls.names)
    except trio.BrokenResourceError as exc:
        if stream.recorder is not None:
            stream.recorder.event(f"no TLS: {describe(exc.__cause__ or exc)}")
        raise
    if stream.recorder is not None:
        cipher = wrapped.cipher()
        stream.recorder.event(f"TLS: {wrapped.version()}, {cipher[0] if cipher else 'no cipher'}")
    return wrapped


def _insist_on_name(stream: SSLStream, names: tuple[str, ...]) -> None:
    """The certificate must be for one of the names (RFC 6125, 6.4). Raises the same as a failing handshake.

    Python's ssl checks only the name that it sends.
    """
    alternatives = (stream.getpeercert() or {}).get("subjectAltName", ())
    offered = [str(value).lower() for kind, value in alternatives if kind in {"DNS", "IP Address"}]
    wanted = [name.lower().rstrip(".") for name in names]
    if not any(name in offered or f"*.{name.partition('.')[2]}" in offered for name in wanted):
        error = ssl.SSLCertVerificationError()
        error.verify_code, error.verify_message = _HOST_MISMATCH, f"certificate is not valid for {', '.join(names)}"
        raise trio.BrokenResourceError from error


def os_failure(exc: OSError, address: str = "") -> Failure:
    """The failure of a socket call: ``failed`` if the peer or the path caused it, ``error`` if this host did."""
    if isinstance(exc, BindError):
        return _unusable(exc)
    reason = _REASONS.get(exc.errno or 0)
    if reason is None or (reason is Reason.UNREACHABLE and address and not has_route(address)):
        return Failure(Reason.LOCAL_NETWORK, describe(exc), Status.ERROR)
    return Failure(reason, describe(exc))


def _unusable(exc: OSError) -> Failure:
    """A setting that this host can't use."""
    return Failure(Reason.CONFIGURATION, describe(exc), Status.ERROR)


def ssl_failure(exc: ssl.SSLError) -> Failure:
    """The failure of a TLS handshake, or of a later read."""
    reason = Reason.TLS_HANDSHAKE
    if isinstance(exc, ssl.SSLCertVerificationError):
        reason = _VERIFY.get(exc.verify_code, Reason.TLS_UNTRUSTED)
    elif isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        reason = Reason.CLOSED
    elif "CERTIFICATE_REQUIRED" in (said := (exc.reason or "").upper()):
        reason = Reason.TLS_CLIENT_CERTIFICATE
    elif any(word in said for word in _CLEAR_TEXT):
        reason = Reason.TLS_NOT_TLS
    return Failure(reason, describe(exc))


def stream_failure(exc: BaseException) -> Failure:
    """The failure of a broken stream, from the cause of trio's BrokenResourceError."""
    cause = exc.__cause__
    if isinstance(cause, ssl.SSLError):
        return ssl_failure(cause)
    if isinstance(cause, OSError):
        return os_failure(cause)
    return Failure(Reason.CLOSED, describe(exc))


def describe(exc: BaseException) -> str:
    """The message of the operating system or library."""
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
