"""`lint`, `check` and `explain` read what was pulled, and say what of it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.api.explaining import explain
from icapdiag.api.linting import lint
from icapdiag.api.pulled import logs_in
from icapdiag.controller.folder import PullFolder, Writer
from icapdiag.facts.run import LogSubject
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.opening.inputs import InputError
from icapdiag.model import Report
from icapdiag.pool import load_pool
from icapdiag.report.document import Document
from tests.controller.pulls import TRUTH, pull
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import SERVICES
from tests.controller.simulated.truth import Truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("controller")
    with Controller.serving(place, TRUTH) as controller:
        pull(controller, place / "pulled")
    return place / "pulled"


def test_explain_equals_the_truth(folder: Path) -> None:
    report = explain([folder])
    assert report.complete
    assert true_outcomes(TRUTH) == outcomes(report)
    assert not any("Controller counted" in note for note in report.notes)


def test_lint_and_check_read_the_configuration(folder: Path, tmp_path: Path) -> None:
    report = lint([folder])
    assert report.complete
    assert "fails-open" in {finding.id for finding in report.findings}
    pool = load_pool(folder / "config.json", profile="icap-mail")
    assert ["198.51.100.7:11344", "198.51.100.8:11344"] == [member.name for member in pool.members]


def test_what_was_not_pulled_is_said_first(folder: Path, tmp_path: Path) -> None:
    found = PullFolder(folder).pull()
    (tmp_path / "logs").symlink_to(folder / "logs")
    (tmp_path / "metrics.json").symlink_to(folder / "metrics.json")
    why = "from 2026-06-01 08:00:00 on: interrupted"
    cut = replace(found.logs[1], complete=False, why=why)
    Writer(tmp_path).pull(replace(found, complete=False, logs=(found.logs[0], cut, found.logs[2])))
    report = explain([tmp_path])
    assert (False, ("log of claims-vs (from 2026-06-01 08:00:00 on: interrupted)",)) == (
        report.complete,
        report.not_tested,
    )
    document = Document(report)
    assert "incomplete: a part of the log was not pulled" in document.overview.sentence
    assert f"Not pulled: log of claims-vs ({why})." == document.untested


def test_a_throttled_log_is_held_against_what_was_counted(tmp_path: Path) -> None:
    truth = Truth(2000, burst=60, throttle=3)
    with Controller.serving(tmp_path, truth) as controller:
        pull(controller, tmp_path / "pulled")
    report = explain([tmp_path / "pulled"])
    counted = sum(truth.sums(number)["requests"] for number in range(len(SERVICES)))
    logged = outcomes_logged(report)
    assert logged < counted
    (said,) = [note for note in report.notes if "Controller counted" in note]
    assert f"The logs contain {logged:,} of the {counted:,} ICAP requests" in said
    filtered = explain([tmp_path / "pulled"], filters=Filters(vs="mail-vs"))
    assert not any("Controller counted" in note for note in filtered.notes)


def test_a_folder_without_logs_or_with_a_broken_list_is_refused(folder: Path, tmp_path: Path) -> None:
    Writer(tmp_path).pull(replace(PullFolder(folder).pull(), logs=()))
    (tmp_path / "metrics.json").symlink_to(folder / "metrics.json")
    with pytest.raises(InputError, match="no log was pulled: run icapdiag pull without --no-logs"):
        explain([tmp_path])
    empty = [replace(log, entries=0) for log in PullFolder(folder).pull().logs]
    Writer(tmp_path).pull(replace(PullFolder(folder).pull(), logs=tuple(empty)))
    with pytest.raises(InputError, match="the logs have no entry from 2026-06-01 06:00:00 to 2026-06-01 12"):
        explain([tmp_path])
    (tmp_path / "pull.json").write_text("{")
    with pytest.raises(InputError, match=r"pull\.json: can't be read"):
        explain([tmp_path])


def test_other_inputs_stay_as_they_are(folder: Path) -> None:
    files = [str(path) for path in PullFolder(folder).log_files()]
    found = logs_in(["a.json", str(folder), "-"])
    assert ["a.json", *files, "-"] == found.inputs
    assert found.counted is None, "nothing counted what is in the others"


def true_outcomes(truth: Truth) -> dict[str, int]:
    """Entries by ICAP action, of all virtual services."""
    found: dict[str, int] = {}
    for number in range(len(SERVICES)):
        for action, count in truth.actions(number).items():
            if action is not None:
                found[action] = found.get(action, 0) + count
    return found


def outcomes(report: Report) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in report.groups:
        assert group.icap_action is not None
        assert group.count is not None
        found[group.icap_action] = found.get(group.icap_action, 0) + group.count
    return found


def outcomes_logged(report: Report) -> int:
    assert isinstance(report.subject, LogSubject)
    assert report.subject.entries is not None
    return report.subject.entries.icap_requests
