"""variants: the request that was refused, with one thing changed at a time, to find out what it was refused for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import trio

from icapdiag import __version__
from icapdiag.icap.request import PreparedRequest, authority, options_request, with_fields
from icapdiag.icap.samples import CLEAN
from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Outcome, Probe, Settings, ok
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Message, Planned, icap_message
from icapdiag.probe.probes.refusals import QUICK, lists_reqmod, planned, refusal, served
from icapdiag.probe.probes.sample import scan_request

Build = Callable[[Context], PreparedRequest]
# Statuses that may be about how the request is written, and not about what it asks for. 500 is what a
# server says that stumbles over it.
_DOUBTFUL = {400, 405, 411, 417, 418, 500, 505}
_BUDGET = 8.0  # seconds for all of them
_TIMEOUT = 3.0  # seconds for one answer
_BUSY = 503


@dataclass(frozen=True, slots=True)
class _Variant:
    name: str
    build: Build


def _scan(context: Context) -> PreparedRequest:
    return scan_request(context, CLEAN)


def _options(context: Context) -> PreparedRequest:
    profile = context.pool.profile
    return options_request(context.address or context.member.host, context.member.port, profile.service_uri, close=True)


def _changed(base: Build) -> tuple[_Variant, ...]:
    """What can be changed in every request."""

    def user_agent(context: Context) -> PreparedRequest:
        return with_fields(base(context), [("User-Agent", f"icapdiag/{__version__}")])

    def content_length(context: Context) -> PreparedRequest:
        request = base(context)
        length = len(request.first.partition(b"\r\n\r\n")[2]) + len(request.rest)
        return with_fields(request, [("Content-Length", str(length))])

    def host_without_port(context: Context) -> PreparedRequest:
        host, port = context.address or context.member.host, context.member.port
        return with_fields(base(context), [("Host", authority(host, port).removesuffix(f":{port}"))])

    return (
        _Variant("user-agent", user_agent),
        _Variant("content-length", content_length),
        _Variant("host-without-port", host_without_port),
    )


_SCANS = (
    _Variant("no-preview", lambda context: scan_request(context, CLEAN, preview=False)),
    _Variant("no-allow", lambda context: scan_request(context, CLEAN, allow=False)),
    *_changed(_scan),
)
_OPTIONS = (
    _Variant("no-encapsulated", lambda context: with_fields(_options(context), without="Encapsulated")),
    *_changed(_options),
)
# The method that was refused: by which probe, what it sent, and what else can be sent.
_METHODS: Mapping[str, tuple[str, Build, tuple[_Variant, ...]]] = {
    "REQMOD": ("clean", _scan, _SCANS),
    "OPTIONS": ("options", _options, _OPTIONS),
}
NAMES = tuple(dict.fromkeys(variant.name for _, _, variants in _METHODS.values() for variant in variants))


def _suspects(context: Context, method: str) -> list[_Variant]:
    """Those variants that are another request than the one that was refused."""
    _, base, variants = _METHODS[method]
    refused = base(context).first
    return [variant for variant in variants if variant.build(context).first != refused]


async def _run(context: Context) -> Outcome:
    await context.close()
    tried: list[Mapping[str, JSONValue]] = []
    facts: dict[str, JSONValue] = {"variants": tried}
    with trio.move_on_after(context.time_for(_BUDGET)) as scope:
        for method, (probe, _, _) in _METHODS.items():
            status = _doubtful(context, probe)
            if status is None or facts.get("cured_by"):
                continue
            facts |= {} if "refused_method" in facts else {"refused_method": method, "refused_status": status}
            cure, stopped = await _try(context, method, tried)
            facts |= {"refused_method": method, "refused_status": status, "cured_by": cure} if cure else {}
            facts |= {"stopped": stopped} if stopped else {}
            if stopped:
                break
    if scope.cancelled_caught:
        facts["stopped"] = "deadline"
    return ok(facts)


async def _try(context: Context, method: str, tried: list[Mapping[str, JSONValue]]) -> tuple[str, str]:
    """The variant that was taken where the request as it was is still refused, or ""; why it stopped early, or ""."""
    _, base, _ = _METHODS[method]
    cured = ""
    builds = [(variant.name, variant.build) for variant in _suspects(context, method)]
    while builds:
        name, build = builds.pop(0)
        await context.wait_for_rate()
        facts = (await transact(context, build(context), timeout=_TIMEOUT, ending=QUICK)).facts
        status = facts.get("icap_status")
        tried.append(
            {"method": method, "variant": name, "icap_status": status, "icap_reason": facts.get("icap_reason")}
        )
        if status == _BUSY:
            return "", "busy"
        if status is None and not facts["bytes_sent"]:
            return "", "connection"
        taken = isinstance(status, int) and 200 <= status < 300
        if cured:
            # Taken as it was, too: then it was not the variant that made the difference.
            return ("" if taken else cured), ""
        if taken:
            cured, builds = name, [("unchanged", base)]
    return "", ""


def _doubtful(context: Context, probe: str) -> int | None:
    """The status of a refusal that may be about the form; None if it is not, or there was none."""
    status = refusal(context, probe)
    if status == 405 and probe == "clean" and lists_reqmod(context) is False:
        return None  # the service said so before: it is about the method
    return status if status in _DOUBTFUL else None


def _unneeded(context: Context) -> bool:
    services = context.outcomes.get("services")
    if services and services[0].facts.get("candidates"):
        return True  # it is about the path
    refused = [method for method, (probe, _, _) in _METHODS.items() if _doubtful(context, probe)]
    if refused == ["OPTIONS"]:  # of use where it is the only thing that is refused
        return "clean" in context.outcomes and not served(context, "clean")
    return not refused


def _plan(context: Context) -> tuple[Planned, ...]:
    """Each of the variants, and once more as it was, to see whether it is still refused."""
    messages: list[Message] = []
    for method, (_, base, _) in _METHODS.items():
        body = CLEAN if method == "REQMOD" else None
        for variant in (*_suspects(context, method), _Variant("unchanged", base)):
            message = icap_message(variant.build(context), body)
            messages.append(replace(message, what=f"{method} {variant.name}"))
    return (planned(context, messages, "if the server refuses how a request is written"),)


def _allowance(_: Settings) -> float:
    return _BUDGET


PROBE: Probe = Probe(
    name="variants",
    run=_run,
    sends="a request that was refused again, with one header changed at a time, each on a connection of its own",
    plan=_plan,
    needs=("tcp", "tls", "options"),
    after=("options", "clean"),
    unneeded=_unneeded,
    more_time=_allowance,
)
