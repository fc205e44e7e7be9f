"""Whether uploads reach ICAP by a configuration, and why not, or why nobody can say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.hosting import Kin
from icapdiag.avi.config.licence import Tiers
from icapdiag.avi.config.objects import AKO, APPLICATION, GROUP, POOL, AviObject, references
from icapdiag.avi.config.pools import Chain
from icapdiag.avi.config.release import is_before
from icapdiag.avi.config.rules import ALLOW
from icapdiag.avi.config.service_uri import uri_problem
from icapdiag.avi.config.services import Service
from icapdiag.avi.config.unusable import NO_MEMBER
from icapdiag.facts.config import LIKELY_NOT

_UNKNOWN = LIKELY_NOT | {
    "policy-set-not-visible", "policy-set-elsewhere", "profile-elsewhere", "profile-not-visible",
    "pool-group-not-visible", "pool-not-visible",
}  # fmt: skip
_WITHOUT_ICAP = ("ESSENTIALS", "BASIC")
_FIRST, _ANY_TIER = (20, 1, 3), (31, 2)  # releases: the first with ICAP, the first that has it in each tier
_HTTP = "APPLICATION_PROFILE_TYPE_HTTP"


class Around(NamedTuple):
    """What a virtual service depends on: the chains of its ICAP profiles that are in the files, and what is beside it.

    ``broken``: a reference on the way is. ``http``: its application profile is one of HTTP; None if it is not visible.
    ``unattached``: policy sets with an ICAP rule that no virtual service has. ``icap_as_application``: the field by
    which requests go to the ICAP servers instead of the application's.
    """

    chains: Sequence[Chain] = ()
    kin: Kin = Kin()
    tiers: Tiers = Tiers()
    broken: bool = False
    http: bool | None = None
    unattached: tuple[str, ...] = ()
    icap_as_application: str | None = None


def of_service(service: Service, chains: Iterable[Chain]) -> list[Chain]:
    """The chains of its ICAP profiles that are in the files."""
    return [each for each in chains if any(each.profile.node is one.node for one in service.profiles)]


def icap_as_application(configuration: Configuration, service: Service, chains: Iterable[Chain]) -> str | None:
    """``pool_ref`` or ``pool_group_ref`` of a virtual service that is a pool, or the group, of its ICAP profile."""
    if service.found.kind in AKO:
        return None
    own = [one for each in chains for one in (each.group, *(pool.found for pool in each.pools)) if one is not None]
    for field, kind in (("pool_ref", POOL), ("pool_group_ref", GROUP)):
        for reference, _ in references(service.found.node, field):
            meant = configuration.find(kind, reference, service.found)
            if isinstance(meant, AviObject) and any(meant.node is each.node for each in own):
                return field
    return None


def is_http(configuration: Configuration, service: Service) -> bool | None:
    """Whether the application profile of a virtual service is one of HTTP; None if the files do not show it."""
    if service.found.kind in AKO:
        return None
    for reference, _ in references(service.found.node, "application_profile_ref"):
        found = configuration.find(APPLICATION, reference, service.found)
        kind = found.node.text("type") if isinstance(found, AviObject) else ""
        if kind:
            return kind == _HTTP
    return None


def verdict(service: Service, around: Around) -> tuple[str, str | None]:
    """``yes``, ``no`` or ``unknown``: whether uploads reach ICAP; and why not, or why nobody can say."""
    why = _obstacle(service, around)
    return ("unknown" if why in _UNKNOWN else "no" if why else "yes"), why


def _obstacle(service: Service, around: Around) -> str | None:
    """The first on the way from the virtual service to a server."""
    return next(filter(None, (step(service, around) for step in _WAY)), None)


def _at_service(service: Service, around: Around) -> str | None:
    if not service.enabled:
        return "not-enabled"
    if service.profile_elsewhere:
        return "profile-elsewhere"
    if not service.profile_refs:
        return "no-profile" if service.rules else "nothing-attached"
    return "not-http" if around.http is False else None


def _in_rules(service: Service, _: Around) -> str | None:
    return None if service.reached else _no_rule(service)


def _to_servers(_: Service, around: Around) -> str | None:
    if around.broken:
        return "references-broken"
    usable = [each.usable for each in around.chains]
    return NO_MEMBER if usable and all(count == 0 for count in usable) else None


def _likely(service: Service, around: Around) -> str | None:
    """What most likely keeps Avi, or the servers, from scanning."""
    version = service.found.version
    if is_before(version, _FIRST):
        return "version-without-icap"
    own, default = around.tiers
    tier = own or default
    if tier is not None and tier.word in _WITHOUT_ICAP and (not version or is_before(version, _ANY_TIER)):
        return "licence-without-icap"
    return "service-uri-unfit" if any(uri_problem(each.profile) for each in around.chains) else None


def _not_visible(_: Service, around: Around) -> str | None:
    """What of the way to the servers the files do not have. Servers that no list shows (by a name) are no gap."""
    chains = around.chains
    if not chains:
        return "profile-not-visible"
    if all(each.group is None for each in chains):
        return "pool-group-not-visible"
    unseen = all(each.unseen_pools and all(pool.usable == 0 for pool in each.pools) for each in chains)
    return "pool-not-visible" if unseen else None


_WAY = (_at_service, _in_rules, _to_servers, _likely, _not_visible)


def _no_rule(service: Service) -> str:
    if service.unseen_policies:
        return "policy-set-not-visible"
    if not service.rules:
        return "policy-set-elsewhere" if service.found.kind in AKO else "no-rule"
    enabled = [each for each in service.rules if each.rule.enabled]
    if not enabled:
        return "rule-disabled"
    covering = [each.covered_by for each in enabled if each.covered_by is not None]
    if covering:
        return "rule-covered" if any(each.action == ALLOW for each in covering) else "refused-first"
    for_uploads = any(each.rule.match.uploads for each in enabled)
    return "rule-matches-nothing" if for_uploads else "rule-not-for-uploads"
