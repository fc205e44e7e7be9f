"""tls: the handshake of an ICAPS member, verified unless the pool says otherwise."""

from __future__ import annotations

import ssl

import trio

from icapdiag.pool import TLS
from icapdiag.probe.base import Context, Facts, Outcome, Probe, error, failed, ok
from icapdiag.probe.connection.connect import SSLStream, describe, handshake, server_name, stream_failure
from icapdiag.probe.connection.stream import TimestampedStream
from icapdiag.probe.connection.tcp import dial, no_answer_facts
from icapdiag.probe.messages import Message, Planned
from icapdiag.probe.probes.dns import is_literal
from icapdiag.vocabulary import Reason


async def _run(context: Context) -> Outcome:
    stream = context.stream
    tls = context.member.tls or TLS()
    facts: Facts = {"server_name": server_name(context), "sni": not is_literal(server_name(context))}
    assert isinstance(stream, TimestampedStream)  # noqa: S101 - tcp has run
    limit = context.time_for(context.settings.connect_timeout)
    try:
        with trio.fail_after(limit):
            wrapped = await handshake(context, stream)
    except trio.TooSlowError:
        facts |= await no_answer_facts(context, stream)
        await context.close()
        return failed(Reason.TIMEOUT, facts | {"error": f"no TLS handshake within {limit:g} s"})
    except trio.BrokenResourceError as exc:
        await context.close()
        outcome = stream_failure(exc)
        facts |= outcome.facts
        if isinstance(exc.__cause__, ssl.SSLCertVerificationError):
            await context.wait_for_rate()
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
    from icapdiag.probe.probes.certificate import certificate_facts  # noqa: PLC0415 - cryptography only where TLS is spoken

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


PROBE: Probe = Probe(
    name="tls",
    run=_run,
    sends="a TLS handshake on that connection, where the member has TLS; one more to read a refused certificate",
    plan=_plan,
    depth="quick",
    carries=True,
    needs=("tcp",),
    skip=_skip,
)
