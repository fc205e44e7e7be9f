"""What may stand where: one struct for each kind of mapping, the converter of a value beside its type.

Only one level is read at a time, so that every mistake is tied to its node, and one bad member does
not hide another. The converters of `scalars` and `hosts` do the reading.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args

from msgspec import Struct
from msgspec.structs import FieldInfo, asdict, fields

from icapdiag.mistakes import Path, Problems, suggestion
from icapdiag.pool import hosts
from icapdiag.pool.scalars import day, finding_id, integer, one_of, remark, to_bool, to_text
from icapdiag.yamltree import ListNode, MapNode, Node, is_null, kind

VENDORS = ("ICAP_VENDOR_GENERIC", "ICAP_VENDOR_OPSWAT", "ICAP_VENDOR_LASTLINE")
FILE_NAME = 4096  # characters
FAIL_ACTIONS = ("ICAP_FAIL_OPEN", "ICAP_FAIL_CLOSED")

# What users write for a key of ours, too far from it for a match by spelling.
SYNONYMS = {
    "address": "host", "addr": "host", "ip": "host", "server": "host", "hostname": "host", "fqdn": "host",
    "servers": "members", "hosts": "members", "uri": "service_uri", "service": "service_uri", "path": "service_uri",
    "url": "service_uri", "ssl": "tls", "timeout": "response_timeout", "ca": "ca_file", "cafile": "ca_file",
    "sni": "server_name", "cert": "cert_file", "certificate": "cert_file", "key": "key_file", "insecure": "verify",
    "name": "pool", "disabled": "enabled", "icap_profile": "profile", "suppress": "suppressions",
    "id": "finding", "runbook": "finding", "members": "member", "because": "reason", "why": "reason", "who": "owner",
    "expires": "until", "expiry": "until",
}  # fmt: skip


def _text_with(parse: Callable[[str], str], limit: int) -> Callable[[Node], str]:
    return lambda value: parse(to_text(value, limit=limit))


# A type, and what makes such a value of a node or raises ValueError with what to do.
Name = Annotated[str, to_text]
Remark = Annotated[str, remark]
Flag = Annotated[bool, to_bool]
Port = Annotated[int, integer(1, 65535)]
Milliseconds = Annotated[int, integer(50, 3_600_000, "ms")]
ServiceURI = Annotated[str, _text_with(hosts.parse_service_uri, 4096)]
Host = Annotated[str, _text_with(hosts.parse_host, 1024)]
HostAlone = Annotated[str, _text_with(hosts.parse_host_alone, 1024)]
FilePath = Annotated[str, _text_with(str, FILE_NAME)]
FailAction = Annotated[str, one_of(FAIL_ACTIONS)]
Unread = Any  # has a reader of its own, or none


class Lenient(Struct):
    """An object of Avi's API: dozens of keys that matter nothing here, and null and "" count as absent."""


class Strict(Struct, forbid_unknown_fields=True):
    """A mapping of our own format: unknown keys are mistakes."""


class PoolFile(Strict):
    """The outermost mapping of pool.yaml."""

    pool: Name = ""
    service_uri: ServiceURI = ""
    default_port: Port | None = None
    profile: Unread = None
    members: Unread = None
    tls: Unread = None
    samples: Unread = None
    compare: Flag = True
    suppressions: Unread = None


class AviProfile(Lenient):
    """IcapProfile of the API: names, units and ranges of its schema. None is Avi's default, see `Profile`."""

    name: Name | None = None
    description: Remark | None = None
    service_uri: ServiceURI | None = None
    vendor: Annotated[str, one_of(VENDORS)] | None = None
    enable_preview: Flag | None = None
    preview_size: Annotated[int, integer(0, 5000, "bytes")] | None = None
    allow_204: Flag | None = None
    response_timeout: Milliseconds | None = None
    slow_response_warning_threshold: Milliseconds | None = None
    buffer_size: Annotated[int, integer(1, 51_200, "KB")] | None = None
    buffer_size_exceed_action: FailAction | None = None
    fail_action: FailAction | None = None
    pool_group_ref: Remark | None = None
    cloud_ref: Remark | None = None
    tenant_ref: Remark | None = None


class ProfileFile(AviProfile, forbid_unknown_fields=True, rename={"last_modified": "_last_modified"}):
    """``profile:`` of pool.yaml. What else the API returns may be pasted along."""

    default_port: Port | None = None
    nsx_defender_config: Unread = None
    uuid: Unread = None
    url: Unread = None
    markers: Unread = None
    configpb_attributes: Unread = None
    last_modified: Unread = None


class MemberFile(Strict):
    """A member written as a mapping."""

    host: HostAlone
    port: Port | None = None
    name: Name = ""
    enabled: Flag = True
    tls: Unread = None


