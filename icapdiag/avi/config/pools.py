"""From an ICAP profile down: its pool group, the pools in it, their servers and monitors, as facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from icapdiag.avi.addresses import host_port
from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.monitors import watch_of
from icapdiag.avi.config.objects import (
    GROUP,
    MONITOR,
    PKI,
    POOL,
    AviObject,
    elements,
    references,
    section,
    texts,
)
from icapdiag.avi.config.relations import broken_references, deciding_monitor, fail_action_of
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.avi.config.values import Part, Values
from icapdiag.facts.config import GroupSheet, PKISheet, PoolSheet, ProfileSheet, ServerSheet
from icapdiag.yamltree import ListNode, MapNode

# What fills a pool with servers that its own list does not show.
MOST_SERVERS = 20_000  # of a pool
_NAMED = 20  # entries with the same address and port
_PORT = "default_server_port"
LIMIT = "max_concurrent_connections_per_server"
_ELSEWHERE = ("ipaddrgroup_ref", "nsx_securitygroup", "external_autoscale_groups", "autoscale_policy_ref", "networks")


class Server(Struct, frozen=True):
    """A server as it stands in a pool. ``port`` is None where the text written is not a port number."""

    part: Part
    host: str
    port: int | None
    own_port: bool
    enabled: bool

    @property
    def endpoint(self) -> str:
        """``host:port``, as a member is called."""
        return host_port(self.host, self.port) if self.port else self.host


class GroupedPool(Struct, frozen=True):
    """A pool in a pool group. ``servers`` None: the pool's list does not show them.

    ``left_out``: servers in the list that are not among them, as there are too many.
    """

    found: AviObject
    member: Part  # of the group
    enabled: bool
    ratio: int | None
    servers: tuple[Server, ...] | None
    left_out: int = 0

    @property
    def ports(self) -> frozenset[int]:
        """Of its servers; the pool's default port if none are visible."""
        default = as_integer(self.found.node.text(_PORT) or "80")
        found = [each.port for each in self.servers] if self.servers else [default]
        return frozenset(port for port in found if port)

    @property
    def usable(self) -> int | None:
        """How many servers Avi can select; None if they are not visible."""
        if not self.enabled or self.ratio == 0:
            return 0
        return None if self.servers is None else sum(each.enabled for each in self.servers)


class Group(Struct, frozen=True):
    """A pool group with what is visible of it. ``servers``, ``usable``: None if not all pools are visible."""

    found: AviObject
    pools: tuple[GroupedPool, ...]
    unseen_pools: int
    servers: int | None
    usable: int | None


class Chain(Struct, frozen=True):
    """An ICAP profile with what is visible of its pool group."""

    profile: AviObject
    below: Group | None

    @property
    def group(self) -> AviObject | None:
        """The pool group; None if it is not visible."""
        return self.below.found if self.below else None

    @property
    def pools(self) -> tuple[GroupedPool, ...]:
        """The pools of the group that are visible."""
        return self.below.pools if self.below else ()

    @property
    def unseen_pools(self) -> int:
        """How many pools of the group are not visible."""
        return self.below.unseen_pools if self.below else 0

    @property
    def servers(self) -> int | None:
        """Of all pools; None if not all are visible."""
        return self.below.servers if self.below else None

    @property
    def usable(self) -> int | None:
        """Of them those that Avi can select."""
        return self.below.usable if self.below else None


def chains_of(configuration: Configuration, profiles: Iterable[AviObject]) -> list[Chain]:
    """What the profiles lead to, each profile once."""
    groups: dict[int, Group] = {}
    chains: list[Chain] = []
    for profile in {id(each.node): each for each in profiles}.values():
        found = next(iter(configuration.follow(profile, "pool_group_ref", GROUP)), None)
        if found is not None and id(found.node) not in groups:
            groups[id(found.node)] = _group(configuration, found)
        chains.append(Chain(profile, groups[id(found.node)] if found is not None else None))
    return chains


def _group(configuration: Configuration, found: AviObject) -> Group:
    pools: list[GroupedPool] = []
    unseen = 0
    for number, item in enumerate(elements(found.node, "members")):
        meant = configuration.follow(found, "pool_ref", POOL, item)
        unseen += not meant
        pools += [_grouped(each, Part("PoolGroupMember", item, f"members[{number}]")) for each in meant]
    listed = [None if each.servers is None else len(each.servers) for each in pools]
    return Group(found, tuple(pools), unseen, _sum(listed, unseen), _sum([each.usable for each in pools], unseen))


