"""variants: the request that was refused, with one thing changed at a time, to find out what it was refused for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from icapdiag import __version__
from icapdiag.facts.refusal import Services, Variants, VariantTried
from icapdiag.icap.request import PreparedRequest, authority, with_fields
from icapdiag.icap.samples import CLEAN
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.options import options_of
from icapdiag.probe.probes.refusals import QUICK, lists_reqmod, planned, refusal, served
from icapdiag.probe.probes.sample import scan_request

Build = Callable[[Context], PreparedRequest]
# Statuses that may be about how the request is written, and not about what it asks for. 500 is what a
# server says that stumbles over it.
_DOUBTFUL = {400, 405, 411, 417, 418, 500, 505}
_BUDGET = 8.0  # seconds for all of them
_TIMEOUT = 3.0  # seconds for one answer
_BUSY = 503


def _scan(context: Context) -> PreparedRequest:
    return scan_request(context, CLEAN)


def _changed(base: Build) -> dict[str, Build]:
    """What can be changed in every request."""

    def content_length(context: Context) -> PreparedRequest:
        request = base(context)
        length = len(request.first.partition(b"\r\n\r\n")[2]) + len(request.rest)
        return with_fields(request, [("Content-Length", str(length))])

    def host_without_port(context: Context) -> PreparedRequest:
        host, port = context.place
        return with_fields(base(context), [("Host", authority(host, port).removesuffix(f":{port}"))])

    return {
        "user-agent": lambda context: with_fields(base(context), [("User-Agent", f"icapdiag/{__version__}")]),
        "content-length": content_length,
        "host-without-port": host_without_port,
    }


_SCANS: Mapping[str, Build] = {
    "no-preview": lambda context: scan_request(context, CLEAN, preview=False),
    "no-allow": lambda context: scan_request(context, CLEAN, allow=False),
    **_changed(_scan),
}
_OPTIONS: Mapping[str, Build] = {
    "no-encapsulated": lambda context: with_fields(options_of(context), without="Encapsulated"),
    **_changed(options_of),
}
# The method that was refused: by which probe, what it sent, and what else can be sent.
_METHODS: Mapping[str, tuple[str, Build, Mapping[str, Build]]] = {
    "REQMOD": ("clean", _scan, _SCANS),
    "OPTIONS": ("options", options_of, _OPTIONS),
}


def _suspects(context: Context, method: str) -> list[tuple[str, Build]]:
    """Those variants that are another request than the one that was refused."""
    _, base, variants = _METHODS[method]
    refused = base(context).first
    return [(name, build) for name, build in variants.items() if build(context).first != refused]


async def _run(context: Context) -> Outcome:
    await context.close()
    tried: list[VariantTried] = []
    facts = Variants()
    facts.stopped = await context.within(_BUDGET, _try_all(context, facts, tried)) or None
    facts.variants = tuple(tried)
    return ok(facts)


async def _try_all(context: Context, facts: Variants, tried: list[VariantTried]) -> str:
    """Method after method, until a variant is taken; why it stopped early, or ""."""
    for method, (probe, _, _) in _METHODS.items():
        status = _doubtful(context, probe)
        if status is None or facts.cured_by:
            continue
        if facts.refused_method is None:
            facts.refused_method, facts.refused_status = method, status
        cure, stopped = await _try(context, method, tried)
        if cure:
            facts.refused_method, facts.refused_status, facts.cured_by = method, status, cure
        if stopped:
            return stopped
    return ""


async def _try(context: Context, method: str, tried: list[VariantTried]) -> tuple[str, str]:
    """The variant that was taken where the request as it was is still refused, or ""; why it stopped early, or ""."""
    _, base, _ = _METHODS[method]
    cured = ""
    builds = _suspects(context, method)
    while builds:
        name, build = builds.pop(0)
        await context.wait_for_rate()
        result = await transact(context, build(context), timeout=_TIMEOUT, ending=QUICK)
        status, reason = result.answer.icap_status, result.answer.icap_reason
        tried.append(VariantTried(method=method, variant=name, icap_status=status, icap_reason=reason))
        if status == _BUSY:
            return "", "busy"
        if status is None and not result.transfer.bytes_sent:
            return "", "connection"
        taken = status is not None and 200 <= status < 300
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
    if context.found("services", Services).candidates:
        return True  # it is about the path
    refused = [method for method, (probe, _, _) in _METHODS.items() if _doubtful(context, probe)]
    if refused == ["OPTIONS"]:  # of use where it is the only thing that is refused
        return "clean" in context.outcomes and not served(context, "clean")
    return not refused


def _plan(context: Context) -> tuple[Planned, ...]:
    """Each of the variants, and once more as it was, to see whether it is still refused."""
    messages = [
        icap_message(build(context), CLEAN if method == "REQMOD" else None, what=f"{method} {name}")
        for method, (_, base, _) in _METHODS.items()
        for name, build in (*_suspects(context, method), ("unchanged", base))
    ]
    return (planned(context, messages, "if the server refuses how a request is written"),)


PROBE: Probe = Probe(
    name="variants",
    run=_run,
    sends="a request that was refused again, with one header changed at a time, each on a connection of its own",
    plan=_plan,
    needs=("tcp", "tls", "options"),
    after=("options", "clean"),
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
