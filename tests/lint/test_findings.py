"""Each mistake in a right configuration leads to exactly its finding, in its place, and a right one to none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import icapdiag
from icapdiag.model import Report
from icapdiag.vocabulary import CauseStatus, Severity
from tests.lint.right import (
    Export,
    Mistake,
    add_rules,
    all_of,
    allowing,
    export,
    put,
    put_rule,
    put_server,
    rules,
    second_pool,
    second_profile,
    server,
)

Lint = Callable[[Export], Report]


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    def linted(made: Export) -> Report:
        file = tmp_path / "export.json"
        file.write_text(json.dumps(made, indent=1), encoding="utf-8")
        return icapdiag.lint([file])

    return linted


class Case(NamedTuple):
    """A mistake, the finding that it leads to, the cause that comes first, and the field that is named."""

    mistake: Mistake
    finding: str
    cause: str
    status: CauseStatus
    field: str
    value: str | None


def no_rules(found: Export) -> None:
    rules(found).clear()


OPTIONS = str(export()["HealthMonitor"][0]["tcp_monitor"]["tcp_request"])
PROFILES = ("icap-prof", "icap-prof-2")
BOTH = ["/api/healthmonitor/?name=icap-options", "/api/healthmonitor/?name=System-HTTP"]
PROVEN, LIKELY, POSSIBLE = CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.POSSIBLE
RULE = "http_security_policy.rules[0]"
CASES = {
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
        "vendor",
        "ICAP_VENDOR_LASTLINE",
    ),
    "an HTTP monitor on the ICAP port": Case(
        put("HealthMonitor", type="HEALTH_MONITOR_HTTP", http_monitor={"http_request": "HEAD / HTTP/1.0"}),
        "health-monitor-unfit",
        "http-monitor",
        PROVEN,
        "health_monitor_refs",
        "icap-options",
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
        "health_monitor_refs",
        "icap-options",
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
        "health_monitor_refs",
        "icap-options",
    ),
    "a TCP monitor that sends HTTP": Case(
        put("HealthMonitor", tcp_monitor={"tcp_request": "GET / HTTP/1.0\r\n\r\n"}),
        "health-monitor-unfit",
        "other-request",
        PROVEN,
        "health_monitor_refs",
        "icap-options",
    ),
    "a monitor of DNS": Case(
        put("HealthMonitor", type="HEALTH_MONITOR_DNS", tcp_monitor=None),
        "health-monitor-unfit",
        "foreign-monitor",
        LIKELY,
        "health_monitor_refs",
        "icap-options",
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
        "switched-off",
        PROVEN,
        "icap_request_profile_refs",
        "icap-prof",
    ),
    "the pool disabled": Case(
        put("Pool", enabled=False),
        "no-usable-member",
        "switched-off",
        PROVEN,
        "icap_request_profile_refs",
        "icap-prof",
    ),
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
    "a pool group in another cloud": Case(
        put("IcapProfile", cloud_ref="/api/cloud/?name=vCenter"),
        "profile-reference-broken",
        "other-cloud",
        PROVEN,
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
    "fails open by default": Case(
        put("IcapProfile", fail_action=None), "fails-open", "on-failure", PROVEN, "fail_action", "ICAP_FAIL_OPEN"
    ),
}


# What works as intended and is worth knowing.
NOTES = {
    "a monitor that only connects": Case(
        put("HealthMonitor", tcp_monitor={"tcp_half_open": True}),
        "health-monitor-shallow",
        "connect-only",
        PROVEN,
        "health_monitor_refs",
        "icap-options",
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
RIGHT = {
    "a pool without a VRF": put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
    "a pool in the same VRF": all_of(
        put("VirtualService", vrf_context_ref="/api/vrfcontext/?name=global"),
        put("Pool", vrf_ref="/api/vrfcontext/?name=global"),
    ),
    "a virtual service of another tenant than admin": put("VirtualService", tenant_ref="/api/tenant/?name=blue"),
    "a profile of other servers": second_profile(pool_group_ref="/api/poolgroup/?name=other"),
    "a second pool": second_pool(),
    "a second pool of the same priority": all_of(
        put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "priority_label": "10"}]),
        second_pool({"priority_label": "10"}),
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


@pytest.mark.parametrize("case", NOTES.values(), ids=NOTES)
def test_what_is_worth_knowing_is_noted_and_no_more(lint: Lint, case: Case) -> None:
    found = lint(export(case.mistake)).findings
    assert [(case.finding, Severity.INFO)] == [(each.id, each.severity) for each in found]
    first = (found[0].causes or ())[0]
    assert (case.cause, case.status) == (first.id, first.status)
    place = (found[0].places or ())[0]
    assert case.field == place.field
    assert case.value in {place.value, None}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_what_is_right_in_another_way_leads_to_no_finding(lint: Lint, change: Mistake) -> None:
    assert [] == [each.id for each in lint(export(change)).findings]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_leads_to_its_finding_and_no_other(lint: Lint, case: Case) -> None:
    made = export(case.mistake)
    report = lint(made)
    found = [each for each in report.findings if each.severity is not Severity.INFO]
    assert [case.finding] == [each.id for each in found]
    first = (found[0].causes or ())[0]
    assert (case.cause, case.status) == (first.id, first.status)
    place = (found[0].places or ())[0]
    assert case.field == place.field
    assert case.value in {place.value, None}
    assert (found[0].steps is not None and found[0].steps.fix) is not None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_finding_points_at_the_line_in_the_file(lint: Lint, case: Case, tmp_path: Path) -> None:
    report = lint(export(case.mistake))
    lines = (tmp_path / "export.json").read_text(encoding="utf-8").splitlines()
    for finding in report.findings:
        for place in finding.places or ():
            assert place.file == str(tmp_path / "export.json")
            assert place.line is not None
            assert place.column is not None
            written = lines[place.line - 1][place.column - 1 :]
            if place.value and not place.is_default and place.field != "http_policies":
                assert json.dumps(place.value)[1:-1] in written or written.startswith(("{", "["))


def test_nothing_is_wrong_with_the_right_configuration(lint: Lint) -> None:
    report = lint(export())
    assert [] == [each.id for each in report.findings]
    assert report.verdict == "ok"
    assert report.not_tested is None
