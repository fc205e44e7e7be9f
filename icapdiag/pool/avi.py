"""A pool from what Avi's API returns: one object, a list, an answer ``{count, results}`` or a whole export.

The chain is IcapProfile → pool_group_ref → PoolGroup → members[].pool_ref → Pool → servers.
Defaults are those of Avi's API schema, such as port 80 for a pool that names none.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from msgspec.structs import replace

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.forms import collect
from icapdiag.avi.config.objects import CHAIN, GROUP, POOL, PROFILE, AviObject, Reference, names, references, section
from icapdiag.avi.config.services import is_called, services_of
from icapdiag.mistakes import Path, Problems, shown
from icapdiag.pool.avisettings import configuration, tls_of
from icapdiag.pool.hosts import parse_host, same_host
from icapdiag.pool.members import MOST_MEMBERS
from icapdiag.pool.model import DEFAULT_PORT, TLS, Member, Pool, Profile, endpoint, fatal
from icapdiag.pool.schema import AviAddress, AviGroupMember, AviPool, AviProfile, AviServer, given, validate
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar, is_null

VIRTUAL_SERVICE_OPTION = "--virtual-service"
_LISTED = 10  # names in a message


class Choice(NamedTuple):
    """Which ICAP profile of several is meant: by its name or uuid, or by that of the virtual service that uses it."""

    profile: str | None = None
    virtual_service: str | None = None


def read_objects(root: Node, file: str, problems: Problems, *, choice: Choice, service_uri: str | None) -> Pool:
    """The pool that the objects describe. Raises `PoolError` with every mistake found."""
    return _Resolver(list(collect(root)), file, problems).read(choice, service_uri)


class _Resolver:
    """Follows the references from the profile to the servers."""

    def __init__(self, objects: list[AviObject], file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._objects = objects

    def _of(self, kind: str) -> list[AviObject]:
        return [found for found in self._objects if found.kind == kind]

    def _only(self, kind: str, choice: str) -> AviObject | None:
        """The one object of its kind, if there is one; of several ``choice`` says how to choose."""
        found = self._of(kind)
        if len(found) > 1:
            raise self._stop(None, f"holds {len(found)} {choice} {names(found)}")
        return found[0] if found else None

    def read(self, chosen: Choice, service_uri: str | None) -> Pool:
        if not any(found.kind in CHAIN for found in self._objects):
            raise fatal(
                self._file, "holds no IcapProfile, PoolGroup or Pool of Avi: export these three, or write a pool.yaml"
            )
        profile = self._profile(chosen)
        group = self._group(profile)
        settings = self._settings(profile, service_uri)
        pools = self._pools(group)
        members, notes, port = self._members(pools)
        self._problems.check()
        if settings is None or not members:  # each has noted why, so `check` raised
            raise fatal(self._file, "no usable server found")
        named = group or pools[0][0]
        return Pool(
            name=(named.name or settings.name)[:256],
            profile=replace(settings, default_port=port),
            members=tuple(members),
            source=self._file,
            stated=frozenset(Profile.__struct_fields__ if profile else ()) | {"service_uri"},
            notes=tuple(notes),
            objects=tuple(configuration(self._objects, profile=profile, settings=settings, group=group, pools=pools)),
        )

    def _stop(self, found: AviObject | None, message: str) -> Exception:
        """Note a mistake after which nothing can be followed, with those noted before it."""
        self._problems.add(found.node if found else None, found.path if found else (), message)
        return self._problems.error()

    def _profile(self, choice: Choice) -> AviObject | None:
        if choice.virtual_service is not None:
            return self._profile_of(choice.virtual_service, choice.profile)
        return self._profile_named(choice.profile)

    def _profile_of(self, name: str, named: str | None) -> AviObject:
        """The ICAP profile of a virtual service. ``named``: the one that must be it, if one was named."""
        services = list(services_of(Configuration(self._objects)))
        found = next((each for each in services if is_called(each, name)), None)
        if found is None:
            known = ", ".join(shown(each.name) for each in services[:_LISTED]) or "none"
            message = f"no virtual service {shown(name)} in this file: there is {known}"
        elif not found.profile_refs:
            message = f"virtual service {shown(name)} has no ICAP profile"
        elif not found.profiles:
            missing = shown(found.profile_refs[0][0].label)
            message = f"ICAP profile {missing} of virtual service {shown(name)} is not in this file: export it too"
        elif named is not None and named not in {found.profiles[0].name, found.profiles[0].node.text("uuid")}:
            message = f"virtual service {shown(name)} uses the ICAP profile {shown(found.profiles[0].name)}"
        else:
            return found.profiles[0]
        self._problems.add_option(VIRTUAL_SERVICE_OPTION, message)
        raise self._problems.error()

    def _profile_named(self, chosen: str | None) -> AviObject | None:
        if chosen is not None:
            profiles = self._of(PROFILE)
            meant = [found for found in profiles if chosen in {found.name, found.node.text("uuid")}]
            if len(meant) != 1:
                count = "no" if not meant else "more than one"
                listed = f"; it holds {names(profiles)}" if profiles else ""
                self._problems.add_option("--profile", f"the file holds {count} ICAP profile {shown(chosen)}{listed}")
                raise self._problems.error()
            return meant[0]
        return self._only(PROFILE, "ICAP profiles: choose one with --profile NAME:")

    def _group(self, profile: AviObject | None) -> AviObject | None:
        if profile is None:
            choice = "pool groups and no ICAP profile that chooses one: add the profile, or keep one of"
            return self._only(GROUP, choice)
        reference, _ = next(references(profile.node, "pool_group_ref"), (Reference(), None))
        if not reference.label:
            raise self._stop(
                profile, f"ICAP profile {shown(profile.name)} names no pool group: its pool_group_ref is missing"
            )
        meant = [found for found in self._of(GROUP) if found.matches(reference)]
        if len(meant) != 1:
            what = "is not in this file" if not meant else "is here more than once"
            raise self._stop(
                profile,
                f"pool group {shown(reference.label)} of ICAP profile {shown(profile.name)} {what}: "
                "export the profile, its PoolGroup and its Pools into one file, or write a pool.yaml",
            )
        return meant[0]

    def _settings(self, found: AviObject | None, service_uri: str | None) -> Profile | None:
        if found is None:
            if service_uri is None:
                self._problems.add_option(
                    "--service-uri",
                    "an Avi pool does not name the ICAP service: give its path, such as --service-uri /OMSScanReq-AV",
                )
            return Profile(service_uri=service_uri or "/")
        fields = validate(AviProfile, found.node, found.path, self._problems)
        if fields is None:
            return None
        uri = service_uri or fields.service_uri
        if not uri:
            self._problems.add(
                found.node,
                (*found.path, "service_uri"),
                "missing: give the path of the ICAP service, such as --service-uri /OMSScanReq-AV",
            )
            return None
        return Profile(**{**given(fields), "service_uri": uri})

    def _pools(self, group: AviObject | None) -> list[tuple[AviObject, bool]]:
        """The pools, each with whether Avi selects it at all."""
        if group is None:
            pool = self._only(POOL, "pools and no pool group or ICAP profile that chooses: add them, or keep one of")
            return [] if pool is None else [(pool, True)]
        pools = self._of(POOL)
        members = group.node.get("members")
        if not isinstance(members, ListNode) or not members.items:
            raise self._stop(group, f"pool group {shown(group.name)} has no members")
        chosen: dict[int, tuple[AviObject, bool]] = {}
        for index, item in enumerate(members.items):
            path = (*group.path, "members", index)
            member = validate(AviGroupMember, item, path, self._problems)
            if member is None:
                continue
            reference, _ = next(references(item, "pool_ref"), (Reference(), None))
            if not reference.label:
                self._problems.add(item, (*path, "pool_ref"), "missing: write pool_ref: …")
                continue
            meant = [found for found in pools if found.matches(reference)]
            if len(meant) == 1:
                before = chosen.get(id(meant[0]), (meant[0], False))[1]
                chosen[id(meant[0])] = (meant[0], before or member.ratio > 0)
            else:
                what = "is not in this file: export it too" if not meant else "is here more than once: keep one"
                self._problems.add(item, (*path, "pool_ref"), f"pool {shown(reference.label)} {what}")
        return list(chosen.values())

    def _members(self, pools: list[tuple[AviObject, bool]]) -> tuple[list[Member], list[str], int]:
        found: dict[tuple[str, int], Member] = {}
        doubled: dict[str, None] = {}
        port = 0
        for pool, selected in pools:
            fields = validate(AviPool, pool.node, pool.path, self._problems)
            if fields is None:
                continue
            port = port or fields.default_server_port
            tls = tls_of(self._objects, fields, pool.node)
            for member in _servers(fields, pool.node, pool.path, self._problems, tls=tls, selected=selected):
                key = (same_host(member.host), member.port)
                known = found.get(key)
                if known:
                    doubled[member.name] = None
                if known is None or (member.enabled and not known.enabled):
                    found[key] = member
        if len(found) > MOST_MEMBERS:
            self._problems.add(None, (), f"{len(found)} servers: at most {MOST_MEMBERS} can be checked")
        notes = [f"{name} stands more than once in the Avi pools; it is checked once" for name in list(doubled)[:10]]
        return list(found.values()), notes, port or DEFAULT_PORT


def _servers(
    pool: AviPool, node: MapNode, path: Path, problems: Problems, *, tls: TLS | None, selected: bool
) -> list[Member]:
    """The pool's servers. They are off if the pool is, or if ``selected`` is false: Avi sends them nothing."""
    servers = node.get("servers")
    if not isinstance(servers, ListNode) or not servers.items:
        named = f"pool {shown(pool.name)} has no servers in this file"
        if pool.ipaddrgroup_ref:
            named += f": they come from the IP group {shown(pool.ipaddrgroup_ref)}"
        problems.add(servers or node, (*path, "servers"), f"{named}; list their addresses in a pool.yaml")
        return []
    active = pool.enabled and selected
    found = (
        _server(item, (*path, "servers", index), pool, problems, tls=tls, active=active)
        for index, item in enumerate(servers.items)
    )
    return [member for member in found if member]


