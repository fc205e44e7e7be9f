"""``icapdiag pull`` as users run it: what it says, how it ends, and after a break."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from icapdiag.cli.progress import PullProgress, pull_line
from icapdiag.controller.credentials import PASSWORD, TOKEN
from tests.cli import forking
from tests.cli.run import PROGRAM, TIMEOUT, environment, icapdiag
from tests.controller import pulls
from tests.controller.pulls import TRUTH
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import Fault
from tests.controller.simulated.truth import to_query

_SECRET = {PASSWORD: pulls.PASSWORD}


def arguments(controller: Controller, folder: Path, *more: str) -> list[str]:
    ca_file = ["--ca-file", str(controller.ca_file)] if controller.ca_file.name else []
    span = ["--since", to_query(TRUTH.start), "--until", to_query(TRUTH.end + 1)]
    account = ["--controller", controller.address, "--user", pulls.USER]
    return ["pull", *account, *ca_file, *span, "-d", str(folder), *more]


def run(*args: str, env: dict[str, str]) -> tuple[int, str, str]:
    """The program with these variables, none of which it reads while it starts."""
    status, out, err = forking.run(args, cwd=None, environment=environment(env), timeout=TIMEOUT)
    return status, out.decode(), err.decode()


def test_pulled_and_read(controller: Controller, tmp_path: Path) -> None:
    folder = tmp_path / "pulled"
    password = tmp_path / "pw"
    password.write_text(f"{pulls.PASSWORD}\n")
    password.chmod(0o600)
    controller.forbidden.add("pkiprofile")
    more = ["--password-file", str(password), "--rate", "1000"]
    status, out, err = icapdiag(*arguments(controller, folder, *more))
    assert (0, "") == (status, err)
    assert (
        f"{folder}: 3 virtual services, 2,000 log entries from {controller.address}, "
        "2026-06-01 06:00:00 to 2026-06-01 12:00:00 UTC\n"
        "Not visible: PKIProfile icap-ca: not permitted (403)\n"
        f"Next: icapdiag lint {folder}\n"
        f"      icapdiag explain {folder}\n"
        f"      icapdiag diagnose {folder}\n"
    ) == out
    status, out, _ = icapdiag("explain", str(folder), "-o", "json")
    assert (1, True) == (status, json.loads(out)["complete"])
    assert 1 == icapdiag("lint", str(folder), "--fail-on", "warning")[0]
    assert "198.51.100.8:11344" in icapdiag("check", str(folder), "--profile", "icap-mail", "--plan")[1]
    assert 2 == icapdiag(*arguments(controller, folder, *more))[0], "it is there already"
    assert [] == controller.changes


def test_a_busy_controller_leaves_an_incomplete_pull(controller: Controller, tmp_path: Path) -> None:
    folder = tmp_path / "pulled"
    controller.faults.add(Fault("analytics/logs", status=500, body=b'{"error": "No space"}', after=3))
    status, out, err = run(*arguments(controller, folder, "--rate", "1000"), env=_SECRET)
    assert (3, "") == (status, err)
    assert "on: failed (500: No space)\n" in out
    assert "Run the same command again to continue.\n" in out
    assert 0 == run(*arguments(controller, folder, "--rate", "1000"), env=_SECRET)[0]
    assert pulls.true_keys(TRUTH) == pulls.pulled_keys(folder)


@pytest.mark.parametrize(
    ("env", "more", "said"),
    [
        ({}, (), "no password: give --password-file FILE (mode 0600), or set ICAPDIAG_CONTROLLER_PASSWORD or"),
        ({PASSWORD: "f1rst-secret", TOKEN: "sec0nd-secret"}, (), "are both given"),
        ({PASSWORD: "wr0ng-secret"}, (), "refused the login of auditor (401): check the user and the password"),
        (_SECRET, ("--virtual-service", "shop"), "no virtual service 'shop' in tenant 'admin' is visible to this"),
        (_SECRET, ("--since", "x"), "'x' is not a time"),
        (_SECRET, ("--until", "2026-01-01"), "--since must be before --until"),
        (_SECRET, ("--rate", "0"), "give a number above 0"),
        (_SECRET, ("--controller", "http://avi"), "http would send the password in clear text"),
        (_SECRET, ("--since", "0m", "--until", "0m"), "--since must be before --until"),
        (_SECRET, ("--since", "1999-12-31"), "--since: is too long ago"),
        (_SECRET, ("--until", "2999-01-01"), "--until: is in the future"),
        (_SECRET, ("--tenant", "\u6f22"), "--tenant: has characters that an HTTP header can't contain"),
        (_SECRET, ("--tenant", "a\nb"), "--tenant: is not a name"),
        (_SECRET, ("--api-version", "18.2.5"), "--api-version: is older than ICAP, which came with 20.1.1"),
        (_SECRET, ("--api-version", "new"), "--api-version: is not a version: write it as 30.2.1"),
        (_SECRET, ("--ca-file", "/nowhere"), "can't read '/nowhere': No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_secret(
    controller: Controller, tmp_path: Path, env: dict[str, str], more: tuple[str, ...], said: str
) -> None:
    status, out, err = run(*arguments(controller, tmp_path / "pulled", *more), env=env)
    assert (2, "") == (status, out)
    assert said in err
    assert "Traceback" not in err
    assert all(secret not in err for secret in env.values())


def test_without_the_sdk_it_says_how_to_get_it(controller: Controller, tmp_path: Path) -> None:
    (tmp_path / "avi").mkdir()
    (tmp_path / "avi" / "__init__.py").write_text("raise ImportError\n")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    status, _, err = icapdiag(*arguments(controller, tmp_path / "pulled"), env={**_SECRET, "PYTHONPATH": path})
    assert (2, "icapdiag: pull needs avisdk, the SDK of Avi Load Balancer: pip install 'icapdiag[controller]'\n") == (
        status,
        err,
    )


def test_on_a_terminal_it_asks_for_the_password_and_shows_how_far_it_is(controller: Controller, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments(controller, tmp_path / "pulled", "--rate", "1000")],
        env=environment(),
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    shown = b""
    while b"Password of auditor at 127.0.0.1:" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, f"{pulls.PASSWORD}\n".encode())
    assert process.stdout is not None
    out = process.stdout.read()
    assert 0 == process.wait(TIMEOUT)
    shown += os.read(ours, 1 << 16)
    os.close(ours)
    process.stdout.close()
    assert b"2,000 log entries" in out
    assert b"log of mail-vs: 2,000 entries, 100 %" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert pulls.PASSWORD.encode() not in shown


def test_the_time_left_is_that_of_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "asking for metrics" == pull_line("metrics", 0.0, 0, 9.0, 0.0)
    assert "log of a: 1 entry, 25 %" == pull_line("log of a", 0.25, 1, 2.0, 0.25)
    assert "log of a: 2 entries, 25 %, about 30 s left" == pull_line("log of a", 0.25, 2, 10.0, 0.25)
    times = iter([0.0, 10.0, 20.0])
    progress = PullProgress(clock=lambda: next(times))
    progress("configuration", 0.0, 0)
    progress("log of b", 0.5, 100)  # of an earlier run
    progress("log of b", 0.75, 200)
    progress.wait(4.0, "failed (503: Search system is down)")
    progress.erase()
    said = "log of b: 200 entries, 75 %, about 10 s left"
    assert f"{said}\r\x1b[Kwaiting 4 s: failed (503: Search system is down)\r" in capsys.readouterr().err


def test_secrets_are_in_no_argument_and_in_no_environment_that_a_child_gets(
    controller: Controller, tmp_path: Path
) -> None:
    code = (
        "import os, subprocess, sys\n"
        "from icapdiag.cli.app import run\n"
        "try:\n    run(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(subprocess.check_output(['env'], text=True), *sys.argv)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments(controller, tmp_path / "pulled", "--no-logs", "--rate", "1000")],
        env=environment(_SECRET),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
        check=True,
    )
    assert "PYTHONPATH=" in done.stdout
    assert pulls.PASSWORD not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout
