"""Objects of Avi's configuration, and what their references mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from icapdiag.mistakes import Path, shown
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar, is_null

POOL, GROUP, PROFILE, PKI, MONITOR = "Pool", "PoolGroup", "IcapProfile", "PKIProfile", "HealthMonitor"
VIRTUAL_SERVICE, POLICY_SET = "VirtualService", "HTTPPolicySet"
ANALYTICS, SE_GROUP, APPLICATION = "AnalyticsProfile", "ServiceEngineGroup", "ApplicationProfile"
SSL_PROFILE, CLOUD, SYSTEM = "SSLProfile", "Cloud", "SystemConfiguration"
HOST_RULE, L7_RULE = "HostRule", "L7Rule"  # of AKO: they name objects on the Controller
CHAIN = (PROFILE, GROUP, POOL)
AKO = (HOST_RULE, L7_RULE)
KINDS = MappingProxyType(
    {
        kind.lower(): kind
        for kind in (*CHAIN, PKI, MONITOR, VIRTUAL_SERVICE, POLICY_SET, ANALYTICS, SE_GROUP, APPLICATION, SSL_PROFILE)
    }
    | {CLOUD.lower(): CLOUD, SYSTEM.lower(): SYSTEM}
)
"""By the type in URLs and uuids."""
_MOST_LISTED = 10
_UUID = re.compile(r"(?P<type>[a-z0-9]+)-[0-9A-Za-z-]+")
_INTERPOLATED = re.compile(
    r"(?:\$\{)?((?:module\.[\w-]+(?:\[[^\]]*\])?\.)*(?:data\.)?avi_[a-z0-9_]+\.[\w-]+)(?:\[[^\]]*\])?\.(?:id|uuid)\}?"
)
_TELLING: tuple[tuple[str, tuple[str, ...]], ...] = (  # keys that only one kind has
    (VIRTUAL_SERVICE, ("icap_request_profile_refs", "http_policies", "vsvip_ref", "vh_parent_vs_ref")),
    (POLICY_SET, ("http_security_policy", "http_request_policy", "http_response_policy")),
    (PKI, ("ca_certs",)),
    (POOL, ("servers", "default_server_port", "lb_algorithm")),
    (ANALYTICS, ("client_log_config", "sensitive_log_profile", "apdex_response_threshold")),
    (SYSTEM, ("default_license_tier", "welcome_workflow_complete")),
    (SE_GROUP, ("memory_per_se", "se_name_prefix", "max_se")),
)


class AviObject(Struct, frozen=True):
    """An object of one of the kinds, and where it stands. ``address`` is Terraform's, such as ``avi_pool.icap``.

    ``version``: the release of Avi that it is of, or is to be applied with; "" if the file does not say.
    """

    kind: str
    node: MapNode
    path: Path
    file: str = ""
    address: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """The object's own name, "" if it has none."""
        metadata = section(self.node, "metadata") if self.kind in AKO else None
        return self.node.text("name") if metadata is None else metadata.text("name")

    def matches(self, reference: Reference) -> bool:
        """Whether the reference means this object, as far as both say."""
        if reference.address:
            return reference.address == self.address
        own = {self.node.text("uuid"), parse_reference(self.node.text("url")).word} - {""}
        if reference.word and reference.word in own:
            return True
        if own and type_of_uuid(reference.word) == self.kind.lower():
            return False  # another object's uuid; that the names are equal does not count then
        if not self.name or self.name not in {reference.word, reference.name}:
            return False
        return self._agrees("tenant_ref", reference.tenant) and self._agrees("cloud_ref", reference.cloud)

    def _agrees(self, key: str, wanted: str) -> bool:
        own = parse_reference(self.node.text(key)).label
        return not wanted or not own or own == wanted


def names(objects: Sequence[AviObject]) -> str:
    """The objects' names for a message, at most ten."""
    listed = ", ".join(shown(found.name) for found in objects[:_MOST_LISTED])
    return listed + (f" and {len(objects) - _MOST_LISTED} more" if len(objects) > _MOST_LISTED else "")


def kind_of(node: MapNode) -> str:
    """The kind by URL, uuid or the keys that only they have; "" for anything else."""
    named = type_of_url(node.text("url")) or type_of_uuid(node.text("uuid"))
    if named:
        return KINDS.get(named, "")
    members = node.get("members")
    if isinstance(members, ListNode):
        refers = any(isinstance(item, MapNode) and item.find("pool_ref") for item in members.items)
        return GROUP if refers else ""
    if node.find("pool_group_ref") and (node.find("service_uri") or not _has(node, VIRTUAL_SERVICE)):
        return PROFILE if node.find("name") or node.find("service_uri") else ""
    if node.text("type").startswith("HEALTH_MONITOR_"):
        return MONITOR
    if node.find("vip") and any(node.find(key) for key in ("pool_ref", "pool_group_ref", "services")):
        return VIRTUAL_SERVICE
    return next((kind for kind, _ in _TELLING if _has(node, kind)), "")


