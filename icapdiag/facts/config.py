"""What an Avi configuration says, object by object: values, written or Avi's default, and what follows from them.

A fact that has the name of a field of Avi's API is that field's value. Where nothing is written it is Avi's default;
``stated`` names the fields that are written. Absent facts are not visible in the files.
"""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.run import Subject
from icapdiag.facts.sheet import (
    FileName,
    HostName,
    MemberName,
    ProfileName,
    Record,
    Sheet,
    Text,
    VirtualService,
    Word,
    about,
)

OBJECTS = ("virtualservice", "hostrule", "l7rule", "rule", "icapprofile", "poolgroup", "pool", "server",
           "healthmonitor", "pkiprofile", "analyticsprofile", "serviceenginegroup", "httppolicyset",
           "suppression")  # fmt: skip
SCANNED = ("yes", "no", "unknown")
MONITORING = ("icap", "management", "script", "request", "connect", "other-port", "ping", "passive", "none", "http",
              "foreign")  # fmt: skip
REASONS = ("no-profile", "no-rule", "rule-disabled", "rule-covered", "rule-not-for-uploads", "nothing-attached",
           "not-enabled", "no-member", "policy-set-elsewhere", "policy-set-not-visible")  # fmt: skip


class Setting(Record):
    """A value of an object, and where it stands; of a default, where the object does.

    ``object``, ``object_name`` and ``file`` are those of another object that it stands in, such as a rule.
    """

    fact: Annotated[Word | None, about("fact", "that it is the value of, or led to")] = None
    field: Annotated[Word | None, about("field", "of Avi's API, with its path in the object")] = None
    value: Annotated[Text | None, about("value", "as written, or Avi's default")] = None
    is_default: Annotated[bool | None, about("default", "nothing is written; it is Avi's default")] = None
    default: Annotated[Word | None, about("default value", "what Avi takes where nothing is written")] = None
    allowed: Annotated[Word | None, about("allowed", "the legal values")] = None
    unit: Annotated[Word | None, about("unit", "of value, default and allowed values")] = None
    line: Annotated[int | None, about("line", "of the file, from 1")] = None
    column: Annotated[int | None, about("column", "of that line, from 1")] = None
    object: Annotated[Word | None, about("object", "kind of Avi object", values=OBJECTS)] = None
    object_name: Annotated[Text | None, about("name", "of the object")] = None
    file: Annotated[FileName | None, about("file", "that it stands in")] = None


class Place(Record):
    """Where in an Avi configuration a finding was made: the object, and the field with its value if it is about one.

    ``subject`` and ``subject_name`` are the object that the finding is about, if the field stands in another one.
    """

    object: Annotated[Word | None, about("object", "kind of Avi object", values=OBJECTS)] = None
    object_name: Annotated[Text | None, about("name", "of the object")] = None
    file: Annotated[FileName | None, about("file", "that it stands in")] = None
    line: Annotated[int | None, about("line", "of the file, from 1")] = None
    column: Annotated[int | None, about("column", "of that line, from 1")] = None
    field: Annotated[Word | None, about("field", "of Avi's API, with its path in the object")] = None
    value: Annotated[Text | None, about("value", "as written, or Avi's default")] = None
    is_default: Annotated[bool | None, about("default", "nothing is written; it is Avi's default")] = None
    default: Annotated[Word | None, about("default value", "what Avi takes where nothing is written")] = None
    allowed: Annotated[Word | None, about("allowed", "the legal values")] = None
    unit: Annotated[Word | None, about("unit", "of value, default and allowed values")] = None
    subject: Annotated[
        Word | None, about("subject", "kind of the object that the finding is about", values=OBJECTS)
    ] = None
    subject_name: Annotated[Text | None, about("subject's name", "the name of that object")] = None