def _sum(counts: Sequence[int | None], unseen: int) -> int | None:
    known = [count for count in counts if count is not None]
    return None if unseen or len(known) < len(counts) else sum(known)


def _grouped(found: AviObject, member: Part) -> GroupedPool:
    listed = found.node.get("servers")
    hidden = not isinstance(listed, ListNode | MapNode) or any(found.node.text(key) for key in _ELSEWHERE)
    if isinstance(listed, ListNode) and not listed.items and found.address:
        hidden = True  # Terraform may have them as resources of their own
    default = as_integer(found.node.text("default_server_port") or "80")
    items = elements(found.node, "servers")
    servers = [_server(item, number, default) for number, item in enumerate(items[:MOST_SERVERS])]
    return GroupedPool(
        found=found,
        member=member,
        enabled=as_flag(found.node.text("enabled") or "true") is not False,
        ratio=as_integer(member.node.text("ratio") or "1"),
        servers=None if hidden and not servers else tuple(servers),
        left_out=len(items) - len(servers),
    )


def _server(node: MapNode, number: int, default: int | None) -> Server:
    address = section(node, "ip")
    host = (address.text("addr") if address else node.text("ip")) or node.text("hostname")
    if node.text("hostname") and as_flag(node.text("resolve_server_by_dns")):
        host = node.text("hostname")
    own = as_integer(node.text("port") or "0")
    return Server(
        part=Part("Server", node, f"servers[{number}]"),
        host=host[:256],
        port=default if own == 0 else own,
        own_port=own != 0,
        enabled=as_flag(node.text("enabled") or "true") is not False,
    )


# --- as facts --------------------------------------------------------------------------------------


def profile_sheet(
    chain: Chain,
    attached: bool | None,
    preview: tuple[int | None, tuple[str, ...] | None],
    shared_with: tuple[str, ...] = (),
    differing: tuple[str, ...] | None = None,
) -> ProfileSheet:
    """The profile's facts. ``attached``: some virtual service refers to it; None if there is none in the files.

    ``preview``: the longest that all servers accept, and those that accept no longer one. ``shared_with``: profiles
    before it with its servers. ``differing``: settings in which they differ.
    """
    found, values = chain.profile, Values(chain.profile)
    for fact in ("usable_servers", "shares_servers_with"):
        values.note(fact, "pool_group_ref", found.node.get("pool_group_ref") or found.node)
    broken = broken_references(found, "pool_group_ref", [chain.group] if chain.group else [])
    values.note("broken_references", "pool_group_ref", found.node.get("pool_group_ref") or found.node)
    return values.sheet(
        ProfileSheet,
        "icapprofile",
        found.name,
        attached=attached,
        group_visible=chain.group is not None,
        servers=chain.servers,
        usable_servers=chain.usable,
        broken_references=broken,
        shares_servers_with=shared_with or None,
        differing=differing,
        server_preview=preview[0],
        server_preview_of=preview[1],
    )


def group_sheet(group: AviObject, chain: Chain) -> GroupSheet:
    """The pool group's facts."""
    values = Values(group)
    note_fail_action(values, group)
    values.note("group_members", "members", group.node.get("members") or group.node)
    values.note("broken_references", "members", group.node.get("members") or group.node)
    return values.sheet(
        GroupSheet,
        "poolgroup",
        group.name,
        group_fail_action=fail_action_of(group),
        group_members=len(elements(group.node, "members")),
        pools_not_visible=chain.unseen_pools,
        broken_references=broken_references(group, "pool_ref", [each.found for each in chain.pools]),
    )


def note_fail_action(values: Values, found: AviObject) -> None:
    """Where the fail_action of a pool group or a pool stands."""
    action = section(found.node, "fail_action")
    if action is not None:
        values.note("group_fail_action", "fail_action", action.get("type") or action, fail_action_of(found) or "")


class Beside(Struct, frozen=True):
    """The pools of one group together, as far as Avi selects them.

    ``endpoints``: how often each ``host:port`` is in use. ``first``: the highest priority_label, if all are numbers.
    """

    endpoints: Counter[str]
    first: int | None


def beside_of(pools: Sequence[GroupedPool]) -> Beside:
    """What the pools of a group are together."""
    used = [each for each in pools if each.usable != 0]
    labels = [as_integer(each.member.node.text("priority_label")) for each in used]
    known = [label for label in labels if label is not None]
    return Beside(
        endpoints=Counter(server.endpoint.lower() for each in used for server in each.servers or () if server.enabled),
        first=max(known) if known and len(known) == len(labels) else None,
    )


