"""120,000 entries over 6 hours, in bursts: with a session that expires, one 503 and one partial answer on the way."""

from __future__ import annotations

from pathlib import Path

from icapdiag.api.explaining import explain
from tests.controller.pulls import pull, pulled_keys, true_keys
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import search_down, session_over
from tests.controller.simulated.log_answers import Partial
from tests.controller.simulated.truth import Truth
from tests.controller.test_pulled import outcomes, true_outcomes


def test_every_entry_once_and_explained_as_it_was(tmp_path: Path) -> None:
    truth = Truth(120_000)
    with Controller.serving(tmp_path, truth) as controller:
        controller.logs.partial.append(Partial())
        controller.faults.add(session_over("analytics/logs", after=7))
        controller.faults.add(search_down(after=4))
        found = pull(controller, tmp_path / "pulled")
        assert (True, [], set()) == (found.complete, controller.changes, controller.unknown)
        assert 2 == sum(request.path == "/login" for request in controller.requests)
    assert 120_000 == sum(log.entries for log in found.logs)
    assert true_keys(truth) == pulled_keys(tmp_path / "pulled")
    report = explain([tmp_path / "pulled"])
    assert report.complete
    assert true_outcomes(truth) == outcomes(report)
