"""A signal at any moment of a run: the report is whole, or none was begun; no part of a file stays, and no traceback.

More moments than CI has time for: ``ICAPDIAG_SIGNALS=5000 pytest -n 0 -m realtime tests/cli/test_signals.py``. The seed
is fixed; how far a run has come at a moment is up to the machine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.cli.logs import entry, lines
from tests.cli.run import PROGRAM, TIMEOUT, environment, served
from tests.report.readers import report_validator

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
MOMENTS = int(os.environ.get("ICAPDIAG_SIGNALS", "100"))
LIMIT = 55 if MOMENTS <= 100 else 86_400  # seconds, for machines that have other things to do
SEED = 12


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from served(tmp_path_factory.mktemp("lab") / "pool.yaml", "healthy", "500")


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"icap://127.0.0.1:{listener.getsockname()[1]}/avscan"


def begun(args: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """A run from the moment on at which it has a say in what a signal does; before, that is the interpreter's."""
    process = subprocess.Popen(
        [*PROGRAM, *args],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    status = Path(f"/proc/{process.pid}/status")
    while True:
        [caught] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt")]
        if int(caught, 16) & 1 << signal.SIGHUP - 1:
            return process
        time.sleep(0.001)


def length(args: Sequence[str], folder: Path) -> float:
    """How many seconds a run takes, beside as many others as later."""
    begin = time.monotonic()
    begun(args, folder).communicate(timeout=TIMEOUT)
    return time.monotonic() - begin


def outcome(args: Sequence[str], folder: Path, moment: float, number: signal.Signals) -> str:
    """What became of a run that got the signal ``moment`` seconds after it had begun."""
    folder.mkdir()
    process = begun([*args, "-o", "json=r.json", "-o", "short"], folder)
    time.sleep(moment)
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    assert b"Traceback" not in err, err.decode()
    assert {each.name for each in folder.iterdir()} <= {"r.json"}
    try:
        text = (folder / "r.json").read_bytes()
    except FileNotFoundError:
        assert (130, b"") == (process.returncode, out)
        return "none begun"
    document = json.loads(text)
    report_validator().validate(document)
    assert process.returncode in ({0, 1, 130} if document["complete"] else {130})
    return "complete" if document["complete"] else "partial"


@pytest.mark.parametrize("number", SIGNALS)
def test_before_anything_has_begun(number: signal.Signals, tmp_path: Path) -> None:
    process = begun(("check", "--lab", "-o", "json=r.json"), tmp_path)
    process.send_signal(number)
    assert (b"", b"") == process.communicate(timeout=TIMEOUT)
    assert (130, []) == (process.returncode, list(tmp_path.iterdir()))


@pytest.mark.realtime
def test_at_any_moment(tmp_path: Path, lab: Path, silent: str) -> None:
    log = tmp_path / "log"
    log.write_text(lines(entry(number) for number in range(20_000)))
    runs = [("check", str(lab)), ("check", silent, "--deadline", "0.5"), ("explain", str(log)), ("explain", "-")]
    chance = random.Random(SEED)  # noqa: S311 - which moments these are is no secret
    with ThreadPoolExecutor(len(runs)) as pool:
        lengths = list(pool.map(partial(length, folder=tmp_path), runs))
        tried = (
            partial(
                outcome,
                runs[index % len(runs)],
                tmp_path / str(index),
                chance.uniform(0, 1.1 * lengths[index % len(runs)]),
                chance.choice(SIGNALS),
            )
            for index in range(MOMENTS)
        )
        end = time.monotonic() + LIMIT
        found = Counter(pool.map(lambda each: each() if time.monotonic() < end else "not tried", tried))
    assert {"none begun", "partial", "complete"} <= set(found), f"{MOMENTS} signals, seed {SEED}: {found}"
