"""Virtual services: their ICAP profiles, their policy sets in order, and whether uploads reach ICAP.

AKO's HostRule and L7Rule stand for the virtual services that AKO makes of them: they name a profile and policy sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import (
    HOST_RULE,
    L7_RULE,
    POLICY_SET,
    PROFILE,
    VIRTUAL_SERVICE,
    AviObject,
    Reference,
    elements,
    references,
    section,
    texts,
)
from icapdiag.avi.config.rules import ALLOW, CHECK_ICAP, Rule, rules_of
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.yamltree import Node, Scalar

MOST_RULES = 200  # with the ICAP action, and such as end the evaluation, of one virtual service


class IcapRule(Struct, frozen=True):
    """A rule with the ICAP action at a virtual service, and the rules before it that end the evaluation."""

    rule: Rule
    before: tuple[Rule, ...]  # for some of its requests
    covered_by: Rule | None  # for all of them

    @property
    def reached(self) -> bool:
        """Whether it is in force, and uploads come to it."""
        return self.rule.enabled and self.covered_by is None and bool(self.rule.match.uploads)

    @property
    def passed_over(self) -> tuple[Rule, ...]:
        """Earlier rules that let some of its uploads go to the application."""
        return tuple(each for each in self.before if each.action == ALLOW and self._shares_uploads(each))

    def _shares_uploads(self, other: Rule) -> bool:
        return bool(other.match.uploads & self.rule.match.uploads)


class IcapRules(NamedTuple):
    """The rules with the ICAP action of some policy sets. ``left_out``: how many rules were not looked at."""

    found: tuple[IcapRule, ...]
    left_out: int


Known = dict[tuple[int, ...], IcapRules]  # by the ids of the policy sets' nodes


class Service(Struct, frozen=True):
    """A virtual service. ``profile_refs`` counts the references, ``profiles`` are those that are in the files.

    ``rules_left_out``: rules of its policy sets that were not looked at, as there are too many.
    """

    found: AviObject
    name: str
    enabled: bool
    profile_refs: tuple[tuple[Reference, Node], ...]
    profiles: tuple[AviObject, ...]
    policy_sets: tuple[AviObject, ...]
    policy_refs: int
    unseen_policies: int
    rules: tuple[IcapRule, ...]
    rules_left_out: int = 0

    @property
    def is_for_icap(self) -> bool:
        """Whether anything at it has to do with ICAP."""
        return bool(self.profile_refs or self.rules)

    @property
    def reached(self) -> tuple[IcapRule, ...]:
        """The rules that send requests to ICAP."""
        return tuple(each for each in self.rules if each.reached)


def is_called(service: Service, name: str) -> bool:
    """Whether this is the name or the uuid of the virtual service."""
    return name in {service.name, service.found.node.text("uuid")} - {""}


def services_of(configuration: Configuration) -> Iterator[Service]:
    """All virtual services of the files, and what stands for some."""
    known: Known = {}
    for found in configuration.of(VIRTUAL_SERVICE):
        yield _service(configuration, found, known)
    for found in configuration.of(HOST_RULE, L7_RULE):
        yield _of_ako(configuration, found, known)


def _service(configuration: Configuration, found: AviObject, known: Known) -> Service:
    listed = elements(found.node, "http_policies")
    ordered = sorted(enumerate(listed), key=lambda each: (_index(each[1], each[0]), each[0]))
    sets = [configuration.follow(found, "http_policy_set_ref", POLICY_SET, item) for _, item in ordered]
    policies = [each for group in sets for each in group]
    switches = (found.node.text(name) for name in ("enabled", "traffic_enabled"))
    return _put_together(
        found,
        found.name,
        enabled=all(as_flag(text or "true") is not False for text in switches),
        profile_refs=tuple(references(found.node, "icap_request_profile_refs")),
        profiles=configuration.follow(found, "icap_request_profile_refs", PROFILE),
        policies=policies,
        policy_refs=len(listed),
        unseen=sum(not group for group in sets),
        rules=_rules(policies, known),
    )


def _index(item: Node, number: int) -> int:
    value = item.get("index")
    index = as_integer(value.text) if isinstance(value, Scalar) else None
    return number if index is None else index


def overriding(services: Iterable[Service]) -> dict[str, Service]:
    """HostRules with an ICAP profile, by the name of the L7Rule that they refer to: AKO takes theirs before its own."""
    found: dict[str, Service] = {}
    for each in services:
        spec = section(each.found.node, "spec") if each.found.kind == HOST_RULE else None
        host = section(spec, "virtualhost") if spec else None
        name = host.text("l7Rule") if host else ""
        if name and each.profile_refs:
            found.setdefault(name, each)
    return found


def _of_ako(configuration: Configuration, found: AviObject, known: Known) -> Service:
    metadata, spec = section(found.node, "metadata"), section(found.node, "spec")
    host = section(spec, "virtualhost") if spec else None
    rule = (host or spec) if found.kind == HOST_RULE else spec
    named: list[tuple[Reference, Node]] = []
    policies: list[AviObject] = []
    count = unseen = 0
    if rule is not None:
        named = list(references(rule, "icapProfile"))
        policy = section(rule, "httpPolicy")
        wanted = texts(policy, "policySets") if policy else []
        count = len(wanted)
        for name in wanted:
            meant = configuration.find(POLICY_SET, Reference(name))
            if isinstance(meant, AviObject):
                policies.append(meant)
            else:
                unseen += 1
                configuration.note_unseen(found, "policySets", POLICY_SET, name, meant)
        if rule.text("l7Rule"):  # which may bring policy sets of its own
            count, unseen = count + 1, unseen + 1
            configuration.note_unseen(found, "l7Rule", L7_RULE, rule.text("l7Rule"), "may bring policy sets of its own")
    enabled = as_flag(rule.text("enableVirtualHost") or "true") is not False if rule else True
    return _put_together(
        found,
        metadata.text("name") if metadata else "",
        enabled=enabled,
        profile_refs=tuple(named),
        profiles=configuration.follow(found, "icapProfile", PROFILE, rule) if rule else [],
        policies=policies,
        policy_refs=count,
        unseen=unseen,
        rules=_rules(policies, known),
    )


def _put_together(
    found: AviObject,
    name: str,
    *,
    enabled: bool,
    profile_refs: tuple[tuple[Reference, Node], ...],
    profiles: Sequence[AviObject],
    policies: Sequence[AviObject],
    policy_refs: int,
    unseen: int,
    rules: IcapRules,
) -> Service:
    return Service(
        found=found,
        name=name,
        enabled=enabled,
        profile_refs=profile_refs,
        profiles=tuple(profiles),
        policy_sets=tuple(policies),
        policy_refs=policy_refs,
        unseen_policies=unseen,
        rules=rules.found,
        rules_left_out=rules.left_out,
    )


def _rules(policies: Sequence[AviObject], known: Known) -> IcapRules:
    """The rules with the ICAP action in these policy sets, in the order of evaluation; worked out once."""
    key = tuple(id(each.node) for each in policies)
    if key not in known:
        known[key] = _icap_rules([rule for each in policies for rule in rules_of(each)])
    return known[key]


def _icap_rules(rules: Sequence[Rule]) -> IcapRules:
    """The rules with the ICAP action among all of them, which are in the order of evaluation."""
    found: list[IcapRule] = []
    ending: list[Rule] = []
    left_out = 0
    for rule in rules:
        if rule.action == CHECK_ICAP and len(found) < MOST_RULES:
            before = tuple(each for each in ending if each.match.meets(rule.match))
            found.append(IcapRule(rule, before, next((each for each in before if each.match.covers(rule.match)), None)))
        elif rule.ends and len(ending) < MOST_RULES:
            ending.append(rule)
        elif rule.action == CHECK_ICAP or rule.ends:
            left_out += 1
    return IcapRules(tuple(found), left_out)