class ObjectSheet(Sheet):
    """What is known of every object of a configuration."""

    object: Annotated[Word | None, about("object", "kind of Avi object")] = None
    object_name: Annotated[Text | None, about("name", "its name")] = None
    file: Annotated[FileName | None, about("file", "that it stands in")] = None
    line: Annotated[int | None, about("line", "of the file, from 1")] = None
    column: Annotated[int | None, about("column", "of that line, from 1")] = None
    virtualservices: Annotated[
        tuple[VirtualService, ...] | None, about("virtual services", "those whose requests it has a part in")
    ] = None
    icap_profile: Annotated[ProfileName | None, about("ICAP profile", "the one whose scans it has a part in")] = None
    stated: Annotated[
        tuple[Word, ...] | None, about("stated", "fields that are written; the others are Avi's defaults")
    ] = None
    settings: Annotated[tuple[Setting, ...] | None, about("settings", "values, each with its place")] = None


class VirtualServiceSheet(ObjectSheet):
    """A virtual service, or an AKO HostRule or L7Rule that stands for one."""

    type: Annotated[Word | None, about("type", "VS_TYPE_NORMAL, or parent or child of a virtual host")] = None
    enabled: Annotated[bool | None, about("enabled", "the object, or server, is switched on")] = None
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
    methods_past: Annotated[
        tuple[Word, ...] | None, about("methods past ICAP", "of POST, PUT and PATCH, those of no ICAP rule")
    ] = None
    paths_only: Annotated[tuple[Text, ...] | None, about("paths", "that the ICAP rules are for; absent: all")] = None
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
        int | None, about("full client logs' duration", "until they end; 0: they do not", "min")
    ] = None
    full_log_throttle: Annotated[
        int | None, about("full client logs' throttle", "entries of a Service Engine; 0: no limit", "/s")
    ] = None
    significant_log_throttle: Annotated[
        int | None, about("significant_log_throttle", "entries of a Service Engine; 0: no limit", "/s")
    ] = None
    waf: Annotated[bool | None, about("WAF", "the virtual service has a WAF policy")] = None
    scanned: Annotated[
        Word | None, about("scanned", "whether uploads reach ICAP by this configuration", values=SCANNED)
    ] = None
    why: Annotated[Word | None, about("why", "they are not, or nobody can say", values=REASONS)] = None
    broken_references: Annotated[
        tuple[Text, ...] | None, about("broken references", "references into another cloud or tenant")
    ] = None
    overridden_by: Annotated[
        VirtualService | None, about("overridden by", "the HostRule that refers to this L7Rule and names a profile")
    ] = None
    other_vrf: Annotated[
        tuple[Text, ...] | None, about("other VRF", "ICAP pools whose VRF differs from the virtual service's")
    ] = None


class RuleSheet(ObjectSheet):
    """A rule of an HTTP security policy with the ICAP action, at a virtual service."""

    policy_set: Annotated[Text | None, about("policy set", "that has the rule")] = None
    index: Annotated[int | None, about("index", "its place in the policy")] = None
    enable: Annotated[bool | None, about("enabled", "the rule is switched on")] = None
    methods: Annotated[tuple[Word, ...] | None, about("methods", "HTTP methods that it is for; absent: all")] = None
    paths: Annotated[tuple[Text, ...] | None, about("paths", "that it is for, each with its criterion")] = None
    other_matches: Annotated[tuple[Word, ...] | None, about("other matches", "what else a request must meet")] = None
    rules_before: Annotated[
        tuple[Text, ...] | None,
        about("rules before", "that may end the evaluation of some of its requests, with action"),
    ] = None
    covered_by: Annotated[Text | None, about("covered by", "an earlier rule that ends all of its requests")] = None
    covering_action: Annotated[Word | None, about("covering action", "of that rule")] = None
    allowed_before: Annotated[
        tuple[Text, ...] | None, about("allowed before", "earlier ALLOW rules for some of its uploads")
    ] = None
    paths_unmatched: Annotated[
        tuple[Text, ...] | None, about("unmatched paths", "strings of its path match that no path matches")
    ] = None
    profile_attached: Annotated[bool | None, about("profile attached", "the virtual service has an ICAP profile")] = (
        None
    )


