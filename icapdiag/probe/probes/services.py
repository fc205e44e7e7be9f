"""services: what the server does have, where it has no service at the path that was asked for."""

from __future__ import annotations

from icapdiag.facts.refusal import Services, ServiceTried
from icapdiag.icap.request import PreparedRequest, authority, encode_request, options_request
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.connect import ConnectError
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.refusals import PersistentConnection, planned, refusal, refuses_reqmod, served

# Where the products have their service for requests, as delivered; "*" asks the server as a whole.
KNOWN = (
    "/OMSScanReq-AV", "/avscan", "/reqmod", "/request", "/req", "/av/reqmod", "/scan", "/virus_scan", "/srv_clamav",
    "/squidclamav", "/SYMCScanReq-AV", "/REQMOD", "/interscan", "/sandblast", "/echo", "*",
)  # fmt: skip
_BUDGET = 6.0  # seconds for all of them
_TIMEOUT = 1.0  # seconds for one answer: a server that knows a service tells at once
_E2GUARDIAN = "/request"  # it is the one that answers 400, and that it may do without ending the answer's head


def _names(context: Context) -> tuple[str, ...]:
    """The paths to ask for, but for the one that was: of the same spelling if letter case is put aside, first."""
    asked = context.pool.profile.service_uri.partition("?")[0]
    first = _E2GUARDIAN if refusal(context, "options") == 400 else ""
    names = [name for name in KNOWN if name != asked]
    return tuple(sorted(names, key=lambda name: (name.lower() != asked.lower(), name != first)))


def _request(context: Context, name: str) -> PreparedRequest:
    host, port = context.place
    if name == "*":
        return encode_request("OPTIONS", "*", [("Host", authority(host, port))])
    return options_request(host, port, name)


async def _run(context: Context) -> Outcome:
    await context.close()
    answers: list[ServiceTried] = []
    connection = PersistentConnection(context, min(_TIMEOUT, context.settings.timeout))
    try:
        stopped = await context.within(_BUDGET, _ask(context, connection, answers))
    finally:
        await connection.close()
    return ok(
        Services(
            missing="service" if refusal(context, "options") else "reqmod",
            services=tuple(answers),
            candidates=tuple(answer.service_uri for answer in answers if answer.service_uri and _takes_reqmod(answer)),
            stopped=stopped or None,
        )
    )


async def _ask(context: Context, connection: PersistentConnection, answers: list[ServiceTried]) -> str:
    """Ask for one after the other, with no more requests than there are names; why it stopped early, or ""."""
    left = list(_names(context))
    for _ in range(len(left)):
        try:
            result = await connection.ask(_request(context, left[0]))
        except ConnectError:
            return "connection"
        if result is not None:
            answers.append(tried := ServiceTried(service_uri=left.pop(0)))
            if result.response is None:
                tried.reason = result.reason
            else:
                tried.icap_status, tried.methods = result.answer.icap_status, result.answer.methods
                tried.service = result.answer.service
    return ""


def _takes_reqmod(answer: ServiceTried) -> bool:
    listed = [method.upper() for method in answer.methods or ()]
    return answer.icap_status == 200 and answer.service_uri != "*" and (not listed or "REQMOD" in listed)


def _unneeded(context: Context) -> bool:
    """There is something to find where OPTIONS knows no such service, or knows it without REQMOD."""
    if served(context, "clean"):
        return True
    if refusal(context, "options") in {400, 404}:
        return False
    return not refuses_reqmod(context)


def _plan(context: Context) -> tuple[Planned, ...]:
    messages = [icap_message(_request(context, name), what=f"OPTIONS {name}") for name in _names(context)]
    return (planned(context, messages, "if the server has no such service, or none that takes REQMOD"),)


PROBE: Probe = Probe(
    name="services",
    run=_run,
    sends=f"{len(KNOWN)} OPTIONS for the usual service paths, where the server does not know the one asked for",
    plan=_plan,
    needs=("tcp", "tls", "options"),
    after=("options", "clean"),
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
