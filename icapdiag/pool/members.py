"""``members:`` and ``tls:`` of pool.yaml: texts and mappings to members, duplicates named, files looked up."""

from __future__ import annotations

import os
from pathlib import Path as FilePath

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.mistakes import Path, Problems, bare, shown
from icapdiag.pool.hosts import ServerAddress, parse_address, same_host
from icapdiag.pool.model import DEFAULT_PORT, DEFAULT_TLS_PORT, TLS, Member, endpoint
from icapdiag.pool.scalars import to_bool, to_text
from icapdiag.pool.schema import FILE_NAME, MemberFile, TLSFile, given, listed, validate
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar, is_null, kind

MOST_MEMBERS = 20_000
FILES = ("ca_file", "cert_file", "key_file")


class Defaults(Struct, frozen=True, kw_only=True):
    """What the pool says for members that say nothing themselves."""

    port: int | None  # None: not written, so the protocol's default
    tls: TLS | None
    service_uri: str
    directory: FilePath


def read_members(node: Node | None, defaults: Defaults, problems: Problems) -> tuple[Member, ...]:
    """All members that can be read; mistakes are noted."""
    path: Path = ("members",)
    items = listed(node, path, ", such as [192.0.2.7, icap2.example.com:1344]", MOST_MEMBERS, problems)
    if isinstance(node, ListNode) and not node.items and node.problem is None:
        problems.add(node, path, "the list is empty: write at least one member")
    members: list[Member] = []
    first: dict[object, int] = {}  # the lines of addresses and names
    for index, item in enumerate(items):
        member = _member(item, (*path, index), defaults, problems)
        if member is None:
            continue
        at = (same_host(member.host), member.port)
        line = first.get(at) or first.get(member.name)
        if line is None:
            first[at] = first[member.name] = item.line
            members.append(member)
        else:
            what = endpoint(*at) if at in first else f"the name {shown(member.name)}"
            problems.add(item, (*path, index), f"{what} is there already, in line {line}: delete one of the two")
    return tuple(members)


def member_at(
    place: ServerAddress,
    *,
    port: int | None = None,
    tls: TLS | None = None,
    name: str = "",
    enabled: bool = True,
    line: int | None = None,
) -> Member:
    """The member at this address; ``port`` and ``tls`` are of use where it says nothing itself."""
    if place.tls is not None:
        tls = (tls or TLS()) if place.tls else None
    port = place.port or port or (DEFAULT_TLS_PORT if place.tls else DEFAULT_PORT)
    return Member(
        host=place.host, port=port, name=name or endpoint(place.host, port), enabled=enabled, tls=tls, line=line
    )


def _member(node: Node, path: Path, defaults: Defaults, problems: Problems) -> Member | None:
    if node.problem is not None:
        return None
    if isinstance(node, MapNode):
        return _from_mapping(node, path, defaults, problems)
    if not isinstance(node, Scalar):
        problems.add(
            node,
            path,
            f'there is {kind(node)} here: write host:port, or an IPv6 address in quotes, "[2001:db8::1]:1344"',
        )
        return None
    try:
        place = parse_address(to_text(node, limit=4096))
        _check_service(place, defaults)
    except ValueError as error:
        problems.add(node, path, str(error))
        return None
    return member_at(place, port=defaults.port, tls=defaults.tls, line=node.line)


def _check_service(place: ServerAddress, defaults: Defaults) -> None:
    if place.service_uri not in {"", "/", defaults.service_uri}:
        other = f" (it is {shown(defaults.service_uri)})" if defaults.service_uri else ""
        raise ValueError(
            f"the path {shown(place.service_uri)} belongs to the whole pool: write it as service_uri{other}"
        )


def _from_mapping(node: MapNode, path: Path, defaults: Defaults, problems: Problems) -> Member | None:
    if _lost_blank(node, path, problems):
        return None
    setting = node.get("tls")
    tls = (
        defaults.tls
        if setting is None
        else read_tls(setting, (*path, "tls"), defaults.tls, defaults.directory, problems)
    )
    member = validate(MemberFile, node, path, problems)
    if member is None:
        return None
    place = ServerAddress(member.host, member.port)
    return member_at(place, port=defaults.port, tls=tls, name=member.name, enabled=member.enabled, line=node.line)


def _lost_blank(node: MapNode, path: Path, problems: Problems) -> bool:
    """``- 192.0.2.7: 1344`` is a mapping for YAML; say so instead of "unknown key"."""
    if len(node.entries) != 1:
        return False
    key, value = node.entries[0]
    if not isinstance(key, Scalar) or not isinstance(value, Scalar) or not (value.text.isdigit() or is_null(value)):
        return False
    if not any(mark in key.text for mark in ".:"):
        return False
    meant = f"{key.text}:{value.text}" if value.text.isdigit() else f"{key.text}:"
    problems.add(node, path, f"read by YAML as the key {bare(key.text)} with a value: write {shown(meant)}, in quotes")
    return True


def read_tls(node: Node, path: Path, default: TLS | None, directory: FilePath, problems: Problems) -> TLS | None:
    """The setting: None for ``false``; ``default`` for ``true``; a mapping changes single values of the default.

    ``directory`` is what relative file names start from.
    """
    base = default or TLS()
    if node.problem is not None:
        return default
    if isinstance(node, Scalar):
        return _switch(node, path, base, problems)
    setting = validate(TLSFile, node, path, problems)
    for name in FILES:
        _check_file(node.get(name), (*path, name), directory, problems)
    if setting is None:
        return base
    values = given(setting)
    values |= {name: directory / values[name] for name in FILES if values.get(name)}
    result = replace(base, **values)
    if result.key_file and not result.cert_file:
        problems.add(node.get("key_file"), (*path, "key_file"), "a key without a certificate: write cert_file too")
    return result


def _switch(node: Scalar, path: Path, base: TLS, problems: Problems) -> TLS | None:
    try:
        return base if to_bool(node) else None
    except ValueError:
        what = "has no value" if is_null(node) or not node.text else f"{bare(node.text)} is not a TLS setting"
        problems.add(node, path, f"{what}: write true, false, or {{ca_file: …, server_name: …}}")
        return base


def _check_file(node: Node | None, path: Path, directory: FilePath, problems: Problems) -> None:
    if node is None or node.problem is not None:
        return
    try:
        file = directory / to_text(node, limit=FILE_NAME)
    except ValueError:
        return  # no text, and noted already
    wrong = _unusable(file)
    if wrong:
        problems.add(node, path, f"{shown(str(file))} {wrong}")


def _unusable(file: FilePath) -> str | None:
    """What is wrong with a file that TLS will have to read, None if nothing."""
    try:
        if file.is_dir():
            return "is a directory: name a PEM file"
        if not file.exists():
            return "does not exist: file names are relative to the pool file"
        if not file.is_file():
            return "is not a regular file: name a PEM file"
        return None if os.access(file, os.R_OK) else "can't be read by this user"
    except (OSError, ValueError) as error:
        return f"can't be looked up: {getattr(error, 'strerror', None) or error}"
