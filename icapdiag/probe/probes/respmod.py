"""respmod: whether a service that refuses REQMOD supports RESPMOD, which Avi does not send."""

from __future__ import annotations

from icapdiag.facts.refusal import Respmod
from icapdiag.icap.request import PreparedRequest, authority, encode_request, icap_uri
from icapdiag.icap.samples import CLEAN
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.refusals import refusal, refuses_reqmod, unanswered
from icapdiag.vocabulary import Verdict

_OTHER_METHOD = {405, 418, 501}  # what servers say to a method that the service does not have
_TIMEOUT = 3.0  # seconds for the answer
_ASKED = b"GET /page HTTP/1.1\r\nHost: www.example.test\r\nAccept: */*\r\n\r\n"
_ANSWERED = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(CLEAN)}\r\n\r\n".encode("ascii")


def _request(context: Context) -> PreparedRequest:
    host, port = context.place
    return encode_request(
        "RESPMOD",
        icap_uri(host, port, context.pool.profile.service_uri),
        [("Host", authority(host, port)), ("Connection", "close"), ("Allow", "204")],
        http_request=_ASKED,
        http_response=_ANSWERED,
        body=CLEAN,
    )


async def _run(context: Context) -> Outcome:
    await context.close()
    answer = (await transact(context, _request(context), sent_body=CLEAN, timeout=_TIMEOUT)).answer
    status = answer.icap_status
    return ok(
        Respmod(
            refused_method="REQMOD",
            refused_status=refusal(context, "clean"),
            refused_reason=unanswered(context, "clean"),
            respmod_served=status is not None and 200 <= status < 300,
            respmod_status=status,
            respmod_verdict=None if status is None else answer.verdict or Verdict.UNKNOWN,
        )
    )


def _unneeded(context: Context) -> bool:
    """Unneeded if REQMOD works, or if the failure can't be due to the method."""
    return not (refusal(context, "clean") in _OTHER_METHOD or refuses_reqmod(context))


def _plan(context: Context) -> tuple[Planned, ...]:
    message = icap_message(_request(context), CLEAN)
    return (context.connections(message, condition="if REQMOD is refused as a method"),)


PROBE: Probe = Probe(
    name="respmod",
    run=_run,
    sends="one RESPMOD with a harmless line of text, where the service refuses REQMOD",
    plan=_plan,
    connects=True,
    needs=("tcp", "tls", "options"),
    after=("options", "clean"),
    unneeded=_unneeded,
)
