"""AKO's HostRule and L7Rule: what each says, and what a HostRule takes from the L7Rule that it refers to.

Of both the HostRule's settings come first, field by field: an ICAP profile or policy sets of the L7Rule count where the
HostRule names none. The two are in one namespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import HOST_RULE, L7_RULE, AviObject, Reference, references, section, texts
from icapdiag.avi.config.schema import as_flag
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar, is_null


class Said(Struct, frozen=True):
    """What one object says itself. ``refers_to``: the L7Rule that a HostRule names."""

    found: AviObject
    name: str
    namespace: str
    part: MapNode | None  # that holds its settings
    refers_to: str = ""

    @property
    def enabled(self) -> bool:
        """Whether it is in force."""
        return self.part is None or as_flag(self.part.text("enableVirtualHost") or "true") is not False

    @property
    def profile_refs(self) -> tuple[tuple[Reference, Node], ...]:
        """The ICAP profiles that it names, each with its place."""
        return tuple(references(self.part, "icapProfile")) if self.part is not None else ()

    @property
    def policy_sets(self) -> list[str]:
        """The policy sets that it names."""
        policy = section(self.part, "httpPolicy") if self.part is not None else None
        return texts(policy, "policySets") if policy is not None else []


class AkoRule(Struct, frozen=True):
    """A HostRule or an L7Rule with what counts for it.

    ``profile`` and ``policies``: the object whose ICAP profile and policy sets count. ``not_visible``: the L7Rule that
    it refers to, if the files do not have it and it may bring one of them. ``host``: the HostRule that refers to this
    L7Rule.
    """

    own: Said
    profile: Said
    policies: Said
    not_visible: str = ""
    host: Said | None = None

    @property
    def is_below_another(self) -> bool:
        """Whether it is an L7Rule of a HostRule that the files do not have."""
        return self.own.found.kind == L7_RULE and self.host is None


def ako_rules(configuration: Configuration) -> Iterator[AkoRule]:
    """All HostRules of the files, then all L7Rules."""
    hosts = [_said(found) for found in configuration.of(HOST_RULE)]
    below: dict[str, list[Said]] = {}
    for each in map(_said, configuration.of(L7_RULE)):
        below.setdefault(each.name, []).append(each)
    above: dict[int, Said] = {}
    for host in hosts:
        rule = next((each for each in below.get(host.refers_to, ()) if _together(host, each)), None)
        if rule is not None and (id(rule) not in above or not above[id(rule)].profile_refs):
            above[id(rule)] = host
        lacking = not host.profile_refs or not host.policy_sets
        yield AkoRule(
            own=host,
            profile=host if host.profile_refs or rule is None else rule,
            policies=host if host.policy_sets or rule is None else rule,
            not_visible=host.refers_to if rule is None and lacking else "",
        )
    for listed in below.values():
        for each in listed:
            yield AkoRule(own=each, profile=each, policies=each, host=above.get(id(each)))


def refused_shape(found: AviObject) -> tuple[str, Node, str] | None:
    """The field of an AKO rule that Kubernetes does not take, where it stands, and what it must be.

    HostRule has a list of names, L7Rule an object of kind AviRef with a name (their CRDs in AKO's repository).
    """
    part = _said(found).part
    value = part.get("icapProfile") if part is not None else None
    if value is None or is_null(value):
        return None
    if found.kind == L7_RULE:
        return None if isinstance(value, MapNode) else ("icapProfile", value, "an object with kind AviRef and name")
    listed = isinstance(value, ListNode) and all(isinstance(item, Scalar) for item in value.items)
    return None if listed else ("icapProfile", value, "a list of one name")


def _together(host: Said, rule: Said) -> bool:
    """Whether both may be in one namespace: kubectl fills in one that is not written."""
    return not host.namespace or not rule.namespace or host.namespace == rule.namespace


def _said(found: AviObject) -> Said:
    metadata, spec = section(found.node, "metadata"), section(found.node, "spec")
    host = section(spec, "virtualhost") if spec is not None and found.kind == HOST_RULE else None
    return Said(
        found=found,
        name=found.name,
        namespace=metadata.text("namespace") if metadata is not None else "",
        part=host or spec,
        refers_to=host.text("l7Rule") if host is not None else "",
    )
