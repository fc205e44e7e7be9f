"""conformance: checks everything observed against the rules of RFC 3507, with a few additional requests."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.facts.deep import Conformance
from icapdiag.icap.request import PreparedRequest, encode_request, icap_uri, options_request
from icapdiag.icap.request import authority as host_and_port
from icapdiag.probe.base import Context, Outcome, Probe, failed, ok
from icapdiag.probe.comparing.rule_checks import DEVIATES, NOT_TESTED, PASS, Evidence, Heard, check_rules
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.dns import is_literal
from icapdiag.probe.probes.options import options_of
from icapdiag.vocabulary import Status

_NO_SERVICE = "/icapdiag-no-such-service"
_NO_METHOD = "ICAPDIAG"
_TIMEOUT = 3.0  # seconds for one of them: none has a body to be scanned
_MOST = 4


def requests(context: Context) -> Iterator[tuple[str, PreparedRequest]]:
    """The requests by name. The request by host name only if the member is configured by name."""
    host, port = context.place
    service = context.pool.profile.service_uri
    yield "options-again", options_of(context)
    yield "unknown-service", options_request(host, port, _NO_SERVICE, close=True)
    headers = (("Host", host_and_port(host, port)), ("Connection", "close"))
    yield "unknown-method", encode_request(_NO_METHOD, icap_uri(host, port, service), headers)
    if not is_literal(context.member.host):
        yield "options-by-name", options_request(context.member.host, port, service, close=True)


async def _run(context: Context) -> Outcome:
    await context.close()
    heard: dict[str, Heard] = {}
    for name, request in requests(context):
        await context.wait_for_rate()
        timeout = min(context.settings.timeout, _TIMEOUT)
        if context.time_for(timeout) <= 0:
            break
        result = await transact(context, request, timeout=timeout)
        if result.failure is not None and result.status is Status.ERROR:
            return failed(result.failure)
        heard[name] = Heard(result.answer, result.error, result.transfer.bytes_sent)
    sheets = {name: outcome.facts for name, (outcome, _) in context.outcomes.items()}
    results = tuple(check_rules(Evidence(sheets, heard)))

    def named(wanted: str) -> tuple[str, ...]:
        return tuple(result.rule or "" for result in results if result.result == wanted)

    return ok(
        Conformance(
            rules=results,
            rules_passed=named(PASS),
            rules_deviating=named(DEVIATES),
            rules_not_tested=named(NOT_TESTED),
            rules_breaking=tuple(result.rule or "" for result in results if result.breaks),
        )
    )


def _plan(context: Context) -> tuple[Planned, ...]:
    return tuple(context.connections(icap_message(request)) for _, request in requests(context))


# Last of all but ``repeat``: it looks at what the others have seen, whether they went well or not.
PROBE: Probe = Probe(
    name="conformance",
    run=_run,
    sends="up to 4 requests without a body: OPTIONS again, to a made-up service and by the member's name, "
    "and a made-up method",
    plan=_plan,
    depth="deep",
    needs=("tcp", "tls", "options"),
    after=("clean", "eicar", "preview", "keepalive"),
    more_time=lambda settings: _MOST * min(settings.timeout, _TIMEOUT),
)