def _stands_by(values: Values, pool: GroupedPool, beside: Beside) -> bool | None:
    """Whether another pool of the group comes first by its priority_label; None if labels are not numbers."""
    label = pool.member.node.get("priority_label") or pool.member.node
    own = as_integer(pool.member.node.text("priority_label"))
    if own is None or beside.first is None:
        return None
    values.note("standby", pool.member.at("priority_label"), label, str(own))
    return own < beside.first


def has_tls(pool: AviObject) -> bool:
    """Whether the pool has an SSL profile, which is what makes a Service Engine speak TLS."""
    return bool(pool.node.text("ssl_profile_ref"))


def pool_sheet(
    configuration: Configuration,
    pool: GroupedPool,
    beside: Beside,
    connections: tuple[int | None, tuple[str, ...] | None],
    in_all: int | None,
) -> PoolSheet:
    """The facts of a pool, and of its place in the group.

    ``connections``: the most that all of its servers accept, and those that accept no more. ``in_all``: the most that
    Avi opens to one of them.
    """
    found, values = pool.found, Values(pool.found)
    note_fail_action(values, found)
    kind, request = deciding_monitor(configuration.of(MONITOR), found)
    at = found.node.get("health_monitor_refs") or found.node
    values.note("monitor_type", "health_monitor_refs", at)
    values.note("monitor_request", "health_monitor_refs", at)
    watch = watch_of(configuration, found, pool.ports)
    if watch is not None:
        values.note("monitoring", "health_monitor_refs", watch.place, watch.label)
    for fact, field in (("pki", "pki_profile_ref"), ("domain_names", "domain_name")):
        values.note(fact, field, found.node.get(field) or found.node)
    values.note("connections_in_all", LIMIT, found.node.get(LIMIT) or found.node, found.node.text(LIMIT))
    values.note("tls", "ssl_profile_ref", found.node.get("ssl_profile_ref") or found.node)
    return values.sheet(
        PoolSheet,
        "pool",
        found.name,
        ratio=values.read("ratio", int, part=pool.member),
        priority_label=values.read("priority_label", str, part=pool.member),
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
        server_connections=connections[0],
        server_connections_of=connections[1],
        connections_in_all=in_all,
        standby=_stands_by(values, pool, beside),
    )


def server_sheets(pool: GroupedPool, beside: Beside) -> Iterator[tuple[str, ServerSheet]]:
    """The facts of each server, beside its name. ``beside``: of all pools of the group."""
    for server in pool.servers or ():
        values = Values(pool.found, server.part)
        if server.own_port:
            values.read("port", int)
        else:
            values.read(_PORT, int, fact="port", part=Part(POOL, pool.found.node))
        values.note("host", server.part.at("ip"), server.part.node.get("ip") or server.part.node, server.host)
        same = beside.endpoints[server.endpoint.lower()] if server.enabled and pool.usable != 0 else 0
        if same > 1:
            values.note("same_server_as", server.part.at("ip"), server.part.node, server.endpoint)
        yield (
            server.endpoint,
            values.sheet(
                ServerSheet,
                "server",
                server.endpoint,
                host=server.host or None,
                tls=has_tls(pool.found),
                port=server.port,
                port_from="server" if server.own_port else "pool" if pool.found.node.text(_PORT) else "default",
                ratio=values.read("ratio", int),
                in_pool=pool.found.name,
                same_server_as=(server.endpoint,) * min(same - 1, _NAMED) or None,
            ),
        )


def pki_sheets(configuration: Configuration, pool: AviObject) -> Iterator[tuple[AviObject, PKISheet]]:
    """The facts of the PKI profile of a pool, if it is in the files."""
    for found in configuration.follow(pool, "pki_profile_ref", PKI):
        certificates = len(elements(found.node, "ca_certs"))
        values = Values(found)
        values.note("revocation_lists", "crls", found.node.get("crls") or found.node)
        values.note("authorities", "ca_certs", found.node.get("ca_certs") or found.node)
        sheet = values.sheet(
            PKISheet,
            "pkiprofile",
            found.name,
            authorities=certificates,
            revocation_lists=len(elements(found.node, "crls")),
            allow_pki_errors=tuple(texts(found.node, "allow_pki_errors")) or None,
        )
        yield found, sheet
