"""Virtual services and their ICAP rules as facts, and whether uploads reach ICAP by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from icapdiag.avi.config.objects import AKO
from icapdiag.avi.config.pools import Chain
from icapdiag.avi.config.rules import Match, other_words
from icapdiag.avi.config.services import IcapRule, Service
from icapdiag.avi.config.values import Part, Values
from icapdiag.facts.config import RuleSheet, RuleSummary, ServiceSummary, VirtualServiceSheet

_UNKNOWN = ("policy-set-not-visible", "policy-set-elsewhere")  # AKO's other rules may name policy sets, too
MOST_NAMED = 50  # rules of one virtual service, or before another


def profile_name(service: Service) -> str | None:
    """The ICAP profile's name, as far as it is known."""
    if service.profiles:
        return service.profiles[0].name
    return service.profile_refs[0][0].label if service.profile_refs else None


def verdict(service: Service, chains: Iterable[Chain]) -> tuple[str, str | None]:
    """Whether uploads reach ICAP by this configuration, and why not, or why nobody can say."""
    why = _obstacle(service, chains)
    return ("unknown" if why in _UNKNOWN else "no" if why else "yes"), why


def _obstacle(service: Service, chains: Iterable[Chain]) -> str | None:
    if not service.enabled:
        return "not-enabled"
    if not service.profile_refs:
        return "no-profile" if service.rules else "nothing-attached"
    if not service.reached:
        return _no_rule(service)
    usable = [each.usable for each in of_service(service, chains)]
    return "no-member" if usable and all(count == 0 for count in usable) else None


def _no_rule(service: Service) -> str:
    if service.unseen_policies:
        return "policy-set-not-visible"
    if not service.rules:
        return "policy-set-elsewhere" if service.found.kind in AKO else "no-rule"
    return "rule-covered" if any(each.rule.enabled for each in service.rules) else "rule-disabled"


def of_service(service: Service, chains: Iterable[Chain]) -> list[Chain]:
    """The chains of its ICAP profiles that are in the files."""
    return [each for each in chains if any(each.profile.node is one.node for one in service.profiles)]


def service_sheet(service: Service, chains: Sequence[Chain]) -> VirtualServiceSheet:
    """The facts of a virtual service, or of what stands for one."""
    found, values = service.found, Values(service.found)
    scanned, why = verdict(service, chains)
    key = "httpPolicy.policySets" if found.kind in AKO else "http_policies"
    policies = found.node.get("http_policies") or found.node
    rules = service.rules
    if service.profile_refs:
        fact = "why" if why == "no-member" else ""
        values.note(fact, "icap_request_profile_refs", service.profile_refs[0][1], profile_name(service) or "")
    for fact in ("icap_rules", "icap_rules_disabled", "icap_rules_covered", "policy_sets"):
        values.note(fact, key, policies, ", ".join(each.name for each in service.policy_sets))
    known = not service.unseen_policies or bool(service.reached)
    return values.sheet(
        VirtualServiceSheet,
        found.kind.lower(),
        service.name,
        enabled=service.enabled,
        icap_profiles=len(service.profile_refs),
        profile_visible=bool(service.profiles) if service.profile_refs else None,
        policy_sets=service.policy_refs,
        policy_sets_not_visible=service.unseen_policies,
        icap_rules=len(service.reached) if known else None,
        icap_rules_disabled=sum(not each.rule.enabled for each in rules),
        icap_rules_covered=sum(each.rule.enabled and each.covered_by is not None for each in rules),
        scanned=scanned,
        why=why,
    )


def rule_sheet(service: Service, found: IcapRule) -> RuleSheet:
    """The facts of a rule with the ICAP action, as it is met at this virtual service."""
    rule, part = found.rule, Part("HTTPSecurityRule", found.rule.node, found.rule.path)
    values = Values(rule.owner, part)
    match = rule.match
    for fact, field in (("methods", "match.method"), ("paths", "match.path"), ("other_matches", "match")):
        values.note(fact, part.at(field), rule.node.get("match") or rule.node)
    covering = found.covered_by
    if covering is not None:
        values.note(
            "covered_by", f"{covering.path}.action", covering.node.get("action") or covering.node, covering.action
        )
    values.note("profile_attached", part.at("action"), rule.node.get("action") or rule.node, rule.action)
    before = [f"{each.name} ({each.action})" for each in found.before]
    return values.sheet(
        RuleSheet,
        "rule",
        rule.name,
        policy_set=rule.owner.name,
        methods=_methods(match),
        paths=_paths(match),
        other_matches=other_words(match) or None,
        rules_before=tuple(before[:MOST_NAMED]) or None,
        covered_by=covering.name if covering else None,
        covering_action=covering.action if covering else None,
        profile_attached=bool(service.profile_refs),
    )


def summary(service: Service, chains: Sequence[Chain]) -> ServiceSummary:
    """What the first line says of it."""
    scanned, why = verdict(service, chains)
    own = of_service(service, chains)
    return ServiceSummary(
        object=service.found.kind.lower(),
        name=service.name,
        scanned=scanned,
        why=why,
        rules=tuple(
            RuleSummary(
                name=each.rule.name,
                methods=_methods(each.rule.match),
                paths=_paths(each.rule.match),
                other_matches=other_words(each.rule.match) or None,
            )
            for each in (service.reached or service.rules)[:MOST_NAMED]
        )
        or None,
        profile=profile_name(service),
        members=own[0].usable if own else None,
    )


def _methods(match: Match) -> tuple[str, ...] | None:
    return None if match.methods is None else tuple(sorted(match.methods))


def _paths(match: Match) -> tuple[str, ...] | None:
    return match.paths.words or None if match.paths else None
