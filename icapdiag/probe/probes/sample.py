"""clean and eicar: a small upload in the form that an Avi Service Engine sends, and the verdict on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from icapdiag import __version__
from icapdiag.facts.answer import Answer
from icapdiag.facts.standard import Sample
from icapdiag.icap.body import Body
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.probe.base import Context, Outcome, Probe
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message

# RFC 2606 reserves .test; the name shows up in the scanner's log beside the correlation id.
_HOST = "www.example.test"


async def _scan(context: Context, sample: Callable[[], bytes]) -> Outcome:
    body = sample()
    await context.close()  # the shared connection, should ``options`` not have used it up
    result = await transact(context, scan_request(context, body), sent_body=body)
    facts = Sample(
        error=result.error,
        sample_sha256=hashlib.sha256(body).hexdigest(),
        sample_size=len(body),
        correlation_id=context.settings.correlation_id,
        profile=profile_facts(context),
        transfer=result.transfer,
        answer=result.answer,
    )
    before, now = context.found("options", Answer).istag, result.answer.istag
    if before is not None and now is not None:
        facts.istag_changed = before.strip().strip('"') != now.strip().strip('"')
    return Outcome(result.status, result.reason, facts)


def scan_request(
    context: Context, body: bytes | Body, *, preview: bool = True, allow: bool = True, close: bool = True
) -> PreparedRequest:
    """A Service Engine's REQMOD with this body; ``preview`` and ``allow`` False leave out what the profile has on.

    ``close`` False leaves out Connection: close, which a Service Engine always sends.
    """
    size, allow_204 = context.preview_size if preview else None, allow and context.pool.profile.allow_204
    return upload_request(context, body, preview_size=size, allow_204=allow_204, close=close)


def upload_request(
    context: Context, body: bytes | Body, *, preview_size: int | None, allow_204: bool, close: bool = True
) -> PreparedRequest:
    """The same with a preview of so many bytes, None for none, and with or without Allow: 204."""
    fields = [
        ("User-Agent", f"icapdiag/{__version__}"),
        ("Accept", "*/*"),
        ("Content-Type", "application/octet-stream"),
    ]
    if context.settings.correlation_id:
        fields.append(("X-Correlation-ID", context.settings.correlation_id))
    return avi_reqmod(
        *context.place,
        context.pool.profile.service_uri,
        http_request=http_post(_HOST, "/upload", len(body), fields=fields),
        body=body,
        preview_size=preview_size,
        allow_204=allow_204,
        close=close,
    )


def _plan(context: Context, sample: Callable[[], bytes]) -> tuple[Planned, ...]:
    return (context.connections(icap_message(scan_request(context, sample()), sample())),)


CLEAN_PROBE: Probe = Probe(
    name="clean",
    run=partial(_scan, sample=lambda: CLEAN),
    plan=partial(_plan, sample=lambda: CLEAN),
    sends="one REQMOD with a harmless line of text, on a connection of its own",
    connects=True,
    needs=("tcp", "tls", "options"),
)
# A scanner that fails on a harmless body is not sent a virus: nothing more would be learnt.
EICAR_PROBE: Probe = Probe(
    name="eicar",
    run=partial(_scan, sample=eicar),
    plan=partial(_plan, sample=eicar),
    sends="one REQMOD with the EICAR test virus, on its own connection; only with --eicar or in the pool's samples",
    label="active",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    skip=lambda context: None if context.settings.eicar else "not-asked",
)
