"""Mistakes in an ICAP profile and below it: pools, servers, monitors; and what is right there in another way."""

from __future__ import annotations

import copy

from tests.lint.case import LIKELY, POSSIBLE, PROVEN, Case
from tests.lint.right import (
    Export,
    Mistake,
    all_of,
    export,
    put,
    put_rule,
    put_server,
    second_pool,
    second_profile,
    server,
)

OPTIONS = str(export()["HealthMonitor"][0]["tcp_monitor"]["tcp_request"])
BOTH = ["/api/healthmonitor/?name=icap-options", "/api/healthmonitor/?name=System-HTTP"]


def inlined(found: Export) -> None:
    """The profile in the virtual service, as the API answers for ``join``, and in the list."""
    for kind in ("IcapProfile", "VirtualService"):
        found[kind][0]["uuid"] = f"{kind.lower()}-1"
    found["VirtualService"][0]["icap_request_profile_refs_data"] = [copy.deepcopy(found["IcapProfile"][0])]


CASES: dict[str, Case] = {
    "fail action of the pool group": Case(
        put("PoolGroup", fail_action={"type": "FAIL_ACTION_CLOSE_CONN"}),
        "pool-group-fail-action",
        "fail-action-set",
        PROVEN,
        "fail_action",
        "FAIL_ACTION_CLOSE_CONN",
    ),
    "fail action of the pool": Case(
        put("Pool", fail_action={"type": "FAIL_ACTION_HTTP_REDIRECT"}),
        "pool-group-fail-action",
        "fail-action-set",
        PROVEN,
        "fail_action",
        "FAIL_ACTION_HTTP_REDIRECT",
    ),
    "no port": Case(
        put("Pool", default_server_port=None), "icap-port-80", "default-port", LIKELY, "default_server_port", "80"
    ),
    "a server on port 80": Case(put_server(1, port="80"), "icap-port-80", "set-to-80", LIKELY, "servers[1].port", "80"),
    "preview above its range": Case(
        put("IcapProfile", preview_size="9000"), "avi-value-refused", "range", PROVEN, "preview_size", "9000"
    ),
    "an unknown word": Case(
        put("IcapProfile", fail_action="FAIL_CLOSED"), "avi-value-refused", "word", PROVEN, "fail_action", "FAIL_CLOSED"
    ),
    "no number": Case(
        put("IcapProfile", response_timeout="60s"), "avi-value-refused", "type", PROVEN, "response_timeout", "60s"
    ),
    "a preview that the vendor can't use": Case(
        put("IcapProfile", vendor="ICAP_VENDOR_LASTLINE", preview_size=9),
        "avi-value-refused",
        "lastline",
        PROVEN,
        "preview_size",
        "9",
    ),
    "an HTTP monitor on the ICAP port": Case(
        put("HealthMonitor", type="HEALTH_MONITOR_HTTP", http_monitor={"http_request": "HEAD / HTTP/1.0"}),
        "health-monitor-unfit",
        "http-monitor",
        PROVEN,
        "type",
        "HEALTH_MONITOR_HTTP",
    ),
    "Avi's HTTP monitor, which the file does not have": Case(
        put("Pool", health_monitor_refs=["/api/healthmonitor/?name=System-HTTP"]),
        "health-monitor-unfit",
        "http-monitor",
        LIKELY,
        "health_monitor_refs",
        "System-HTTP",
    ),
    "an HTTP monitor beside the right one": Case(
        put(
            "Pool", health_monitor_refs=[f"/api/healthmonitor/?name={name}" for name in ("icap-options", "System-HTTP")]
        ),
        "health-monitor-unfit",
        "http-monitor",
        LIKELY,
        "health_monitor_refs",
        "System-HTTP",
    ),
    "ping only": Case(
        put("HealthMonitor", type="HEALTH_MONITOR_PING", tcp_monitor=None),
        "health-monitor-unfit",
        "ping-monitor",
        PROVEN,
        "type",
        "HEALTH_MONITOR_PING",
    ),
    "no monitor at all": Case(
        put("Pool", health_monitor_refs=None, inline_health_monitor=False),
        "health-monitor-unfit",
        "no-monitor",
        PROVEN,
        "health_monitor_refs",
        None,
    ),
    "a monitor of another port": Case(
        put("HealthMonitor", monitor_port=8443),
        "health-monitor-unfit",
        "other-port",
        PROVEN,
        "monitor_port",
        "8443",
    ),
    "a TCP monitor that sends HTTP": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": "GET / HTTP/1.0\r\n\r\n"}),
        "health-monitor-unfit",
        "other-request",
        PROVEN,
        "tcp_monitor.tcp_request",
        "GET / HTTP/1.0\r\n\r\n",
    ),
    "a monitor of DNS": Case(
        put("HealthMonitor", type="HEALTH_MONITOR_DNS", tcp_monitor=None),
        "health-monitor-unfit",
        "foreign-monitor",
        LIKELY,
        "type",
        "HEALTH_MONITOR_DNS",
    ),
    "OPTIONS that expects HTTP": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": OPTIONS, "tcp_response": "HTTP/1.1 200"}),
        "health-monitor-request-wrong",
        "wrong-answer",
        PROVEN,
        "tcp_monitor.tcp_response",
        "HTTP/1.1 200",
    ),
    "OPTIONS without its empty line": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": OPTIONS.rstrip(), "tcp_response": "ICAP/1.0 200"}),
        "health-monitor-request-wrong",
        "incomplete",
        LIKELY,
        "tcp_monitor.tcp_request",
        None,
    ),
    "OPTIONS of another service": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": OPTIONS.replace("OMSScanReq-AV", "avscan")}),
        "health-monitor-request-wrong",
        "other-service",
        PROVEN,
        "tcp_monitor.tcp_request",
        None,
    ),
    "a timeout as long as the interval": Case(
        put("HealthMonitor", receive_timeout=None, send_interval="4"),
        "health-monitor-timeout",
        "timeout-too-long",
        PROVEN,
        "receive_timeout",
        "4",
    ),
    "every server disabled": Case(
        put("Pool", servers=[server("192.0.2.1", enabled=False), server("192.0.2.2", enabled="false")]),
        "no-usable-member",
        "servers-disabled",
        PROVEN,
        "servers[0].enabled",
        "false",
    ),
    "the pool disabled": Case(
        put("Pool", enabled=False), "no-usable-member", "pool-disabled", PROVEN, "enabled", "false"
    ),
    "ratio 0 of the only pool": Case(
        put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "ratio": 0}]),
        "no-usable-member",
        "ratio-0",
        PROVEN,
        "members[0].ratio",
        "0",
    ),
    "no server listed": Case(put("Pool", servers=[]), "no-usable-member", "no-server", PROVEN, "servers", None),
    "no pool in the group": Case(put("PoolGroup", members=[]), "no-usable-member", "no-pool", PROVEN, "members", None),
    "a pool with ratio 0": Case(
        second_pool({"ratio": 0}), "member-gets-no-traffic", "mistaken", POSSIBLE, "members[1].ratio", "0"
    ),
    "more servers needed than there are": Case(
        put("Pool", min_servers_up="3"),
        "pool-needs-more-servers",
        "too-many-needed",
        PROVEN,
        "min_servers_up",
        "3",
    ),
    "a server twice": Case(
        put("Pool", servers=[server("192.0.2.1"), server("192.0.2.2"), server("192.0.2.1", port=1344)]),
        "duplicate-server",
        "copied-entry",
        LIKELY,
        "servers[2].ip",
        None,
    ),
    "a pool twice in the group": Case(
        put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "ratio": 1}] * 2),
        "duplicate-server",
        "copied-entry",
        LIKELY,
        "servers[0].ip",
        None,
    ),
    "a server in two pools of the group": Case(
        second_pool(servers=[server("192.0.2.3"), server("192.0.2.2")]),
        "duplicate-server",
        "copied-entry",
        LIKELY,
        "servers[1].ip",
        None,
    ),
    "a pool group in another cloud": Case(
        put("IcapProfile", cloud_ref="/api/cloud/?name=vCenter"),
        "profile-reference-broken",
        "other-cloud",
        PROVEN,
        "cloud_ref",
        "vCenter",
    ),
    "a pool in another cloud": Case(
        put("Pool", cloud_ref="/api/cloud/?name=vCenter"),
        "profile-reference-broken",
        "other-cloud",
        PROVEN,
        "cloud_ref",
        "vCenter",
    ),
    "a pool group that is a pool": Case(
        put("IcapProfile", pool_group_ref="/api/pool/?name=icap-pool"),
        "profile-reference-broken",
        "other-kind",
        PROVEN,
        "pool_group_ref",
        "icap-pool",
    ),
    "the path of a service for responses": Case(
        put("IcapProfile", service_uri="/OMSScanResp-AV"),
        "service-uri-unfit",
        "responses",
        LIKELY,
        "service_uri",
        "/OMSScanResp-AV",
    ),
    "a URL as service_uri": Case(
        put("IcapProfile", service_uri="icap://192.0.2.1:1344/OMSScanReq-AV"),
        "service-uri-unfit",
        "url",
        LIKELY,
        "service_uri",
        "icap://192.0.2.1:1344/OMSScanReq-AV",
    ),
    "a service_uri with a space": Case(
        put("IcapProfile", service_uri="/OMSScanReq-AV "),
        "service-uri-unfit",
        "space",
        LIKELY,
        "service_uri",
        "/OMSScanReq-AV ",
    ),
    "no service_uri": Case(
        put("IcapProfile", service_uri=None), "service-uri-unfit", "missing", PROVEN, "service_uri", None
    ),
    "a field that is misspelt": Case(
        put("IcapProfile", preview_size=None, preview_sise="4096"),
        "avi-field-unknown",
        "misspelt",
        LIKELY,
        "preview_sise",
        "4096",
    ),
    "a field of a server that is misspelt": Case(
        put_server(1, enable=True, enabled=None),
        "avi-field-unknown",
        "misspelt",
        LIKELY,
        "servers[1].enable",
        "true",
    ),
    "a fail_action that is misspelt, which says nothing of the default": Case(
        put("IcapProfile", fail_action=None, fail_acton="ICAP_FAIL_CLOSED"),
        "avi-field-unknown",
        "misspelt",
        LIKELY,
        "fail_acton",
        "ICAP_FAIL_CLOSED",
    ),
    "more monitors needed than there are": Case(
        put("Pool", min_health_monitors_up="2"),
        "pool-needs-more-servers",
        "too-many-monitors",
        PROVEN,
        "min_health_monitors_up",
        "2",
    ),
    "OPTIONS on another port": Case(
        put("HealthMonitor", monitor_port="80"), "health-monitor-unfit", "other-port", PROVEN, "monitor_port", "80"
    ),
    "OPTIONS that expects 204": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": OPTIONS, "tcp_response": "ICAP/1.0 204"}),
        "health-monitor-request-wrong",
        "wrong-answer",
        PROVEN,
        "tcp_monitor.tcp_response",
        "ICAP/1.0 204",
    ),
    "OPTIONS with LF only": Case(
        put(
            "HealthMonitor",
            tcp_monitor={"tcp_request": OPTIONS.replace("\r", ""), "tcp_response": "ICAP/1.0 200"},
        ),
        "health-monitor-request-wrong",
        "line-ends",
        LIKELY,
        "tcp_monitor.tcp_request",
        None,
    ),
    "a method without its prefix": Case(
        put_rule(match={"method": {"match_criteria": "IS_IN", "methods": ["POST"]}}),
        "avi-value-refused",
        "word",
        PROVEN,
        "http_security_policy.rules[0].match.method.methods[0]",
        "POST",
    ),
    "an address that is none": Case(
        put("Pool", servers=[server("192.0.2.300"), server("192.0.2.2")]),
        "avi-value-refused",
        "type",
        PROVEN,
        "servers[0].ip.addr",
        "192.0.2.300",
    ),
    "ratio 0 of a server": Case(put_server(1, ratio=0), "avi-value-refused", "range", PROVEN, "servers[1].ratio", "0"),
    "a timeout below its range": Case(
        put("IcapProfile", response_timeout=10), "avi-value-refused", "range", PROVEN, "response_timeout", "10"
    ),
    "fails open by default": Case(
        put("IcapProfile", fail_action=None), "fails-open", "on-failure", PROVEN, "fail_action", "ICAP_FAIL_OPEN"
    ),
}

