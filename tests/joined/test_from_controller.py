"""From the simulated Controller to one diagnosis: what `pull` got is enough, and what it did not get is no obstacle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.api.diagnosing import diagnose
from icapdiag.api.explaining import explain
from icapdiag.logs.opening.inputs import InputError
from icapdiag.model import Report
from icapdiag.report.formats import Style, render
from icapdiag.report.machine.to_json import settled
from tests.controller.pulls import pull
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.truth import Truth

pytestmark = pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning")  # avisdk's
NOTHING = {"page": 1}


def diagnosed(tmp_path: Path, truth: Truth, change: Callable[[Controller], object] = lambda _: None) -> Report:
    (tmp_path / "served").mkdir()
    with Controller.serving(tmp_path / "served", truth) as controller:
        change(controller)
        pull(controller, tmp_path / "pulled")
    return diagnose([tmp_path / "pulled"])


def shown(report: Report) -> str:
    return " ".join(render(settled(report), "table", Style(detail=1)).split())


def test_where_one_in_ten_fails_some_uploads_are_scanned(tmp_path: Path) -> None:
    said = shown(diagnosed(tmp_path, Truth(600, shares={"passed": 9, "refused": 1})))
    assert said.startswith("CRITICAL Only some uploads are being scanned (log, 2026-06-01 12:00:00 UTC)")


def test_where_all_fail_none_is_scanned_and_users_get_what_each_profile_has(tmp_path: Path) -> None:
    truth = Truth(600, shares={"timed-out": 1})
    said = shown(diagnosed(tmp_path, truth))
    opened, closed = len(truth.logged[0]) + len(truth.logged[1]), len(truth.logged[2])
    assert said.startswith("CRITICAL Uploads are not being scanned (log, 2026-06-01 12:00:00 UTC)")
    assert (
        f"{opened:,} of {opened + closed:,} logged requests passed unscanned (fail open), {closed:,} refused, " in said
    )
    assert "Users 590 of 600 requests (98.3 %): 395 passed unscanned (fail open), 195 refused with HTTP 500" in said


def test_a_clock_that_is_off_is_said(tmp_path: Path) -> None:
    def ahead(controller: Controller) -> None:
        assert controller.server is not None
        controller.server.clock_ahead = 7200

    report = diagnosed(tmp_path, Truth(300), ahead)
    said = "The Controller's clock was 2 h 0 min ahead of that of the host that pulled: "
    assert f"{said}times in its logs are by its own clock." in report.notes


def test_without_a_rule_nothing_is_scanned(tmp_path: Path) -> None:
    def without_rules(controller: Controller) -> None:
        for each in controller.store.objects["httppolicyset"]:
            each["http_security_policy"]["rules"].clear()

    said = shown(diagnosed(tmp_path, Truth(300, shares=NOTHING), without_rules))
    assert said.startswith("CRITICAL Uploads are not being scanned (configuration): Uploads never reach ICAP")


@pytest.mark.parametrize("kind", ["logs", "metrics", "serviceengine", "pool"])
def test_what_is_not_visible_is_no_obstacle(tmp_path: Path, kind: str) -> None:
    report = diagnosed(tmp_path, Truth(300, shares={"passed": 1}), lambda controller: controller.forbidden.add(kind))
    assert "not permitted" in shown(report)


def test_empty_logs_are_no_obstacle(tmp_path: Path) -> None:
    def without_entries(controller: Controller) -> None:
        controller.logs.truth = Truth(300, start=controller.truth.end + 1_000_000)

    said = shown(diagnosed(tmp_path, Truth(300), without_entries))
    assert said.startswith("WARNING Whether uploads are being scanned is not known: ICAP profile fails open")
    with pytest.raises(InputError, match=r"the logs have no entry from 2026-06-01 06:00:00 to 2026-06-01 12:00:00 UTC"):
        explain([tmp_path / "pulled"])
