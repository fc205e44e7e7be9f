"""Whatever a site fills into its configuration is not in a redacted report, in any format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import icapdiag
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import Pseudonyms, redact
from tests.e2e.canaries import Canaries
from tests.lint.right import Export, allowing, export, put, rules

NAMES = ("app-vs", "app-policies", "scan-uploads", "icap-prof", "icap-group", "icap-pool", "icap-options",
         "icap-analytics", "Default-Group")  # fmt: skip


def planted(canaries: Canaries) -> str:
    """A configuration with findings about every kind of object, and a canary in each text that a site chooses."""

    def mistakes(found: Export) -> None:
        listed = rules(found)
        listed[0]["match"]["path"]["match_str"] = [f"/{canaries.at('path')}"]
        listed[0]["match"]["host_hdr"] = {"match_criteria": "HDR_EQUALS", "value": [f"{canaries.at('host')}.example"]}
        listed.insert(0, allowing(canaries.at("covering rule"), 0))
        pool = found["Pool"][0]
        pool["servers"][0].update(hostname=f"{canaries.at('hostname')}.example", resolve_server_by_dns=True, port=80)
        pool["servers"][1].update(ip={"addr": f"{canaries.at('dns')}.example", "type": "DNS"}, port=80)
        pool.update(server_name=f"{canaries.at('server name')}.example", ssl_profile_ref=canaries.at("ssl profile"))
        pool.update(pki_profile_ref=canaries.at("pki profile"), cloud_ref=f"/api/cloud?name={canaries.at('cloud')}")
        found["PoolGroup"][0]["members"][0]["priority_label"] = canaries.at("priority label")
        monitor = found["HealthMonitor"][0]["tcp_monitor"]
        monitor["tcp_request"] = f"GET /{canaries.at('request')} HTTP/1.0"
        found["VirtualService"].append({"name": canaries.at("other service")})
        parent = {"name": canaries.at("parent"), "type": "VS_TYPE_VH_PARENT"}
        child = {"name": canaries.at("child"), "vh_parent_vs_ref": f"/api/virtualservice?name={parent['name']}"}
        found["VirtualService"] += [parent, child]
        found["VirtualService"][0].update(vh_parent_vs_ref=child["vh_parent_vs_ref"])
        found["VirtualService"][0]["application_profile_ref"] = canaries.at("application profile")
        limit = {"client_max_body_size": 60000}
        found["ApplicationProfile"] = [{"name": canaries.at("application profile"), "http_profile": limit}]
        found["ServiceEngineGroup"][0]["license_tier"] = "BASIC"
        found["VirtualService"][0]["tenant_ref"] = f"/api/tenant?name={canaries.at('tenant')}"

    wrong = put("IcapProfile", service_uri=f"/{canaries.at('uri')}", fail_action=canaries.at("value"), preview_size="x")
    text = json.dumps(export(wrong, put("PoolGroup", fail_action={"type": "FAIL_ACTION_CLOSE_CONN"}), mistakes))
    for name in NAMES:
        text = text.replace(name, canaries.at(name))
    return text


@pytest.mark.parametrize("form", FORMATS)
def test_no_canary_is_in_it(form: str, tmp_path: Path) -> None:
    canaries = Canaries()
    folder = tmp_path / canaries.at("folder")
    folder.mkdir()
    file = folder / f"{canaries.at('file')}.json"
    file.write_text(planted(canaries), encoding="utf-8")
    found = icapdiag.lint([file])
    assert len(found.findings) > 4
    whole = render(settled(found), "json").lower()
    assert len(canaries.planted) - 8 < sum(word.lower() in whole for word in canaries.planted.values())
    report, _ = redact(found, Pseudonyms())
    drawn = render(settled(report), form, Style(detail=2)).lower()
    assert [] == [place for place, word in canaries.planted.items() if word.lower() in drawn]