# What works as intended and is worth knowing.
NOTES: dict[str, Case] = {
    "a monitor that only connects": Case(
        put("HealthMonitor", tcp_monitor={"tcp_half_open": True}),
        "health-monitor-shallow",
        "connect-only",
        PROVEN,
        "type",
        "HEALTH_MONITOR_TCP",
    ),
    "Avi's TCP monitor, which the file does not have": Case(
        put("Pool", health_monitor_refs=["/api/healthmonitor/?name=System-TCP"]),
        "health-monitor-shallow",
        "connect-only",
        LIKELY,
        "health_monitor_refs",
        "System-TCP",
    ),
    "the passive monitor only": Case(
        put("Pool", health_monitor_refs=None),
        "health-monitor-shallow",
        "passive-only",
        PROVEN,
        "health_monitor_refs",
        None,
    ),
    "a profile of the same servers with other settings": Case(
        second_profile(preview_size=1024),
        "profiles-share-servers",
        "settings-differ",
        PROVEN,
        "pool_group_ref",
        None,
    ),
    "a profile of another service on the same servers": Case(
        second_profile(service_uri="/dlp", preview_size=1024),
        "profiles-share-servers",
        "load-adds-up",
        LIKELY,
        "pool_group_ref",
        None,
    ),
    "a server by name": Case(
        put_server(1, hostname="icap.example.com", resolve_server_by_dns=True),
        "servers-by-name",
        "by-name",
        PROVEN,
        "servers[1].resolve_server_by_dns",
        "true",
    ),
    "servers looked up by name": Case(
        put("Pool", lookup_server_by_name="true"), "servers-by-name", "by-name", PROVEN, "lookup_server_by_name", "true"
    ),
    "only one server": Case(
        put("Pool", servers=[server("192.0.2.1")]), "one-usable-member", "single", PROVEN, "pool_group_ref", None
    ),
    "a pool of lower priority": Case(
        all_of(
            put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "priority_label": "10"}]),
            second_pool({"priority_label": "9"}),
        ),
        "pool-standby",
        "lower-priority",
        PROVEN,
        "members[1].priority_label",
        "9",
    ),
    "a monitor that is slow to see it": Case(
        put("HealthMonitor", send_interval=30, failed_checks=3),
        "health-monitor-slow",
        "slow-detection",
        PROVEN,
        "send_interval",
        "30",
    ),
}
RIGHT: dict[str, Mistake] = {
    "values that a tool puts in later": all_of(
        put("IcapProfile", fail_action="${var.fail}", preview_size="{{ preview }}", buffer_size="{{ kb | int }}"),
        put("Pool", default_server_port="${var.port}", min_servers_up="%{ if a }1%{ endif }"),
        put("HealthMonitor", monitor_port=1344),
    ),
    "an ICAP profile that stands where it is referred to, too": inlined,
    "a part of an ICAP profile": put(
        "IcapProfile", fail_action=None, pool_group_ref=None, service_uri=None, buffer_size_exceed_action=None
    ),
    "a server by its name": put_server(1, ip={"addr": "icap.example.com", "type": "DNS"}),
    "IPv6": put_server(1, ip={"addr": "2001:db8::1", "type": "V6"}),
    "two monitors that both must succeed": all_of(
        put("Pool", min_health_monitors_up=2, health_monitor_refs=BOTH[:1] * 2),
    ),
    "a profile of other servers": second_profile(pool_group_ref="/api/poolgroup/?name=other"),
    "a second pool": second_pool(),
    "a second pool of the same priority": all_of(
        put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "priority_label": "10"}]),
        second_pool({"priority_label": "10"}),
    ),
    "fields of other releases": all_of(
        put("IcapProfile", uuid="icapprofile-1", _last_modified="1", added_in_32="x"),
        put("Pool", ab_pool={}, apic_epg_name="e", fail_actions=None, server_reselects=None, east_west=False),
    ),
    "as many servers needed as there are": put("Pool", min_servers_up=2),
    "a server on two ports": put("Pool", servers=[server("192.0.2.1"), server("192.0.2.1", port=1345)]),
    "OPTIONS with line ends as they are typed": put(
        "HealthMonitor", tcp_monitor={"tcp_request": OPTIONS.replace("\r\n", "\\r\\n"), "tcp_response": "ICAP/1.0 200"}
    ),
    "HTTPS on the management port": put(
        "HealthMonitor",
        type="HEALTH_MONITOR_HTTPS",
        monitor_port=8048,
        tcp_monitor=None,
        https_monitor={"http_request": "GET /readyz HTTP/1.1"},
    ),
    "an external script": put("HealthMonitor", type="HEALTH_MONITOR_EXTERNAL", tcp_monitor=None),
    "monitors that need not all succeed": put(
        "Pool",
        health_monitor_refs=BOTH,
        min_health_monitors_up=1,
    ),
    "a monitor that the file does not have": put("Pool", health_monitor_refs=["/api/healthmonitor/?name=our-icap"]),
    "a port of the monitor that is the servers'": put("HealthMonitor", monitor_port=1344),
}
