"""The facts of ICAP profiles, pool groups, pools, servers and PKI profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from icapdiag.avi.config.authorities import is_expired, is_unreadable
from icapdiag.avi.config.bodies import FIELD as BODY_FIELD
from icapdiag.avi.config.bodies import BodyLimit
from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.monitors import REFERENCES, watch_of
from icapdiag.avi.config.objects import (
    APPLICATION,
    MONITOR,
    PKI,
    POOL,
    AviObject,
    elements,
    references,
    section,
    texts,
)
from icapdiag.avi.config.offers import Least
from icapdiag.avi.config.pools import LIMIT, PORT, Chain, GroupedPool, Server
from icapdiag.avi.config.references import Fault, note_faults
from icapdiag.avi.config.relations import deciding_monitor, fail_action_of
from icapdiag.avi.config.schema import as_integer
from icapdiag.avi.config.service_uri import FIELD as URI
from icapdiag.avi.config.service_uri import uri_problem
from icapdiag.avi.config.values import Elsewhere, Part, Values
from icapdiag.facts.config import GroupSheet, PKISheet, PoolSheet, ProfileSheet, ServerSheet

_NAMED = 20  # entries with the same address and port


def profile_sheet(
    chain: Chain,
    attached: bool | None,
    preview: Least,
    bodies: BodyLimit | None,
    faults: Sequence[Fault] = (),
    shared_with: tuple[str, ...] = (),
    differing: tuple[str, ...] | None = None,
) -> ProfileSheet:
    """The profile's facts. ``attached``: some virtual service refers to it; None if there is none in the files.

    ``preview``: the longest that all servers accept, and those that accept no longer one. ``bodies``: the largest that
    come in. ``faults``: references that it is to blame for. ``shared_with``: profiles before it with its servers.
    ``differing``: settings in which they differ.
    """
    found, values = chain.profile, Values(chain.profile)
    own = {name: values.read(name, str) for name in ("fail_action", "buffer_size_exceed_action")}
    for fact in ("usable_servers", "shares_servers_with"):
        values.note(fact, "pool_group_ref", found.node.get("pool_group_ref") or found.node)
    if bodies is not None:
        within = Elsewhere(APPLICATION.lower(), bodies.found.name, bodies.found.file)
        part = Part("HTTPApplicationProfile", found.node)
        values.note("body_limit", BODY_FIELD, bodies.place, str(bodies.size), of=part, within=within)
    note_faults(values, found, faults)
    problem = uri_problem(found)
    values.note("service_uri_problem", URI, found.node.get(URI) or found.node, found.node.text(URI))
    return values.sheet(
        ProfileSheet,
        "icapprofile",
        found.name,
        attached=attached,
        group_visible=chain.group is not None,
        servers=chain.servers,
        usable_servers=chain.usable,
        broken_references=tuple(each.words for each in faults) or None,
        service_uri_problem=problem,
        shares_servers_with=shared_with or None,
        differing=differing,
        **own,
        body_limit=bodies.size if bodies is not None else None,
        server_preview=preview.value,
        server_preview_of=preview.servers,
    )


def group_sheet(group: AviObject, chain: Chain, faults: Sequence[Fault] = ()) -> GroupSheet:
    """The pool group's facts. ``faults``: references that it is to blame for."""
    values = Values(group)
    note_fail_action(values, group)
    values.note("group_members", "members", group.node.get("members") or group.node)
    note_faults(values, group, faults)
    return values.sheet(
        GroupSheet,
        "poolgroup",
        group.name,
        group_fail_action=fail_action_of(group),
        group_members=len(elements(group.node, "members")),
        pools_not_visible=chain.unseen_pools,
        broken_references=tuple(each.words for each in faults) or None,
    )


def note_fail_action(values: Values, found: AviObject) -> None:
    """Where the fail_action of a pool group or a pool stands."""
    action = section(found.node, "fail_action")
    if action is not None:
        values.note("group_fail_action", "fail_action", action.get("type") or action, fail_action_of(found) or "")


