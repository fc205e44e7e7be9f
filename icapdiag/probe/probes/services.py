"""services: looks for the server's services if there is none at the configured path."""

from __future__ import annotations

from collections.abc import Iterable

from icapdiag.facts.refusal import Services, ServiceTried
from icapdiag.icap.product import KNOWN_PATHS, SCANNERS, names_no_scanner, names_scanner
from icapdiag.icap.request import PreparedRequest, authority, encode_request, options_request
from icapdiag.icap.samples import eicar
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.connect import ConnectError
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.refusals import PersistentConnection, planned, refusal, refuses_reqmod, served
from icapdiag.probe.probes.sample import upload_request
from icapdiag.vocabulary import Verdict

_BUDGET = 6.0  # seconds for all of them
_TIMEOUT = 1.0  # seconds for one answer: a server that knows a service tells at once
_EICAR_MOST = 3  # services that are sent EICAR, where that is asked for
_EICAR_TIMEOUT = 3.0  # seconds for one verdict on it
_EICAR_BUDGET = 6.0  # and for all of them
_E2GUARDIAN = "/request"  # it is the one that answers 400, and that it may do without ending the answer's head


def _names(context: Context) -> tuple[str, ...]:
    """The paths to try, without the configured one; those that differ from it only in letter case come first."""
    asked = context.pool.profile.service_uri.partition("?")[0]
    first = _E2GUARDIAN if refusal(context, "options") == 400 else ""
    names = [name for name in KNOWN_PATHS if name != asked]
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
    taking = [answer for answer in answers if _takes_reqmod(answer)]
    if context.settings.eicar:
        scanners = sorted(taking, key=lambda one: _scans(one) is not True)
        stopped = await context.within(_EICAR_BUDGET, _send_eicar(context, scanners[:_EICAR_MOST])) or stopped
    return ok(
        Services(
            missing="service" if refusal(context, "options") else "reqmod",
            services=tuple(answers),
            candidates=_paths(one for one in taking if _scans(one)),
            unproven=_paths(one for one in taking if _scans(one) is None),
            unscanning=_paths(one for one in taking if _scans(one) is False),
            stopped=stopped or None,
        )
    )


def _paths(answers: Iterable[ServiceTried]) -> tuple[str, ...]:
    return tuple(answer.service_uri for answer in answers if answer.service_uri)


async def _send_eicar(context: Context, services: Iterable[ServiceTried]) -> str:
    """Get each service's verdict on EICAR: a path that accepts REQMOD may still not scan."""
    for service in services:
        await context.wait_for_rate()
        limit = min(_EICAR_TIMEOUT, context.settings.timeout)
        request = _eicar_request(context, service.service_uri or "")
        service.eicar = (await transact(context, request, sent_body=eicar(), timeout=limit)).answer.verdict
    return ""


def _eicar_request(context: Context, service_uri: str) -> PreparedRequest:
    preview_size, allow_204 = context.preview_size, context.pool.profile.allow_204
    return upload_request(context, eicar(), preview_size=preview_size, allow_204=allow_204, service_uri=service_uri)


def _scans(answer: ServiceTried) -> bool | None:
    """Whether the service is a scanner, by its verdict on EICAR, otherwise by its name; None: unknown.

    If an echo service blocks EICAR, something else blocked it.
    """
    named = f"{answer.service_uri} {answer.service or ''}"
    if names_no_scanner(named):
        return False
    if answer.eicar in {Verdict.BLOCKED, Verdict.MODIFIED, Verdict.ALLOWED}:
        return answer.eicar != Verdict.ALLOWED
    return True if answer.product in SCANNERS or names_scanner(named) else None


async def _ask(context: Context, connection: PersistentConnection, answers: list[ServiceTried]) -> str:
    """Try one after the other, with at most one request per name; returns why it stopped early, or ""."""
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
                tried.product = result.answer.product if result.answer.product in SCANNERS else None
    return ""


def _takes_reqmod(answer: ServiceTried) -> bool:
    listed = [method.upper() for method in answer.methods or ()]
    return answer.icap_status == 200 and answer.service_uri != "*" and (not listed or "REQMOD" in listed)


def _unneeded(context: Context) -> bool:
    """Needed only if OPTIONS has no service at this path, or one without REQMOD."""
    if served(context, "clean"):
        return True
    if refusal(context, "options") in {400, 404}:
        return False
    return not refuses_reqmod(context)


def _plan(context: Context) -> tuple[Planned, ...]:
    messages = [icap_message(_request(context, name), what=f"OPTIONS {name}") for name in _names(context)]
    asked = planned(context, messages, "if the server has no such service, or none that takes REQMOD")
    if not context.settings.eicar:
        return (asked,)
    longest = max(KNOWN_PATHS, key=len)
    infected = icap_message(_eicar_request(context, longest), eicar(), what=f"REQMOD of a path, such as {longest}")
    most = context.connections(*[infected] * _EICAR_MOST, condition="with EICAR, to paths that take REQMOD")
    return (asked, most)


PROBE: Probe = Probe(
    name="services",
    run=_run,
    sends=f"{len(KNOWN_PATHS)} OPTIONS for common service paths, if the server does not know the one asked for;"
    f" with --eicar also the test virus to {_EICAR_MOST} of those that accept REQMOD",
    plan=_plan,
    virus=True,
    needs=("tcp", "tls", "options"),
    after=("options", "clean"),
    unneeded=_unneeded,
    more_time=lambda settings: _BUDGET + (_EICAR_BUDGET if settings.eicar else 0.0),
)
