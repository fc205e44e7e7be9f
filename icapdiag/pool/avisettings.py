"""What an Avi export says beside who the members are: how they are watched, reached by TLS, and stood in for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec.structs import replace

from icapdiag.avi.config.objects import MONITOR, PKI, AviObject, parse_reference, texts
from icapdiag.avi.config.relations import broken_references, deciding_monitor, fail_action_of
from icapdiag.facts.pool import ConfigurationObject
from icapdiag.mistakes import shown
from icapdiag.pool.hosts import parse_host
from icapdiag.pool.model import TLS, Profile
from icapdiag.pool.schema import AviPool
from icapdiag.yamltree import ListNode, MapNode


def configuration(
    objects: Sequence[AviObject],
    *,
    profile: AviObject | None,
    settings: Profile,
    group: AviObject | None,
    pools: Sequence[tuple[AviObject, bool]],
) -> Iterator[ConfigurationObject]:
    """What happens when ICAP fails, and how the members are watched. ``pools``: each with whether Avi selects it."""
    monitors = [each for each in objects if each.kind == MONITOR]
    if profile is not None:
        yield ConfigurationObject(
            object="icapprofile",
            object_name=profile.name,
            fail_action=settings.fail_action,
            buffer_size_exceed_action=settings.buffer_size_exceed_action,
            broken_references=broken_references(profile, "pool_group_ref", [group] if group else []),
        )
    if group is not None:
        yield ConfigurationObject(
            object="poolgroup",
            object_name=group.name,
            group_fail_action=fail_action_of(group),
            broken_references=broken_references(group, "pool_ref", [pool for pool, _ in pools]),
        )
    for pool, selected in pools:
        kind, request = deciding_monitor(monitors, pool)
        yield ConfigurationObject(
            object="pool",
            object_name=pool.name,
            group_fail_action=fail_action_of(pool),
            monitor_type=kind,
            monitor_request=request,
            ratio=None if selected else 0,
        )


def tls_of(objects: Sequence[AviObject], pool: AviPool, node: MapNode) -> TLS | None:
    """TLS if the pool has an SSL profile. Avi looks at the certificate only if there is a PKI profile too.

    It looks at the names only with ``host_check_enabled``, which is off by default, and wants one of ``domain_name``
    there, or without any the Host of the client's request. That Host is also the SNI that it sends without a
    ``server_name``; a domain name stands in for that. Without ``sni_enabled`` it sends none.
    """
    if not pool.ssl_profile_ref:
        return None
    domains: list[str] = []
    for text in texts(node, "domain_name"):
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
