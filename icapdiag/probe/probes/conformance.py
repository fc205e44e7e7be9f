"""conformance: the rules of RFC 3507 against all that was seen, and a few requests that only rules call for."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from icapdiag.icap.request import PreparedRequest, encode_request, icap_uri, options_request
from icapdiag.icap.request import authority as host_and_port
from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Facts, Outcome, Probe, Settings, ok
from icapdiag.probe.comparing.rule_checks import check_rules
from icapdiag.probe.comparing.rule_evidence import DEVIATES, NOT_TESTED, PASS, Evidence
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.vocabulary import Status

_NO_SERVICE = "/icapdiag-no-such-service"
_NO_METHOD = "ICAPDIAG"
_TIMEOUT = 3.0  # seconds for one of them: none has a body to be scanned
_MOST = 4


def requests(context: Context) -> Iterator[tuple[str, PreparedRequest]]:
    """Each with its name. By name only where the member was given by name."""
    host, port = context.address or context.member.host, context.member.port
    service = context.pool.profile.service_uri
    yield "options-again", options_request(host, port, service, close=True)
    yield "unknown-service", options_request(host, port, _NO_SERVICE, close=True)
    headers = (("Host", host_and_port(host, port)), ("Connection", "close"))
    yield "unknown-method", encode_request(_NO_METHOD, icap_uri(host, port, service), headers)
    if not _is_address(context.member.host):
        yield "options-by-name", options_request(context.member.host, port, service, close=True)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _run(context: Context) -> Outcome:
    await context.close()
    seen: dict[str, Facts] = {}
    for name, request in requests(context):
        await context.wait_for_rate()
        timeout = min(context.settings.timeout, _TIMEOUT)
        if context.time_for(timeout) <= 0:
            break
        outcome = await transact(context, request, timeout=timeout)
        if outcome.status is Status.ERROR:
            return outcome
        seen[name] = dict(outcome.facts)
    evidence = Evidence({name: dict(outcome.facts) for name, (outcome, _) in context.outcomes.items()}, seen)
    results = list(check_rules(evidence))
    facts: Facts = {"rules": [result.record(rule) for rule, result in results]}
    for name, wanted in (("rules_passed", PASS), ("rules_deviating", DEVIATES), ("rules_not_tested", NOT_TESTED)):
        names: list[JSONValue] = [rule.name for rule, result in results if result.result == wanted]
        facts[name] = names
    facts["rules_breaking"] = [rule.name for rule, result in results if result.breaks]
    return ok(facts)


def _plan(context: Context) -> tuple[Planned, ...]:
    return tuple(
        Planned(to=context.peer, connections=1, messages=(*context.handshakes(), icap_message(request)))
        for _, request in requests(context)
    )


def _allowance(settings: Settings) -> float:
    return _MOST * min(settings.timeout, _TIMEOUT)


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
    more_time=_allowance,
)
