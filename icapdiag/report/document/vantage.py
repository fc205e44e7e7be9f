"""Where and when a report was made: the host, its addresses and routes, its DNS servers, its clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from icapdiag.facts.run import (
    CaptureVantage,
    NetworkInterface,
    PoolSubject,
    ProbingVantage,
    ScriptSubject,
    ScriptVantage,
    Vantage,
)
from icapdiag.facts.sheet import facts_of
from icapdiag.model import Report
from icapdiag.report.document.words import (
    NAMES_SHOWN,
    count,
    joined_of,
    lint_of,
    logs_of,
    milliseconds,
    moment,
    names,
    pool_of,
    safe_text,
    span,
    took,
)
from icapdiag.text import visible
from icapdiag.vocabulary import Status

_PLACES = MappingProxyType(
    {"server": " at the ICAP server", "between": " between client and server", "unknown": ", which does not say where"}
)
_PROFILE = ("vendor", "preview_size", "allow_204", "response_timeout")  # of the subject
_LISTED = 8  # addresses, interfaces, DNS servers


def seen_from(report: Report, *, brief: bool = False) -> str:
    """The host, its address and the time of the run; ``brief`` leaves out the interface."""
    vantage, addresses = report.vantage, report.vantage.source_addresses
    listed = ", ".join(visible(address) for address in addresses[:NAMES_SHOWN])
    if listed and not brief:
        word = "source addresses" if len(addresses) > 1 else "source address"
        interfaces = (f"; {words}" for words in _interfaces(_probing(vantage).interfaces, NAMES_SHOWN, ", MTU {}"))
        listed = f"{word} {listed}{''.join(interfaces)}"
    start = moment(report.started_at)
    listed = f" ({listed})" if listed else ""
    where = captured_at(report)
    where = f"{where or f'{_verb(report)} {safe_text(vantage.host)}'}{listed}"
    when = (f", {start:%F %T} UTC" if start else "") + (f", took {took(report)}" if took(report) else "")
    return f"{where} by icapdiag {safe_text(report.tool.version)}{when}."


def captured_at(report: Report) -> str:
    """``Seen in a capture at the Service Engine 10.0.0.9``; empty for anything but captures and scripts."""
    vantage = report.vantage
    if isinstance(vantage, ScriptVantage):
        runs = report.subject.scripts if isinstance(report.subject, ScriptSubject) else ()
        engines = tuple(dict.fromkeys(_engine(run.host, run.namespace) for run in runs))
        if len(engines) > 1:
            return f"Seen by scripts on {names(engines)}"
        return f"Seen by a script on {_engine(vantage.host, vantage.namespace)}"
    if not isinstance(vantage, CaptureVantage):
        return ""
    who = "Service Engine" if vantage.avi_form else "client"
    at_client = f" at the {who} {safe_text(vantage.host)}"
    return f"Seen in a capture{_PLACES.get(vantage.place or '') or at_client}"


def _engine(host: str | None, namespace: str | None) -> str:
    return safe_text(host) + (f", namespace {safe_text(namespace)}" if namespace else "")


def packet_times(vantage: Vantage) -> str:
    """Whose times a capture has; empty for anything else."""
    return "Times are those of the packets." if isinstance(vantage, CaptureVantage) else ""


def _verb(report: Report) -> str:
    is_probed = joined_of(report) is None and logs_of(report) is None and lint_of(report) is None
    return "Probed from" if is_probed else "Read on"


def surroundings(report: Report) -> str:
    """``Route: eth0 via 10.0.0.1. This host's clock is synchronised, to within 12 ms.``; empty if nothing is known."""
    probing = _probing(report.vantage)
    ways = _ways(probing)
    more = f"; {len(ways) - NAMES_SHOWN} more" if len(ways) > NAMES_SHOWN else ""
    routes = f"Route: {'; '.join(ways[:NAMES_SHOWN])}{more}." if ways else ""
    found = (routes, _resolvers(report, probing), _clock(report.vantage, sentence=True))
    return " ".join(part for part in found if part)


