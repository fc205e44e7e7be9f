"""Right configurations of varied make: nothing in them is above info."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import icapdiag
from icapdiag.facts.config import LintSubject
from icapdiag.vocabulary import Severity
from tests.avi.config.test_forms import FORMS, SPELLINGS, refer, with_uuids
from tests.lint.right import Export, Object, add_rules, allowing, export, put, put_rule, rule, server

UPLOAD = {"path": {"match_criteria": "BEGINS_WITH", "match_str": ["/upload"]}}


def as_texts(found: Export) -> None:
    made = FORMS["strings"](found)
    found.update(made)


def child_of_a_parent(found: Export) -> None:
    """The child has profile and policies of its own; its parent has nothing to do with ICAP."""
    found["VirtualService"][0].update(
        type="VS_TYPE_VH_CHILD", vh_parent_vs_ref="/api/virtualservice?name=parent", vh_domain_name=["a.example"]
    )
    found["VirtualService"].append({"name": "parent", "type": "VS_TYPE_VH_PARENT", "enabled": True})


def shared_policies(found: Export) -> None:
    """Two virtual services with the same policy sets and profile."""
    found["VirtualService"].append({**copy.deepcopy(found["VirtualService"][0]), "name": "second-vs"})


def icaps(found: Export) -> None:
    """TLS with all that Avi needs to check the server's certificate."""
    found["Pool"][0].update(
        default_server_port=11344,
        ssl_profile_ref="/api/sslprofile?name=System-Standard",
        pki_profile_ref="/api/pkiprofile?name=icap-ca",
        host_check_enabled=True,
        domain_name=["icap.example.com"],
        server_name="icap.example.com",
        sni_enabled=True,
    )
    found["SSLProfile"] = [{"name": "System-Standard"}]
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    found["PKIProfile"] = [{"name": "icap-ca", "crl_check": False, "ca_certs": [{"certificate": pem}]}]


def several_policy_sets(found: Export) -> None:
    """The rule is in the second one; what ends the evaluation before it is for other requests."""
    before: Object = {
        "name": "first",
        "http_security_policy": {
            "rules": [
                allowing("health", 1, path={"match_criteria": "EQUALS", "match_str": ["/healthz"]}),
                allowing("reads", 2, method={"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_GET"]}),
                allowing("bad", 3, "HTTP_SECURITY_ACTION_CLOSE_CONN",
                         client_ip={"match_criteria": "IS_IN", "group_refs": ["/api/ipaddrgroup?name=bad"]}),
            ]
        },
    }  # fmt: skip
    found["HTTPPolicySet"].append(before)
    found["VirtualService"][0]["http_policies"].insert(
        0, {"index": 5, "http_policy_set_ref": "/api/httppolicyset?name=first"}
    )


def ports_of_servers(found: Export) -> None:
    """Each server has its own port, so the pool's default does not matter."""
    del found["Pool"][0]["default_server_port"]
    found["Pool"][0]["servers"] = [server("192.0.2.1", port=1344), server("2001:db8::1", port="1345")]


def children(found: Export) -> None:
    """A parent without ICAP, and two children that have it."""
    child_of_a_parent(found)
    second = {**copy.deepcopy(found["VirtualService"][0]), "name": "second-vs", "vh_domain_name": ["b.example"]}
    found["VirtualService"].append(second)


def limits(found: Export) -> None:
    """No body comes in that is too large for ICAP, connections are limited, and the pool waits longer than ICAP."""
    found["ApplicationProfile"] = [{"name": "app-http", "http_profile": {"client_max_body_size": "20480"}}]
    put("VirtualService", application_profile_ref="/api/applicationprofile?name=app-http")(found)
    put("IcapProfile", buffer_size_exceed_action=None)(found)
    put("Pool", max_concurrent_connections_per_server=100, server_timeout=120000)(found)


def newer(found: dict[str, Any]) -> None:
    """An export that names its version, of a licence that has ICAP, with a field that 30.2.1 does not have."""
    found["META"] = {"version": {"Version": "31.2.1"}}
    found["ServiceEngineGroup"][0]["license_tier"] = "ENTERPRISE"
    found["Pool"][0]["added_in_31_2"] = True


def everything(found: Export) -> None:
    """The rule is for every request."""
    put_rule(match=None)(found)
    add_rules(allowing("later", 9), rule("again", 10))(found)


MAKES: dict[str, Callable[[Export], None]] = {
    "plain": lambda _: None,
    "texts": as_texts,
    "child": child_of_a_parent,
    "shared": shared_policies,
    "icaps": icaps,
    "policy sets": several_policy_sets,
    "ports": ports_of_servers,
    "everything": everything,
    "children": children,
    "limits": limits,
    "newer": newer,
}


@pytest.mark.parametrize(("make", "spelling"), list(product(MAKES, SPELLINGS)), ids=str)
def test_a_right_configuration_has_nothing_above_info(make: str, spelling: str, tmp_path: Path) -> None:
    made = refer(export(), SPELLINGS[spelling])
    if spelling in {"uuid", "path", "url", "url and name"}:
        made = with_uuids(made)
    MAKES[make](made)
    file = tmp_path / "export.json"
    file.write_text(json.dumps(made, indent=1), encoding="utf-8")
    report = icapdiag.lint([file])
    assert [] == [(each.id, each.places) for each in report.findings if each.severity is not Severity.INFO]
    assert isinstance(report.subject, LintSubject)
    assert {"yes"} == {each.scanned for each in report.subject.services}
    assert report.verdict == "ok"


def test_the_vendor_may_be_any(tmp_path: Path) -> None:
    for vendor in ("ICAP_VENDOR_GENERIC", "ICAP_VENDOR_LASTLINE"):
        file = tmp_path / f"{vendor}.json"
        file.write_text(json.dumps(export(put("IcapProfile", vendor=vendor, preview_size=1000))), encoding="utf-8")
        assert [] == [each.id for each in icapdiag.lint([file]).findings if each.severity is not Severity.INFO]
