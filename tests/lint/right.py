"""A right configuration, in which nothing is to be found, to make one mistake in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

Object = dict[str, Any]
Export = dict[str, list[Object]]  # as avi_config writes it: objects by kind
Mistake = Callable[[Export], object]


def server(address: str, **more: Any) -> Object:
    """A server of a pool."""
    return {"ip": {"addr": address, "type": "V4"}, "enabled": True, "ratio": 1, **more}


def rule(name: str = "scan-uploads", index: int = 1, **more: Any) -> Object:
    """A rule that sends uploads to ICAP."""
    return {
        "name": name,
        "index": index,
        "enable": True,
        "match": {
            "method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_POST", "HTTP_METHOD_PUT"]},
            "path": {"match_criteria": "BEGINS_WITH", "match_str": ["/upload"]},
        },
        "action": {"action": "HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP"},
        **more,
    }


def allowing(name: str, index: int, action: str = "HTTP_SECURITY_ACTION_ALLOW", **match: Any) -> Object:
    """A rule that ends the evaluation."""
    return {"name": name, "index": index, "enable": True, "match": match, "action": {"action": action}}


_RIGHT: Export = {
    "VirtualService": [
        {
            "name": "app-vs",
            "enabled": True,
            "cloud_ref": "/api/cloud/?name=Default-Cloud",
            "tenant_ref": "/api/tenant/?name=admin",
            "icap_request_profile_refs": ["/api/icapprofile/?name=icap-prof"],
            "http_policies": [{"index": 11, "http_policy_set_ref": "/api/httppolicyset/?name=app-policies"}],
            "analytics_profile_ref": "/api/analyticsprofile/?name=icap-analytics",
            "analytics_policy": {
                "full_client_logs": {"enabled": True, "duration": 0, "throttle": 0},
                "significant_log_throttle": 0,
                "udf_log_throttle": 0,
            },
            "se_group_ref": "/api/serviceenginegroup/?name=Default-Group",
        }
    ],
    "HTTPPolicySet": [{"name": "app-policies", "http_security_policy": {"rules": [rule()]}}],
    "IcapProfile": [
        {
            "name": "icap-prof",
            "cloud_ref": "/api/cloud/?name=Default-Cloud",
            "tenant_ref": "/api/tenant/?name=admin",
            "pool_group_ref": "/api/poolgroup/?name=icap-group",
            "service_uri": "/OMSScanReq-AV",
            "vendor": "ICAP_VENDOR_OPSWAT",
            "fail_action": "ICAP_FAIL_CLOSED",
            "buffer_size_exceed_action": "ICAP_FAIL_CLOSED",
            "preview_size": 4096,
        }
    ],
    "PoolGroup": [
        {
            "name": "icap-group",
            "cloud_ref": "/api/cloud/?name=Default-Cloud",
            "tenant_ref": "/api/tenant/?name=admin",
            "members": [{"pool_ref": "/api/pool/?name=icap-pool", "ratio": 1}],
        }
    ],
    "Pool": [
        {
            "name": "icap-pool",
            "cloud_ref": "/api/cloud/?name=Default-Cloud",
            "tenant_ref": "/api/tenant/?name=admin",
            "default_server_port": 1344,
            "health_monitor_refs": ["/api/healthmonitor/?name=icap-options"],
            "servers": [server("192.0.2.1"), server("192.0.2.2")],
        }
    ],
    "HealthMonitor": [
        {
            "name": "icap-options",
            "type": "HEALTH_MONITOR_TCP",
            "send_interval": 10,
            "receive_timeout": 4,
            "tcp_monitor": {
                "tcp_request": "OPTIONS icap://localhost/OMSScanReq-AV ICAP/1.0\r\nHost: localhost\r\n\r\n",
                "tcp_response": "ICAP/1.0 200",
            },
        }
    ],
    "AnalyticsProfile": [{"name": "icap-analytics"}],
    "ServiceEngineGroup": [{"name": "Default-Group", "memory_per_se": 8192}],
}


def export(*mistakes: Mistake) -> Export:
    """The right configuration with these mistakes made in it."""
    made = copy.deepcopy(_RIGHT)
    for mistake in mistakes:
        mistake(made)
    return made


def put(kind: str, **fields: Any) -> Mistake:
    """Fields of the first object of a kind; None takes one away."""

    def make(found: Export) -> None:
        _put(found[kind][0], fields)

    return make


def put_rule(**fields: Any) -> Mistake:
    """Fields of the rule."""
    return lambda found: _put(rules(found)[0], fields)


def put_server(number: int, **fields: Any) -> Mistake:
    """Fields of a server."""
    return lambda found: _put(found["Pool"][0]["servers"][number], fields)


def add_rules(*more: Object) -> Mistake:
    """Rules beside the one."""
    return lambda found: rules(found).extend(copy.deepcopy(more))


def second_pool(member: Object | None = None, **fields: Any) -> Mistake:
    """A second pool in the group, with servers of its own. ``member``: more of its place in the group."""

    def make(found: Export) -> None:
        pool = copy.deepcopy(found["Pool"][0])
        _put(pool, {"name": "icap-pool-2", "servers": [server("192.0.2.11"), server("192.0.2.12")], **fields})
        found["Pool"].append(pool)
        found["PoolGroup"][0]["members"].append(
            {"pool_ref": "/api/pool/?name=icap-pool-2", "ratio": 1, **(member or {})}
        )

    return make


def second_profile(**fields: Any) -> Mistake:
    """A second ICAP profile of the same pool group."""

    def make(found: Export) -> None:
        profile = copy.deepcopy(found["IcapProfile"][0])
        _put(profile, {"name": "icap-prof-2", **fields})
        found["IcapProfile"].append(profile)

    return make


def all_of(*mistakes: Mistake) -> Mistake:
    """Several changes as one."""

    def make(found: Export) -> None:
        for mistake in mistakes:
            mistake(found)

    return make


def leave_out(*kinds: str) -> Mistake:
    """All objects of these kinds."""

    def make(found: Export) -> None:
        for kind in kinds:
            del found[kind]

    return make


def rules(found: Export) -> list[Object]:
    """The rules of the policy set."""
    listed: list[Object] = found["HTTPPolicySet"][0]["http_security_policy"]["rules"]
    return listed


def _put(target: Object, fields: Object) -> None:
    for name, value in fields.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = copy.deepcopy(value)  # the next mistake may change it


def all_objects(found: Export) -> Iterable[tuple[str, Object]]:
    """Each object with its kind."""
    return ((kind, each) for kind, listed in found.items() for each in listed)
