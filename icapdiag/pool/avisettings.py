"""What an Avi export says beside who the members are: how they are watched, reached by TLS, and stood in for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from msgspec.structs import replace

from icapdiag.facts.pool import ConfigurationObject
from icapdiag.mistakes import shown
from icapdiag.pool.aviobjects import MONITOR, PKI, AviObject, parse_reference
from icapdiag.pool.hosts import parse_host
from icapdiag.pool.model import TLS, Profile
from icapdiag.pool.schema import AviPool
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar

_UNFIT_FIRST = ("HEALTH_MONITOR_HTTP", "HEALTH_MONITOR_HTTPS")  # marks a server down that the others mark up
_PING = "HEALTH_MONITOR_PING"
_ADMIN = "admin"  # the tenant whose objects the others may see
_MOST_BROKEN = 20  # references that are named


def configuration(
    objects: Sequence[AviObject],
    *,
    profile: AviObject | None,
    settings: Profile,
    group: AviObject | None,
    pools: Sequence[tuple[AviObject, bool]],
) -> Iterator[ConfigurationObject]:
    """What happens when ICAP fails, and how the members are watched. ``pools``: each with whether Avi selects it."""
    if profile is not None:
        yield ConfigurationObject(
            object="icapprofile",
            object_name=profile.name,
            fail_action=settings.fail_action,
            buffer_size_exceed_action=settings.buffer_size_exceed_action,
            broken_references=_broken(profile, "pool_group_ref", [group] if group else []),
        )
    if group is not None:
        yield ConfigurationObject(
            object="poolgroup",
            object_name=group.name,
            group_fail_action=_fail_action(group),
            broken_references=_broken(group, "pool_ref", [pool for pool, _ in pools]),
        )
    for pool, selected in pools:
        kind, request = _monitor(objects, pool)
        yield ConfigurationObject(
            object="pool",
            object_name=pool.name,
            group_fail_action=_fail_action(pool),
            monitor_type=kind,
            monitor_request=request,
            ratio=None if selected else 0,
        )


def _broken(found: AviObject, key: str, meant: Sequence[AviObject]) -> tuple[str, ...] | None:
    """References into another cloud, or into another tenant (what tenant admin has may be shared with all)."""
    told = []
    for each in meant:
        for what in ("cloud", "tenant"):
            own, other = (parse_reference(one.node.text(f"{what}_ref")) for one in (found, each))
            shared = what == "tenant" and _ADMIN in {own.label, other.label}
            if own.differs(other) and not shared:
                told.append(f"{key} {shown(each.name)} is in {what} {shown(other.label)} and not in {shown(own.label)}")
    return tuple(told[:_MOST_BROKEN]) or None


def _fail_action(found: AviObject) -> str | None:
    action = found.node.get("fail_action")
    return (action.text("type") or "FAIL_ACTION_CLOSE_CONN") if isinstance(action, MapNode) else None


def _monitor(objects: Sequence[AviObject], pool: AviObject) -> tuple[str | None, str | None]:
    """Type and request of the monitor that decides; ``none`` if there is none, None if the file does not show it.

    A server is up while all of its monitors say so: an unfit one takes it down, and a ping beside others adds nothing.
    """
    references = [parse_reference(text) for text in _texts(pool.node.get("health_monitor_refs"))]
    if not references:
        return ("none" if pool.node.text("inline_health_monitor").lower() == "false" else None), None
    found = [each for each in objects if each.kind == MONITOR and any(map(each.matches, references))]
    read = [(each.node.text("type"), _request(each.node)) for each in found]
    unfit = (each for each in read if each[0] in _UNFIT_FIRST and not each[1])
    others = (each for each in read if each[0] != _PING)
    pings = read if len(read) == len(references) else ()
    return next(chain(unfit, others, pings), (None, None))


def _request(monitor: MapNode) -> str | None:
    """What it sends, if that is written."""
    for kind, key in (("tcp", "tcp_request"), ("http", "http_request"), ("https", "http_request")):
        section = monitor.get(f"{kind}_monitor")
        if isinstance(section, MapNode) and section.text(key):
            return section.text(key)
    return None


def tls_of(objects: Sequence[AviObject], pool: AviPool, node: MapNode) -> TLS | None:
    """TLS if the pool has an SSL profile. Avi looks at the certificate only if there is a PKI profile too.

    It looks at the names only with ``host_check_enabled``, which is off by default, and wants one of ``domain_name``
    there, or without any the Host of the client's request. That Host is also the SNI that it sends without a
    ``server_name``; a domain name stands in for that. Without ``sni_enabled`` it sends none.
    """
    if not pool.ssl_profile_ref:
        return None
    domains: list[str] = []
    for text in _texts(node.get("domain_name")):
        with suppress(ValueError):
            domains.append(parse_host(text))
    named = TLS(
        server_name=(pool.server_name or next(iter(domains), None)) if pool.sni_enabled else None,
        sni=pool.sni_enabled,
        sni_known=bool(pool.server_name) or not pool.sni_enabled,
    )
    if not pool.pki_profile_ref:
        return replace(named, verify=False, unverified="the Avi pool has no PKI profile")
    reference = parse_reference(pool.pki_profile_ref)
    found = next((each for each in objects if each.kind == PKI and each.matches(reference)), None)
    certificates = found.node.get("ca_certs") if found else None
    items = certificates.items if isinstance(certificates, ListNode) else ()
    authorities = "\n".join(filter(None, (each.text("certificate") for each in items if isinstance(each, MapNode))))
    if not authorities:
        what = "is not in this file" if found is None else "shows no certificate"
        unseen = f"the CA is not visible: PKI profile {shown(reference.label)} {what}"
        return replace(named, verify=False, unverified=unseen)
    checked = pool.host_check_enabled
    return replace(
        named, ca_pem=authorities, names=tuple(domains) if checked else (), names_known=bool(domains) or not checked
    )


def _texts(listed: Node | None) -> list[str]:
    items = listed.items if isinstance(listed, ListNode) else ()
    return [item.text for item in items if isinstance(item, Scalar) and item.text]
