"""An Avi configuration as observations: for each object that ICAP depends on, what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.config.bodies import body_limit
from icapdiag.avi.config.configuration import Configuration, Unseen
from icapdiag.avi.config.hosting import Kin, kin_without_icap
from icapdiag.avi.config.licence import tiers_of
from icapdiag.avi.config.log_settings import analytics_sheet
from icapdiag.avi.config.memory import engine_group_sheet
from icapdiag.avi.config.monitors import monitor_sheets
from icapdiag.avi.config.objects import (
    AKO,
    ANALYTICS,
    MONITOR,
    PROFILE,
    SE_GROUP,
    AviObject,
)
from icapdiag.avi.config.offers import Offers, connection_limits, connections_in_all, least, sharing_pools
from icapdiag.avi.config.pool_facts import (
    Beside,
    Outside,
    beside_of,
    group_sheet,
    longest_waits,
    pki_sheets,
    pool_sheet,
    profile_sheet,
    server_sheets,
)
from icapdiag.avi.config.pools import MOST_SERVERS, Chain, GroupedPool, chains_of
from icapdiag.avi.config.references import Faults
from icapdiag.avi.config.service_facts import profile_name, rule_sheet, service_sheet, summary
from icapdiag.avi.config.service_uri import uri_problem
from icapdiag.avi.config.services import MOST_RULES, Service, is_called, services_of, unattached_sets
from icapdiag.avi.config.sharing import differing, sharing
from icapdiag.avi.config.values import Elsewhere, refused_values
from icapdiag.avi.config.verdict import Around, icap_as_application, is_http, of_service
from icapdiag.facts.config import (
    LintSubject,
    ObjectSheet,
)
from icapdiag.mistakes import visible
from icapdiag.model import Observation
from icapdiag.vocabulary import Status

MOST_SERVICES = MOST_PROFILES = 1000  # that are looked at
MOST_OBSERVATIONS = 50_000
_NAMED = 20  # virtual services of one profile


class Links(Struct, frozen=True):
    """What an object is part of: virtual services, an ICAP profile, and a pool or pool group by name."""

    virtualservices: tuple[str, ...] | None = None
    icap_profile: str | None = None
    pool: str = ""


class Looked(Struct, frozen=True):
    """What was seen of a configuration. ``unseen``: what it refers to and the files do not have.

    ``complete`` False: it has more objects than are looked at. ``left_out``: rules and servers of it, in words.
    """

    observations: tuple[Observation, ...]
    subject: LintSubject
    unseen: tuple[Unseen, ...]
    complete: bool = True
    left_out: tuple[str, ...] = ()


class NoSuchService(ValueError):
    """A virtual service was asked for that is not in the files; ``known`` are the names of those that are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.known = tuple(known)


def look(
    objects: Iterable[AviObject],
    inputs: Sequence[str],
    chosen: Sequence[str] = (),
    offers: Offers = MappingProxyType({}),
) -> Looked:
    """What ICAP depends on. ``chosen``: names or uuids of the virtual services to look at; else all that use ICAP.

    ``offers``: what servers say in OPTIONS, as far as it is known.

    Raises `NoSuchService`.
    """
    configuration = Configuration(objects)
    services = list(services_of(configuration))
    for name in chosen:
        if not any(is_called(each, name) for each in services):
            raise NoSuchService(name, [each.name for each in services])
    if chosen:
        meant = [each for each in services if any(is_called(each, name) for name in chosen)]
    else:
        meant = [each for each in services if each.is_for_icap]
    judged = meant[:MOST_SERVICES]
    profiles = {id(profile.node): profile for each in judged for profile in each.profiles}
    if not chosen:
        profiles |= {id(each.node): each for each in configuration.of(PROFILE)}
    chains = chains_of(configuration, islice(profiles.values(), MOST_PROFILES))
    seen = _Observer(configuration, judged, chains, offers, services)
    observations = tuple(islice(seen.all(), MOST_OBSERVATIONS))
    left_out = tuple(dict.fromkeys(_left_out(judged, chains)))
    without = [each.name for each in services if not each.is_for_icap and not chosen]
    return Looked(
        observations=observations,
        subject=LintSubject(
            inputs=tuple(inputs),
            services=tuple(summary(each, seen.around(each)) for each in judged if chosen or each.host is None),
            profiles=tuple(each.profile.name for each in chains) or None,
            objects=configuration.counts() or None,
            without_icap=tuple(without[:MOST_SERVICES]) or None,
        ),
        complete=len(meant) <= MOST_SERVICES
        and len(profiles) <= MOST_PROFILES
        and len(observations) < MOST_OBSERVATIONS
        and not left_out,
        left_out=left_out[:_NAMED],
        unseen=tuple(each for each in configuration.unseen.values() if id(each.owner.node) in seen.looked_at),
    )


def _left_out(services: Iterable[Service], chains: Iterable[Chain]) -> Iterator[str]:
    """What is not looked at of these, as there is too much of it: sentences without a full stop."""
    for each in services:
        if each.rules_left_out:
            number, name = f"{each.rules_left_out:,}", visible(each.name[:100])
            yield f"{number} HTTP security rules of {name} not read: at most {MOST_RULES} of each kind are"
    for pool in (one for chain in chains for one in chain.pools if one.left_out):
        number, name = f"{pool.left_out:,}", visible(pool.found.name[:100])
        yield f"{number} servers of pool {name} not read: at most {MOST_SERVERS:,} are"


