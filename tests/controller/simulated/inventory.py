"""What the simulated Controller manages: three virtual services, two pool groups, three pools, three Service Engines.

Names and identities are fixed, so that tests can name them. References are paths such as ``/api/pool/pool-1``, which
the Controller completes with its own address when it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from icapdiag.lab.certificates import new_authority

Object = dict[str, Any]
Objects = dict[str, list[Object]]  # by kind, as the API spells it: "virtualservice"

ADMIN = "/api/tenant/admin"
CLOUD = "/api/cloud/cloud-0d1"
ENGINES = ("se-005056a1", "se-005056a2", "se-005056a3")


@dataclass(frozen=True, slots=True)
class Member:
    """A server of an ICAP pool."""

    address: str
    port: int
    pool: str  # name

    @property
    def name(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service and the way of its uploads."""

    name: str
    uuid: str
    address: str
    profile: str
    group: str
    service_path: str
    fail_open: bool
    members: tuple[Member, ...]

    @property
    def label(self) -> str:
        """``name-uuid``, as files of logs are named."""
        return f"{self.name}-{self.uuid}"


_PORTAL = tuple(Member(f"192.0.2.{number}", 1344, "icap-portal-pool") for number in (15, 16, 17))
_BACKUP = (Member("192.0.2.25", 1344, "icap-portal-backup"),)
_MAIL = tuple(Member(f"198.51.100.{number}", 11344, "icap-mail-pool") for number in (7, 8))

SERVICES = (
    Service("portal-vs", "virtualservice-a1", "203.0.113.10", "icap-portal", "icap-portal-pg", "/OMSScanReq-AV",
            True, _PORTAL + _BACKUP),
    Service("claims-vs", "virtualservice-a2", "203.0.113.11", "icap-portal", "icap-portal-pg", "/OMSScanReq-AV",
            True, _PORTAL + _BACKUP),
    Service("mail-vs", "virtualservice-a3", "203.0.113.12", "icap-mail", "icap-mail-pg", "/avscan", False, _MAIL),
)  # fmt: skip
MEMBERS = _PORTAL + _BACKUP + _MAIL


@dataclass(frozen=True)
class Inventory:
    """The configuration objects; ``other_services`` virtual services have nothing to do with ICAP."""

    other_services: int = 0

    @cached_property
    def objects(self) -> Objects:
        """New objects, that the Controller may change."""
        found: Objects = {
            "tenant": [{"uuid": "admin", "name": "admin", "local": True}, _named("tenant", "t2", "branch", local=True)],
            "cloud": [_named("cloud", "0d1", "Default-Cloud", vtype="CLOUD_NONE")],
            "vrfcontext": [_named("vrfcontext", "0e1", "global")],
            "networkprofile": [_named("networkprofile", "0n1", "System-TCP-Proxy")],
            "applicationprofile": [_named("applicationprofile", "0a1", "System-Secure-HTTP")],
            "icapprofile": [_icap_profile(service) for service in (SERVICES[0], SERVICES[2])],
            "virtualservice": [_virtual_service(service, number) for number, service in enumerate(SERVICES, 1)],
            "httppolicyset": [_policy_set(service) for service in SERVICES],
            "poolgroup": [
                _pool_group("portal", ("icap-portal-pool", "20"), ("icap-portal-backup", "10")),
                _pool_group("mail", ("icap-mail-pool", "10")),
            ],
            "pool": [
                _pool("icap-portal-pool", _PORTAL),
                _pool("icap-portal-backup", _BACKUP),
                _pool("icap-mail-pool", _MAIL)
                | {
                    "pki_profile_ref": "/api/pkiprofile/pkiprofile-0k1",
                    "ssl_profile_ref": "/api/sslprofile/sslprofile-0s1",
                },
            ],
            "healthmonitor": [_health_monitor()],
            "pkiprofile": [_named("pkiprofile", "0k1", "icap-ca", ca_certs=[_authority()], crl_check=False)],
            "sslprofile": [_named("sslprofile", "0s1", "System-Standard")],
            "analyticsprofile": [_named("analyticsprofile", "0p1", "System-Analytics-Profile")],
            "serviceenginegroup": [
                _named(
                    "serviceenginegroup",
                    "0g1",
                    "Default-Group",
                    memory_per_se=8192,
                    max_se=10,
                    license_tier="ENTERPRISE",
                )
            ],
            "systemconfiguration": [
                {
                    "uuid": "default",
                    "default_license_tier": "ENTERPRISE",
                    "email_configuration": {"auth_username": "mailer"},
                }
            ],
            "serviceengine": [_engine(uuid, number) for number, uuid in enumerate(ENGINES, 1)],
        }
        found["virtualservice"] += [
            _named("virtualservice", f"b{number}", f"static-{number:03d}-vs", type="VS_TYPE_NORMAL", enabled=True)
            for number in range(self.other_services)
        ]
        return found


