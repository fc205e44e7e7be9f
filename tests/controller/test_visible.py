"""What an account does not see is said, with why and what would show it; the rest is pulled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.api.linting import lint
from icapdiag.cli.controller import pull_summary
from icapdiag.controller.folder import NotVisible, Pull, PullFolder
from icapdiag.controller.pulling import PullError
from tests.controller.pulls import TRUTH, pull, pulled_keys, true_keys
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import Fault

_NOT_PERMITTED = "not permitted (403)"


def test_what_may_not_be_seen_is_said_and_the_rest_pulled(controller: Controller, tmp_path: Path) -> None:
    controller.forbidden |= {"pkiprofile", "hmonstat"}
    found = pull(controller, tmp_path / "pulled", logs=False)
    assert found.complete
    assert (
        NotVisible("PKIProfile icap-ca", _NOT_PERMITTED),
        NotVisible("health monitor state of pool icap-portal-pool", _NOT_PERMITTED),
    ) == found.not_visible[:2]
    assert {None} == {pool.hmonstat for pool in PullFolder(tmp_path / "pulled").runtime().pools}
    assert "logs" not in {path.name for path in (tmp_path / "pulled").iterdir()}


def test_without_icap_in_the_tenant_it_names_the_others(controller: Controller, tmp_path: Path) -> None:
    controller.store.objects["icapprofile"].clear()
    with pytest.raises(PullError, match=r"visible to auditor in tenant 'admin'\. .* --tenant .*also has: branch\)$"):
        pull(controller, tmp_path / "pulled")
    controller.forbidden |= {"icapprofile", "virtualservice"}
    with pytest.raises(PullError, match=r"'admin'; ICAP profiles: not permitted \(403\); virtual services: not perm"):
        pull(controller, tmp_path / "pulled")


def test_a_profile_that_nothing_here_uses_is_pulled(controller: Controller, tmp_path: Path) -> None:
    controller.store.objects["virtualservice"].clear()
    found = pull(controller, tmp_path / "pulled")
    assert (True, ()) == (found.complete, found.logs)
    assert "in tenant admin: those of another tenant need --tenant NAME." in _said(found)


def test_logs_that_the_account_may_not_read_are_not_asked_for_again(controller: Controller, tmp_path: Path) -> None:
    controller.faults.add(Fault("analytics/logs.*virtualservice-a2", status=403, times=1000))
    found = pull(controller, tmp_path / "pulled")
    assert [(True, 200), (False, 403), (True, 200)] == [(log.complete, log.status) for log in found.logs]
    assert [200, 403, 200] == [each.status for each in found.asked if "/logs" in each.path]
    assert true_keys(TRUTH)[::2] == pulled_keys(tmp_path / "pulled")
    said = _said(found)
    assert "Not visible: log of claims-vs: not permitted (403) The same command gets these logs only once" in said
    assert "Run the same command again" not in said
    controller.faults = type(controller.faults)()
    assert pull(controller, tmp_path / "pulled").complete, "somebody extended the role"


def test_metrics_of_a_controller_that_does_not_know_all(controller: Controller, tmp_path: Path) -> None:
    """It refuses the whole request because of one."""
    controller.faults.add(Fault("metrics/.*sum_time_warning", status=400, body=b"{}", times=1000))
    found = pull(controller, tmp_path / "pulled", logs=False)
    assert (True, ()) == (found.complete, found.not_visible)
    for number, each in enumerate(PullFolder(tmp_path / "pulled").metrics().virtual_services):
        sums = {series["header"]["name"]: series["header"]["statistics"]["sum"] for series in each.metrics["series"]}
        true = TRUTH.sums(number)
        assert {f"icap_stats.sum_{name}": true[name] for name in ("requests", "blocked", "error", "timedout")} == sums


@pytest.mark.parametrize(
    ("group", "cloud", "asked", "found"),
    [
        ("ENTERPRISE", "BASIC", [], False),
        (None, "BASIC", ["/api/cloud/cloud-0d1"], True),
        (None, None, ["/api/cloud/cloud-0d1", "/api/systemconfiguration"], True),
    ],
)
def test_the_licence_is_that_of_whatever_says_it_first(
    controller: Controller, tmp_path: Path, group: str | None, cloud: str | None, asked: list[str], found: bool
) -> None:
    objects = controller.store.objects
    _licence(objects["serviceenginegroup"][0], group)
    _licence(objects["cloud"][0], cloud)
    objects["cloud"][0]["vcenter_configuration"] = {"username": "root"}
    objects["systemconfiguration"][0]["default_license_tier"] = "BASIC"
    folder = tmp_path / "pulled"
    pull(controller, folder, logs=False)
    wanted = ("/api/cloud", "/api/systemconf")
    assert asked == [each.path for each in controller.requests if each.path.startswith(wanted)]
    assert found == ("licence-without-icap" in {each.id for each in lint([folder]).findings})
    assert b"username" not in (folder / "config.json").read_bytes()


def test_where_the_span_of_time_is_not_the_one_that_was_meant(controller: Controller, tmp_path: Path) -> None:
    found = pull(controller, tmp_path / "pulled", logs=False)
    until = "The pull began at 2026-06-01 11:00:00 UTC, before --until: later log entries may be missing."
    for seconds, began, said in (
        (0, "2026-06-01T12:00:00Z", ""),
        (
            3660,
            "2026-06-01T11:00:00Z",
            "clock was 1 h 1 min ahead of that of the host that pulled: times in its",
        ),
        (-45, "2026-06-01T12:00:00Z", "clock was 45 s behind that of the host that pulled: times in its logs are"),
        (0, "2026-06-01T11:00:00Z", until),
    ):
        lines = _said(replace(found, clock_offset=seconds, started_at=began))
        assert said in lines
        assert bool(seconds) == ("clock" in lines)
        assert (said == until) == ("before --until" in lines)


def _licence(found: dict[str, Any], tier: str | None) -> None:
    found.pop("license_tier", None)
    if tier:
        found["license_tier"] = tier


def _said(found: Pull) -> str:
    return " ".join(pull_summary(found, Path("pulled")))