class ProfileSheet(ObjectSheet):
    """An ICAP profile."""

    service_uri: Annotated[Text | None, about("service_uri", "the path of the ICAP service")] = None
    vendor: Annotated[Word | None, about("vendor", "such as ICAP_VENDOR_OPSWAT")] = None
    fail_action: Annotated[
        Word | None,
        about("fail_action", "fail_action of an ICAP profile: ICAP_FAIL_OPEN (default) or ICAP_FAIL_CLOSED"),
    ] = None
    buffer_size: Annotated[int | None, about("buffer_size", "longest body that is handed over", "KB")] = None
    buffer_size_exceed_action: Annotated[
        Word | None, about("buffer_size_exceed_action", "the same for bodies larger than buffer_size")
    ] = None
    enable_preview: Annotated[bool | None, about("enable_preview", "previews are sent")] = None
    preview_size: Annotated[int | None, about("preview_size", "of a preview", "bytes")] = None
    allow_204: Annotated[bool | None, about("allow_204", "204 is allowed")] = None
    response_timeout: Annotated[int | None, about("response_timeout", "how long Avi waits", "ms")] = None
    slow_response_warning_threshold: Annotated[
        int | None, about("slow_response_warning_threshold", "slow after this", "ms")
    ] = None
    attached: Annotated[
        bool | None, about("attached", "a virtual service in the files refers to it; absent: no virtual service there")
    ] = None
    group_visible: Annotated[bool | None, about("group visible", "its pool group is in the files")] = None
    servers: Annotated[int | None, about("servers", "of its pools; absent: not all are visible")] = None
    usable_servers: Annotated[int | None, about("usable servers", "enabled ones in enabled pools that Avi selects")] = (
        None
    )
    server_preview: Annotated[
        int | None, about("server preview", "the longest that all its servers accept, by a report of a check", "bytes")
    ] = None
    server_preview_of: Annotated[
        tuple[MemberName, ...] | None, about("server preview of", "the servers that accept no longer one")
    ] = None
    broken_references: Annotated[
        tuple[Text, ...] | None, about("broken references", "references into another cloud or tenant")
    ] = None
    shares_servers_with: Annotated[
        tuple[ProfileName, ...] | None,
        about("shares servers with", "ICAP profiles before it with its servers"),
    ] = None
    differing: Annotated[
        tuple[Word, ...] | None, about("differing", "settings that differ between those with the same service_uri")
    ] = None


class GroupSheet(ObjectSheet):
    """The pool group of an ICAP profile."""

    group_fail_action: Annotated[
        Word | None,
        about("group's fail_action", "type of the fail_action of a pool group or pool; absent if there is none"),
    ] = None
    min_servers: Annotated[int | None, about("min_servers", "up in a pool, for it to be selected")] = None
    group_members: Annotated[int | None, about("members", "pools that a pool group refers to")] = None
    pools_not_visible: Annotated[int | None, about("not visible", "pools that are not in the files")] = None
    broken_references: Annotated[
        tuple[Text, ...] | None, about("broken references", "references into another cloud or tenant")
    ] = None


