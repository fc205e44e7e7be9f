"""What can be said of the place that a check looked from: its ways out, its DNS servers, its clock."""

from __future__ import annotations

from collections.abc import Mapping

from icapdiag.report.text.lines import NAMES_SHOWN, count, milliseconds, shown, texts, whole
from icapdiag.report.untyped import Facts, JSONValue, Report
from icapdiag.text import visible
from icapdiag.vocabulary import Status


def surroundings(report: Report) -> str:
    """``Route: eth0 via 10.0.0.1. This host's clock is synchronised, to within 12 ms.``; empty if nothing is known."""
    return " ".join(part for part in (_routes(report), _resolvers(report), _clock(report)) if part)


def ways(vantage: Facts) -> list[str]:
    """``eth0 via 10.0.0.1`` for each way to the members, with their number if there are several."""
    routes = _records(vantage.get("routes"))
    words = []
    for route in routes:
        gateway = shown(route.get("gateway"))
        way = shown(route.get("interface")) + (f" via {gateway}" if gateway else " (no gateway)")
        words.append(way + (f" for {count(whole(route.get('members')), 'member')}" if len(routes) > 1 else ""))
    return words


def _routes(report: Report) -> str:
    found = ways(report.vantage)
    more = len(found) - NAMES_SHOWN
    listed = "; ".join(found[:NAMES_SHOWN]) + (f"; {more} more" if more > 0 else "")
    return f"Route: {listed}." if found else ""


def _resolvers(report: Report) -> str:
    """Only where a name was looked up: else no DNS server had a part in it."""
    if not any(o.probe == "dns" and o.status is not Status.SKIPPED for m in report.members for o in m.probes):
        return ""
    servers = [visible(server) for server in texts(report.vantage.get("resolvers"))[:NAMES_SHOWN]]
    given = " (--resolver)" if report.vantage.get("resolvers_given") is True else ""
    return f"Names were looked up at {', '.join(servers)}{given}." if servers else ""


def _clock(report: Report) -> str:
    if "clock_synchronised" not in report.vantage:
        return ""
    match report.vantage.get("clock_synchronised"):
        case True:
            error = report.vantage.get("clock_max_error_ms")
            return "This host's clock is synchronised" + (
                f", to within {milliseconds(error)}." if isinstance(error, int | float) else "."
            )
        case False:
            return "This host's clock is not synchronised: it may be the one that is wrong."
        case _:
            return "Whether this host's clock is synchronised is not known."


def _records(value: JSONValue) -> list[Mapping[str, JSONValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
