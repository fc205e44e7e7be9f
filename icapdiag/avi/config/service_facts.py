"""Virtual services and their ICAP rules as facts, and whether uploads reach ICAP by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from icapdiag.avi.config.log_settings import log_facts
from icapdiag.avi.config.objects import AKO, section
from icapdiag.avi.config.references import Fault, note_faults
from icapdiag.avi.config.relations import other_vrf
from icapdiag.avi.config.rules import UPLOADS, Match, Rule, other_words
from icapdiag.avi.config.schema import as_flag
from icapdiag.avi.config.services import IcapRule, Service
from icapdiag.avi.config.unusable import NO_MEMBER, unusable_facts
from icapdiag.avi.config.values import Elsewhere, Part, Values
from icapdiag.avi.config.verdict import Around, verdict
from icapdiag.facts.config import RuleSheet, RuleSummary, ServiceSummary, VirtualServiceSheet
from icapdiag.yamltree import Node

_LOGS = ("significant_log_throttle", "udf_log_throttle", "user_defined_logs", "full_client_logs", "full_log_duration",
         "full_log_throttle")  # fmt: skip
_HEADERS = "headers"
_LIMITS = (
    "methods_past", "paths_only", "letter_case_counts", "headers_only", "needs_content_length", "conditions_only",
)  # fmt: skip
MOST_NAMED = 50  # rules of one virtual service, or before another


def profile_name(service: Service) -> str | None:
    """The ICAP profile's name, as far as it is known."""
    if service.profiles:
        return service.profiles[0].name
    return service.profile_refs[0][0].label if service.profile_refs else None


def service_sheet(service: Service, around: Around, faults: Sequence[Fault]) -> VirtualServiceSheet:
    """The facts of a virtual service, or of what stands for one. ``faults``: references that it is to blame for.

    Whether uploads reach ICAP by an L7Rule is a fact of the HostRule that refers to it, if that is in the files.
    """
    found, values, kin, tiers = service.found, Values(service.found), around.kin, around.tiers
    scanned, why = verdict(service, around) if service.host is None else (None, None)
    rules = service.rules
    _note_rules(values, service, why)
    rules_log = any(as_flag(each.rule.node.text("log")) for each in service.reached)
    logged = dict.fromkeys(_LOGS) if found.kind in AKO else log_facts(values, found, rules_log=rules_log)
    known = service.host is None and (not service.unseen_policies or bool(service.reached))
    pools = list({id(each.found.node): each.found for chain in around.chains for each in chain.pools}.values())
    vrf = other_vrf(found, pools)
    note_faults(values, found, faults)
    _note_profile(values, service)
    _note_around(values, around)
    if why == "not-http":
        values.note("why", "application_profile_ref", found.node.get("application_profile_ref") or found.node)
    field = around.icap_as_application
    if field is not None:
        values.note("icap_as_application", field, found.node.get(field) or found.node)
    for pool in pools if vrf else ():
        if pool.node.text("vrf_ref"):
            within = Elsewhere("pool", pool.name, pool.file)
            values.note("other_vrf", "vrf_ref", pool.node.get("vrf_ref") or pool.node, within=within)
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
        icap_rules_not_for_uploads=sum(
            each.rule.enabled and each.covered_by is None and not each.rule.match.uploads for each in rules
        ),
        icap_rules_misspelt=_some(each.name for each in service.icap_rules.misspelt) if why == "no-rule" else None,
        icap_sets_unattached=around.unattached or None if why == "no-rule" else None,
        icap_rules_unmatched=sum(each.reached and service.unmatched_by(each) is not None for each in rules),
        waf=bool(found.node.text("waf_policy_ref")),
        scanned=scanned,
        why=why,
        **unusable_facts(values, around.chains if why == NO_MEMBER else ()),
        broken_references=tuple(each.words for each in faults) or None,
        other_vrf=vrf,
        icap_as_application=field,
        license_tier=tiers.own.word if tiers.own is not None else None,
        default_license_tier=tiers.default.word if tiers.default is not None else None,
        children_without_icap=tuple(each.name for each in kin.children) or None,
        siblings_without_icap=tuple(each.name for each in kin.siblings) or None,
        overridden_by=service.host if service.overridden and service.profile_refs else None,
        **_limits(service),
        **logged,
    )


def _profile_within(service: Service) -> Elsewhere | None:
    """The L7Rule that names the ICAP profile of a HostRule; None if the object itself does."""
    found = service.profile_in
    if found is service.found:
        return None
    return Elsewhere(found.kind.lower(), found.name, found.file)


def _note_rules(values: Values, service: Service, why: str | None) -> None:
    """Where the policy sets stand, or what keeps uploads from their rules."""
    found = service.found
    key, policies = "http_policies", found.node.get("http_policies") or found.node
    if found.kind in AKO and service.profile_refs:
        key, policies = "httpPolicy.policySets", service.profile_refs[0][1]
    for rule in service.icap_rules.misspelt if why == "no-rule" else ():
        field = f"{rule.path}.action.action"
        values.note("icap_rules", field, _at(rule, "action.action"), rule.action, within=_within(rule))
    unreached = bool(service.rules) and not service.reached
    if unreached:
        _note_unreached(values, service)
    for fact in ("" if unreached else "icap_rules", *_LIMITS):
        values.note(fact, key, policies, ", ".join(each.name for each in service.policy_sets))


def _note_profile(values: Values, service: Service) -> None:
    """Where the ICAP profile is named."""
    if not service.profile_refs:
        return
    field = "icapProfile" if service.found.kind in AKO else "icap_request_profile_refs"
    first, within = service.profile_refs[0][1], _profile_within(service)
    values.note("", field, first, profile_name(service) or "", within=within)
    several = ("icap_profiles",) if len(service.profile_refs) > 1 else ()  # else nothing is wrong with it
    for fact in ("overridden_by", *several):
        values.note(fact, field, service.found.node.get(field) or first, within=within)


def _note_around(values: Values, around: Around) -> None:
    """Where the virtual services beside it stand, and its licence."""
    kin, tiers = around.kin, around.tiers
    for fact, relatives in (("children_without_icap", kin.children), ("siblings_without_icap", kin.siblings)):
        for each in relatives:
            within = Elsewhere("virtualservice", each.name, each.found.file)
            values.note(fact, "icap_request_profile_refs", each.found.node, within=within)
    for fact, tier in (("license_tier", tiers.own), ("default_license_tier", tiers.default)):
        if tier is not None:
            within = Elsewhere(tier.found.kind.lower(), tier.found.name, tier.found.file)
            values.note(fact, tier.field, tier.place, tier.word, within=within)


def _note_unreached(values: Values, service: Service) -> None:
    """What keeps uploads from each of the rules: it is disabled, another one covers it, or what it is for."""
    noted: set[tuple[int, str]] = set()
    for found in service.rules:
        rule, field = found.rule, "enable"
        if rule.enabled and found.covered_by is not None:
            rule, field = found.covered_by, "action"
        elif rule.enabled:
            field = f"match.{service.unmatched_by(found) if rule.match.uploads else 'method'}"
        if (id(rule.node), field) not in noted and len(noted) < MOST_NAMED:
            noted.add((id(rule.node), field))
            methods = ", ".join(_methods(rule.match) or ())
            value = {"enable": rule.node.text("enable"), "action": rule.action, "match.method": methods}.get(field, "")
            values.note("icap_rules", f"{rule.path}.{field}", _at(rule, field), value, within=_within(rule))


def _at(rule: Rule, field: str) -> Node:
    """Where a field of a rule stands, such as ``match.path``; else what it would stand in."""
    at: Node = rule.node
    for key in field.split("."):
        at = section(at, key) or at.get(key) or at
    return at


def _within(rule: Rule) -> Elsewhere:
    return Elsewhere("rule", rule.name, rule.owner.file)


