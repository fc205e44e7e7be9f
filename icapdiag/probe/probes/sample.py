"""clean and eicar: a small upload as sent by an Avi Service Engine, and the verdict on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from icapdiag import __version__
from icapdiag.facts.answer import Answer
from icapdiag.facts.standard import Sample
from icapdiag.icap.body import Body
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import CLEAN, FORMS, eicar
from icapdiag.probe.base import Context, Depth, Outcome, Probe
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.vocabulary import Verdict

# RFC 2606 reserves .test; the name shows up in the scanner's log beside the correlation id.
_HOST = "www.example.test"
_ALLOWANCE = 2.0  # seconds that the member's deadline is put off for an upload that a usual run does not have


async def _scan(context: Context, sample: Callable[[], bytes], form: str = "raw") -> Outcome:
    body = FORMS[form].wrap(sample())
    await context.close()  # the shared connection, should ``options`` not have used it up
    result = await transact(context, scan_request(context, body, form=form), sent_body=body, look=True)
    facts = Sample(
        error=result.error,
        sample_form=None if form == "raw" else form,
        sample_sha256=hashlib.sha256(body).hexdigest(),
        sample_size=len(body),
        correlation_id=context.settings.correlation_id,
        profile=profile_facts(context),
        transfer=result.transfer,
        no_answer=result.no_answer,
        answer=result.answer,
    )
    before, now = context.found("options", Answer).istag, result.answer.istag
    if before is not None and now is not None:
        facts.istag_changed = before.strip().strip('"') != now.strip().strip('"')
    return Outcome(result.status, result.reason, facts)


def scan_request(
    context: Context,
    body: bytes | Body,
    *,
    preview: bool = True,
    allow: bool = True,
    close: bool = True,
    form: str = "raw",
) -> PreparedRequest:
    """A Service Engine's REQMOD with this body; ``preview`` and ``allow`` False leave out what the profile enables.

    ``close`` False leaves out Connection: close, which a Service Engine always sends.
    """
    size, allow_204 = context.preview_size if preview else None, allow and context.pool.profile.allow_204
    return upload_request(context, body, preview_size=size, allow_204=allow_204, close=close, form=form)


def upload_request(
    context: Context,
    body: bytes | Body,
    *,
    preview_size: int | None,
    allow_204: bool,
    close: bool = True,
    form: str = "raw",
    service_uri: str | None = None,
) -> PreparedRequest:
    """The same with a preview of the given bytes (None: without), and with or without Allow: 204; ``form``: of `FORMS`.

    ``service_uri`` None: the profile's.
    """
    fields = [
        ("User-Agent", f"icapdiag/{__version__}"),
        ("Accept", "*/*"),
        ("Content-Type", FORMS[form].content_type),
    ]
    if context.settings.correlation_id:
        fields.append(("X-Correlation-ID", context.settings.correlation_id))
    return avi_reqmod(
        *context.place,
        context.pool.profile.service_uri if service_uri is None else service_uri,
        http_request=http_post(_HOST, "/upload", len(body) if FORMS[form].sized else None, fields=fields),
        body=body,
        preview_size=preview_size,
        allow_204=allow_204,
        close=close,
    )


def _plan(context: Context, sample: Callable[[], bytes], form: str = "raw") -> tuple[Planned, ...]:
    body = FORMS[form].wrap(sample())
    return (context.connections(icap_message(scan_request(context, body, form=form), body)),)


CLEAN_PROBE: Probe = Probe(
    name="clean",
    run=partial(_scan, sample=lambda: CLEAN),
    plan=partial(_plan, sample=lambda: CLEAN),
    sends="one REQMOD with a harmless line of text, on a connection of its own",
    connects=True,
    needs=("tcp", "tls", "options"),
)
# Where the same upload does not pass with a length, nothing is learnt without one.
CHUNKED_PROBE: Probe = Probe(
    name="chunked",
    run=partial(_scan, sample=lambda: CLEAN, form="chunked"),
    plan=partial(_plan, sample=lambda: CLEAN, form="chunked"),
    sends="one REQMOD with a harmless upload that has no Content-Length, as clients upload in chunks",
    depth="deep",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    after=("clean",),
    unneeded=lambda context: context.found("clean", Answer).verdict not in {Verdict.ALLOWED, Verdict.MODIFIED},
    more_time=lambda _: _ALLOWANCE,
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


def _detected(context: Context) -> bool:
    return context.found("eicar", Answer).verdict in {Verdict.BLOCKED, Verdict.MODIFIED}


def _in_form(name: str, form: str, what: str, depth: Depth) -> Probe:
    """Unneeded if the bare file is not detected, as other forms of it then show nothing."""
    return Probe(
        name=name,
        run=partial(_scan, sample=eicar, form=form),
        plan=partial(_plan, sample=eicar, form=form),
        sends=f"one REQMOD with the EICAR test virus {what}, on its own connection; only where EICAR may be sent",
        label="active",
        depth=depth,
        connects=True,
        needs=("tcp", "tls", "options", "clean"),
        after=("eicar",),
        unneeded=lambda context: not _detected(context),
        more_time=lambda _: _ALLOWANCE if depth == "deep" else 0.0,
        skip=lambda context: None if context.settings.eicar else "not-asked",
    )


FORM_PROBES: tuple[Probe, ...] = (
    _in_form("eicar-form", "multipart", "in an HTML form, as browsers upload files", "standard"),
    _in_form("eicar-zip", "zip", "in a ZIP archive", "deep"),
    _in_form("eicar-pdf", "pdf", "embedded in a PDF", "deep"),
    _in_form("eicar-json", "json", "in JSON, in base64", "deep"),
)
