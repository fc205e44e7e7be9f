"""A pull that was killed or interrupted, at any moment, leaves in the end what an undisturbed one leaves."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.api.explaining import explain
from icapdiag.controller.credentials import PASSWORD
from tests.cli.run import PROGRAM, TIMEOUT, environment, icapdiag
from tests.controller import pulls
from tests.controller.pulls import TRUTH
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import Fault, search_down, session_over
from tests.controller.simulated.log_answers import Partial
from tests.controller.simulated.truth import Truth
from tests.controller.test_command import arguments, run
from tests.controller.test_pulled import outcomes, true_outcomes

_SECRET = {PASSWORD: pulls.PASSWORD}
_LARGE = Truth(120_000)


def test_killed_while_it_writes_a_file_of_any_kind(controller: Controller, tmp_path: Path) -> None:
    """Twice: at a few files, to see what others make of the folder then; and at every file that there is."""
    folder, other = tmp_path / "pulled", tmp_path / "other"
    two = ("--virtual-service", "portal-vs", "--virtual-service", "mail-vs", "--rate", "1000")
    assert 8 == _killed(arguments(controller, folder, *two), 8)
    assert 0 == icapdiag("lint", str(folder))[0]
    said = f"icapdiag: {folder}: an unfinished pull: run the same icapdiag pull again to continue it\n"
    assert (2, "", said) == icapdiag("explain", str(folder))
    assert 10 < _killed(arguments(controller, folder, *two), 100)
    assert 0 == run(*arguments(controller, other, *two), env=_SECRET)[0]
    assert _contents(other) == _contents(folder)
    assert pulls.true_keys(TRUTH)[::2] == pulls.pulled_keys(folder)


def test_interrupted(controller: Controller, tmp_path: Path) -> None:
    folder, other = tmp_path / "pulled", tmp_path / "other"
    third = "analytics/logs.*virtualservice-a2"
    controller.faults.add(Fault(third, after=2, delay=30.0))
    process = _started(arguments(controller, folder, "--rate", "1000"))
    _wait_for(lambda: 3 == sum(re.search(third, each.target) is not None for each in controller.requests))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (130, b"") == (process.returncode, err)
    assert b"interrupted" in out
    assert 2 == len(list((folder / "unfinished" / "virtualservice-a2").glob("*.gz")))
    assert 0 == icapdiag("lint", str(folder))[0]
    status, said, _ = icapdiag("explain", str(folder))
    assert 1 == status
    assert "incomplete: a part of the log was not pulled" in " ".join(said.split())
    assert 0 == run(*arguments(controller, folder, "--rate", "1000"), env=_SECRET)[0]
    assert 0 == run(*arguments(controller, other, "--rate", "1000"), env=_SECRET)[0]
    assert _contents(other) == _contents(folder)
    assert pulls.true_keys(TRUTH) == pulls.pulled_keys(folder)


@pytest.mark.realcases
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_with_120000_entries(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret, and it must repeat itself
    folder, other = tmp_path / "pulled", tmp_path / "other"
    with Controller.serving(tmp_path, _LARGE) as controller:
        assert 0 == run(*arguments(controller, other, "--rate", "1000"), env=_SECRET)[0]
        controller.faults.add(session_over("analytics/logs", after=7))
        controller.faults.add(search_down(after=11))
        controller.logs.partial.append(Partial())
        kills = 0
        while True:
            process = _started(arguments(controller, folder, "--rate", "1000"))
            try:
                out, err = process.communicate(timeout=chance.uniform(0.4, 1.2 + kills / 20))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                assert kills < 200
        assert 0 == process.returncode or b"already holds a finished pull" in err, out  # killed after its end
    assert kills > 2
    assert _contents(other) == _contents(folder)
    assert pulls.true_keys(_LARGE) == pulls.pulled_keys(folder)
    assert true_outcomes(_LARGE) == outcomes(explain([folder]))


def _started(args: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PROGRAM, *args],
        env=environment(_SECRET),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _killed(args: list[str], most: int) -> int:
    """How often it was."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.controller.killing", str(most), *args],
        env=environment(_SECRET),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    times = re.search(r"killed ([0-9]+) times\n\Z", done.stdout)
    assert times is not None
    return int(times[1])


def _contents(folder: Path) -> dict[str, object]:
    """Every file, without the times of the pull itself."""
    found: dict[str, object] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    pull = json.loads((folder / "pull.json").read_bytes())
    return found | {"pull.json": {name: value for name, value in pull.items() if not name.endswith("_at")}}


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
