"""``python -m tests.fuzz NAME --executions 100000 --seed 1``; with files it runs these inputs, and nothing else."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.driver import Failure, run, save, tried
from tests.fuzz.targets import TARGETS


def main() -> int:
    """1 if an input breaks what the target states: it is saved, and the command that runs it again is printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--executions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, default=Path(), metavar="FOLDER", help="where a failing input goes")
    given = parser.parse_args()
    target = TARGETS[given.name]
    for file in given.files:
        say(f"{file}: {tried(target, file.read_bytes())}")
    if given.files:
        return 0
    started = time.process_time()
    try:
        outcomes = run(target, given.executions, given.seed)
    except Failure as failure:
        traceback.print_exception(failure.__cause__)
        path = save(failure, given.name, given.save)
        say(f"{given.name}: {failure} of seed {given.seed} failed; {len(failure.data)} bytes: {failure.data[:200]!r}")
        say(f"again: python -m tests.fuzz {given.name} {path}")
        return 1
    tries = f"{given.executions} executions of seed {given.seed}"
    say(f"{given.name}: {tries}, {outcomes} outcomes, 0 failures, {time.process_time() - started:.0f} s")
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
