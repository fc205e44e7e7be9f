"""`icapdiag diagnose --controller`: pulled first, then held side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.controller.credentials import PASSWORD
from tests.cli.run import icapdiag
from tests.controller import pulls
from tests.controller.pulls import TRUTH
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import ENGINES
from tests.controller.test_command import arguments, run


def test_pulled_and_diagnosed(tmp_path: Path) -> None:
    with Controller.serving(tmp_path, TRUTH) as controller:
        controller.state.down["192.0.2.16:1344", ENGINES[1]] = "CONNECTION_REFUSED"
        _, *options = arguments(controller, tmp_path / "pulled")
        status, out, err = run("diagnose", *options, "--rate", "1000", "-o", "json", env={PASSWORD: pulls.PASSWORD})
        assert [] == controller.changes
    assert (1, "") == (status, err)
    subject = json.loads(out)["subject"]
    assert {"log", "configuration", "controller"} == {each["kind"] for each in subject["evidence"]}
    sums = [TRUTH.sums(number) for number in range(3)]
    assert sum(each["requests"] for each in sums) == subject["whole"]["measured_requests"]
    assert 0 == subject["whole"]["failures_not_logged"]
    by_name = dict(zip(subject["member_names"], subject["joined_members"], strict=True))
    assert "mixed" == by_name["192.0.2.16:1344"]["monitored"]
    assert "CONNECTION_REFUSED" == by_name["192.0.2.16:1344"]["monitor_reason"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--user", "auditor", "log.json"), "is for a pull: add --controller"),
        (("--controller", "192.0.2.1"), "needs an account and a folder: add --user NAME -d DIR"),
        ((), "give sources, or --controller to pull them first"),
    ],
)
def test_options_that_belong_together(args: tuple[str, ...], words: str) -> None:
    status, _, err = icapdiag("diagnose", *args)
    assert 2 == status
    assert words in " ".join(err.split())
