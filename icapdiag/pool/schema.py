"""What may stand where, as pydantic models. Each takes one mapping whose values are nodes.

Only one level is validated at a time, so that every mistake is tied to its node, and one bad
member does not hide another. The converters of `scalars` and `hosts` do the reading.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from icapdiag.pool import hosts
from icapdiag.pool.nodes import MapNode, Node, is_null, kind
from icapdiag.pool.scalars import day, finding_id, integer, one_of, remark, suggest, to_bool, to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from icapdiag.pool.problems import Path, Problems

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


def _text_with(parse: Callable[[str], str], limit: int) -> Callable[[Any], str]:
    return lambda value: parse(to_text(value, limit=limit))


Name = Annotated[str, BeforeValidator(to_text)]
Remark = Annotated[str, BeforeValidator(remark)]
Flag = Annotated[bool, BeforeValidator(to_bool)]
Port = Annotated[int, BeforeValidator(integer(1, 65535))]
Milliseconds = Annotated[int, BeforeValidator(integer(50, 3_600_000, "ms"))]
ServiceURI = Annotated[str, BeforeValidator(_text_with(hosts.parse_service_uri, 4096))]
Host = Annotated[str, BeforeValidator(_text_with(hosts.parse_host, 1024))]
HostAlone = Annotated[str, BeforeValidator(_text_with(hosts.parse_host_alone, 1024))]
FilePath = Annotated[str, BeforeValidator(lambda value: to_text(value, limit=FILE_NAME))]
FailAction = Annotated[str, BeforeValidator(one_of(FAIL_ACTIONS))]


class Strict(BaseModel):
    """A mapping of our own format: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lenient(BaseModel):
    """An object of Avi's API: dozens of keys that matter nothing here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PoolFile(Strict):
    """The outermost mapping of pool.yaml."""

    pool: Name = ""
    service_uri: ServiceURI | None = None
    default_port: Port | None = None
    profile: Any = None
    members: Any = None
    tls: Any = None
    samples: Any = None
    compare: Flag = True
    suppressions: Any = None


class ProfileFields(BaseModel):
    """Avi's IcapProfile: names, units, defaults and ranges of its API schema."""

    name: Name = ""
    description: Remark = ""
    service_uri: ServiceURI | None = None
    vendor: Annotated[str, BeforeValidator(one_of(VENDORS))] = "ICAP_VENDOR_OPSWAT"
    enable_preview: Flag = True
    preview_size: Annotated[int, BeforeValidator(integer(0, 5000, "bytes"))] = 5000
    allow_204: Flag = True
    response_timeout: Milliseconds = 60_000
    slow_response_warning_threshold: Milliseconds = 10_000
    buffer_size: Annotated[int, BeforeValidator(integer(1, 51_200, "KB"))] = 51_200
    buffer_size_exceed_action: FailAction = "ICAP_FAIL_OPEN"
    fail_action: FailAction = "ICAP_FAIL_OPEN"
    pool_group_ref: Remark = ""
    cloud_ref: Remark = ""
    tenant_ref: Remark = ""


class ProfileFile(Strict, ProfileFields):
    """``profile:`` of pool.yaml. What else the API returns may be pasted along."""

    default_port: Port | None = None
    nsx_defender_config: Any = None
    uuid: Any = None
    url: Any = None
    markers: Any = None
    configpb_attributes: Any = None
    last_modified: Any = Field(default=None, alias="_last_modified")


class MemberFile(Strict):
    """A member written as a mapping."""

    host: HostAlone
    port: Port | None = None
    name: Name = ""
    enabled: Flag = True
    tls: Any = None


class TLSFile(Strict):
    """``tls:`` written as a mapping."""

    verify: Flag = True
    ca_file: FilePath | None = None
    server_name: Host | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None


class SuppressionFile(Strict):
    """One of ``suppressions:``."""

    finding: Annotated[str, BeforeValidator(finding_id)]
    member: Name = "*"
    reason: Annotated[str, BeforeValidator(_text_with(str, 1000))]
    owner: Name
    until: Annotated[date, BeforeValidator(day)]


class AviProfile(Lenient, ProfileFields):
    """IcapProfile of the API."""


class AviPool(Lenient):
    """Pool of the API. Its schema's default port is 80, not 1344."""

    name: Remark = ""
    enabled: Flag = True
    default_server_port: Port = 80
    servers: Any = None
    ssl_profile_ref: Remark = ""
    pki_profile_ref: Remark = ""
    sni_enabled: Flag = True
    server_name: Host | None = None
    ipaddrgroup_ref: Remark = ""


class AviServer(Lenient):
    """Server of a Pool of the API. Port 0 or none means the pool's."""

    ip: Any = None
    hostname: Remark = ""
    port: Annotated[int, BeforeValidator(integer(0, 65535))] = 0
    enabled: Flag = True
    resolve_server_by_dns: Flag = False


class AviAddress(Lenient):
    """IpAddr of the API; ``type`` V4, V6 or DNS adds nothing that the address does not show."""

    addr: Host


class AviGroupMember(Lenient):
    """One pool of a PoolGroup of the API. Ratio 0: Avi never selects it."""

    pool_ref: Name
    ratio: Annotated[int, BeforeValidator(integer(0, 1_000_000))] = 1


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], node: Node, path: Path, problems: Problems) -> Model | None:
    """The mapping as that model, or None with its mistakes noted.

    Values that are refused already (aliases, …) count as absent and raise no second mistake.
    In Avi's objects null and "" count as absent.
    """
    if node.problem is not None:
        return None
    if not isinstance(node, MapNode):
        problems.add(node, path, f"{kind(node)} stands here: write a mapping (key: value)")
        return None
    lenient = issubclass(model, Lenient)
    pairs = {key.text: (key, value) for key, value in node.pairs() if value.problem is None}
    values = {name: value for name, (_, value) in pairs.items() if not (lenient and _absent(value))}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            where = (*path, name)
            if detail["type"] == "missing":
                if name in pairs or not node.find(name):  # else it is there, and refused already
                    problems.add(node, where, f"missing: write {name}: …")
            elif detail["type"] == "extra_forbidden":
                hint = "" if problems.full else _meant(name, model)
                problems.add(pairs[name][0], where, "unknown key" + hint)
            else:
                problems.add(pairs[name][1], where, str(detail.get("ctx", {}).get("error", detail["msg"])))
        return None


def _absent(node: Node) -> bool:
    return is_null(node) or getattr(node, "text", None) == ""


def _meant(name: str, model: type[BaseModel]) -> str:
    known = [field.alias or key for key, field in model.model_fields.items()]
    synonym = SYNONYMS.get(name.lower())
    if synonym in known:
        return f"; did you mean '{synonym}'?"
    return suggest(name, known) or f"; known are {', '.join(key for key in known if not key.startswith('_'))}"
