"""The simulated Controller answers as the API's documents say."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead, RemoteDisconnected
from pathlib import Path

import pytest

import icapdiag
from icapdiag.facts.run import LogSubject
from icapdiag.vocabulary import Severity
from tests.controller.simulated.client import Client, key_of
from tests.controller.simulated.controller import Certificate, Controller
from tests.controller.simulated.faults import Fault, search_down, session_over, too_many
from tests.controller.simulated.inventory import ENGINES, SERVICES, Inventory, Object
from tests.controller.simulated.log_answers import LIMIT, Partial
from tests.controller.simulated.truth import Truth, to_query

TRUTH = Truth(2000)
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


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller.serving(tmp_path, TRUTH, inventory=Inventory(other_services=30)) as found:
        yield found


@pytest.fixture
def client(controller: Controller) -> Iterator[Client]:
    with Client(controller) as found:
        found.login()
        yield found


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


def test_metrics_and_counters_agree_with_the_log(client: Client) -> None:
    found = client.get(
        f"analytics/metrics/virtualservice/{PORTAL.uuid}/",
        metric_id="icap_stats.sum_requests,icap_stats.sum_error",
        step=300,
        start=TRUTH.since,
        stop=to_query(TRUTH.end + 1),
    )
    sums = [sum(point["value"] for point in series["data"]) for series in found["series"]]
    actions = Counter(entry["icap_log"]["action"] for entry in _all(client) if "icap_log" in entry)
    assert [actions.total() - actions["ICAP_DISABLED"], actions["ICAP_FAILED"]] == sums
    stats = [each["icap_stats"][0] for each in client.get(f"virtualservice/{PORTAL.uuid}/icapstats/")]
    assert sums == [sum(each[name] for each in stats) for name in ("icap_requests", "icap_error")]
    assert sums == [TRUTH.sums(0)[name] for name in ("requests", "error")]


def test_the_log_has_every_entry_once(controller: Controller, client: Client) -> None:
    entries = _all(client)
    assert TRUTH.keys(0) == sorted(key_of(entry) for entry in entries)
    assert len(entries) > len({entry["report_timestamp"] for entry in entries}), "equal times"
    assert len(entries) > len({entry["log_id"] for entry in entries}), "equal numbers"
    times = [entry["report_timestamp"] for entry in entries]
    assert sorted(times) == times
    assert [*times[::-1]] == [entry["report_timestamp"] for entry in _all(client, orderby="-report_timestamp")]
    assert set() == controller.unknown


def test_the_log_shows_significant_entries_unless_asked_for_more(client: Client) -> None:
    kinds = Counter(entry.kind for entry in TRUTH.logged[0])
    assert kinds["adf"] == client.logs(udf="false", nf="false")["count"]
    assert kinds["udf"] == client.logs(adf="false", nf="false")["count"]
    assert kinds["nf"] == client.logs(adf="false", udf="false")["count"]


def test_times_with_an_offset_and_pages_over_10000_are_rejected(client: Client) -> None:
    client.logs(start="2026-06-01T06:00:00+00:00")
    assert 400 == client.status
    client.logs(page_size=LIMIT + 1)
    assert 400 == client.status


def test_at_the_limit_there_is_no_next(controller: Controller, client: Client) -> None:
    assert LIMIT == controller.logs.limit
    controller.logs.limit = 300
    found = client.logs(page_size=LIMIT)
    assert (300, len(TRUTH.logged[0]), False) == (len(found["results"]), found["count"], "next" in found)
    assert 270 == len(_all(client, page_size=90))


@pytest.mark.parametrize("each", ["all so far", "only the rest"])
def test_a_partial_answer_leads_to_the_others(controller: Controller, client: Client, each: str) -> None:
    controller.logs.partial.append(Partial(each))  # type: ignore[arg-type]
    answers = [client.logs(page_size=LIMIT)]
    while "more" in answers[-1]:
        answers.append(client.follow(answers[-1]["more"]))
    counts = [answer["count"] for answer in answers]
    assert len(ENGINES) == len(counts)
    assert 0.0 == answers[0]["percent_remaining"]
    whole = counts[-1] if each == "all so far" else sum(counts)
    assert len(TRUTH.logged[0]) == whole
    keys = {key_of(entry) for answer in answers for entry in answer["results"]}
    assert TRUTH.keys(0) == sorted(keys)


def test_for_javascript_integers_are_text(client: Client) -> None:
    found = client.logs(js_compat="true", page_size=1)
    assert str(len(TRUTH.logged[0])) == found["count"]
    assert isinstance(found["results"][0]["log_id"], str)
    assert isinstance(found["results"][0]["adf"], bool)


def test_a_throttled_log_keeps_less_than_was_counted(tmp_path: Path) -> None:
    truth = Truth(2000, burst=40, throttle=2)
    with Controller.serving(tmp_path, truth) as controller, Client(controller) as client:
        client.login()
        assert client.logs(page_size=1)["count"] == len(truth.logged[0]) < len(truth.happened[0])


def test_what_may_not_be_seen_is_403(controller: Controller, client: Client) -> None:
    controller.forbidden |= {"pkiprofile", "pool-icap-mail-pool"}
    statuses = []
    for path in ("pkiprofile", "pool/pool-icap-mail-pool", "pool/pool-icap-portal-pool"):
        client.get(path)
        statuses.append(client.status)
    assert [403, 403, 200] == statuses


def test_faults_befall_the_requests_that_they_name(controller: Controller, client: Client) -> None:
    for fault in (search_down(after=1), too_many(path="pool"), session_over(path="icapprofile", status=419)):
        controller.faults.add(fault)
    statuses = []
    for path in ("analytics/logs?type=1", "analytics/logs?type=1", "pool", "pool", "icapprofile", "icapprofile"):
        client.send("GET", f"/api/{path}")
        statuses.append(client.status)
    assert [200, 503, 429, 200, 419, 401] == statuses
    client.login()
    client.get("icapprofile")
    assert 200 == client.status


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault(cut=20), IncompleteRead), (Fault(hang_up=True), RemoteDisconnected)],
    ids=["cut", "hung up"],
)
def test_answers_break_off(controller: Controller, client: Client, fault: Fault, error: type[HTTPException]) -> None:
    controller.faults.add(fault)
    with pytest.raises(error):
        client.get("pool")
    client.connection.close()
    client.get("pool")
    assert 200 == client.status


@pytest.mark.parametrize("fault", [Fault(delay=0.3), Fault(trickle=0.3)], ids=["delayed", "trickling"])
def test_answers_are_slow(controller: Controller, client: Client, fault: Fault) -> None:
    controller.faults.add(fault)
    begin = time.monotonic()
    assert 3 == client.get("pool")["count"]
    assert time.monotonic() - begin > 0.29


def test_closing_does_not_wait_for_slow_answers(tmp_path: Path) -> None:
    with Controller.serving(tmp_path, TRUTH) as controller:
        connection = HTTPSConnection(
            "127.0.0.1", controller.port, context=ssl.create_default_context(cafile=controller.ca_file)
        )
        controller.faults.add(Fault(delay=60))
        connection.request("GET", "/api/pool")
        for _ in range(1000):
            if controller.requests:
                break
            time.sleep(0.01)
        assert controller.requests
        begin = time.monotonic()
    connection.close()
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("certificate", ["expired", "wrong-name", "untrusted"])
def test_a_certificate_is_wrong(tmp_path: Path, certificate: Certificate) -> None:
    with Controller.serving(tmp_path, TRUTH, certificate=certificate) as controller:
        with Client(controller) as client, pytest.raises(ssl.SSLCertVerificationError):
            client.login()
        assert [] == controller.requests


def test_a_client_that_wants_tls_of_plain_http_sends_nothing_readable(tmp_path: Path) -> None:
    with Controller.serving(tmp_path, TRUTH) as secured:
        pass
    with Controller.serving(tmp_path, TRUTH, certificate="plain HTTP") as controller:
        controller.ca_file = secured.ca_file
        with Client(controller) as client, pytest.raises(ssl.SSLError):
            client.login()
        assert [] == controller.requests
        assert controller.server is not None
        assert [b"\x16\x03"] == [line[:2] for line in controller.server.plain]


def test_without_tls_there_is_only_http(tmp_path: Path) -> None:
    with Controller.serving(tmp_path, TRUTH, certificate="plain HTTP") as controller:
        connection = HTTPConnection("127.0.0.1", controller.port, timeout=20)
        connection.request("GET", "/api/pool")
        assert 401 == connection.getresponse().status
        connection.close()


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


def test_explain_counts_in_the_log_what_happened(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps(client.logs(page_size=LIMIT)), "utf-8")
    subject = icapdiag.explain([file]).subject
    assert isinstance(subject, LogSubject)
    entries = subject.entries
    assert entries is not None
    counts = [entries.entries_passed, entries.entries_blocked, entries.entries_failed, entries.entries_disabled]
    actions = TRUTH.actions(0)
    assert [actions[f"ICAP_{name}"] for name in ("PASSED", "BLOCKED", "FAILED", "DISABLED")] == counts


def _all(client: Client, **query: object) -> list[Object]:
    found = client.logs(**({"page_size": 400} | query))
    entries: list[Object] = found["results"]
    while "next" in found:
        found = client.follow(found["next"])
        entries = entries + found["results"]
    return entries


def _csrf(client: Client) -> str:
    return dict(pair.split("=") for pair in client.headers["Cookie"].split("; "))["csrftoken"]
