"""clean and eicar: a small upload in the form that an Avi Service Engine sends, and the verdict on it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from icapdiag import __version__
from icapdiag.icap.body import Body
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.probe.base import Context, Facts, Outcome, Probe
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message

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
    outcome = await transact(context, scan_request(context, body), sent_body=body)
    return Outcome(outcome.status, outcome.reason, {**facts, **outcome.facts, **_tag_facts(context, outcome)})


def _tag_facts(context: Context, outcome: Outcome) -> Facts:
    """Whether the ISTag is another than OPTIONS had a moment ago; nothing if one of them had none."""
    options = context.outcomes.get("options")
    tags = [found.facts.get("istag") for found in (outcome, *(options[:1] if options else ()))]
    known = [tag.strip().strip('"') for tag in tags if isinstance(tag, str)]
    return {"istag_changed": known[0] != known[1]} if len(known) == 2 else {}


def scan_request(
    context: Context, body: bytes | Body, *, preview: bool = True, allow: bool = True, close: bool = True
) -> PreparedRequest:
    """A Service Engine's REQMOD with this body; ``preview`` and ``allow`` False leave out what the profile has on.

    ``close`` False leaves out Connection: close, which a Service Engine always sends.
    """
    profile = context.pool.profile
    return avi_reqmod(
        context.address or context.member.host,
        context.member.port,
        profile.service_uri,
        http_request=upload_head(context, body),
        body=body,
        preview_size=profile.preview_size if preview and profile.enable_preview else None,
        allow_204=allow and profile.allow_204,
        close=close,
    )


def upload_head(context: Context, body: bytes | Body) -> bytes:
    """The HTTP head of the upload that is put before the scanner."""
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
        message = icap_message(scan_request(context, body()), body())
        return (Planned(to=context.peer, connections=1, messages=(*context.handshakes(), message)),)

    return plan


CLEAN_PROBE: Probe = Probe(
    name="clean",
    run=_sender(lambda: CLEAN),
    plan=_planner(lambda: CLEAN),
    sends="one REQMOD with a harmless line of text, on a connection of its own",
    connects=True,
    needs=("tcp", "tls", "options"),
)
# A scanner that fails on a harmless body is not sent a virus: nothing more would be learnt.
EICAR_PROBE: Probe = Probe(
    name="eicar",
    run=_sender(eicar),
    plan=_planner(eicar),
    sends="one REQMOD with the EICAR test virus, on its own connection; only with --eicar or in the pool's samples",
    label="active",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    skip=lambda context: None if context.settings.eicar else "not-asked",
)
