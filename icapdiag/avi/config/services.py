"""Virtual services: their ICAP profiles, their policy sets in order, and whether uploads reach ICAP.

AKO's HostRule and L7Rule stand for the virtual services that AKO makes of them: they name a profile and policy sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from icapdiag.avi.config.ako import AkoRule, ako_rules
from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import (
    L7_RULE,
    POLICY_SET,
    PROFILE,
    VIRTUAL_SERVICE,
    AviObject,
    Reference,
    elements,
    references,
)
from icapdiag.avi.config.rules import ALLOW, CHECK_ICAP, Rule, rules_of
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.avi.config.unmatched import Listens, listens_of, unmatched_by
from icapdiag.yamltree import Node, Scalar

MOST_RULES = 200  # with the ICAP action, and such as end the evaluation, of one virtual service

_NAMED = 20  # policy sets that no virtual service has


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
    """The rules with the ICAP action of some policy sets. ``left_out``: how many rules were not looked at.

    ``misspelt``: rules whose action is none of Avi's, and is likely to be that of ICAP.
    """

    found: tuple[IcapRule, ...]
    left_out: int
    misspelt: tuple[Rule, ...] = ()


Known = dict[tuple[int, ...], IcapRules]  # by the ids of the policy sets' nodes


class Service(Struct, frozen=True):
    """A virtual service. ``profile_refs`` counts the references, ``profiles`` are those that are in the files.

    ``profile_in``: the object that refers to the profile. Of AKO: ``profile_elsewhere``: a rule that is not in the
    files may name one; ``host``: the HostRule that refers to this L7Rule, and what it says counts there;
    ``overridden``: the HostRule names a profile, too.
    """

    found: AviObject
    name: str
    enabled: bool
    profile_refs: tuple[tuple[Reference, Node], ...]
    profiles: tuple[AviObject, ...]
    policy_sets: tuple[AviObject, ...]
    policy_refs: int
    unseen_policies: int
    icap_rules: IcapRules
    profile_in: AviObject
    profile_elsewhere: bool = False
    host: str | None = None
    overridden: bool = False
    listens: Listens = Listens()

    @property
    def rules(self) -> tuple[IcapRule, ...]:
        """The rules of its policy sets with the ICAP action, as far as they were looked at."""
        return self.icap_rules.found

    @property
    def rules_left_out(self) -> int:
        """How many rules were not looked at, as there are too many."""
        return self.icap_rules.left_out

    @property
    def is_for_icap(self) -> bool:
        """Whether anything at it has to do with ICAP."""
        return bool(self.profile_refs or self.rules)

    @property
    def reached(self) -> tuple[IcapRule, ...]:
        """The rules that send requests to ICAP."""
        return tuple(each for each in self.rules if each.reached and not self.unmatched_by(each))

    def unmatched_by(self, rule: IcapRule) -> str | None:
        """The field of the rule's match that no request here can meet; None if there is none."""
        return unmatched_by(rule.rule.match, self.listens)


def is_called(service: Service, name: str) -> bool:
    """Whether this is the name or the uuid of the virtual service."""
    return name in {service.name, service.found.node.text("uuid")} - {""}


def unattached_sets(configuration: Configuration, services: Iterable[Service]) -> tuple[str, ...]:
    """The policy sets with an enabled ICAP rule that none of these virtual services has."""
    attached = {id(each.node) for service in services for each in service.policy_sets}
    left = (each for each in configuration.of(POLICY_SET) if id(each.node) not in attached)
    named = (each.name for each in left if any(one.enabled and one.action == CHECK_ICAP for one in rules_of(each)))
    return tuple(islice(named, _NAMED))


def services_of(configuration: Configuration) -> Iterator[Service]:
    """All virtual services of the files, and what stands for some."""
    known: Known = {}
    for found in configuration.of(VIRTUAL_SERVICE):
        yield _service(configuration, found, known)
    for rule in ako_rules(configuration):
        yield _of_ako(configuration, rule, known)


def _service(configuration: Configuration, found: AviObject, known: Known) -> Service:
    listed = elements(found.node, "http_policies")
    ordered = sorted(enumerate(listed), key=lambda each: (_index(each[1], each[0]), each[0]))
    sets = [configuration.follow(found, "http_policy_set_ref", POLICY_SET, item) for _, item in ordered]
    policies = [each for group in sets for each in group]
    switches = (found.node.text(name) for name in ("enabled", "traffic_enabled"))
    return Service(
        found=found,
        name=found.name,
        enabled=all(as_flag(text or "true") is not False for text in switches),
        profile_refs=tuple(references(found.node, "icap_request_profile_refs")),
        profiles=tuple(configuration.follow(found, "icap_request_profile_refs", PROFILE)),
        policy_sets=tuple(policies),
        policy_refs=len(listed),
        unseen_policies=sum(not group for group in sets),
        icap_rules=_rules(policies, known),
        profile_in=found,
        listens=listens_of(found),
    )


def _index(item: Node, number: int) -> int:
    value = item.get("index")
    index = as_integer(value.text) if isinstance(value, Scalar) else None
    return number if index is None else index


def _of_ako(configuration: Configuration, rule: AkoRule, known: Known) -> Service:
    """What AKO makes of a HostRule or an L7Rule."""
    found, named = rule.own.found, rule.policies
    policies: list[AviObject] = []
    for name in named.policy_sets:
        meant = configuration.find(POLICY_SET, Reference(name))
        if isinstance(meant, AviObject):
            policies.append(meant)
        else:
            configuration.note_unseen(named.found, "policySets", POLICY_SET, name, meant)
    count = len(named.policy_sets)
    unseen = count - len(policies)
    if rule.not_visible:
        brings = " and ".join(
            what
            for what, own in (("an ICAP profile", rule.own.profile_refs), ("policy sets", named.policy_sets))
            if not own
        )
        configuration.note_unseen(found, "l7Rule", L7_RULE, rule.not_visible, f"may bring {brings}")
        if not named.policy_sets:
            count, unseen = count + 1, unseen + 1
    profile = rule.profile
    return Service(
        found=found,
        name=rule.own.name,
        enabled=rule.own.enabled,
        profile_refs=profile.profile_refs,
        profiles=tuple(configuration.follow(profile.found, "icapProfile", PROFILE, profile.part))
        if profile.part
        else (),
        policy_sets=tuple(policies),
        policy_refs=count,
        unseen_policies=unseen,
        icap_rules=_rules(policies, known),
        profile_in=profile.found,
        profile_elsewhere=not profile.profile_refs and (bool(rule.not_visible) or rule.is_below_another),
        host=rule.host.name if rule.host is not None else None,
        overridden=rule.host is not None and bool(rule.host.profile_refs),
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
    misspelt: list[Rule] = []
    left_out = 0
    for rule in rules:
        if rule.action == CHECK_ICAP and len(found) < MOST_RULES:
            before = tuple(each for each in ending if each.match.meets(rule.match))
            found.append(IcapRule(rule, before, next((each for each in before if each.match.covers(rule.match)), None)))
        elif rule.ends and len(ending) < MOST_RULES:
            ending.append(rule)
        elif rule.action == CHECK_ICAP or rule.ends:
            left_out += 1
        elif "ICAP" in rule.action.upper() and len(misspelt) < MOST_RULES:
            misspelt.append(rule)
    return IcapRules(tuple(found), left_out, tuple(misspelt))
