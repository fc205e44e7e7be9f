"""A pool from what Avi's API returns: one object, a list, an answer ``{count, results}`` or a whole export.

The chain is IcapProfile → pool_group_ref → PoolGroup → members[].pool_ref → Pool → servers.
Defaults are those of Avi's API schema, such as port 80 for a pool that names none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icapdiag.pool.aviobjects import GROUP, POOL, PROFILE, AviObject, collect, names
from icapdiag.pool.avipool import read_servers
from icapdiag.pool.hosts import same_host
from icapdiag.pool.members import MOST_MEMBERS
from icapdiag.pool.model import DEFAULT_PORT, Member, Pool, Profile
from icapdiag.pool.nodes import ListNode
from icapdiag.pool.problems import Problems, fatal, shown
from icapdiag.pool.references import parse_reference
from icapdiag.pool.schema import AviGroupMember, AviPool, AviProfile, validate

if TYPE_CHECKING:
    from icapdiag.pool.nodes import Node


def read_objects(root: Node, file: str, problems: Problems, *, profile: str | None, service_uri: str | None) -> Pool:
    """The pool that the objects describe. Raises `PoolError` with every mistake found."""
    return _Resolver(list(collect(root)), file, problems).read(profile, service_uri)


class _Resolver:
    """Follows the references from the profile to the servers."""

    def __init__(self, objects: list[AviObject], file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._objects = objects

    def _of(self, kind: str) -> list[AviObject]:
        return [found for found in self._objects if found.kind == kind]

    def read(self, chosen: str | None, service_uri: str | None) -> Pool:
        if not self._objects:
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
            notes=tuple(notes),
        )

    def _stop(self, found: AviObject | None, message: str) -> Exception:
        """Note a mistake after which nothing can be followed, with those noted before it."""
        self._problems.add(found.node if found else None, found.path if found else (), message)
        return self._problems.error()

    def _profile(self, chosen: str | None) -> AviObject | None:
        profiles = self._of(PROFILE)
        if chosen is not None:
            meant = [found for found in profiles if chosen in {found.name, found.node.text("uuid")}]
            if len(meant) != 1:
                count = "no" if not meant else "more than one"
                listed = f"; it holds {names(profiles)}" if profiles else ""
                self._problems.add_option("--profile", f"the file holds {count} ICAP profile {shown(chosen)}{listed}")
                raise self._problems.error()
            return meant[0]
        if len(profiles) > 1:
            raise self._stop(
                None, f"holds {len(profiles)} ICAP profiles: choose one with --profile NAME: {names(profiles)}"
            )
        return profiles[0] if profiles else None

    def _group(self, profile: AviObject | None) -> AviObject | None:
        groups = self._of(GROUP)
        if profile is None:
            if len(groups) > 1:
                raise self._stop(
                    None,
                    f"holds {len(groups)} pool groups and no ICAP profile that chooses one: add the "
                    f"profile, or keep one of {names(groups)}",
                )
            return groups[0] if groups else None
        text = profile.node.text("pool_group_ref")
        if not text:
            raise self._stop(
                profile, f"ICAP profile {shown(profile.name)} names no pool group: its pool_group_ref is missing"
            )
        reference = parse_reference(text)
        meant = [found for found in groups if found.matches(reference)]
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
        values = fields.model_dump()
        values["service_uri"] = service_uri or fields.service_uri
        if not values["service_uri"]:
            self._problems.add(
                found.node,
                (*found.path, "service_uri"),
                "missing: give the path of the ICAP service, such as --service-uri /OMSScanReq-AV",
            )
            return None
        return Profile(**values)

    def _pools(self, group: AviObject | None) -> list[tuple[AviObject, bool]]:
        """The pools, each with whether Avi selects it at all."""
        pools = self._of(POOL)
        if group is None:
            if len(pools) > 1:
                raise self._stop(
                    None,
                    f"holds {len(pools)} pools and no pool group or ICAP profile that chooses: add them, "
                    f"or keep one of {names(pools)}",
                )
            return [(pools[0], True)]
        members = group.node.get("members")
        if not isinstance(members, ListNode) or not members.items:
            raise self._stop(group, f"pool group {shown(group.name)} has no members")
        chosen: dict[int, tuple[AviObject, bool]] = {}
        for index, item in enumerate(members.items):
            path = (*group.path, "members", index)
            member = validate(AviGroupMember, item, path, self._problems)
            if member is None:
                continue
            reference = parse_reference(member.pool_ref)
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
            for member in read_servers(fields, pool.node, pool.path, self._problems, selected=selected):
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
