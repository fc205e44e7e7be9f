"""Virtual services with their rules, and what is set for them: logs, and Service Engines."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.config.places import BrokenReferences, Enabled, ObjectSheet
from icapdiag.facts.sheet import Text, VirtualService, Word, about

SCANNED = ("yes", "no", "unknown")
REASONS = ("no-profile", "no-rule", "rule-disabled", "rule-covered", "rule-not-for-uploads", "nothing-attached",
           "not-enabled", "no-member", "policy-set-elsewhere", "policy-set-not-visible",
           "profile-elsewhere", "rule-matches-nothing", "refused-first", "not-http", "references-broken",
           "version-without-icap", "licence-without-icap", "service-uri-unfit", "profile-not-visible",
           "pool-group-not-visible", "pool-not-visible")  # fmt: skip
LIKELY_NOT = frozenset(("references-broken", "version-without-icap", "licence-without-icap", "service-uri-unfit"))
"""Reasons for unknown with which uploads are most likely not scanned. With the others the files do not show it."""

# Facts that several classes have.
Methods = Annotated[tuple[Word, ...] | None, about("methods", "HTTP methods that it is for; absent: all")]
Paths = Annotated[tuple[Text, ...] | None, about("paths", "that it is for, each with its criterion")]
OtherMatches = Annotated[tuple[Word, ...] | None, about("other matches", "what else a request must meet")]
MethodsPast = Annotated[
    tuple[Word, ...] | None, about("methods past ICAP", "of POST, PUT and PATCH, those of no ICAP rule")
]
AllowedBefore = Annotated[
    tuple[Text, ...] | None, about("allowed before", "earlier ALLOW rules for some of its uploads")
]
ChildrenWithoutICAP = Annotated[
    tuple[VirtualService, ...] | None, about("children without ICAP", "of this parent; it has ICAP itself")
]
PathsOnly = Annotated[tuple[Text, ...] | None, about("paths", "that the ICAP rules are for; absent: all")]


class VirtualServiceSheet(ObjectSheet):
    """A virtual service, or an AKO HostRule or L7Rule that stands for one."""

    type: Annotated[Word | None, about("type", "VS_TYPE_NORMAL, or parent or child of a virtual host")] = None
    enabled: Enabled = None
    icap_profiles: Annotated[int | None, about("ICAP profiles", "ICAP profiles that a virtual service refers to")] = (
        None
    )
    profile_visible: Annotated[bool | None, about("profile visible", "its ICAP profile is in the files")] = None
    policy_sets: Annotated[int | None, about("policy sets", "HTTP policy sets that it refers to")] = None
    policy_sets_not_visible: Annotated[int | None, about("not visible", "policy sets that are not in the files")] = None
    icap_rules: Annotated[
        int | None, about("ICAP rules", "reachable rules with the ICAP action; absent: a policy set is not visible")
    ] = None
    icap_rules_disabled: Annotated[int | None, about("disabled rules", "rules with the ICAP action, switched off")] = (
        None
    )
    icap_rules_covered: Annotated[
        int | None, about("covered rules", "rules with the ICAP action behind one that ends all of their requests")
    ] = None
    icap_rules_not_for_uploads: Annotated[
        int | None, about("rules not for uploads", "rules with the ICAP action for neither POST nor PUT nor PATCH")
    ] = None
    icap_rules_misspelt: Annotated[
        tuple[Text, ...] | None, about("misspelt rules", "rules whose action is none of Avi's, and likely that of ICAP")
    ] = None
    icap_sets_unattached: Annotated[
        tuple[Text, ...] | None,
        about("unattached policy sets", "those with an ICAP rule that no virtual service in the files has"),
    ] = None
    icap_rules_unmatched: Annotated[
        int | None, about("unmatched rules", "rules with the ICAP action that no request can match")
    ] = None
    methods_past: MethodsPast = None
    paths_only: PathsOnly = None
    letter_case_counts: Annotated[
        bool | None, about("letter case counts", "paths of the ICAP rules in another letter case are other paths")
    ] = None
    headers_only: Annotated[
        tuple[Text, ...] | None, about("headers", "that the ICAP rules ask for; absent: some rule asks for none")
    ] = None
    needs_content_length: Annotated[
        bool | None, about("needs Content-Length", "chunked uploads do not have it, and meet no ICAP rule")
    ] = None
    conditions_only: Annotated[
        tuple[Word, ...] | None, about("other conditions", "that the ICAP rules have; absent: some rule has none")
    ] = None
    full_client_logs: Annotated[
        bool | None, about("full_client_logs", "requests without a problem are logged, too")
    ] = None
    full_log_duration: Annotated[
        int | None, about("full client logs' duration", "until they end; 0: they do not", "min", zero="0 (no end)")
    ] = None
    full_log_throttle: Annotated[
        int | None,
        about("full client logs' throttle", "entries of a Service Engine; 0: no limit", "/s", zero="0 (no limit)"),
    ] = None
    significant_log_throttle: Annotated[
        int | None,
        about("significant_log_throttle", "entries of a Service Engine; 0: no limit", "/s", zero="0 (no limit)"),
    ] = None
    udf_log_throttle: Annotated[
        int | None,
        about("udf_log_throttle", "entries of log filters and rules; 0: no limit", "/s", zero="0 (no limit)"),
    ] = None
    user_defined_logs: Annotated[
        bool | None, about("user-defined logs", "a log filter is enabled, or an ICAP rule logs its requests")
    ] = None
    license_tier: Annotated[Word | None, about("licence tier", "of its Service Engine group; absent: not visible")] = (
        None
    )
    default_license_tier: Annotated[
        Word | None, about("default licence tier", "of new Service Engine groups in its cloud")
    ] = None
    waf: Annotated[bool | None, about("WAF", "the virtual service has a WAF policy")] = None
    scanned: Annotated[
        Word | None, about("scanned", "whether uploads reach ICAP by this configuration", values=SCANNED)
    ] = None
    why: Annotated[Word | None, about("why", "they are not, or nobody can say", values=REASONS)] = None
    icap_pools: Annotated[
        int | None, about("ICAP pools", "of its ICAP profile; this and the next four only if no server can be selected")
    ] = None
    icap_pool: Annotated[Text | None, about("ICAP pool", "its name, if it is one")] = None
    icap_pool_group: Annotated[Text | None, about("ICAP pool group", "its name, if it is one")] = None
    pools_disabled: Annotated[int | None, about("pools disabled", "of these, those that are switched off")] = None
    pools_with_ratio_0: Annotated[int | None, about("pools with ratio 0", "of these, those with it in the group")] = (
        None
    )
    pools_without_servers: Annotated[int | None, about("pools without servers", "of these, those that list none")] = (
        None
    )
    pools_with_servers_disabled: Annotated[
        int | None, about("pools with servers disabled", "of these, those with every server switched off")
    ] = None
    broken_references: BrokenReferences = None
    overridden_by: Annotated[
        VirtualService | None, about("overridden by", "the HostRule that refers to this L7Rule and names a profile")
    ] = None
    children_without_icap: ChildrenWithoutICAP = None
    siblings_without_icap: Annotated[
        tuple[VirtualService, ...] | None, about("siblings without ICAP", "other children of its parent")
    ] = None
    icap_as_application: Annotated[
        Word | None,
        about("ICAP as application", "the field by which requests go to the ICAP servers as to an application"),
    ] = None
    other_vrf: Annotated[
        tuple[Text, ...] | None, about("other VRF", "ICAP pools whose VRF differs from the virtual service's")
    ] = None


class RuleSheet(ObjectSheet):
    """A rule of an HTTP security policy with the ICAP action, at a virtual service."""

    policy_set: Annotated[Text | None, about("policy set", "that has the rule")] = None
    index: Annotated[int | None, about("index", "its place in the policy", zero="0")] = None
    enable: Annotated[bool | None, about("enabled", "the rule is switched on")] = None
    methods: Methods = None
    paths: Paths = None
    other_matches: OtherMatches = None
    rules_before: Annotated[
        tuple[Text, ...] | None,
        about("rules before", "that may end the evaluation of some of its requests, with action"),
    ] = None
    covered_by: Annotated[Text | None, about("covered by", "an earlier rule that ends all of its requests")] = None
    covering_action: Annotated[Word | None, about("covering action", "of that rule")] = None
    allowed_before: AllowedBefore = None
    paths_unmatched: Annotated[
        tuple[Text, ...] | None, about("unmatched paths", "strings of its path match that no path matches")
    ] = None
    unmatched_by: Annotated[
        Word | None,
        about(
            "unmatched by",
            "the field of its match that no request of the virtual service can meet",
            values=("path", "vs_port", "protocol", "hdrs", "host_hdr"),
        ),
    ] = None
    profile_attached: Annotated[bool | None, about("profile attached", "the virtual service has an ICAP profile")] = (
        None
    )


class AnalyticsSheet(ObjectSheet):
    """The analytics profile of a virtual service."""

    significant_logs: Annotated[
        bool | None, about("significant logs", "they are collected; absent: nothing is written")
    ] = None
    codes_not_significant: Annotated[
        tuple[Word, ...] | None,
        about("codes not significant", "of 403, 413 and 500, which ICAP leads to, those that are excluded from errors"),
    ] = None
    streamed_without_icap: Annotated[
        bool | None, about("streamed without icap_log", "chosen fields are streamed, and icap_log is not among them")
    ] = None


class EngineGroupSheet(ObjectSheet):
    """The Service Engine group of a virtual service."""

    memory_per_se: Annotated[int | None, about("memory_per_se", "of a Service Engine", "MB")] = None
    connection_memory_percentage: Annotated[
        int | None, about("connection_memory_percentage", "of its memory that connections may use", "%")
    ] = None
    uploads_in_memory: Annotated[
        int | None, about("uploads in memory", "of buffer_size, that this memory has room for at a time")
    ] = None