def about(report: Report) -> Iterator[tuple[str, str]]:
    """Where and when the program ran, as labels and values, some of them empty."""
    vantage, logs, pool = report.vantage, logs_of(report), pool_of(report)
    probing = _probing(vantage)
    start = moment(report.started_at)
    yield "Started", f"{start:%F %T} UTC, took {took(report)}" if start is not None else ""
    if logs is not None:
        yield "Log covers", span(logs.entries.first_seen, logs.entries.last_seen) if logs.entries else ""
    elif lint := lint_of(report):
        yield "Files", names(lint.inputs, _LISTED)
        yield "Objects", ", ".join(f"{number:,} {safe_text(kind)}" for kind, number in (lint.objects or {}).items())
    else:
        yield "Pool from", safe_text(pool.source)
    yield "Host", safe_text(vantage.host)
    yield "Source address", names(vantage.source_addresses, _LISTED)
    yield "Interface", ", ".join(_interfaces(probing.interfaces, _LISTED, " (MTU {})"))
    yield "Route", ", ".join(_ways(probing)[:_LISTED])
    yield "DNS servers", names(probing.resolvers or (), _LISTED) + (" (given)" if probing.resolvers_given else "")
    yield "Clock", _clock(vantage, sentence=False)
    limits = [milliseconds(limit or 0.0) for limit in (pool.warn_ms, pool.crit_ms)]
    yield "Thresholds", f"slow above {limits[0]}, timeout at {limits[1]}" if pool.warn_ms is not None else ""
    yield "System", safe_text(vantage.platform)
    yield "Tool", f"{safe_text(report.tool.name)} {safe_text(report.tool.version)}, Python {safe_text(vantage.python)}"


def profile(report: Report) -> Iterator[tuple[str, str]]:
    """The settings of the ICAP profile with Avi's names; assumed ones are marked."""
    pool, assumed = pool_of(report), _assumed(report)
    for fact in facts_of(PoolSubject):
        value = getattr(pool, fact.name)
        if fact.name in _PROFILE and value not in (None, ""):
            words = f"{str(value).lower() if fact.type is bool else visible(str(value))} {fact.unit}".rstrip()
            yield fact.label, words + (" (assumed: Avi's default)" if fact.name in assumed else "")
    settings = report.configuration.profile
    if settings is not None and settings.fail_action:
        default = " (assumed: Avi's default)" if "fail_action" in assumed else ""
        yield "fail_action", f"{safe_text(settings.fail_action)}{default}"


def _assumed(report: Report) -> set[str]:
    """The settings assumed from defaults; none if the report does not say."""
    settings = report.configuration.profile
    if settings is None or settings.stated is None:
        return set()
    return {*_PROFILE, "fail_action"} - set(settings.stated)


def _probing(vantage: Vantage) -> ProbingVantage:
    """Details of where a check ran; empty for explain."""
    return vantage if isinstance(vantage, ProbingVantage) else ProbingVantage()


def _interfaces(found: Sequence[NetworkInterface] | None, limit: int, mtu: str) -> Iterator[str]:
    for each in (found or ())[:limit]:
        yield safe_text(each.name) + (mtu.format(each.mtu) if each.mtu is not None else "")


def _ways(vantage: ProbingVantage) -> list[str]:
    """``eth0 via 10.0.0.1`` for each route to the members, with their number if there are several."""
    routes = vantage.routes or ()
    words = []
    for route in routes:
        way = safe_text(route.interface) + (f" via {safe_text(route.gateway)}" if route.gateway else " (no gateway)")
        words.append(way + (f" for {count(route.members or 0, 'member')}" if len(routes) > 1 else ""))
    return words


def _resolvers(report: Report, vantage: ProbingVantage) -> str:
    """The DNS servers, only if a name was looked up."""
    if not any(o.probe == "dns" and o.status is not Status.SKIPPED for m in report.members for o in m.probes):
        return ""
    servers = [visible(server) for server in (vantage.resolvers or ())[:NAMES_SHOWN]]
    given = " (--resolver)" if vantage.resolvers_given else ""
    return f"DNS servers: {', '.join(servers)}{given}." if servers else ""


def _clock(vantage: Vantage, *, sentence: bool) -> str:
    """Whether this host's clock can be trusted, with or without a label; empty if nothing was probed."""
    if not isinstance(vantage, ProbingVantage) or isinstance(vantage, CaptureVantage):
        return ""
    error = milliseconds(vantage.clock_max_error_ms) if vantage.clock_max_error_ms else ""
    match vantage.clock_synchronised:
        case True:
            within = f" to within {error}" if error else ""
            return (
                f"This host's clock is synchronised{',' if within else ''}{within}."
                if sentence
                else f"synchronised{within}"
            )
        case False:
            told = "This host's clock is not synchronised and may itself be wrong."
            return told if sentence else "not synchronised: times may be off"
    return (
        "It is not known whether this host's clock is synchronised." if sentence else "not known whether synchronised"
    )


def caveat(report: Report) -> str:
    """The note that this host is not the Service Engine; empty if it only read logs."""
    return safe_text(_probing(report.vantage).caveat, 400)
