"""From an ICAP profile down: its pool group, the pools in it, and their servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from icapdiag.avi.addresses import host_port
from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import (
    GROUP,
    POOL,
    AviObject,
    elements,
    section,
)
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.avi.config.values import Part
from icapdiag.yamltree import ListNode, MapNode

# What fills a pool with servers that its own list does not show.
MOST_SERVERS = 20_000  # of a pool
PORT = "default_server_port"
LIMIT = "max_concurrent_connections_per_server"
_ELSEWHERE = ("ipaddrgroup_ref", "nsx_securitygroup", "external_autoscale_groups", "autoscale_policy_ref", "networks")


class Server(Struct, frozen=True):
    """A server as it stands in a pool. ``port`` is None where the text written is not a port number."""

    part: Part
    host: str
    port: int | None
    own_port: bool
    enabled: bool
    ratio: int | None = 1

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
        default = as_integer(self.found.node.text(PORT) or "80")
        found = [each.port for each in self.servers] if self.servers else [default]
        return frozenset(port for port in found if port)

    @property
    def usable(self) -> int | None:
        """How many servers Avi can select; None if they are not visible."""
        if not self.enabled or self.ratio == 0:
            return 0
        if self.servers is None:
            return None
        enabled = [each for each in self.servers if each.enabled]
        return sum(each.ratio != 0 for each in enabled) or len(enabled)  # Avi refuses ratio 0 of a server


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
        ratio=as_integer(node.text("ratio") or "1"),
        enabled=as_flag(node.text("enabled") or "true") is not False,
    )
