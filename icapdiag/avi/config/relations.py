"""What follows from several objects: references that lead elsewhere, what stands in, how members are watched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from icapdiag.avi.config.objects import AviObject, parse_reference, references, section
from icapdiag.mistakes import shown
from icapdiag.yamltree import MapNode

_UNFIT_FIRST = ("HEALTH_MONITOR_HTTP", "HEALTH_MONITOR_HTTPS")  # marks a server down that the others mark up
_PING = "HEALTH_MONITOR_PING"
_ADMIN = "admin"  # the tenant whose objects the others may see
_MOST_BROKEN = 20  # references that are named
_REQUESTS = (("tcp", "tcp_request"), ("http", "http_request"), ("https", "http_request"))


def broken_references(found: AviObject, key: str, meant: Sequence[AviObject]) -> tuple[str, ...] | None:
    """References into another cloud, or into another tenant (what tenant admin has may be shared with all)."""
    told = []
    for each in meant:
        for what in ("cloud", "tenant"):
            own, other = (parse_reference(one.node.text(f"{what}_ref")) for one in (found, each))
            shared = what == "tenant" and _ADMIN in {own.label, other.label}
            if own.differs(other) and not shared:
                told.append(f"{key} {shown(each.name)} is in {what} {shown(other.label)} and not in {shown(own.label)}")
    return tuple(told[:_MOST_BROKEN]) or None


def other_vrf(service: AviObject, pools: Sequence[AviObject]) -> tuple[str, ...] | None:
    """Pools whose VRF differs from the virtual service's. A pool without vrf_ref has that of its virtual service."""
    own, told = parse_reference(service.node.text("vrf_context_ref")), []
    for each in pools:
        other = parse_reference(each.node.text("vrf_ref"))
        if own.differs(other):
            told.append(f"pool {shown(each.name)} is in VRF {shown(other.label)} and not in {shown(own.label)}")
    return tuple(told[:_MOST_BROKEN]) or None


def fail_action_of(found: AviObject) -> str | None:
    """Type of the fail_action of a pool or a pool group; None if there is none."""
    action = section(found.node, "fail_action")
    return None if action is None else action.text("type") or "FAIL_ACTION_CLOSE_CONN"


def deciding_monitor(monitors: Sequence[AviObject], pool: AviObject) -> tuple[str | None, str | None]:
    """Type and request of the monitor that decides; ``none`` if there is none, None if the files do not show it.

    ``monitors`` are all that are there. A server is up while all of its monitors say so: an unfit one takes it down,
    and a ping beside others adds nothing.
    """
    wanted = [reference for reference, _ in references(pool.node, "health_monitor_refs")]
    if not wanted:
        return ("none" if pool.node.text("inline_health_monitor").lower() == "false" else None), None
    found = [each for each in monitors if any(map(each.matches, wanted))]
    read = [(each.node.text("type"), request_of(each.node)) for each in found]
    unfit = (each for each in read if each[0] in _UNFIT_FIRST and not each[1])
    others = (each for each in read if each[0] != _PING)
    pings = read if len(read) == len(wanted) else ()
    return next(chain(unfit, others, pings), (None, None))


def request_of(monitor: MapNode) -> str | None:
    """What a monitor sends, if that is written."""
    for kind, key in _REQUESTS:
        settings = section(monitor, f"{kind}_monitor")
        if settings is not None and settings.text(key):
            return settings.text(key)
    return None
