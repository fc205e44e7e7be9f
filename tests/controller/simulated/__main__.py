"""Serves a simulated Controller until interrupted, whose log ends now: to try a command on it by hand."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controller.simulated.controller import Controller
from tests.controller.simulated.truth import Truth

HOURS = 6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.controller.simulated", description=__doc__)
    parser.add_argument("--entries", type=int, default=3000, help="log entries of all virtual services (default: 3000)")
    parser.add_argument("--throttle", type=int, default=0, help="log entries per second, SE and kind (default: all)")
    arguments = parser.parse_args()
    start = int(time.time() - HOURS * 3600) * 1_000_000
    truth = Truth(arguments.entries, start, HOURS, throttle=arguments.throttle)
    with TemporaryDirectory() as folder, Controller.serving(Path(folder), truth) as controller:
        sessions = controller.sessions
        sys.stdout.write(
            f"Controller  {controller.address}, CA certificate in {controller.ca_file}\n"
            f"Account     {sessions.user}, password {sessions.password}, or token {sessions.token}\n"
            f"Logs        {truth.since} to {truth.until}\n"
        )
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