def _limits(service: Service) -> dict[str, Any]:
    """What uploads must have in common for one of the ICAP rules to be for them; nothing if a policy set is missing."""
    limits: dict[str, Any] = dict.fromkeys(_LIMITS)
    matches = [each.rule.match for each in service.reached]
    if not matches or service.unseen_policies:
        return limits
    past = frozenset(UPLOADS).difference(*(each.uploads for each in matches))
    limits["methods_past"] = tuple(each for each in UPLOADS if each in past) or None
    if not any(each.paths is None or each.paths.everything for each in matches):
        limits["paths_only"] = _some(word for each in matches for word in _paths(each) or ())
        limits["letter_case_counts"] = all(each.paths is not None and each.paths.exact for each in matches)
    if all(each.headers for each in matches):
        limits["headers_only"] = _some(header.words for each in matches for header in each.headers)
        limits["needs_content_length"] = all(any(one.needs_length for one in each.headers) for each in matches)
    if all(set(other_words(each)) - {_HEADERS} for each in matches):
        limits["conditions_only"] = _some(word for each in matches for word in other_words(each) if word != _HEADERS)
    return limits


def _some(words: Iterable[str]) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(words))[:MOST_NAMED] or None


def rule_sheet(service: Service, found: IcapRule) -> RuleSheet:
    """The facts of a rule with the ICAP action, as it is met at this virtual service."""
    rule, part = found.rule, Part("HTTPSecurityRule", found.rule.node, found.rule.path)
    values = Values(rule.owner, part)
    match = rule.match
    for fact, field in (("methods", "match.method"), ("paths", "match.path"), ("other_matches", "match")):
        values.note(fact, part.at(field), rule.node.get("match") or rule.node)
    covering, unmatched_by = found.covered_by, service.unmatched_by(found) if found.reached else None
    if covering is not None:
        place = covering.node.get("action") or covering.node
        values.note("covered_by", f"{covering.path}.action", place, covering.action, within=_within(covering))
    values.note("profile_attached", part.at("action"), rule.node.get("action") or rule.node, rule.action)
    before = [f"{each.name} ({each.action})" for each in found.before]
    passed_over = found.passed_over if covering is None and rule.enabled else ()
    for each in passed_over[:1]:
        place = each.node.get("action") or each.node
        values.note("allowed_before", f"{each.path}.action", place, each.action, within=_within(each))
    unmatched = match.paths.unmatched if match.paths is not None else ()
    if unmatched:
        values.note("paths_unmatched", part.at("match.path"), _at(rule, "match.path"), unmatched[0])
    elif unmatched_by is not None:
        field = f"match.{unmatched_by}"
        values.note("unmatched_by", part.at(field), _at(rule, field))
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
        allowed_before=tuple(each.name for each in passed_over[:MOST_NAMED]) or None,
        paths_unmatched=unmatched[:MOST_NAMED] or None,
        unmatched_by=None if unmatched else unmatched_by,
        profile_attached=None if service.profile_elsewhere else bool(service.profile_refs),
    )


def summary(service: Service, around: Around) -> ServiceSummary:
    """What the first line says of it."""
    scanned, why = verdict(service, around)
    own = around.chains
    limits = _limits(service)
    allowing = [one.name for each in service.reached for one in each.passed_over]
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
        methods_past=limits["methods_past"],
        paths_only=limits["paths_only"],
        allowed_before=_some(allowing) if scanned == "yes" else None,
        children_without_icap=tuple(each.name for each in around.kin.children) or None,
        profile=profile_name(service),
        members=own[0].usable if own else None,
        fail_action=Values(own[0].profile).read("fail_action", str) if own else None,
    )


def _methods(match: Match) -> tuple[str, ...] | None:
    """Those with a body first: a long list is cut."""
    return None if match.methods is None else tuple(sorted(match.methods, key=lambda each: (each not in UPLOADS, each)))


def _paths(match: Match) -> tuple[str, ...] | None:
    return match.paths.words or None if match.paths else None