def _authority() -> Object:
    return {"name": "icap-ca", "certificate": new_authority("ICAP CA").pem().decode()}


def _named(kind: str, short: str, name: str, **fields: Any) -> Object:
    made: Object = {"uuid": f"{kind}-{short}", "name": name, "_last_modified": "1767225600000000"}
    if kind not in {"tenant", "cloud"}:
        made["tenant_ref"] = ADMIN
    return made | fields


def _icap_profile(service: Service) -> Object:
    action = "ICAP_FAIL_OPEN" if service.fail_open else "ICAP_FAIL_CLOSED"
    return _named(
        "icapprofile",
        service.profile,
        service.profile,
        cloud_ref=CLOUD,
        pool_group_ref=f"/api/poolgroup/poolgroup-{service.group}",
        service_uri=service.service_path,
        vendor="ICAP_VENDOR_OPSWAT" if service.fail_open else "ICAP_VENDOR_GENERIC",
        fail_action=action,
        buffer_size_exceed_action=action,
        buffer_size=51200,
        preview_size=5000,
        enable_preview=True,
        allow_204=True,
        response_timeout=60000,
        slow_response_warning_threshold=10000,
    )


def _virtual_service(service: Service, number: int) -> Object:
    made = _named(
        "virtualservice",
        f"a{number}",
        service.name,
        cloud_ref=CLOUD,
        type="VS_TYPE_NORMAL",
        enabled=True,
        services=[{"port": 443, "enable_ssl": True, "port_range_end": 443}],
        icap_request_profile_refs=[f"/api/icapprofile/icapprofile-{service.profile}"],
        http_policies=[{"index": 11, "http_policy_set_ref": f"/api/httppolicyset/httppolicyset-{service.name}"}],
        analytics_profile_ref="/api/analyticsprofile/analyticsprofile-0p1",
        analytics_policy={
            "full_client_logs": {"enabled": True, "duration": 0, "throttle": 10},
            "significant_log_throttle": 10,
            "udf_log_throttle": 10,
        },
        application_profile_ref="/api/applicationprofile/applicationprofile-0a1",
        network_profile_ref="/api/networkprofile/networkprofile-0n1",
        se_group_ref="/api/serviceenginegroup/serviceenginegroup-0g1",
        vrf_context_ref="/api/vrfcontext/vrfcontext-0e1",
    )
    assert service.uuid == made["uuid"]
    return made


def _policy_set(service: Service) -> Object:
    rule = {
        "index": 1,
        "name": "scan-uploads",
        "enable": True,
        "match": {
            "method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_POST", "HTTP_METHOD_PUT"]},
        },
        "action": {"action": "HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP"},
    }
    return _named(
        "httppolicyset", service.name, f"{service.name}-policies", http_security_policy={"rules": [rule]}
    )  # fmt: skip


def _pool_group(name: str, *pools: tuple[str, str]) -> Object:
    members = [
        {"pool_ref": f"/api/pool/pool-{pool}", "ratio": 1, "priority_label": priority} for pool, priority in pools
    ]
    return _named("poolgroup", f"icap-{name}-pg", f"icap-{name}-pg", cloud_ref=CLOUD, members=members)


def _pool(name: str, members: tuple[Member, ...]) -> Object:
    return _named(
        "pool",
        name,
        name,
        cloud_ref=CLOUD,
        enabled=True,
        default_server_port=members[0].port,
        health_monitor_refs=["/api/healthmonitor/healthmonitor-0h1"],
        vrf_ref="/api/vrfcontext/vrfcontext-0e1",
        servers=[
            {
                "ip": {"addr": member.address, "type": "V4"},
                "port": member.port,
                "hostname": member.address,
                "enabled": True,
                "ratio": 1,
            }
            for member in members
        ],
    )


def _health_monitor() -> Object:
    return _named(
        "healthmonitor",
        "0h1",
        "icap-options",
        type="HEALTH_MONITOR_TCP",
        send_interval=10,
        receive_timeout=4,
        successful_checks=2,
        failed_checks=2,
        tcp_monitor={
            "tcp_request": "OPTIONS icap://localhost/OMSScanReq-AV ICAP/1.0\r\nHost: localhost\r\n\r\n",
            "tcp_response": "ICAP/1.0 200",
        },
    )


def _engine(uuid: str, number: int) -> Object:
    return {
        "uuid": uuid,
        "name": f"avi-se-{number}",
        "_last_modified": "1767225600000000",
        "tenant_ref": ADMIN,
        "cloud_ref": CLOUD,
        "se_group_ref": "/api/serviceenginegroup/serviceenginegroup-0g1",
        "enable_state": "SE_STATE_ENABLED",
        "mgmt_vnic": {"vnic_networks": [{"ip": {"ip_addr": {"addr": f"10.0.0.{number}", "type": "V4"}, "mask": 24}}]},
    }
