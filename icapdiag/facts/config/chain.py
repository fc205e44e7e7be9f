"""From an ICAP profile down: its pool group, the pools in it, their servers, monitors and authorities."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.config.places import BrokenReferences, Enabled, ObjectSheet
from icapdiag.facts.sheet import HostName, MemberName, ProfileName, Text, Word, about

MONITORING = ("icap", "management", "script", "request", "connect", "other-port", "ping", "passive", "none", "http",
              "foreign")  # fmt: skip

# Facts that several classes have.
UsableServers = Annotated[int | None, about("usable servers", "enabled ones in enabled pools that Avi selects")]
GroupFailAction = Annotated[
    Word | None,
    about("group's fail_action", "type of the fail_action of a pool group or pool; absent if there is none"),
]
ResponseTimeout = Annotated[int | None, about("response_timeout", "how long Avi waits", "ms")]
Ratio = Annotated[int | None, about("ratio", "weight of a pool or server in its group; 0 gets nothing", zero="0")]
TLSInUse = Annotated[bool | None, about("TLS", "the pool has an SSL profile")]
MonitorRequest = Annotated[Text | None, about("monitor sends", "what the monitor sends, if anything")]


class ProfileSheet(ObjectSheet):
    """An ICAP profile."""

    service_uri: Annotated[Text | None, about("service_uri", "the path of the ICAP service")] = None
    service_uri_problem: Annotated[
        Word | None,
        about(
            "service_uri problem",
            "why it is not the path of a service for requests",
            values=("missing", "url", "space", "responses"),
        ),
    ] = None
    vendor: Annotated[Word | None, about("vendor", "such as ICAP_VENDOR_OPSWAT")] = None
    fail_action: Annotated[
        Word | None,
        about("fail_action", "fail_action of an ICAP profile: ICAP_FAIL_OPEN (default) or ICAP_FAIL_CLOSED"),
    ] = None
    buffer_size: Annotated[int | None, about("buffer_size", "longest body that is handed over", "KB")] = None
    body_limit: Annotated[
        int | None,
        about(
            "body limit",
            "the largest body that the application profiles let in; absent: not visible",
            "KB",
            zero="0 (any size)",
        ),
    ] = None
    buffer_size_exceed_action: Annotated[
        Word | None, about("buffer_size_exceed_action", "the same for bodies larger than buffer_size")
    ] = None
    enable_preview: Annotated[bool | None, about("enable_preview", "previews are sent")] = None
    preview_size: Annotated[int | None, about("preview_size", "of a preview", "bytes")] = None
    allow_204: Annotated[bool | None, about("allow_204", "204 is allowed")] = None
    response_timeout: ResponseTimeout = None
    slow_response_warning_threshold: Annotated[
        int | None, about("slow_response_warning_threshold", "slow after this", "ms")
    ] = None
    attached: Annotated[
        bool | None, about("attached", "a virtual service in the files refers to it; absent: no virtual service there")
    ] = None
    group_visible: Annotated[bool | None, about("group visible", "its pool group is in the files")] = None
    servers: Annotated[int | None, about("servers", "of its pools; absent: not all are visible")] = None
    usable_servers: UsableServers = None
    server_preview: Annotated[
        int | None, about("server preview", "the longest that all its servers accept, by a report of a check", "bytes")
    ] = None
    server_preview_of: Annotated[
        tuple[MemberName, ...] | None, about("server preview of", "the servers that accept no longer one")
    ] = None
    broken_references: BrokenReferences = None
    shares_servers_with: Annotated[
        tuple[ProfileName, ...] | None,
        about("shares servers with", "ICAP profiles before it with its servers"),
    ] = None
    differing: Annotated[
        tuple[Word, ...] | None, about("differing", "settings that differ between those with the same service_uri")
    ] = None


class GroupSheet(ObjectSheet):
    """The pool group of an ICAP profile."""

    group_fail_action: GroupFailAction = None
    min_servers: Annotated[int | None, about("min_servers", "up in a pool, for it to be selected", zero="0")] = None
    group_members: Annotated[int | None, about("members", "pools that a pool group refers to")] = None
    pools_not_visible: Annotated[int | None, about("not visible", "pools that are not in the files")] = None
    broken_references: BrokenReferences = None


class PoolSheet(ObjectSheet):
    """A pool of the pool group."""

    enabled: Enabled = None
    default_server_port: Annotated[int | None, about("default_server_port", "of servers without a port", zero="0")] = (
        None
    )
    max_concurrent_connections_per_server: Annotated[
        int | None,
        about(
            "max_concurrent_connections_per_server",
            "of all Service Engines together; 0: unlimited",
            zero="0 (unlimited)",
        ),
    ] = None
    server_connections: Annotated[
        int | None,
        about("server connections", "the most that all its servers accept at a time, by a report of a check", zero="0"),
    ] = None
    server_connections_of: Annotated[
        tuple[MemberName, ...] | None, about("server connections of", "the servers that accept no more")
    ] = None
    connections_in_all: Annotated[
        int | None,
        about("connections in all", "the most to a server by the limits of all pools with it; absent: no limit"),
    ] = None
    pools_with_its_servers: Annotated[
        int | None, about("pools with its servers", "this one and others, whose limits add up")
    ] = None
    connections_share: Annotated[
        int | None, about("share of the connections", "of those that its servers accept, for each pool with them")
    ] = None
    server_timeout: Annotated[
        int | None,
        about("server_timeout", "for connect, request and response together", "ms", zero="0 (60 minutes)"),
    ] = None
    response_timeout: ResponseTimeout = None
    inline_health_monitor: Annotated[bool | None, about("inline_health_monitor", "passive monitor")] = None
    sni_enabled: Annotated[bool | None, about("sni_enabled", "the TLS handshake names a server")] = None
    server_name: Annotated[HostName | None, about("server_name", "that the TLS handshake names")] = None
    host_check_enabled: Annotated[bool | None, about("host_check_enabled", "names of certificates are checked")] = None
    lookup_server_by_name: Annotated[bool | None, about("lookup_server_by_name", "servers are found by name")] = None
    ratio: Ratio = None
    priority_label: Annotated[Text | None, about("priority_label", "of the pool in its group")] = None
    servers: Annotated[int | None, about("servers", "in the pool; absent: none are listed there")] = None
    group_fail_action: GroupFailAction = None
    tls: TLSInUse = None
    pki: Annotated[bool | None, about("PKI profile", "the pool has one, to check certificates with")] = None
    domain_names: Annotated[int | None, about("domain names", "that a certificate may have")] = None
    min_health_monitors_up: Annotated[
        int | None, about("min_health_monitors_up", "monitors that must succeed for a server to be up", zero="0 (all)")
    ] = None
    monitors: Annotated[int | None, about("monitors", "health monitors that it refers to")] = None
    monitor_type: Annotated[Word | None, about("monitor", "of a pool, such as HEALTH_MONITOR_TCP")] = None
    monitor_request: MonitorRequest = None
    monitoring: Annotated[
        Word | None,
        about("monitoring", "what the monitor that decides sees of a server; absent: not visible", values=MONITORING),
    ] = None
    monitor_assumed: Annotated[
        bool | None, about("monitor assumed", "that monitor is not in the files and taken for Avi's own of its name")
    ] = None
    min_servers_up: Annotated[
        int | None, about("min_servers_up", "servers up, for the pool to be up; 0: one", zero="0 (one)")
    ] = None
    usable_servers: UsableServers = None
    broken_references: BrokenReferences = None
    standby: Annotated[
        bool | None, about("standby", "a pool with a higher priority_label is in the group; absent: no labels")
    ] = None


class ServerSheet(ObjectSheet):
    """A server of a pool."""

    host: Annotated[HostName | None, about("host", "address or name")] = None
    port: Annotated[int | None, about("port", "its own, else the pool's default_server_port", zero="0")] = None
    enabled: Enabled = None
    ratio: Ratio = None
    port_from: Annotated[
        Word | None, about("port from", "where its port is written", values=("server", "pool", "default"))
    ] = None
    resolve_server_by_dns: Annotated[
        bool | None, about("resolve_server_by_dns", "Avi looks the name up, and uses its addresses")
    ] = None
    tls: TLSInUse = None
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
    monitor_port: Annotated[int | None, about("monitor_port", "0: the server's port", zero="0 (the server's port)")] = (
        None
    )
    monitor_request: MonitorRequest = None
    monitor_expects: Annotated[Text | None, about("monitor expects", "what an answer must contain")] = None
    request_line_ends: Annotated[
        bool | None, about("request's line ends", "lines of the ICAP request that the monitor sends end with CR LF")
    ] = None
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

    crl_check: Annotated[bool | None, about("crl_check", "certificates are looked up in revocation lists")] = None
    revocation_lists: Annotated[int | None, about("revocation lists", "CRLs in it")] = None
    allow_pki_errors: Annotated[
        tuple[Word, ...] | None, about("allow_pki_errors", "errors of certificates that are allowed")
    ] = None
    authorities_expired: Annotated[
        int | None, about("expired authorities", "of these, those that are no longer valid by their own fields")
    ] = None
    authorities_unreadable: Annotated[
        int | None, about("unreadable authorities", "of these, those whose certificate is no base64")
    ] = None
    authorities: Annotated[int | None, about("authorities", "certificates of authorities in it")] = None