class Beside(Struct, frozen=True):
    """The pools of one group together, as far as Avi selects them.

    ``endpoints``: the entries of each ``host:port`` in use, with their pools. ``first``: the highest priority_label, if
    all are numbers.
    """

    endpoints: Mapping[str, Sequence[tuple[GroupedPool, Server]]]
    first: int | None


def beside_of(pools: Sequence[GroupedPool]) -> Beside:
    """What the pools of a group are together."""
    used = [each for each in pools if each.usable != 0]
    labels = [as_integer(each.member.node.text("priority_label")) for each in used]
    known = [label for label in labels if label is not None]
    endpoints: dict[str, list[tuple[GroupedPool, Server]]] = {}
    for each in used:
        for server in each.servers or ():
            if server.enabled:
                endpoints.setdefault(server.endpoint.lower(), []).append((each, server))
    return Beside(
        endpoints=endpoints,
        first=max(known) if known and len(known) == len(labels) else None,
    )


def _stands_by(values: Values, pool: GroupedPool, beside: Beside, group: Elsewhere | None) -> bool | None:
    """Whether another pool of the group comes first by its priority_label; None if labels are not numbers."""
    label = pool.member.node.get("priority_label") or pool.member.node
    own = as_integer(pool.member.node.text("priority_label"))
    if own is None or beside.first is None:
        return None
    values.note("standby", pool.member.at("priority_label"), label, str(own), within=group)
    return own < beside.first


def has_tls(pool: AviObject) -> bool:
    """Whether the pool has an SSL profile, which is what makes a Service Engine speak TLS."""
    return bool(pool.node.text("ssl_profile_ref"))


class Outside(NamedTuple):
    """What is known of a pool from elsewhere.

    ``connections``: the most that all of its servers accept. ``in_all``: the most that Avi opens to one of them.
    ``pools``: how many have one of its servers.
    ``response_timeout``: the longest of the ICAP profiles that use it, in ms. ``faults``: references that it is to
    blame for. ``group``: the pool group that it is in.
    """

    connections: Least
    in_all: int | None
    response_timeout: int | None
    pools: int = 1
    faults: Sequence[Fault] = ()
    group: Elsewhere | None = None


def longest_waits(chains: Sequence[Chain]) -> Mapping[int, int]:
    """The longest response_timeout of the ICAP profiles that use a pool, in ms, by the id of the pool's node."""
    found: dict[int, int] = {}
    for chain in chains:
        timeout = Values(chain.profile).read("response_timeout", int)
        for pool in chain.pools if timeout is not None else ():
            found[id(pool.found.node)] = max(timeout, found.get(id(pool.found.node), 0))
    return found


def pool_sheet(
    configuration: Configuration,
    pool: GroupedPool,
    beside: Beside,
    outside: Outside,
) -> PoolSheet:
    """The facts of a pool, and of its place in the group."""
    found, values = pool.found, Values(pool.found)
    note_fail_action(values, found)
    kind, request = deciding_monitor(configuration.of(MONITOR), found)
    at = found.node.get("health_monitor_refs") or found.node
    values.note("monitor_type", "health_monitor_refs", at)
    values.note("monitor_request", "health_monitor_refs", at)
    watch = watch_of(configuration, found, pool.ports)
    if watch is not None:
        within = Elsewhere(MONITOR.lower(), watch.label, watch.file) if watch.field != REFERENCES else None
        values.note("monitoring", watch.field, watch.place, watch.value, within=within)
    for fact, field in (("pki", "pki_profile_ref"), ("domain_names", "domain_name")):
        values.note(fact, field, found.node.get(field) or found.node)
    values.note("connections_in_all", LIMIT, found.node.get(LIMIT) or found.node, found.node.text(LIMIT))
    values.note("tls", "ssl_profile_ref", found.node.get("ssl_profile_ref") or found.node)
    note_faults(values, found, outside.faults)
    return values.sheet(
        PoolSheet,
        "pool",
        found.name,
        ratio=values.read("ratio", int, part=pool.member, within=outside.group),
        priority_label=values.read("priority_label", str, part=pool.member, within=outside.group),
        servers=None if pool.servers is None else len(pool.servers),
        group_fail_action=fail_action_of(found),
        tls=has_tls(found),
        pki=bool(found.node.text("pki_profile_ref")),
        domain_names=len(texts(found.node, "domain_name")),
        monitors=sum(1 for _ in references(found.node, "health_monitor_refs")),
        monitor_type=kind,
        monitor_request=request,
        monitoring=watch.word if watch else None,
        monitor_assumed=watch.assumed if watch else None,
        usable_servers=pool.usable,
        server_connections=outside.connections.value,
        server_connections_of=outside.connections.servers,
        connections_in_all=outside.in_all,
        connections_share=_share(outside.connections.value, outside.pools),
        pools_with_its_servers=outside.pools if outside.connections.value is not None else None,
        response_timeout=outside.response_timeout,
        broken_references=tuple(each.words for each in outside.faults) or None,
        standby=_stands_by(values, pool, beside, outside.group),
    )


