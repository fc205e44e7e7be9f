"""What Avi objects say of TLS, whom to trust, monitors, fail actions and weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from icapdiag.pool import TLS
from tests.pool.exported import export, pool, profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icapdiag.pool import Pool

    Load = Callable[..., Pool]


def test_an_ssl_profile_means_tls(load: Load) -> None:
    def tls(**more: Any) -> TLS | None:
        return load(json.dumps(pool(**more)), service_uri="/a").members[0].tls

    unverified = TLS(verify=False, unverified="the Avi pool has no PKI profile", sni_known=False)
    ssl = {"ssl_profile_ref": "/api/sslprofile/?name=x"}
    assert tls() is None
    assert unverified == tls(**ssl)
    assert replace(unverified, server_name="a.example.com", sni_known=True) == tls(**ssl, server_name="a.example.com")
    assert replace(unverified, sni_known=True, sni=False) == tls(**ssl, server_name="a.example.com", sni_enabled=False)
    assert replace(unverified, sni_known=True, sni=False) == tls(**ssl, domain_name=["a.test"], sni_enabled=False)
    assert replace(unverified, server_name="b.example.com") == tls(**ssl, domain_name=["b.example.com"])
    assert unverified == tls(**ssl, domain_name=["not a name"])


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("more", "names", "server_name"),
    [
        ({}, (), None),  # Avi's default: the chain counts, the name does not
        ({"server_name": "a.example.com"}, (), "a.example.com"),
        ({"host_check_enabled": True, "domain_name": ["b.example.com", "c.test"], "server_name": "a.example.com"},
         ("b.example.com", "c.test"), "a.example.com"),
        ({"host_check_enabled": "true", "domain_name": ["b.example.com"]}, ("b.example.com",), "b.example.com"),
        ({"host_check_enabled": True}, (), None),  # the client's Host counts, and nobody knows it here
        ({"host_check_enabled": True, "server_name": "a.example.com"}, (), "a.example.com"),
    ],
)  # fmt: skip
def test_a_pki_profile_says_whom_to_trust(
    load: Load, more: dict[str, Any], names: tuple[str, ...], server_name: str | None
) -> None:
    secured = pool(ssl_profile_ref="x", pki_profile_ref="/api/pkiprofile/?name=ca", **more)
    file = {
        "Pool": [secured],
        "PKIProfile": [{"name": "other"}, {"name": "ca", "ca_certs": [{"certificate": PEM}] * 2}],
    }
    tls = load(json.dumps(file), service_uri="/a").members[0].tls
    known = "domain_name" in more or "host_check_enabled" not in more
    expected = TLS(ca_pem=f"{PEM}\n{PEM}", names=names, server_name=server_name, names_known=known)
    assert replace(expected, sni_known="server_name" in more) == tls


@pytest.mark.parametrize(
    ("pki", "said"),
    [
        ([], "the CA is not visible: PKI profile 'ca' is not in this file"),
        ([{"name": "other", "ca_certs": [{"certificate": PEM}]}],
         "the CA is not visible: PKI profile 'ca' is not in this file"),
        ([{"name": "ca", "ca_certs": [{"certificate": ""}, 7]}],
         "the CA is not visible: PKI profile 'ca' shows no certificate"),
    ],
)  # fmt: skip
def test_an_authority_that_is_not_there_is_not_a_stranger(load: Load, pki: list[Any], said: str) -> None:
    file = {"Pool": [pool(ssl_profile_ref="x", pki_profile_ref="ca")], "PKIProfile": pki}
    assert (
        TLS(verify=False, unverified=said, sni_known=False) == load(json.dumps(file), service_uri="/a").members[0].tls
    )


TCP = {"name": "tcp", "type": "HEALTH_MONITOR_TCP", "tcp_monitor": {"tcp_request": "OPTIONS", "tcp_response": "200"}}

HTTP = {"name": "http", "type": "HEALTH_MONITOR_HTTP", "http_monitor": {}}

HTTPS = {"name": "https", "type": "HEALTH_MONITOR_HTTPS", "https_monitor": {"http_request": "GET /readyz HTTP/1.0"}}

PING = {"name": "ping", "type": "HEALTH_MONITOR_PING"}


@pytest.mark.parametrize(
    ("refs", "kind", "request_"),
    [
        (["tcp"], "HEALTH_MONITOR_TCP", "OPTIONS"),
        (["https"], "HEALTH_MONITOR_HTTPS", "GET /readyz HTTP/1.0"),
        (["tcp", "http"], "HEALTH_MONITOR_HTTP", None),  # it takes down what the other one marks up
        (["ping", "tcp"], "HEALTH_MONITOR_TCP", "OPTIONS"),
        (["ping"], "HEALTH_MONITOR_PING", None),
        (["ping", "absent"], None, None),
        ([], None, None),
    ],
)
def test_the_monitor_that_decides(load: Load, refs: list[str], kind: str | None, request_: str | None) -> None:
    file = {"Pool": [pool(health_monitor_refs=refs)], "HealthMonitor": [TCP, HTTP, HTTPS, PING]}
    (seen,) = load(json.dumps(file), service_uri="/a").objects
    assert (kind, request_) == (seen.monitor_type, seen.monitor_request)


def test_no_monitor_at_all(load: Load) -> None:
    (seen,) = load(json.dumps(pool(inline_health_monitor=False)), service_uri="/a").objects
    assert "none" == seen.monitor_type


def test_fail_actions_and_weights(load: Load) -> None:
    pools = [pool("a", "192.0.2.1"), pool("b", "192.0.2.2", fail_action={"type": "FAIL_ACTION_HTTP_REDIRECT"})]
    members = [{"pool_ref": "a", "ratio": 0}, {"pool_ref": "b"}]
    text = export(
        pools=pools,
        groups=[{"name": "icap-group", "members": members, "fail_action": {}}],
        profiles=[profile(buffer_size_exceed_action="ICAP_FAIL_CLOSED")],
    )
    said = [
        (
            seen.object,
            seen.object_name,
            seen.fail_action,
            seen.buffer_size_exceed_action,
            seen.group_fail_action,
            seen.ratio,
        )
        for seen in load(text).objects
    ]
    assert [
        ("icapprofile", "icap", "ICAP_FAIL_OPEN", "ICAP_FAIL_CLOSED", None, None),
        ("poolgroup", "icap-group", None, None, "FAIL_ACTION_CLOSE_CONN", None),
        ("pool", "a", None, None, None, 0),
        ("pool", "b", None, None, "FAIL_ACTION_HTTP_REDIRECT", None),
    ] == said  # fmt: skip