def _has(node: MapNode, kind: str) -> bool:
    return any(node.find(key) for name, keys in _TELLING if name == kind for key in keys)


def section(node: Node, key: str) -> MapNode | None:
    """The mapping under a key. Terraform writes a block that can stand once as a list of one."""
    value = node.get(key)
    if isinstance(value, ListNode) and len(value.items) == 1:
        value = value.items[0]
    return value if isinstance(value, MapNode) else None


def elements(node: Node, key: str) -> list[MapNode]:
    """The mappings in the list under a key; one that stands there without a list counts as its only element."""
    value = node.get(key)
    found = value.items if isinstance(value, ListNode) else [value]
    return [item for item in found if isinstance(item, MapNode)]


def texts(node: Node, key: str) -> list[str]:
    """The texts of the list under a key, or the only one that stands there without a list."""
    return [item.text for item in scalars(node, key)]


def scalars(node: Node, key: str) -> list[Scalar]:
    """The same with their places."""
    value = node.get(key)
    found = value.items if isinstance(value, ListNode) else [value]
    return [item for item in found if isinstance(item, Scalar) and item.text and not is_null(item)]


def references(node: Node, key: str) -> Iterator[tuple[Reference, Node]]:
    """What the texts under a key refer to, each with its place; an object that stands there itself goes by its name."""
    value = node.get(key)
    for item in value.items if isinstance(value, ListNode) else [value]:
        if isinstance(item, Scalar) and item.text and not is_null(item):
            yield parse_reference(item.text), item
        elif isinstance(item, MapNode):
            yield Reference(item.text("uuid") or item.text("name"), item.text("name")), item


class Reference(Struct, frozen=True):
    """What a reference says. Empty where it says nothing.

    ``word`` is a last path segment or a plain text, which may be a uuid or a name.
    """

    word: str = ""
    name: str = ""
    tenant: str = ""
    cloud: str = ""
    address: str = ""  # Terraform's: ``${avi_pool.icap.id}`` is avi_pool.icap
    kind: str = ""  # the type of object in a URL or uuid, such as ``pool``

    @property
    def label(self) -> str:
        """The part to name in a message."""
        return self.name or self.word or self.address

    @property
    def uuid(self) -> str:
        """The uuid, if it names one."""
        return self.word if type_of_uuid(self.word) else ""

    def differs(self, other: Reference) -> bool:
        """Whether the two name different objects, as far as both give a uuid, or both a name."""
        if self.uuid and other.uuid:
            return self.uuid != other.uuid
        own, others = (each.name or ("" if each.uuid else each.word) for each in (self, other))
        return bool(own and others) and own != others


def parse_reference(text: str) -> Reference:
    """Read ``https://c/api/pool/UUID``, ``…#NAME``, ``/api/pool/?name=N&tenant=T``, ``/api/pool?…``, or a name."""
    if found := _INTERPOLATED.fullmatch(text):
        return Reference(address=found[1])
    if "/" not in text and "?" not in text:
        word, _, fragment = text.partition("#")
        return Reference(word, fragment, kind=_kind(word)) if fragment else Reference(text, kind=_kind(text))
    rest, _, fragment = text.partition("#")
    path, _, query = rest.partition("?")
    try:
        keys = parse_qs(query, max_num_fields=32)
    except ValueError:
        keys = {}
    name, tenant, cloud = (keys.get(key, [""])[0] for key in ("name", "tenant", "cloud"))
    steps = [unquote(step) for step in path.split("/") if step]
    if "api" not in steps:
        return Reference(text)  # a name with a slash in it
    after = steps[steps.index("api") + 1 :]
    word = after[1] if len(after) > 1 else ""
    return Reference(word, fragment or name, tenant, cloud, kind=_kind(f"{after[0]}-1") if after else "")


def _kind(uuid: str) -> str:
    """The type of a uuid, if it is one that is known: a name may look like a uuid."""
    word = type_of_uuid(uuid)
    return word if word in KINDS else ""


def type_of_uuid(text: str) -> str:
    """``pool-11a38043-…`` is a ``pool``; "" if the text is not a uuid of Avi's."""
    match = _UUID.fullmatch(text)
    return match["type"] if match else ""


def type_of_url(text: str) -> str:
    """The object type in ``https://c/api/pool/…``; "" if there is none."""
    _, api, rest = text.partition("/api/")
    return re.split(r"[/?#]", rest, maxsplit=1)[0] if api else ""