class TLSFile(Strict):
    """``tls:`` written as a mapping; None is what the pool says."""

    verify: Flag | None = None
    ca_file: FilePath | None = None
    server_name: Host | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None


class SuppressionFile(Strict):
    """One of ``suppressions:``."""

    finding: Annotated[str, finding_id]
    reason: Annotated[str, _text_with(str, 1000)]
    owner: Name
    until: Annotated[date, day]
    member: Name = "*"


class AviPool(Lenient):
    """Pool of the API. Its schema's default port is 80, not 1344."""

    name: Remark = ""
    enabled: Flag = True
    default_server_port: Port = 80
    servers: Unread = None
    ssl_profile_ref: Remark = ""
    pki_profile_ref: Remark = ""
    host_check_enabled: Flag = False
    sni_enabled: Flag = True
    server_name: Host | None = None
    ipaddrgroup_ref: Remark = ""


class AviServer(Lenient):
    """Server of a Pool of the API. Port 0 or none means the pool's."""

    ip: Unread = None
    hostname: Remark = ""
    port: Annotated[int, integer(0, 65535)] = 0
    enabled: Flag = True
    resolve_server_by_dns: Flag = False


class AviAddress(Lenient):
    """IpAddr of the API; ``type`` V4, V6 or DNS adds nothing that the address does not show."""

    addr: Host


class AviGroupMember(Lenient):
    """One pool of a PoolGroup of the API. Ratio 0: Avi never selects it."""

    pool_ref: Unread = None
    ratio: Annotated[int, integer(0, 1_000_000)] = 1


Shape = TypeVar("Shape", bound=Struct)


def given(written: Struct) -> dict[str, Any]:
    """The values that were written, by the field's name."""
    return {name: value for name, value in asdict(written).items() if value is not None}


def validate(shape: type[Shape], node: Node, path: Path, problems: Problems) -> Shape | None:
    """The mapping as that struct, or None with its mistakes noted.

    Values that are refused already (aliases, …) count as absent and raise no second mistake.
    """
    if node.problem is not None:
        return None
    if not isinstance(node, MapNode):
        problems.add(node, path, f"there is {kind(node)} here: write a mapping (key: value)")
        return None
    strict = shape.__struct_config__.forbid_unknown_fields
    known = _known(shape)
    values: dict[str, Any] = {}
    noted: set[str] = set()
    before = problems.count
    for key, value in node.pairs():
        name = key.text
        if value.problem is not None:
            noted.add(name)
        elif not strict and (name not in known or _absent(value)):
            continue
        elif name not in known:
            hint = "" if problems.full else _meant(name, shape)
            problems.add(key, (*path, name), f"unknown key{hint}")
        elif (convert := _converter(known[name])) is not None:
            try:
                values[known[name].name] = convert(value)
            except ValueError as error:
                problems.add(value, (*path, name), str(error))
                noted.add(name)
    missing = [name for name, field in known.items() if field.required and field.name not in values]
    for name in missing:
        if name not in noted:
            problems.add(node, (*path, name), f"missing: write {name}: …")
    return None if missing or problems.count > before else shape(**values)


def listed(node: Node | None, path: Path, such: str, most: int, problems: Problems) -> list[Node]:
    """The elements of a list; none if it is not a list, or one longer than ``most``, which is noted.

    ``such`` goes on after "write a list".
    """
    if node is None or node.problem is not None:
        return []
    if not isinstance(node, ListNode):
        stands = "no value" if is_null(node) else kind(node)
        problems.add(node, path, f"there is {stands} here: write a list{such}")
        return []
    if len(node.items) > most:
        problems.add(node, path, f"{len(node.items)} {path[-1]}: write at most {most}")
        return []
    return node.items


@cache
def _known(shape: type[Struct]) -> dict[str, FieldInfo]:
    return {field.encode_name: field for field in fields(shape)}


def _converter(field: FieldInfo) -> Callable[[Node], Any] | None:
    """What stands beside the type, or beside the type that may be None as well."""
    for kind_of_value in (field.type, *get_args(field.type)):
        if hasattr(kind_of_value, "__metadata__"):
            return cast("Callable[[Node], Any]", kind_of_value.__metadata__[0])
    return None


def _absent(node: Node) -> bool:
    return is_null(node) or getattr(node, "text", None) == ""


def _meant(name: str, shape: type[Struct]) -> str:
    """What to write instead of a key that ``shape`` has not."""
    known = _known(shape)
    synonym = SYNONYMS.get(name.lower(), "")
    if synonym in known:
        return f"; did you mean '{synonym}'?"
    if shape is PoolFile and name in _known(ProfileFile):
        return "; put it under profile:"
    if shape is ProfileFile and name in _known(PoolFile):
        return "; put it at the top level of the file, not under profile:"
    return suggestion(name, known) or f"; known are {', '.join(key for key in known if not key.startswith('_'))}"
