"""Which objects are asked for, and in which order: from the ICAP profiles to what runs and counts because of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from icapdiag.avi.config.objects import (
    ANALYTICS,
    APPLICATION,
    CLOUD,
    GROUP,
    MONITOR,
    PKI,
    POLICY_SET,
    POOL,
    PROFILE,
    SE_GROUP,
    SSL_PROFILE,
    SYSTEM,
    VIRTUAL_SERVICE,
    parse_reference,
    type_of_uuid,
)
from icapdiag.controller.asking import Asker, Target
from icapdiag.controller.folder import (
    Body,
    Metrics,
    PoolRuntime,
    Runtime,
    ServiceMetrics,
    ServiceRuntime,
)

ENGINE = "ServiceEngine"
_KINDS = (
    PROFILE, VIRTUAL_SERVICE, POLICY_SET, GROUP, POOL, MONITOR, PKI, SSL_PROFILE, ANALYTICS, APPLICATION, SE_GROUP,
    ENGINE, CLOUD, SYSTEM,
)  # fmt: skip
_OF_SERVICE = (
    ("analytics_profile_ref", ANALYTICS),
    ("application_profile_ref", APPLICATION),
    ("se_group_ref", SE_GROUP),
)
_OF_POOL = (("health_monitor_refs", MONITOR), ("pki_profile_ref", PKI), ("ssl_profile_ref", SSL_PROFILE))
_OF_LICENCE = ("url", "uuid", "name", "license_tier", "default_license_tier")
_NAMED = {"include_name": "true"}
_COUNTERS = ("requests", "passed", "blocked", "modified", "error", "server_error", "internal_error", "timedout",
             "time_warning")  # fmt: skip
_ATTESTED = ("requests", "blocked", "error", "timedout")  # the documentation's own examples
_STEPS = ((timedelta(days=1), 300), (timedelta(days=7), 3600))  # Avi keeps finer ones for a shorter time
_COARSEST = 86400  # seconds


class NoSuchService(Exception):
    """A virtual service that was named is not there; the argument is its name."""


class Found(Struct, frozen=True):
    """The configuration by kind, and the virtual services whose logs are asked for."""

    objects: dict[str, list[Any]]
    services: list[tuple[str, str]]  # name and uuid


class Objects:
    """Asks for each object once."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._found: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
        self._missing: set[str] = set()

    def find(self, names: Sequence[str]) -> Found:
        """Everything that the virtual services of these names or uuids, or all with an ICAP profile, depend on.

        Raises `NoSuchService`.
        """
        profiles = self._asker.objects("ICAP profiles", Target(PROFILE.lower(), _NAMED))
        services = [*self._named(names)] if names else self._using_icap(profiles)
        for each in services:
            self._keep(VIRTUAL_SERVICE, each)
        wanted = {_uuid_in(text) for each in services for text in _texts(each, "icap_request_profile_refs")}
        for profile in profiles or ():
            if not names or _text(profile, "uuid") in wanted:
                self._keep(PROFILE, profile)
        for service in services:
            self._follow_service(service)
        for profile in [*self._found[PROFILE].values()]:
            for group in self._follow(profile, "pool_group_ref", GROUP):
                for member in _mappings(group, "members"):
                    for pool in self._follow(member, "pool_ref", POOL):
                        self._follow_all(pool, _OF_POOL)
        for service in services:
            self._find_licence(service)
        for engine in self._asker.objects("Service Engines", Target(ENGINE.lower(), _NAMED)) or ():
            self._keep(ENGINE, engine)
        return Found(
            {kind: list(found.values()) for kind, found in self._found.items()},
            [(_text(each, "name"), _text(each, "uuid")) for each in services],
        )

    def _named(self, names: Iterable[str]) -> Iterable[Any]:
        for name in names:
            by_uuid = type_of_uuid(name) == VIRTUAL_SERVICE.lower()
            key = "uuid" if by_uuid else "name"
            found = self._asker.objects(
                f"virtual service {name}", Target(VIRTUAL_SERVICE.lower(), {key: name, **_NAMED})
            )
            meant = [each for each in found or () if _text(each, key) == name]
            if not meant:
                raise NoSuchService(name)
            yield from meant

    def _using_icap(self, profiles: Iterable[Any] | None) -> list[Any]:
        """Virtual services that refer to a profile; where no profile is visible, all that refer to any."""
        found: dict[str, Any] = {}
        target = Target(VIRTUAL_SERVICE.lower(), _NAMED)
        if profiles is None:
            for each in self._asker.objects("virtual services", target) or ():
                if _texts(each, "icap_request_profile_refs"):
                    found[_text(each, "uuid")] = each
        for profile in profiles or ():
            refers = {"refers_to": f"{PROFILE.lower()}:{_text(profile, 'uuid')}"}
            what = f"virtual services with the ICAP profile {_text(profile, 'name')}"
            for each in self._asker.objects(what, Target(target.path, {**refers, **_NAMED})) or ():
                if _texts(each, "icap_request_profile_refs"):  # whatever else refers to it
                    found.setdefault(_text(each, "uuid"), each)
        return list(found.values())

    def _follow_service(self, service: Any) -> None:
        self._follow(service, "vh_parent_vs_ref", VIRTUAL_SERVICE)
        self._follow(service, "icap_request_profile_refs", PROFILE)
        self._follow_all(service, _OF_SERVICE)
        for policy in _mappings(service, "http_policies"):
            self._follow(policy, "http_policy_set_ref", POLICY_SET)

    def _find_licence(self, service: Any) -> None:
        """The cloud, and then the system, as long as nothing more specific has a licence tier."""
        if any(_text(each, "license_tier") for each in self._follow(service, "se_group_ref", SE_GROUP)):
            return
        if any(_text(each, "license_tier") for each in self._follow(service, "cloud_ref", CLOUD)):
            return
        if not self._found[SYSTEM] and SYSTEM not in self._missing:
            self._show(SYSTEM, SYSTEM.lower(), SYSTEM, SYSTEM)

    def _follow_all(self, owner: Any, references: Iterable[tuple[str, str]]) -> None:
        for key, kind in references:
            self._follow(owner, key, kind)

    def _follow(self, owner: Any, key: str, kind: str) -> list[Any]:
        """The objects that a field of ``owner`` refers to, as far as they are visible."""
        found = []
        for text in _texts(owner, key):
            uuid = _uuid_in(text)
            if uuid and uuid not in self._found[kind] and uuid not in self._missing:
                self._show(kind, f"{kind.lower()}/{uuid}", f"{kind} {parse_reference(text).label}", uuid)
            if uuid in self._found[kind]:
                found.append(self._found[kind][uuid])
        return found

    def _show(self, kind: str, path: str, what: str, key: str) -> None:
        """Ask for an object. Of clouds and the system, which contain accounts of other systems, the licence is kept."""
        body = self._asker.show(what, Target(path, _NAMED))
        if not isinstance(body, dict):
            self._missing.add(key)
        elif kind in {CLOUD, SYSTEM}:
            self._found[kind][key] = {field: body[field] for field in _OF_LICENCE if field in body}
        else:
            self._found[kind][key] = body

    def _keep(self, kind: str, found: Any) -> None:
        if uuid := _text(found, "uuid"):
            self._found[kind].setdefault(uuid, found)


