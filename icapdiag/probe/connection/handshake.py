"""TLS over a connection to a member, as the pool configures it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import lru_cache

import trio

from icapdiag.pool import TLS
from icapdiag.probe.base import Context
from icapdiag.probe.connection.failures import describe
from icapdiag.probe.connection.wire import WireStream

SSLStream = trio.SSLStream[WireStream]


@lru_cache(maxsize=64)
def client_context(tls: TLS, *, verify: bool | None = None) -> ssl.SSLContext:
    """A context for members with these settings: one for all of them, as making it takes 60 ms.

    Raises OSError (ssl.SSLError too) if a file can't be used.
    """
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
    if not (tls.verify if verify is None else verify):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(str(tls.cert_file), str(tls.key_file) if tls.key_file else None)
    return context


def server_name(context: Context) -> str:
    """The name to ask for (SNI) and to find in the certificate: the configured one, else the host."""
    tls = context.member.tls
    return (tls.server_name if tls else None) or context.member.host


async def handshake(context: Context, stream: WireStream, *, verify: bool | None = None) -> SSLStream:
    """Wrap the connection. Raises trio.BrokenResourceError, and OSError for unusable files."""
    tls = context.member.tls or TLS()
    shared = client_context(replace(tls, server_name=None), verify=verify)  # the name is no part of it
    wrapped = trio.SSLStream(stream, shared, server_hostname=server_name(context), https_compatible=True)
    try:
        await wrapped.do_handshake()
    except trio.BrokenResourceError as exc:
        if stream.line is not None:
            stream.line.event(f"no TLS: {describe(exc.__cause__ or exc)}")
        raise
    if stream.line is not None:
        cipher = wrapped.cipher()
        stream.line.event(f"TLS: {wrapped.version()}, {cipher[0] if cipher else 'no cipher'}")
    return wrapped