class PoolSheet(ObjectSheet):
    """A pool of the pool group."""

    enabled: Annotated[bool | None, about("enabled", "the object, or server, is switched on")] = None
    default_server_port: Annotated[int | None, about("default_server_port", "of servers without a port")] = None
    max_concurrent_connections_per_server: Annotated[
        int | None, about("max_concurrent_connections_per_server", "of all Service Engines together; 0: unlimited")
    ] = None
    inline_health_monitor: Annotated[bool | None, about("inline_health_monitor", "passive monitor")] = None
    sni_enabled: Annotated[bool | None, about("sni_enabled", "the TLS handshake names a server")] = None
    server_name: Annotated[HostName | None, about("server_name", "that the TLS handshake names")] = None
    host_check_enabled: Annotated[bool | None, about("host_check_enabled", "names of certificates are checked")] = None
    lookup_server_by_name: Annotated[bool | None, about("lookup_server_by_name", "servers are found by name")] = None
    ratio: Annotated[int | None, about("ratio", "weight of a pool or server in its group; 0 gets nothing")] = None
    priority_label: Annotated[Text | None, about("priority_label", "of the pool in its group")] = None
    servers: Annotated[int | None, about("servers", "in the pool; absent: none are listed there")] = None
    group_fail_action: Annotated[
        Word | None,
        about("group's fail_action", "type of the fail_action of a pool group or pool; absent if there is none"),
    ] = None
    tls: Annotated[bool | None, about("TLS", "the pool has an SSL profile")] = None
    pki: Annotated[bool | None, about("PKI profile", "the pool has one, to check certificates with")] = None
    domain_names: Annotated[int | None, about("domain names", "that a certificate may have")] = None
    monitors: Annotated[int | None, about("monitors", "health monitors that it refers to")] = None
    monitor_type: Annotated[Word | None, about("monitor", "of a pool, such as HEALTH_MONITOR_TCP")] = None
    monitor_request: Annotated[Text | None, about("monitor sends", "what the monitor sends, if anything")] = None
    monitoring: Annotated[
        Word | None,
        about("monitoring", "what the monitor that decides sees of a server; absent: not visible", values=MONITORING),
    ] = None
    monitor_assumed: Annotated[
        bool | None, about("monitor assumed", "that monitor is not in the files and taken for Avi's own of its name")
    ] = None
    min_servers_up: Annotated[int | None, about("min_servers_up", "servers up, for the pool to be up; 0: one")] = None
    usable_servers: Annotated[int | None, about("usable servers", "enabled ones in enabled pools that Avi selects")] = (
        None
    )
    standby: Annotated[
        bool | None, about("standby", "a pool with a higher priority_label is in the group; absent: no labels")
    ] = None


class ServerSheet(ObjectSheet):
    """A server of a pool."""

    host: Annotated[HostName | None, about("host", "address or name")] = None
    port: Annotated[int | None, about("port", "its own, else the pool's default_server_port")] = None
    enabled: Annotated[bool | None, about("enabled", "the object, or server, is switched on")] = None
    ratio: Annotated[int | None, about("ratio", "weight of a pool or server in its group; 0 gets nothing")] = None
    port_from: Annotated[
        Word | None, about("port from", "where its port is written", values=("server", "pool", "default"))
    ] = None
    resolve_server_by_dns: Annotated[
        bool | None, about("resolve_server_by_dns", "Avi looks the name up, and uses its addresses")
    ] = None
    tls: Annotated[bool | None, about("TLS", "the pool has an SSL profile")] = None
    in_pool: Annotated[Text | None, about("in pool", "the pool that it stands in")] = None
    same_server_as: Annotated[
        tuple[MemberName, ...] | None,
        about("same server as", "other entries of the pool group with the same address and port"),
    ] = None


class MonitorSheet(ObjectSheet):
    """A health monitor of a pool."""

    type: Annotated[Word | None, about("type", "such as HEALTH_MONITOR_TCP")] = None
    send_interval: Annotated[int | None, about("send_interval", "between two checks", "s")] = None
    receive_timeout: Annotated[int | None, about("receive_timeout", "for an answer", "s")] = None
    successful_checks: Annotated[int | None, about("successful_checks", "until a server is up")] = None
    failed_checks: Annotated[int | None, about("failed_checks", "until a server is down")] = None
    monitor_port: Annotated[int | None, about("monitor_port", "0: the server's port")] = None
    monitor_request: Annotated[Text | None, about("monitor sends", "what the monitor sends, if anything")] = None
    monitor_expects: Annotated[Text | None, about("monitor expects", "what an answer must contain")] = None
    request_complete: Annotated[
        bool | None, about("request complete", "the ICAP request that the monitor sends ends with an empty line")
    ] = None
    monitor_path: Annotated[Text | None, about("monitored path", "path in the monitor's OPTIONS request")] = None
    same_service: Annotated[
        bool | None, about("same service", "that path is the service_uri of a profile that the monitor is used for")
    ] = None
    detection_time: Annotated[int | None, about("detection time", "until a failed server is down", "s")] = None


