"""Each fuzzer for some seconds, and that the driver finds what is there to be found."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Hashable
from pathlib import Path

import pytest

from tests.fuzz import driver
from tests.fuzz.driver import Failure, Grammar, Target, TooSlow, expand, run, save, tried
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
EXECUTIONS = {
    "avi-config": 400,
    "capture": 600,
    "icap-response": 4000,
    "log-reader": 1500,
    "pool-file": 4000,
    "redactor": 300,
    "runbook-file": 4000,
    "saved-report": 1500,
    "scanner-log": 1500,
    "se-output": 1000,
}  # 1 to 5 s each


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str, tmp_path: Path) -> None:
    try:
        run(TARGETS[name], EXECUTIONS[name], seed=20)
    except Failure as failure:
        path = save(failure, name, tmp_path)
        pytest.fail(f"python -m tests.fuzz {name} {path}: {failure.__cause__!r} of {failure.data[:500]!r}")


@pytest.mark.parametrize("name", TARGETS)
def test_a_grammar_comes_to_an_end_and_has_no_loose_names(name: str) -> None:
    grammar = TARGETS[name].grammar
    choose = random.Random(3)  # noqa: S311 - what is made is no secret
    made = b"".join(expand(grammar, choose, each) for each in grammar for _ in range(40))
    assert [] == [each for each in grammar if f"{{{each}}}".encode() in made]
    used = "".join(alternative for alternatives in grammar.values() for alternative in alternatives)
    assert ["start"] == [each for each in grammar if f"{{{each}}}" not in used or each == "start"]


GRAMMAR: Grammar = {"start": ("{word} {start}", "{word}"), "word": ("a", "b")}


def fails_on_x(data: bytes) -> Hashable:
    if b"!X" in data:
        raise KeyError(data)
    return b"!" in data


def test_a_failure_is_found_made_small_and_saved(tmp_path: Path) -> None:
    target = Target(fails_on_x, lambda: [b"hello! world! Xanadu! " * 20], GRAMMAR)

    with pytest.raises(Failure) as caught:
        run(target, 20_000, seed=1)

    assert b"!X" == caught.value.data
    assert isinstance(caught.value.__cause__, KeyError)
    assert b"!X" == save(caught.value, "x", tmp_path).read_bytes()


def test_the_same_seed_tries_the_same() -> None:
    tries: list[list[bytes]] = []
    for seed in (1, 1, 2):
        seen: list[bytes] = []
        run(Target(seen.append, lambda: [b"some text", b"another"], GRAMMAR), 200, seed)
        tries.append(seen)

    assert tries[0] == tries[1] != tries[2]


def test_an_input_that_takes_long_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LIMIT", 0.05)

    def endless(_: bytes) -> None:
        while True:
            pass

    with pytest.raises(TooSlow):
        tried(Target(endless, list, GRAMMAR), b"")


def test_a_long_run_says_what_it_did_and_runs_a_file_again(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"members: [a]")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    long = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "pool-file", "--executions", "50", "--seed", "7"],
        capture_output=True, text=True, check=True, cwd=tmp_path, env=env,
    )  # fmt: skip
    again = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "pool-file", "one.bin"],
        capture_output=True, text=True, check=True, cwd=tmp_path, env=env,
    )  # fmt: skip

    assert long.stdout.startswith("pool-file: 50 executions of seed 7, ")
    assert ", 0 failures, " in long.stdout
    assert again.stdout.startswith("one.bin: frozenset({")
