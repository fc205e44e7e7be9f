"""What goes wrong at the simulated Controller, goes wrong as asked."""

from __future__ import annotations

import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead, RemoteDisconnected
from pathlib import Path

import pytest

from tests.controller.simulated.client import Client
from tests.controller.simulated.conftest import TRUTH
from tests.controller.simulated.controller import Certificate, Controller
from tests.controller.simulated.faults import Fault, search_down, session_over, too_many


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
