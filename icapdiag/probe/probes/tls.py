"""tls: the handshake of an ICAPS member, verified unless the pool says otherwise."""

from __future__ import annotations

import ssl

import trio
from msgspec.structs import replace

from icapdiag.facts import tls as sheets
from icapdiag.pool import TLS
from icapdiag.probe.base import Context, Failure, Outcome, Probe, failed, ok
from icapdiag.probe.connection.connect import SSLStream, describe, handshake, server_name, stream_failure
from icapdiag.probe.connection.stream import TimestampedStream
from icapdiag.probe.connection.tcp import dial, no_answer_facts
from icapdiag.probe.messages import Message, Planned
from icapdiag.probe.probes.dns import is_literal
from icapdiag.vocabulary import Reason, Status


async def _run(context: Context) -> Outcome:
    stream = context.stream
    settings = context.member.tls or TLS()
    facts = sheets.TLS(sni=_sends_name(context), wanted_names=(settings.verify and settings.names) or None)
    facts.server_name = server_name(context) if settings.sni else None
    assert isinstance(stream, TimestampedStream)  # noqa: S101 - tcp has run
    limit = context.time_for(context.settings.connect_timeout)
    try:
        with trio.fail_after(limit):
            wrapped = await handshake(context, stream)
    except trio.TooSlowError:
        facts.no_answer = await no_answer_facts(context, stream)
        await context.close()
        return failed(Failure(Reason.TIMEOUT, f"no TLS handshake within {limit:g} s"), facts)
    except trio.BrokenResourceError as exc:
        await context.close()
        if isinstance(exc.__cause__, ssl.SSLCertVerificationError):
            facts.verify_error = exc.__cause__.verify_message
            await context.wait_for_rate()
            with trio.move_on_after(context.time_for(context.settings.connect_timeout)):
                facts |= await _look_at_rejected(context)
        return failed(stream_failure(exc), facts)
    except OSError as exc:
        text = f"{describe(exc)} (ca_file, cert_file or key_file)"
        return failed(Failure(Reason.CONFIGURATION, text, Status.ERROR), facts)
    context.stream = wrapped
    facts.verified = settings.verify
    return ok(facts | session_facts(wrapped))


async def _look_at_rejected(context: Context) -> sheets.TLS:
    """Facts of a certificate that did not verify, read over a second connection.

    Python's ssl module does not show a certificate that it has rejected. Only the handshake is sent
    over this connection.
    """
    try:
        stream = await dial(context)
    except OSError:
        return sheets.TLS()
    try:
        facts = session_facts(await handshake(context, stream, verify=False))
    except (trio.BrokenResourceError, OSError):
        return sheets.TLS()
    finally:
        await trio.aclose_forcefully(stream)
    facts.verified = False
    return facts


def session_facts(stream: SSLStream) -> sheets.TLS:
    """Protocol version, cipher and certificate of a finished handshake."""
    from icapdiag.probe.probes.certificate import certificate_facts  # noqa: PLC0415 - cryptography only where TLS is spoken

    cipher = stream.cipher()
    return replace(certificate_facts(stream), tls_version=stream.version(), cipher=cipher[0] if cipher else None)


def _sends_name(context: Context) -> bool:
    """Whether the handshake names the server: an address is not a name (RFC 6066, 3)."""
    return (context.member.tls or TLS()).sni and not is_literal(server_name(context))


def _plan(context: Context) -> tuple[Planned, ...]:
    what = f"handshake for {server_name(context)}" if _sends_name(context) else "handshake"
    message = Message(kind="tls", what=what, size=None)
    rejected = Planned(to=context.peer, connections=1, messages=(message,), condition="if the certificate is rejected")
    verified = (context.member.tls or TLS()).verify
    return (Planned(to=context.peer, messages=(message,)), *((rejected,) if verified else ()))


PROBE: Probe = Probe(
    name="tls",
    run=_run,
    sends="a TLS handshake on that connection, if the member uses TLS; one more to read a refused certificate",
    plan=_plan,
    depth="quick",
    carries=True,
    needs=("tcp",),
    skip=lambda context: None if context.member.tls else "plain",
)
