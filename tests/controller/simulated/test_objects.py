"""Sessions and objects of the simulated Controller are as the API's documents say."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path

import icapdiag
from icapdiag.vocabulary import Severity
from tests.controller.simulated.client import Client
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import ENGINES, SERVICES

KINDS = {
    "icapprofile": "IcapProfile",
    "virtualservice": "VirtualService",
    "httppolicyset": "HTTPPolicySet",
    "poolgroup": "PoolGroup",
    "pool": "Pool",
    "healthmonitor": "HealthMonitor",
    "pkiprofile": "PKIProfile",
    "analyticsprofile": "AnalyticsProfile",
    "serviceenginegroup": "ServiceEngineGroup",
    "serviceengine": "ServiceEngine",
}
PORTAL = SERVICES[0]


def test_a_session_opens_with_a_password_or_a_token_and_ends(controller: Controller) -> None:
    with Client(controller) as client:
        client.get("pool")
        assert 401 == client.status
        client.login(username="auditor", password="wrong")  # noqa: S106 - opens nothing
        assert 401 == client.status
        client.login(username="auditor", token="token-0001")  # noqa: S106 - only the simulator
        assert 200 == client.status
        client.get("pool")
        assert 200 == client.status
        client.send("POST", "/logout")
        assert 403 == client.status, "no CSRF token"
        client.send("POST", "/logout", headers={"X-CSRFToken": _csrf(client)})
        assert 200 == client.status
        client.get("pool")
        assert 401 == client.status
    assert [] == controller.changes


def test_a_change_needs_the_csrf_token_and_is_recorded(controller: Controller, client: Client) -> None:
    client.send("POST", "/api/pool", '{"name": "p"}')
    assert 403 == client.status
    client.send("POST", "/api/pool", '{"name": "p"}', {"X-CSRFToken": _csrf(client)})
    assert 201 == client.status
    assert [("POST", "/api/pool"), ("POST", "/api/pool")] == controller.changes


def test_lists_come_in_pages_up_to_200(controller: Controller, client: Client) -> None:
    found = client.get("virtualservice", page_size=12)
    names = [each["name"] for each in found["results"]]
    while "next" in found:
        found = client.follow(found["next"])
        names += [each["name"] for each in found["results"]]
    assert 33 == found["count"] == len(set(names)) == len(names)
    for size in (0, 201, 1000):
        client.get("virtualservice", page_size=size)
        assert 400 == client.status
    assert set() == controller.unknown
    client.get("virtualservice", pagesize=5)
    assert {"pagesize"} == controller.unknown


def test_objects_are_found_by_name_uuid_and_reference(client: Client) -> None:
    by_reference = client.get("virtualservice", refers_to="icapprofile:icapprofile-icap-portal", include_name="true")
    assert ["portal-vs", "claims-vs"] == [found["name"] for found in by_reference["results"]]
    (reference,) = by_reference["results"][0]["icap_request_profile_refs"]
    assert reference.endswith("/api/icapprofile/icapprofile-icap-portal#icap-portal")
    (found,) = client.get("icapprofile", name="icap-mail")["results"]
    assert found == client.get(f"icapprofile/{found['uuid']}")
    client.get("icapprofile/icapprofile-none")
    assert 404 == client.status


def test_without_a_version_objects_have_the_old_shape(client: Client) -> None:
    assert "icap_request_profile_refs" in client.get(f"virtualservice/{PORTAL.uuid}")
    assert ("AVI_API_VERSION", "30.2.1") in client.answered
    del client.headers["X-Avi-Version"]
    assert "icap_request_profile_refs" not in client.get(f"virtualservice/{PORTAL.uuid}")
    assert ("AVI_API_VERSION", "16_4_2") in client.answered


def test_a_tenant_sees_its_own_objects(client: Client) -> None:
    client.headers["X-Avi-Tenant"] = "branch"
    assert 0 == client.get("pool")["count"]
    client.headers["X-Avi-Tenant"] = "*"
    assert 3 == client.get("pool")["count"]
    client.headers["X-Avi-Tenant"] = "nobody"
    client.get("pool")
    assert 404 == client.status


def test_each_service_engine_has_its_own_view_of_a_server(controller: Controller, client: Client) -> None:
    controller.state.down["192.0.2.16:1344", ENGINES[1]] = "CONNECTION_REFUSED"
    detail = client.get("pool/pool-icap-portal-pool/runtime/server/detail/")
    down = [
        (each["ip_addr"]["addr"], each["se_uuid"]) for each in detail if each["oper_status"]["state"] == "OPER_DOWN"
    ]
    assert [("192.0.2.16", ENGINES[1])] == down
    monitors = client.get("pool/pool-icap-portal-pool/runtime/server/hmonstat/")
    assert list(ENGINES) == [each["se_uuid"] for each in monitors]
    (failing,) = [
        server
        for each in monitors
        for server in each["server_hm_stat"]
        if server["oper_status"]["state"] == "OPER_DOWN"
    ]
    assert [{"type": "CONNECTION_REFUSED", "count": 360}] == failing["shm_runtime"][0]["total_count"]


def test_what_may_not_be_seen_is_403(controller: Controller, client: Client) -> None:
    controller.forbidden |= {"pkiprofile", "pool-icap-mail-pool"}
    statuses = []
    for path in ("pkiprofile", "pool/pool-icap-mail-pool", "pool/pool-icap-portal-pool"):
        client.get(path)
        statuses.append(client.status)
    assert [403, 403, 200] == statuses


def test_it_serves_by_hand_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "tests.controller.simulated", "--entries", "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout is not None
            said = re.match(r"Controller +127\.0\.0\.1:(\d+), CA certificate in (.+)\n", process.stdout.readline())
            assert said is not None
            context = ssl.create_default_context(cafile=said[2])
            connection = HTTPSConnection("127.0.0.1", int(said[1]), context=context, timeout=20)
            connection.request("GET", "/api/pool")
            assert 401 == connection.getresponse().status
            connection.close()
        finally:
            process.terminate()
        assert 0 == process.wait(20)


def test_lint_finds_only_what_is_meant_in_the_configuration(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    objects = {name: client.get(kind, include_name="true", page_size=200)["results"] for kind, name in KINDS.items()}
    file.write_text(json.dumps(objects), "utf-8")
    findings = icapdiag.lint([file]).findings
    assert ["fails-open"] == [found.id for found in findings if found.severity is not Severity.INFO]


def _csrf(client: Client) -> str:
    return dict(pair.split("=") for pair in client.headers["Cookie"].split("; "))["csrftoken"]
