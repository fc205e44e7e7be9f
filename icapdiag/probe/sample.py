"""clean and eicar: a small upload in the form that an Avi Service Engine sends, and the verdict on it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import trio

from icapdiag import __version__
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.model import Reason
from icapdiag.probe.answer import profile_facts, response_facts, verdict_facts
from icapdiag.probe.base import Context, Facts, Message, Outcome, Planned, Probe, error, failed
from icapdiag.probe.conversation import converse
from icapdiag.probe.dial import dial
from icapdiag.probe.failures import describe, os_failure, stream_failure
from icapdiag.probe.plan import icap_message
from icapdiag.probe.tls import handshake

# RFC 2606 reserves .test; the name shows up in the scanner's log beside the correlation id.
_HOST = "www.example.test"


async def _scan(context: Context, body: bytes) -> Outcome:
    await context.close()  # the shared connection, should ``options`` not have used it up
    facts: Facts = {
        "method": "REQMOD",
        "sample_sha256": hashlib.sha256(body).hexdigest(),
        "sample_size": len(body),
        "correlation_id": context.settings.correlation_id,
        **profile_facts(context),
    }
    stream: trio.abc.Stream | None = None
    try:
        with trio.fail_after(context.time_for(context.settings.connect_timeout)):
            stream = raw = await dial(context)
            if context.member.tls:
                stream = await handshake(context, raw)
    except trio.TooSlowError:
        outcome = failed(Reason.TIMEOUT, {"error": "no connection in time"})
    except trio.BrokenResourceError as exc:
        outcome = stream_failure(exc)
    except OSError as exc:
        # Once connected, what fails here is a file of the TLS settings.
        outcome = (
            os_failure(exc, context.address)
            if stream is None
            else error(Reason.CONFIGURATION, {"error": describe(exc)})
        )
    else:
        return await _send(context, stream, body, facts)
    finally:
        if stream is not None:
            await trio.aclose_forcefully(stream)
    return Outcome(outcome.status, outcome.reason, {**facts, "bytes_sent": 0, "bytes_received": 0, **outcome.facts})


def _request(context: Context, body: bytes) -> PreparedRequest:
    profile = context.pool.profile
    return avi_reqmod(
        context.address or context.member.host,
        context.member.port,
        profile.service_uri,
        http_request=_upload(context, body),
        body=body,
        preview_size=profile.preview_size if profile.enable_preview else None,
        allow_204=profile.allow_204,
    )


async def _send(context: Context, stream: trio.abc.Stream, body: bytes, facts: Facts) -> Outcome:
    talk = await converse(stream, _request(context, body), timeout=context.time_for(context.settings.timeout))
    facts = facts | talk.facts
    if talk.response is not None:
        facts |= response_facts(talk.response, talk.exchange)
        if talk.head_read:
            facts |= verdict_facts(talk.response, body)
    return Outcome(talk.outcome.status, talk.outcome.reason, facts)


def _upload(context: Context, body: bytes) -> bytes:
    fields = [
        ("User-Agent", f"icapdiag/{__version__}"),
        ("Accept", "*/*"),
        ("Content-Type", "application/octet-stream"),
    ]
    if context.settings.correlation_id:
        fields.append(("X-Correlation-ID", context.settings.correlation_id))
    return http_post(_HOST, "/upload", len(body), fields=fields)


def _sender(body: Callable[[], bytes]) -> Callable[[Context], Awaitable[Outcome]]:
    async def run(context: Context) -> Outcome:
        return await _scan(context, body())

    return run


def _planner(body: Callable[[], bytes]) -> Callable[[Context], tuple[Planned, ...]]:
    def plan(context: Context) -> tuple[Planned, ...]:
        handshake = (Message(kind="tls", what="handshake", size=None),) if context.member.tls else ()
        message = icap_message(_request(context, body()), body())
        return (Planned(to=context.peer, connections=1, messages=(*handshake, message)),)

    return plan


CLEAN_PROBE = Probe(
    name="clean",
    run=_sender(lambda: CLEAN),
    plan=_planner(lambda: CLEAN),
    sends="one REQMOD with a harmless line of text, on a connection of its own",
    connects=True,
    needs=("tcp", "tls", "options"),
)
# A scanner that fails on a harmless body is not sent a virus: nothing more would be learnt.
EICAR_PROBE = Probe(
    name="eicar",
    run=_sender(eicar),
    plan=_planner(eicar),
    sends="one REQMOD with the EICAR test virus, on its own connection; only with --eicar or in the pool's samples",
    label="active",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    skip=lambda context: None if context.settings.eicar else "not-asked",
)
