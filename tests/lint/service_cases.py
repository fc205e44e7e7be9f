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
    rule,
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


def content_type(criterion: str, value: str = "multipart/form-data") -> dict[str, Any]:
    """A condition on Content-Type."""
    return {"hdr": "Content-Type", "match_criteria": criterion, "value": [value]}


def application(kind: str) -> Mistake:
    """An application profile of that type."""

    def make(found: Export) -> None:
        found["ApplicationProfile"] = [{"name": "app", "type": kind, "http_profile": {"client_max_body_size": 1024}}]
        put("VirtualService", application_profile_ref="/api/applicationprofile?name=app")(found)

    return make


SERVICES = put("VirtualService", services=[{"port": 443, "enable_ssl": True}, {"port": 8443, "enable_ssl": "true"}])
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
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.path",
        None,
    ),
    "a path that is none": Case(
        put_rule(match={"path": {"match_criteria": "DOES_NOT_BEGIN_WITH", "match_str": ["/"]}}),
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.path",
        None,
    ),
    "a port that the virtual service does not have": Case(
        all_of(SERVICES, put_rule(match={"vs_port": {"match_criteria": "IS_IN", "ports": ["8080"]}})),
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.vs_port",
        None,
    ),
    "a protocol that it does not speak": Case(
        all_of(SERVICES, put_rule(match={"protocol": {"match_criteria": "IS_IN", "protocols": "HTTP"}})),
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.protocol",
        None,
    ),
    "a Content-Type that no form has": Case(
        put_rule(match={"hdrs": [content_type("HDR_EQUALS")]}),
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.hdrs",
        None,
    ),
    "a host that is not the child's": Case(
        all_of(
            put("VirtualService", type="VS_TYPE_VH_CHILD", vh_domain_name=["a.example"]),
            put_rule(match={"host_hdr": {"match_criteria": "HDR_EQUALS", "value": ["b.example"]}}),
        ),
        "icap-rule-missing",
        "matches-nothing",
        LIKELY,
        f"{RULE}.match.host_hdr",
        None,
    ),
    "one of two rules with a wildcard": Case(
        all_of(
            put_rule(match={"path": {"match_criteria": "BEGINS_WITH", "match_str": ["/upload/*"]}}),
            add_rules(rule("scan-files", 2)),
        ),
        "icap-rule-path-unmatched",
        "literal",
        LIKELY,
        f"{RULE}.match.path",
        "/upload/*",
    ),
    "one of two rules for another port": Case(
        all_of(
            SERVICES,
            put_rule(match={"vs_port": {"match_criteria": "IS_IN", "ports": [8080]}}),
            add_rules(rule("scan-files", 2)),
        ),
        "icap-rule-path-unmatched",
        "condition",
        LIKELY,
        f"{RULE}.match.vs_port",
        None,
    ),
    "a rule before it closes everything": Case(
        add_rules(allowing("closed", 0, "HTTP_SECURITY_ACTION_CLOSE_CONN")),
        "uploads-refused-first",
        "refusing-rule",
        PROVEN,
        "http_security_policy.rules[1].action",
        "HTTP_SECURITY_ACTION_CLOSE_CONN",
    ),
    "the action is misspelt": Case(
        put_rule(action={"action": "HTTP_SECURITY_ACTION_CHECK_ICAP"}),
        "icap-rule-missing",
        "no-rule",
        PROVEN,
        f"{RULE}.action.action",
        "HTTP_SECURITY_ACTION_CHECK_ICAP",
    ),
    "an application profile that is not of HTTP": Case(
        application("APPLICATION_PROFILE_TYPE_L4"),
        "icap-rule-missing",
        "not-http",
        PROVEN,
        "application_profile_ref",
        None,
    ),
    "a profile that is referred to as a pool": Case(
        put("VirtualService", icap_request_profile_refs=["/api/pool/?name=icap-pool"]),
        "profile-reference-broken",
        "other-kind",
        PROVEN,
        "icap_request_profile_refs",
        None,
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
        "tenant_ref",
        "red",
    ),
    "a pool in another VRF": Case(
        all_of(
            put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
            put("Pool", vrf_ref="/api/vrfcontext/?name=management"),
        ),
        "pool-vrf-differs",
        "other-vrf",
        LIKELY,
        "vrf_ref",
        None,
    ),
    "the ICAP pool as that of the application": Case(
        put("VirtualService", pool_ref="/api/pool/?name=icap-pool"),
        "application-pool-is-icap",
        "same-pool",
        PROVEN,
        "pool_ref",
        None,
    ),
    "the ICAP pool group as that of the application": Case(
        put("VirtualService", pool_group_ref="/api/poolgroup/?name=icap-group"),
        "application-pool-is-icap",
        "same-pool",
        PROVEN,
        "pool_group_ref",
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
    "a port and a protocol that it has": all_of(
        SERVICES,
        put_rule(match={"vs_port": {"match_criteria": "IS_IN", "ports": [8443]}}),
        add_rules(
            rule("all", 2, match={"protocol": {"match_criteria": "IS_IN", "protocols": "HTTPS"}}), rule("any", 3)
        ),
    ),
    "a Content-Type with a boundary": all_of(
        put_rule(match={"hdrs": [content_type("HDR_EQUALS", "multipart/form-data; boundary=x")]}),
        add_rules(rule("any", 2)),
    ),
    "an application profile of HTTP": application("APPLICATION_PROFILE_TYPE_HTTP"),
    "a pool of the application": put("VirtualService", pool_ref="/api/pool/?name=app-pool"),
    "a pool without a VRF": put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
    "a pool in the same VRF": all_of(
        put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
        put("Pool", vrf_ref="/api/vrfcontext/?name=global"),
    ),
    "a virtual service of another tenant than admin": put("VirtualService", tenant_ref="/api/tenant/?name=blue"),
}