def ask_runtime(asker: Asker, found: Found) -> Runtime:
    """What each Service Engine sees of the pools' servers, and what it counted."""

    def body(what: str, path: str) -> Body:
        return asker.show(what, Target(path))

    pools = [(_text(pool, "uuid"), _text(pool, "name")) for pool in found.objects[POOL]]
    return Runtime(
        pools=tuple(
            PoolRuntime(
                uuid,
                name,
                detail=body(f"server state of pool {name}", f"pool/{uuid}/runtime/server/detail/"),
                hmonstat=body(f"health monitor state of pool {name}", f"pool/{uuid}/runtime/server/hmonstat/"),
            )
            for uuid, name in pools
        ),
        virtual_services=tuple(
            ServiceRuntime(uuid, name, body(f"ICAP counters of {name}", f"virtualservice/{uuid}/icapstats/"))
            for name, uuid in found.services
        ),
        service_engines=tuple(found.objects[ENGINE]),
    )


def ask_metrics(asker: Asker, services: Iterable[tuple[str, str]], since: datetime, until: datetime) -> Metrics:
    """``icap_stats.sum_*`` of each virtual service: neither throttling of logs nor failing open distorts them."""
    step = next((step for longest, step in _STEPS if until - since <= longest), _COARSEST)
    start, stop = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (since, until))
    found = []
    for name, uuid in services:
        body = None
        for counters in (_COUNTERS, _ATTESTED):
            already = list(asker.not_visible)
            metrics = ",".join(f"icap_stats.sum_{counter}" for counter in counters)
            params = {"metric_id": metrics, "step": step, "start": start, "stop": stop}
            body = asker.show(f"metrics of {name}", Target(f"analytics/metrics/virtualservice/{uuid}/", params))
            if body is not None or asker.asked[-1].status != 400 or counters is _ATTESTED:
                break
            asker.not_visible[:] = already  # an older Controller may not know one of them
        found.append(ServiceMetrics(uuid, name, start, stop, step, body))
    return Metrics(tuple(found))


def _uuid_in(text: str) -> str:
    return parse_reference(text).uuid


def _text(found: Any, key: str) -> str:
    value = found.get(key) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else ""


def _texts(found: Any, key: str) -> list[str]:
    value = found.get(key) if isinstance(found, Mapping) else None
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each]


def _mappings(found: Any, key: str) -> list[Any]:
    value = found.get(key) if isinstance(found, Mapping) else None
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
