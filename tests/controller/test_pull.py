"""`pull` from the simulated Controller: every entry once, whatever happens on the way, and nothing but reading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.controller.address import ControllerError
from icapdiag.controller.folder import NotVisible, PullFolder
from icapdiag.controller.objects import NoSuchService
from icapdiag.controller.pulling import INTERRUPTED, Puller, PullError
from icapdiag.controller.session import Stopped
from tests.controller.pulls import TRUTH, Clock, pull, pulled_keys, session, true_keys, wanted
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import Fault, search_down, session_over, too_many
from tests.controller.simulated.inventory import SERVICES
from tests.controller.simulated.log_answers import Partial


def test_it_only_reads_and_writes_what_it_read(controller: Controller, tmp_path: Path) -> None:
    folder = tmp_path / "pulled"
    found = pull(controller, folder)
    assert found.complete
    assert ([], set()) == (controller.changes, controller.unknown)
    assert [("POST", "/login"), ("POST", "/logout")] == [
        (each.method, each.path) for each in controller.requests if each.method != "GET"
    ]
    assert {} == controller.sessions.open
    assert {"30.2.1"} == {each.version for each in controller.requests if each.path.startswith("/api/")}
    assert true_keys(TRUTH) == pulled_keys(folder)
    assert [len(keys) for keys in true_keys(TRUTH)] == [log.entries for log in found.logs]
    assert ["config.json", "logs", "metrics.json", "pull.json", "runtime.json"] == sorted(
        path.name for path in folder.iterdir()
    )
    config = json.loads((folder / "config.json").read_bytes())
    assert {"IcapProfile": 2, "VirtualService": 3, "HTTPPolicySet": 3, "PoolGroup": 2, "Pool": 3, "HealthMonitor": 1,
            "PKIProfile": 1, "SSLProfile": 1, "AnalyticsProfile": 1, "ApplicationProfile": 1, "ServiceEngineGroup": 1,
            "ServiceEngine": 3, "Cloud": 0, "SystemConfiguration": 0,
            } == {kind: len(each) for kind, each in config.items() if kind != "META"}  # fmt: skip
    runtime, metrics = PullFolder(folder).runtime(), PullFolder(folder).metrics()
    assert all(pool.detail and pool.hmonstat for pool in runtime.pools)
    (sums, *_) = [
        [sum(point["value"] for point in series["data"]) for series in each.metrics["series"]]
        for each in metrics.virtual_services
    ]
    assert list(TRUTH.sums(0).values()) == sums


@pytest.mark.parametrize("end_included", [True, False])
def test_faults_on_the_way_lose_and_double_nothing(controller: Controller, tmp_path: Path, end_included: bool) -> None:
    controller.logs.end_included = end_included
    controller.logs.partial += [Partial("all so far"), Partial("only the rest")]
    for fault in (
        session_over("analytics/logs", after=2),
        session_over("healthmonitor", 419),
        search_down(after=1),
        too_many("analytics/logs", after=3),
        Fault("analytics/logs", cut=500, after=4),
        Fault("analytics/logs", hang_up=True, after=5),
        Fault("analytics/logs", status=200, body=b'{"count": 1, "res', after=6),
    ):
        controller.faults.add(fault)
    found = pull(controller, tmp_path / "pulled")
    assert found.complete, found
    assert true_keys(TRUTH) == pulled_keys(tmp_path / "pulled")
    assert 1 + 2 <= sum(each.path == "/login" for each in controller.requests) <= 1 + 2 + 3
    assert [] == controller.changes


def test_a_session_that_stays_refused_is_renewed_once(controller: Controller, tmp_path: Path) -> None:
    controller.faults.add(Fault("pkiprofile", status=401, times=10))
    found = pull(controller, tmp_path / "pulled", logs=False)
    assert (NotVisible("PKIProfile icap-ca", "not authorised (401)"),) == found.not_visible
    assert 2 == sum(each.path == "/login" for each in controller.requests)


def test_it_waits_for_a_busy_controller_only_so_long_and_goes_on_another_time(
    controller: Controller, tmp_path: Path
) -> None:
    folder = tmp_path / "pulled"
    controller.faults.add(search_down(after=2, times=1000))
    found = pull(controller, folder, patience=60.0)
    assert not found.complete
    assert [False, False, False] == [log.complete for log in found.logs]
    assert found.logs[0].entries > 0
    assert "on: failed (503: Search system is down)" in (found.logs[0].why or "")
    asked = len(controller.requests)
    assert asked < 60
    controller.faults = type(controller.faults)()
    again = pull(controller, folder)
    assert again.complete
    assert true_keys(TRUTH) == pulled_keys(folder)
    assert {"/login", "/api/analytics/logs", "/logout"} == {each.path for each in controller.requests[asked:]}


def test_objects_that_a_busy_controller_did_not_show_are_asked_for_again(
    controller: Controller, tmp_path: Path
) -> None:
    controller.faults.add(Fault("poolgroup-icap-mail-pg", status=503, times=1000))
    found = pull(controller, tmp_path / "pulled", patience=10.0, logs=False)
    assert (False, "failed (503)") == (found.complete, found.not_visible[0].why)
    controller.faults = type(controller.faults)()
    assert pull(controller, tmp_path / "pulled", logs=False).complete


def test_an_interrupted_pull_keeps_what_it_has(controller: Controller, tmp_path: Path) -> None:
    folder = tmp_path / "pulled"
    reached: list[float] = []
    found = pull(
        controller,
        folder,
        progress=lambda _, share, __: reached.append(share),
        stop=lambda: max(reached, default=0) > 0.4,
    )
    assert (False, INTERRUPTED) == (found.complete, found.logs[1].why)
    assert [True, False, False] == [log.complete for log in found.logs]
    assert found.logs[1].entries > 0
    assert 0 == found.logs[2].entries
    with pytest.raises(Stopped):
        pull(controller, tmp_path / "none", stop=lambda: True)
    assert pull(controller, folder).complete
    assert true_keys(TRUTH) == pulled_keys(folder)


def test_one_virtual_service_by_name_or_uuid(controller: Controller, tmp_path: Path) -> None:
    for name in ("mail-vs", SERVICES[2].uuid):
        found = pull(controller, tmp_path / name, name)
        assert [("mail-vs", SERVICES[2].uuid)] == [(log.virtual_service, log.uuid) for log in found.logs]
        config = json.loads((tmp_path / name / "config.json").read_bytes())
        assert ["icap-mail"] == [profile["name"] for profile in config["IcapProfile"]]
    with pytest.raises(NoSuchService, match=r"^shop$"):
        pull(controller, tmp_path / "none", "shop")


def test_a_folder_with_anything_else_is_refused(controller: Controller, tmp_path: Path) -> None:
    pull(controller, tmp_path / "done", logs=False)
    for name, said in ((".", "is not empty"), ("done", "already holds a finished pull")):
        with pytest.raises(PullError, match=said):
            pull(controller, tmp_path / name)
    controller.faults.add(search_down(times=1000))
    begun = tmp_path / "begun"
    pull(controller, begun, patience=1.0)
    with pytest.raises(PullError, match="unfinished pull with other options"):
        pull(controller, begun, "mail-vs")
    (begun / "unfinished.json").write_text("{}")
    with pytest.raises(PullError, match="not what an interrupted pull leaves"):
        pull(controller, begun)


def test_a_mistake_in_the_options_does_not_use_up_the_folder(controller: Controller, tmp_path: Path) -> None:
    with pytest.raises(NoSuchService):
        pull(controller, tmp_path / "pulled", "shop", logs=False)
    assert pull(controller, tmp_path / "pulled", "mail-vs", logs=False).complete


def test_two_at_once_do_not_share_a_folder(controller: Controller, tmp_path: Path) -> None:
    folder, refused = tmp_path / "pulled", []

    def another(*_: object) -> None:
        with pytest.raises(PullError, match="another icapdiag pull is at work in") as caught:
            pull(controller, folder)
        refused.append(caught.value)

    assert pull(controller, folder, progress=another, logs=False).complete
    assert refused


def test_a_controller_that_is_not_there_ends_it(controller: Controller, tmp_path: Path) -> None:
    controller.faults.add(Fault("/login", method="POST", hang_up=True, times=1000))
    clock = Clock()
    with pytest.raises(ControllerError, match=r"^127\.0\.0\.1:[0-9]+: "):
        Puller(tmp_path / "pulled", wanted(controller)).pull(session(controller), clock.pace())
    assert clock.time < 15, "a wrong name or port is said soon"
