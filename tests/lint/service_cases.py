"""Mistakes in a virtual service, its policy sets and their rules, and what is right there in another way."""

from __future__ import annotations

from typing import Any

from tests.lint.case import LIKELY, POSSIBLE, PROVEN, Case
from tests.lint.right import (
    Export,
    Mistake,
    add_rules,
    all_of,
    allowing,
    put,
    put_rule,
    rules,
    second_profile,
)


def no_rules(found: Export) -> None:
    rules(found).clear()


PROFILES = ("icap-prof", "icap-prof-2")
RULE = "http_security_policy.rules[0]"


def hosted(parent_has_icap: bool, **child: Any) -> Mistake:
    """A parent with two children, of which one, or only the parent, has ICAP."""

    def make(found: Export) -> None:
        first = found["VirtualService"][0]
        other = {
            "name": "other-vs",
            "enabled": True,
            "type": CHILD,
            PARENT: "/api/virtualservice/?name=parent",
            **child,
        }
        if parent_has_icap:
            first.update(name="parent", type="VS_TYPE_VH_PARENT")
        else:
            first.update({"type": CHILD, PARENT: "/api/virtualservice/?name=parent"})
            found["VirtualService"].append({"name": "parent", "type": "VS_TYPE_VH_PARENT"})
        found["VirtualService"].append(other)

    return make


CHILD, PARENT = "VS_TYPE_VH_CHILD", "vh_parent_vs_ref"
CASES: dict[str, Case] = {
    "a child of a parent with ICAP": Case(
        hosted(True), "children-without-icap", "parent-only", LIKELY, "icap_request_profile_refs", None
    ),
    "no rule with the ICAP action": Case(
        no_rules, "icap-rule-missing", "no-rule", PROVEN, "http_policies", "app-policies"
    ),
    "the rule is disabled": Case(
        put_rule(enable="false"), "icap-rule-missing", "rule-disabled", PROVEN, f"{RULE}.enable", "false"
    ),
    "a rule before it allows everything": Case(
        add_rules(allowing("all", 0)),
        "icap-rule-missing",
        "rule-covered",
        LIKELY,
        "http_security_policy.rules[1].action",
        "HTTP_SECURITY_ACTION_ALLOW",
    ),
    "the rule is for downloads": Case(
        put_rule(match={"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_GET"]}}),
        "icap-rule-missing",
        "not-for-uploads",
        PROVEN,
        f"{RULE}.match.method",
        "GET",
    ),
    "a rule before it allows some uploads": Case(
        add_rules(allowing("office", 0, client_ip={"match_criteria": "IS_IN", "addrs": [{"addr": "192.0.2.9"}]})),
        "icap-rule-bypassed",
        "order",
        LIKELY,
        "http_security_policy.rules[1].action",
        "HTTP_SECURITY_ACTION_ALLOW",
    ),
    "a wildcard in a path": Case(
        put_rule(match={"path": {"match_criteria": "BEGINS_WITH", "match_str": ["/upload/*"]}}),
        "icap-rule-path-unmatched",
        "literal",
        LIKELY,
        f"{RULE}.match.path",
        "/upload/*",
    ),
    "a rule and no profile": Case(
        put("VirtualService", icap_request_profile_refs=None),
        "icap-profile-not-attached",
        "not-attached",
        POSSIBLE,
        f"{RULE}.action",
        "HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP",
    ),
    "a virtual service in another cloud": Case(
        put("VirtualService", cloud_ref="/api/cloud/?name=vCenter"),
        "profile-reference-broken",
        "other-cloud",
        PROVEN,
        "icap_request_profile_refs",
        None,
    ),
    "a policy set of another tenant": Case(
        all_of(
            put("VirtualService", tenant_ref="/api/tenant/?name=blue"),
            put("HTTPPolicySet", tenant_ref="/api/tenant/?name=red"),
        ),
        "profile-reference-broken",
        "other-tenant",
        LIKELY,
        "icap_request_profile_refs",
        None,
    ),
    "a pool in another VRF": Case(
        all_of(
            put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
            put("Pool", vrf_ref="/api/vrfcontext/?name=management"),
        ),
        "pool-vrf-differs",
        "other-vrf",
        LIKELY,
        "vrf_context_ref",
        None,
    ),
    "two profiles": Case(
        all_of(
            put("VirtualService", icap_request_profile_refs=[f"/api/icapprofile/?name={name}" for name in PROFILES]),
            second_profile(pool_group_ref="/api/poolgroup/?name=other"),
        ),
        "icap-profiles-too-many",
        "two-profiles",
        PROVEN,
        "icap_request_profile_refs",
        None,
    ),
}
# What works as intended and is worth knowing.
NOTES = {
    "a child without ICAP beside one with it": Case(
        hosted(False), "siblings-without-icap", "not-attached", PROVEN, "icap_request_profile_refs", None
    ),
}
RIGHT: dict[str, Mistake] = {
    "a child that is disabled": hosted(True, enabled=False),
    "a disabled child beside one with ICAP": hosted(False, enabled="false"),
    "a child of another parent": hosted(False, vh_parent_vs_ref="/api/virtualservice/?name=another"),
    "a pool without a VRF": put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
    "a pool in the same VRF": all_of(
        put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
        put("Pool", vrf_ref="/api/vrfcontext/?name=global"),
    ),
    "a virtual service of another tenant than admin": put("VirtualService", tenant_ref="/api/tenant/?name=blue"),
}