class _Observer:
    """Makes the observations of what was chosen, each object once."""

    def __init__(
        self,
        configuration: Configuration,
        services: Sequence[Service],
        chains: Sequence[Chain],
        offers: Offers,
        every_service: Sequence[Service],
    ) -> None:
        self._offers = offers
        self._limits, self._waits = connection_limits(chains), longest_waits(chains)
        self._configuration = configuration
        self._services = services
        self._chains = chains
        self._any_services = bool(every_service)
        self._kin = kin_without_icap(configuration, every_service, services)
        self._paths = self._watched()
        self._sharing = sharing(chains)
        self._faults = Faults(services, chains)
        self._unattached = unattached_sets(configuration, every_service)
        self.looked_at: set[int] = set()  # ids of the nodes

    def around(self, service: Service) -> Around:
        """What a virtual service depends on."""
        own = of_service(service, self._chains)
        return Around(
            chains=own,
            kin=self._kin.get(id(service.found.node), Kin()),
            tiers=tiers_of(self._configuration, service),
            broken=self._faults.concern(service, own),
            http=is_http(self._configuration, service),
            unattached=self._unattached,
            icap_as_application=icap_as_application(self._configuration, service, own),
        )

    def all(self) -> Iterator[Observation]:
        """Every observation, from the virtual services down."""
        for service in self._services:
            yield from self._of_service(service)
        for chain in self._chains:
            yield from self._of_chain(chain)

    def _is_new(self, found: AviObject) -> bool:
        new = id(found.node) not in self.looked_at
        self.looked_at.add(id(found.node))
        return new

    def _whole(self, found: AviObject, sheet: ObjectSheet, links: Links) -> Iterator[Observation]:
        """An object, and whatever in it Avi does not take; nothing if it was there before."""
        if self._is_new(found):
            yield _observation(sheet, links)
            yield from self._refused(found, sheet.object or "", links)

    def _refused(self, found: AviObject, kind: str, links: Links) -> Iterator[Observation]:
        for refused in refused_values(found, kind):
            yield _observation(refused, links, "setting")

    def _of_service(self, service: Service) -> Iterator[Observation]:
        found, links = service.found, Links((service.name,), profile_name(service))
        sheet = service_sheet(service, self.around(service), self._faults.of(found))
        yield from self._whole(found, sheet, links)
        for rule in service.rules if service.host is None else ():  # else they are looked at there
            yield _observation(rule_sheet(service, rule), links)
        for policy in service.policy_sets:
            if self._is_new(policy):
                yield from self._refused(policy, "httppolicyset", links)
        if found.kind not in AKO and service.is_for_icap:
            for each in self._configuration.follow(found, "analytics_profile_ref", ANALYTICS):
                yield from self._whole(each, analytics_sheet(each), links)
            for each in self._configuration.follow(found, "se_group_ref", SE_GROUP):
                yield from self._whole(each, engine_group_sheet(each, service.profiles), links)

    def _of_chain(self, chain: Chain) -> Iterator[Observation]:
        using = [each for each in self._services if any(one.node is chain.profile.node for one in each.profiles)]
        attached = bool(using) if self._any_services else None
        group = chain.group
        links = Links(
            tuple(each.name for each in using[:_NAMED]) or None,
            chain.profile.name,
            group.name if group is not None else "",
        )
        others = self._sharing[id(chain.profile.node)]
        faults = self._faults.of(chain.profile)
        shared = tuple(each.name for each in others), differing(chain.profile, others)
        bodies = body_limit(self._configuration, using)
        preview = least(chain.pools, self._offers, "preview")
        yield from self._whole(chain.profile, profile_sheet(chain, attached, preview, bodies, faults, *shared), links)
        if group is not None:
            yield from self._whole(group, group_sheet(group, chain, self._faults.of(group)), links)
            beside = beside_of(chain.pools)
            for pool in chain.pools:
                within = Elsewhere("poolgroup", group.name, group.file)
                yield from self._of_pool(pool, beside, within, replace(links, pool=pool.found.name))

    def _of_pool(self, pool: GroupedPool, beside: Beside, group: Elsewhere, links: Links) -> Iterator[Observation]:
        found = pool.found
        if id(found.node) in self.looked_at:
            return
        outside = Outside(
            connections=least([pool], self._offers, "connections"),
            in_all=connections_in_all(pool, self._limits),
            response_timeout=self._waits.get(id(found.node)),
            pools=sharing_pools(pool, self._chains) if self._offers else 1,
            faults=self._faults.of(found),
            group=group,
        )
        yield from self._whole(found, pool_sheet(self._configuration, pool, beside, outside), links)
        for name, server in server_sheets(pool, beside):
            yield _observation(server, links, member=name)
        for monitor, sheet in monitor_sheets(self._configuration, found, self._paths):
            yield from self._whole(monitor, sheet, links)
        for authority, pki in pki_sheets(self._configuration, found):
            yield from self._whole(authority, pki, links)

    def _watched(self) -> dict[int, list[str]]:
        """service_uri of the profiles with a pool that a monitor is for, by the id of the monitor's node."""
        found: dict[int, dict[str, None]] = {}
        for chain in self._chains:
            for pool in chain.pools:
                for monitor in self._configuration.follow(pool.found, "health_monitor_refs", MONITOR):
                    uris = found.setdefault(id(monitor.node), {})
                    uris |= {} if uri_problem(chain.profile) else {chain.profile.node.text("service_uri"): None}
        return {key: list(services) for key, services in found.items()}


def _observation(sheet: ObjectSheet, links: Links, probe: str = "", *, member: str = "") -> Observation:
    return Observation(
        source="config",
        probe=probe or sheet.object or "",
        pool=links.pool,
        member=member,
        status=Status.OK,
        facts=replace(sheet, virtualservices=links.virtualservices, icap_profile=links.icap_profile),
    )