class PKISheet(ObjectSheet):
    """A PKI profile of a pool."""

    authorities: Annotated[int | None, about("authorities", "certificates of authorities in it")] = None


class AnalyticsSheet(ObjectSheet):
    """The analytics profile of a virtual service."""

    significant_logs: Annotated[
        bool | None, about("significant logs", "they are collected; absent: nothing is written")
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


class SettingSheet(ObjectSheet):
    """A value that Avi's API does not take."""

    field: Annotated[Word | None, about("field", "of Avi's API, with its path in the object")] = None
    setting_value: Annotated[Text | None, about("value", "as written")] = None
    setting_problem: Annotated[
        Word | None, about("problem", "what is wrong with a value", values=("type", "range", "word"))
    ] = None
    allowed: Annotated[Word | None, about("allowed", "the legal values")] = None


SHEETS: dict[str, type[ObjectSheet]] = {
    "virtualservice": VirtualServiceSheet,
    "hostrule": VirtualServiceSheet,
    "l7rule": VirtualServiceSheet,
    "rule": RuleSheet,
    "icapprofile": ProfileSheet,
    "poolgroup": GroupSheet,
    "pool": PoolSheet,
    "server": ServerSheet,
    "healthmonitor": MonitorSheet,
    "pkiprofile": PKISheet,
    "analyticsprofile": AnalyticsSheet,
    "serviceenginegroup": EngineGroupSheet,
    "setting": SettingSheet,
}
"""By the kind of object, which is the probe of an observation."""


class RuleSummary(Record):
    """A rule that sends requests to ICAP."""

    name: Annotated[Text | None, about("rule", "its name")] = None
    methods: Annotated[tuple[Word, ...] | None, about("methods", "HTTP methods that it is for; absent: all")] = None
    paths: Annotated[tuple[Text, ...] | None, about("paths", "that it is for, each with its criterion")] = None
    other_matches: Annotated[tuple[Word, ...] | None, about("other matches", "what else a request must meet")] = None


class ServiceSummary(Record):
    """A virtual service, and whether its uploads reach ICAP by this configuration."""

    required = frozenset({"name", "scanned"})
    object: Annotated[Word | None, about("object", "virtualservice, hostrule or l7rule")] = None
    name: Annotated[VirtualService | None, about("virtual service", "its name")] = None
    scanned: Annotated[Word | None, about("scanned", "uploads reach ICAP", values=SCANNED)] = None
    why: Annotated[Word | None, about("why", "they do not, or nobody can say", values=REASONS)] = None
    rules: Annotated[tuple[RuleSummary, ...] | None, about("rules", "that send requests to ICAP, in their order")] = (
        None
    )
    methods_past: Annotated[
        tuple[Word, ...] | None, about("methods past ICAP", "of POST, PUT and PATCH, those of no ICAP rule")
    ] = None
    paths_only: Annotated[tuple[Text, ...] | None, about("paths", "that the ICAP rules are for; absent: all")] = None
    profile: Annotated[ProfileName | None, about("ICAP profile", "that it refers to")] = None
    members: Annotated[int | None, about("members", "that Avi can use; absent: not visible")] = None


class LintSubject(Subject):
    """lint: files of an Avi configuration."""

    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    services: Annotated[tuple[ServiceSummary, ...], about("virtual services", "that were looked at")] = ()
    profiles: Annotated[tuple[ProfileName, ...] | None, about("ICAP profiles", "that were looked at")] = None
    objects: Annotated[dict[Word, int] | None, about("objects", "in the files, by kind")] = None
    without_icap: Annotated[
        tuple[VirtualService, ...] | None, about("without ICAP", "virtual services with no profile and no rule for it")
    ] = None
