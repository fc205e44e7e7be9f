"""tls: the handshake of an ICAPS member, verified unless the pool says otherwise."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import lru_cache

import trio

from icapdiag.pool import TLS
from icapdiag.probe.base import Context, Facts, Message, Outcome, Planned, Probe, error, failed, ok
from icapdiag.probe.dial import dial
from icapdiag.probe.dns import is_literal
from icapdiag.probe.failures import describe, stream_failure
from icapdiag.probe.silence import silence_facts
from icapdiag.probe.wire import WireStream
from icapdiag.vocabulary import Reason

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


async def _run(context: Context) -> Outcome:
    stream = context.stream
    tls = context.member.tls or TLS()
    facts: Facts = {"server_name": server_name(context), "sni": not is_literal(server_name(context))}
    assert isinstance(stream, WireStream)  # noqa: S101 - tcp has run
    limit = context.time_for(context.settings.connect_timeout)
    try:
        with trio.fail_after(limit):
            wrapped = await handshake(context, stream)
    except trio.TooSlowError:
        facts |= await silence_facts(context, stream)
        await context.close()
        return failed(Reason.TIMEOUT, facts | {"error": f"no TLS handshake within {limit:g} s"})
    except trio.BrokenResourceError as exc:
        await context.close()
        outcome = stream_failure(exc)
        facts |= outcome.facts
        if isinstance(exc.__cause__, ssl.SSLCertVerificationError):
            await context.turn()
            with trio.move_on_after(context.time_for(context.settings.connect_timeout)):
                facts |= await _look_at_rejected(context)
        return Outcome(outcome.status, outcome.reason, facts)
    except OSError as exc:
        return error(Reason.CONFIGURATION, facts | {"error": f"{describe(exc)} (ca_file, cert_file or key_file)"})
    context.stream = wrapped
    return ok(facts | {"verified": tls.verify} | session_facts(wrapped))


async def _look_at_rejected(context: Context) -> Facts:
    """Facts of a certificate that did not verify, read over a second connection.

    Python's ssl module does not show a certificate that it has rejected. Nothing is sent
    over this connection but the handshake.
    """
    try:
        stream = await dial(context)
    except OSError:
        return {}
    try:
        wrapped = await handshake(context, stream, verify=False)
        return {"verified": False} | session_facts(wrapped)
    except (trio.BrokenResourceError, OSError):
        return {}
    finally:
        await trio.aclose_forcefully(stream)


def session_facts(stream: SSLStream) -> Facts:
    """Protocol version, cipher and certificate of a finished handshake."""
    from icapdiag.probe.certificate import certificate_facts  # noqa: PLC0415 - cryptography only where TLS is spoken

    cipher = stream.cipher()
    return {"tls_version": stream.version(), "cipher": cipher[0] if cipher else None} | certificate_facts(stream)


def _plan(context: Context) -> tuple[Planned, ...]:
    name = server_name(context)
    what = "handshake" if is_literal(name) else f"handshake for {name}"
    message = Message(kind="tls", what=what, size=None)
    rejected = Planned(to=context.peer, connections=1, messages=(message,), condition="if the certificate is rejected")
    verified = (context.member.tls or TLS()).verify
    return (Planned(to=context.peer, messages=(message,)), *((rejected,) if verified else ()))


def _skip(context: Context) -> str | None:
    return None if context.member.tls else "plain"


PROBE = Probe(
    name="tls",
    run=_run,
    sends="a TLS handshake on that connection, where the member has TLS; one more to read a refused certificate",
    plan=_plan,
    depth="quick",
    carries=True,
    needs=("tcp",),
    skip=_skip,
)
