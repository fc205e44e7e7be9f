"""eicar-again: sends the EICAR file that passed again, without a preview and partly behind one: was it scanned?

A server that reports it clean before it has received all of it has not scanned it: it does not scan this type of file,
or it decides by the preview. If it asked for all of it, its engine fails or does not detect it.
"""

from __future__ import annotations

from collections.abc import Mapping

from icapdiag.facts.answer import Answer
from icapdiag.facts.standard import EicarAgain, EicarOutcomes
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import eicar
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.preview import became_of_eicar
from icapdiag.probe.probes.sample import scan_request, upload_request
from icapdiag.vocabulary import Verdict

_PREVIEW = 30  # bytes, fewer than the file has: enough to see what type it is, and what McAfee and Skyhigh offer
_BUDGET = 6.0  # seconds for both


def _requests(context: Context) -> Mapping[str, PreparedRequest]:
    """The requests, by the fact that they determine."""
    offered = context.found("options", Answer).preview
    size = _PREVIEW if offered is None else min(offered, _PREVIEW)
    allow_204 = context.pool.profile.allow_204
    return {
        "eicar_whole": scan_request(context, eicar(), preview=False),
        "eicar_beyond_preview": upload_request(context, eicar(), preview_size=size, allow_204=allow_204),
    }


async def _run(context: Context) -> Outcome:
    await context.close()
    found: dict[str, str] = {}
    for name, request in _requests(context).items():
        await context.wait_for_rate()
        timeout = min(context.settings.timeout, _BUDGET / 2)
        found[name] = became_of_eicar(await transact(context, request, sent_body=eicar(), timeout=timeout))
    return ok(EicarAgain(profile=profile_facts(context), outcomes=EicarOutcomes(**found)))


def _plan(context: Context) -> tuple[Planned, ...]:
    messages = (icap_message(request, eicar()) for request in _requests(context).values())
    return (context.connections(*messages, condition="if EICAR passes"),)


PROBE: Probe = Probe(
    name="eicar-again",
    run=_run,
    sends="two more REQMODs with the EICAR test virus where it passed, without a preview and partly behind one, "
    "each on its own connection",
    plan=_plan,
    label="active",
    needs=("tcp", "tls", "options", "clean"),
    after=("eicar",),
    unneeded=lambda context: context.found("eicar", Answer).verdict != Verdict.ALLOWED,
    more_time=lambda _: _BUDGET,
    skip=lambda context: None if context.settings.eicar else "not-asked",
)