def _share(connections: int | None, pools: int) -> int | None:
    """What each of the pools with a server may open to it; at least 1, as 0 means no limit."""
    return None if connections is None else max(connections // pools, 1)


def server_sheets(pool: GroupedPool, beside: Beside) -> Iterator[tuple[str, ServerSheet]]:
    """The facts of each server, beside its name. ``beside``: of all pools of the group.

    Of entries with the same address and port the first is that of the others.
    """
    for server in pool.servers or ():
        values = Values(pool.found, server.part)
        if server.own_port:
            values.read("port", int)
        else:
            values.read(PORT, int, fact="port", part=Part(POOL, pool.found.node))
        values.note("host", server.part.at("ip"), server.part.node.get("ip") or server.part.node, server.host)
        same = beside.endpoints.get(server.endpoint.lower(), ()) if server.enabled and pool.usable != 0 else ()
        again = len(same) > 1 and any(each.part.node is server.part.node for _, each in same[1:])
        for owner, entry in ((pool, server), same[0]) if again else ():
            own = None if owner is pool else Elsewhere(POOL.lower(), owner.found.name, owner.found.file)
            values.note("same_server_as", entry.part.at("ip"), entry.part.node, server.endpoint, within=own)
        yield (
            server.endpoint,
            values.sheet(
                ServerSheet,
                "server",
                server.endpoint,
                host=server.host or None,
                tls=has_tls(pool.found),
                port=server.port,
                port_from="server" if server.own_port else "pool" if pool.found.node.text(PORT) else "default",
                ratio=values.read("ratio", int),
                in_pool=pool.found.name,
                same_server_as=(server.endpoint,) * min(len(same) - 1, _NAMED) or None if again else None,
            ),
        )


def pki_sheets(configuration: Configuration, pool: AviObject) -> Iterator[tuple[AviObject, PKISheet]]:
    """The facts of the PKI profile of a pool, if it is in the files."""
    for found in configuration.follow(pool, "pki_profile_ref", PKI):
        certificates = elements(found.node, "ca_certs")
        inside = [section(each, "certificate") or each for each in certificates]  # of a fetched profile
        values = Values(found)
        values.note("revocation_lists", "crls", found.node.get("crls") or found.node)
        for fact in ("authorities", "authorities_expired", "authorities_unreadable"):
            values.note(fact, "ca_certs", found.node.get("ca_certs") or found.node)
        sheet = values.sheet(
            PKISheet,
            "pkiprofile",
            found.name,
            authorities=len(certificates),
            authorities_expired=sum(map(is_expired, inside)),
            authorities_unreadable=sum(map(is_unreadable, inside)),
            revocation_lists=len(elements(found.node, "crls")),
            allow_pki_errors=tuple(texts(found.node, "allow_pki_errors")) or None,
        )
        yield found, sheet
