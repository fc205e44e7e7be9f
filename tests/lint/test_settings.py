"""Settings of a right configuration changed one at a time: what is logged, TLS, sizes, times and memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import icapdiag
from icapdiag.avi.config.memory import engine_group_sheet
from icapdiag.avi.config.objects import PROFILE, SE_GROUP, AviObject
from icapdiag.jsontree import read_json
from icapdiag.vocabulary import CauseStatus, Severity
from icapdiag.yamltree import MapNode
from tests.lint.right import Export, Mistake, export, leave_out, put, put_rule, put_server

WARNING, INFO = Severity.WARNING, Severity.INFO


class Case(NamedTuple):
    """Changes, the one finding that they lead to, its causes that are proven or likely, and the field that is named."""

    changes: tuple[Mistake, ...]
    finding: str
    severity: Severity
    causes: list[str]
    field: str | None


def logs(*, throttle: int = 0, full_throttle: object = 0, filters: Any = None, **full: Any) -> Mistake:
    kept = {"enabled": True, "duration": 0, "throttle": full_throttle, **full}
    policy = {"full_client_logs": kept, "significant_log_throttle": throttle, "client_log_filters": filters}
    return put("VirtualService", analytics_policy=policy)


TLS = {
    "ssl_profile_ref": "/api/sslprofile?name=System-Standard",
    "pki_profile_ref": "/api/pkiprofile?name=icap-ca",
    "host_check_enabled": True,
    "domain_name": ["icap.example.com"],
    "server_name": "icap.example.com",
    "default_server_port": 11344,
}


def tls(**changes: Any) -> Mistake:
    def make(found: Export) -> None:
        found["PKIProfile"] = [{"name": "icap-ca", "crl_check": False, "ca_certs": [{"certificate": "-----BEGIN"}]}]
        put("Pool", **{**TLS, **changes})(found)

    return make


def revocation(**changes: Any) -> Mistake:
    def make(found: Export) -> None:
        tls()(found)
        put("PKIProfile", crl_check=None)(found)
        put("PKIProfile", **changes)(found)

    return make


def bodies(size: object) -> Mistake:
    def make(found: Export) -> None:
        found["ApplicationProfile"] = [{"name": "app-http", "http_profile": {"client_max_body_size": size}}]
        put("VirtualService", application_profile_ref="/api/applicationprofile?name=app-http")(found)

    return make


def licence(own: str = "", *, cloud: str = "", system: str = "", version: Any = None) -> Mistake:
    """The tier of the Service Engine group, of the cloud, of the system, and the version of the export."""

    def make(found: Export) -> None:
        put("ServiceEngineGroup", license_tier=own or None)(found)
        found["Cloud"] = [{"name": "Default-Cloud", **({"license_tier": cloud} if cloud else {})}]
        found["SystemConfiguration"] = [{"uuid": "default", **({"default_license_tier": system} if system else {})}]
        if version:
            of_version(version)(found)

    return make


def of_version(version: str, **profile: Any) -> Mistake:
    def make(found: dict[str, Any]) -> None:
        put("IcapProfile", **profile)(found)
        found["META"] = {"version": {"Product": "controller", "Version": version}}

    return make


def no_authority(found: Export) -> None:
    tls()(found)
    found["PKIProfile"][0]["ca_certs"] = []


PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def authority(**fields: str) -> Mistake:
    """One authority with these fields."""

    def make(found: Export) -> None:
        tls()(found)
        found["PKIProfile"][0]["ca_certs"] = [{"certificate": PEM.format("MIIB"), **fields}]

    return make


FULL = "analytics_policy.full_client_logs"
STREAMED = "client_log_streaming_config.format_config.included_fields"
COLLECTED = "client_log_config.enable_significant_log_collection"
SELECTED = {"format": "LOG_STREAMING_FORMAT_JSON_SELECTED", "included_fields": ["client_ip", "response_code"]}
CASES = {
    "full logs off": Case((logs(enabled=False),), "passed-requests-not-logged", INFO, ["off"], f"{FULL}.enabled"),
    "full logs for a time": Case(
        (logs(duration=30),), "passed-requests-not-logged", INFO, ["ends"], f"{FULL}.duration"
    ),
    "throttle": Case(
        (logs(throttle=10),), "log-throttle-configured", INFO, ["significant"],
        "analytics_policy.significant_log_throttle",
    ),
    "throttle of full logs": Case(
        (logs(full_throttle="5"),), "log-throttle-configured", INFO, ["full"], f"{FULL}.throttle",
    ),
    "throttle of a log filter": Case(
        (logs(filters=[{"enabled": False}, {"enabled": True, "index": 1, "name": "uploads"}]),),
        "log-throttle-configured", INFO, ["filters"], "analytics_policy.udf_log_throttle",
    ),
    "throttle of a rule that logs": Case(
        (logs(), put_rule(log="true")), "log-throttle-configured", INFO, ["filters"],
        "analytics_policy.udf_log_throttle",
    ),
    "no significant logs": Case(
        (put("AnalyticsProfile", client_log_config={"enable_significant_log_collection": False}),),
        "significant-logs-off", WARNING, ["off"], COLLECTED,
    ),
    "streamed without ICAP": Case(
        (put("AnalyticsProfile", client_log_streaming_config={"format_config": SELECTED}),),
        "log-streaming-without-icap", WARNING, ["fields"], STREAMED,
    ),
    "a code of ICAP excluded": Case(
        (put("AnalyticsProfile", exclude_http_error_codes=["404", 500]),), "error-codes-excluded", INFO, [],
        "exclude_http_error_codes",
    ),
    "a range of codes excluded": Case(
        (put("AnalyticsProfile", ranges=[{"begin": 400, "end": 499}]),), "error-codes-excluded", INFO, [], "ranges"
    ),
    "all 5xx excluded": Case(
        (put("AnalyticsProfile", resp_code_block=["AP_HTTP_RSP_5XX"]),), "error-codes-excluded", INFO, [],
        "resp_code_block",
    ),
    "TLS port without TLS": Case(
        (put_server(0, port=11344),), "tls-port-unlikely", WARNING, ["no-tls"], "servers[0].port"
    ),
    "TLS on the other port": Case(
        (tls(), put_server(0, port=1344)), "tls-port-unlikely", WARNING, ["tls"], "servers[0].port"
    ),
    "PKI profile without TLS": Case(
        (tls(ssl_profile_ref=None, default_server_port=1344, host_check_enabled=None),),
        "tls-settings-without-tls", WARNING, ["no-ssl-profile"], "ssl_profile_ref",
    ),
    "names checked, none given": Case(
        (tls(domain_name=None),), "tls-name-check-without-name", WARNING, ["no-domain-name"], "ssl_profile_ref"
    ),
    "certificates not checked": Case(
        (tls(pki_profile_ref=None, server_name=None, host_check_enabled=None),),
        "tls-server-unverified", INFO, ["authority", "name", "sni"], "ssl_profile_ref",
    ),
    "no authority": Case((no_authority,), "pki-profile-empty", WARNING, ["no-authority"], "ca_certs"),
    "an expired authority": Case((authority(not_after="2020-01-02 00:00:00"),), "pki-profile-empty", WARNING,
                                 ["expired"], "ca_certs"),
    "an authority that can't be read": Case((authority(certificate=PEM.format("no base64")),), "pki-profile-empty",
                                            WARNING, ["unreadable"], "ca_certs"),
    "revocation without a list": Case((revocation(),), "crl-missing", WARNING, ["no-list"], "crls"),
    "revocation with an empty list": Case(
        (revocation(crl_check="true", crls=[]),), "crl-missing", WARNING, ["no-list"], "crl_check"
    ),
    "a small buffer": Case(
        (put("IcapProfile", buffer_size=1024),), "buffer-size-lowered", INFO, ["refused"], "buffer_size"
    ),
    "larger bodies let in, unscanned": Case(
        (bodies("102400"), put("IcapProfile", buffer_size_exceed_action=None, fail_action="ICAP_FAIL_CLOSED")),
        "body-limit-above-buffer", WARNING, ["unscanned"], "http_profile.client_max_body_size",
    ),
    "bodies of any size, unscanned": Case(
        (bodies("0"), put("IcapProfile", buffer_size_exceed_action=None)),
        "body-limit-above-buffer", WARNING, ["unscanned"], "buffer_size_exceed_action",
    ),
    "larger bodies let in, refused": Case(
        (bodies(51201),), "body-limit-above-buffer", WARNING, ["refused"], "http_profile.client_max_body_size"
    ),
    "a pool that ends scans": Case(
        (put("Pool", server_timeout="30000"),), "server-timeout-short", WARNING, ["ends-first"], "server_timeout"
    ),
    "Basic licence": Case(
        (licence("BASIC", version="30.2.1"),), "licence-without-icap", WARNING, ["tier"], "license_tier"
    ),
    "Essentials, version not visible": Case(
        (licence("ESSENTIALS"),), "licence-without-icap", WARNING, ["tier"], "license_tier"
    ),
    "Basic is the cloud's default": Case(
        (licence(cloud="BASIC", system="ENTERPRISE"),), "licence-without-icap", WARNING, ["tier"], "license_tier"
    ),
    "Basic is the system's default": Case(
        (licence(system="BASIC", version="31.1.2"),), "licence-without-icap", WARNING, ["tier"], "default_license_tier"
    ),
    "before ICAP": Case((of_version("18.2.2"),), "version-without-icap", WARNING, ["before-icap"], None),
    "before NSX Defender": Case(
        (of_version("20.1.6", vendor="ICAP_VENDOR_LASTLINE", preview_size=1000),),
        "version-without-icap", WARNING, ["before-nsx-defender"], "vendor",
    ),
    "before ICAPS": Case(
        (tls(), of_version("21.1.2-2p1")), "version-without-icap", WARNING, ["before-icaps"], "ssl_profile_ref"
    ),
    "slow is too late": Case(
        (put("IcapProfile", slow_response_warning_threshold="60000"),),
        "slow-threshold-above-timeout", INFO, ["threshold"], "slow_response_warning_threshold",
    ),
    "a short timeout": Case(
        (put("IcapProfile", response_timeout=2000, slow_response_warning_threshold=1000),),
        "response-timeout-short", WARNING, ["short"], "response_timeout",
    ),
    "the vendor that Avi takes": Case(
        (put("IcapProfile", vendor=None, service_uri="/avscan"), put("Pool", health_monitor_refs=None)),
        "vendor-default", INFO, ["default"], "vendor",
    ),
    "little memory": Case(
        (put("ServiceEngineGroup", memory_per_se=None),), "se-memory-for-uploads", INFO, ["memory"], "memory_per_se"
    ),
}  # fmt: skip
BESIDE = {"the vendor that Avi takes"}  # whose pool has no monitor of that path, either


@pytest.mark.parametrize("name", CASES)
def test_a_setting_leads_to_its_finding_and_no_other(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(*case.changes), indent=1), encoding="utf-8")
    report = icapdiag.lint([file])
    found = {each.id: each for each in report.findings}
    assert name in BESIDE or {case.finding} == set(found)
    finding = found[case.finding]
    assert case.severity == finding.severity
    known = (CauseStatus.PROVEN, CauseStatus.LIKELY)
    assert set(case.causes) == {each.id for each in finding.causes or () if each.status in known}
    assert case.field in {each.field for each in finding.places or ()}


@pytest.mark.parametrize(
    "changes",
    [
        (tls(),),
        (authority(not_after="2199-01-01 00:00:00"),),
        (put("AnalyticsProfile", client_log_streaming_config={
            "format_config": {**SELECTED, "included_fields": ["client_ip", "icap_log"]}}),),
        (put("AnalyticsProfile", client_log_config={"enable_significant_log_collection": "true"}),),
        (put("ServiceEngineGroup", memory_per_se=None), put("IcapProfile", allow_204=False)),
        (put("IcapProfile", vendor=None),),
        (bodies(51200), put("IcapProfile", buffer_size_exceed_action=None)),
        (bodies("0"),),
        (licence("BASIC", version="31.2.1"),),
        (licence("ENTERPRISE", cloud="BASIC", version="22.1.3"),),
        (licence(cloud="ENTERPRISE_WITH_CLOUD_SERVICES", system="BASIC"),),
        (of_version("20.1.3"),),
        (of_version("21.1.1", vendor="ICAP_VENDOR_LASTLINE", preview_size=1000),),
        (tls(), of_version("30.2.1")),
        (put("Pool", server_timeout=60000),),
        (logs(filters=[{"enabled": False}]),),
        (put_rule(log=True),),
        (put("AnalyticsProfile", exclude_http_error_codes=[404], ranges=[{"begin": 414, "end": 499}]),),
        (revocation(crls=[{"server_url": "http://pki.example/ca.crl"}]),),
        (revocation(allow_pki_errors=["ALLOW_ALL_ERRORS"]),),
        (leave_out("AnalyticsProfile", "ServiceEngineGroup"),),
    ],
    ids=["TLS", "an authority that is valid", "icap_log streamed", "significant logs", "bodies are streamed",
         "OPSWAT's path",
         "no larger body is let in",
         "bodies of any size, refused",
         "Basic from 31.2 on", "an Enterprise group", "an Enterprise cloud", "the first version", "NSX Defender",
         "ICAPS",
         "a pool that waits as long", "a filter that is off",
         "a rule that logs", "other codes", "a CRL", "any certificate", "not visible"],
)  # fmt: skip
def test_nothing_is_found(tmp_path: Path, changes: tuple[Mistake, ...]) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(*changes)), encoding="utf-8")
    assert [] == [each.id for each in icapdiag.lint([file]).findings]


@pytest.mark.parametrize(
    ("engines", "profile", "expected"),
    [
        ({}, {}, 20),
        ({"memory_per_se": 4096}, {"buffer_size": 20480}, 102),
        ({"connection_memory_percentage": 10}, {}, 4),
    ],
)
def test_how_many_uploads_fit(engines: dict[str, Any], profile: dict[str, Any], expected: int) -> None:
    made = []
    for kind, fields in ((SE_GROUP, engines), (PROFILE, profile)):
        written = {"service_uri": "/scan", **fields}
        node = read_json(json.dumps(written), set(written))
        assert isinstance(node, MapNode)
        made.append(AviObject(kind, node, ()))
    assert expected == engine_group_sheet(made[0], made[1:]).uploads_in_memory