def _server(
    item: Node, path: Path, pool: AviPool, problems: Problems, *, tls: TLS | None, active: bool
) -> Member | None:
    server = validate(AviServer, item, path, problems)
    if server is None:
        return None
    host = _address(item, server, path, problems)
    if host is None:
        return None
    port = server.port or pool.default_server_port
    enabled = server.enabled and active
    return Member(host=host, port=port, name=endpoint(host, port), enabled=enabled, tls=tls, line=item.line)


def _address(item: Node, server: AviServer, path: Path, problems: Problems) -> str | None:
    """The server's address; its name if Avi resolves it by DNS, or if no address is there."""
    ip = item.get("ip")
    by_name = server.hostname and _is_name(server.hostname) and server.resolve_server_by_dns
    if ip is None or is_null(ip) or by_name:
        if not server.hostname:
            problems.add(item, (*path, "ip"), "missing: a server has ip: {addr, type} or a hostname")
            return None
        host, where = item.get("hostname"), (*path, "hostname")
    elif (mapping := section(item, "ip")) is not None:
        address = validate(AviAddress, mapping, (*path, "ip"), problems)
        return address.addr if address else None
    else:
        host, where = ip, (*path, "ip")
    if not isinstance(host, Scalar) or host.problem is not None:
        problems.add(host, where, "an address or a name is expected here")
        return None
    try:
        return parse_host(host.text)
    except ValueError as error:
        problems.add(host, where, str(error))
        return None


def _is_name(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return True
    return False
