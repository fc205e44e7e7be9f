"""Makes inputs out of seeds and a grammar, runs a target on them, and keeps the first that breaks what it states.

What is run depends on the seed alone. An input whose outcome is new becomes a seed itself, so that inputs get deeper
without a look at the code that runs.
"""

from __future__ import annotations

import hashlib
import random
import signal
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

Grammar = Mapping[str, Sequence[str]]  # by name the alternatives, in which {name} stands for one of another's

LONGEST = 64 * 1024  # bytes of an input
LIMIT = 2.0  # s of CPU time for one input
_USUAL = 4096  # bytes; only few inputs are blown up beyond it
_KEPT = 2000  # inputs with an outcome of their own
_TRIES = 1500  # to make a failing input smaller
_NUMBERS = (b"0", b"-1", b"1", b"255", b"256", b"65536", b"4294967296", b"18446744073709551616", b"9" * 40, b"1e999")
_ODD = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\x1b[2J",
    b'"',
)


class Target(NamedTuple):
    """``check`` raises nothing for any input; what it returns says which way an input went.

    ``seeds`` are whole inputs, ``grammar`` makes more, beginning with its ``start``. ``changed`` knows the form of an
    input: what it changes can still be read.
    """

    check: Callable[[bytes], Hashable]
    seeds: Callable[[], Sequence[bytes]]
    grammar: Grammar
    changed: Callable[[bytes, random.Random], bytes] | None = None


class Failure(Exception):
    """``data`` breaks what the target states; the cause is the exception that said so."""

    def __init__(self, data: bytes, execution: int) -> None:
        super().__init__(f"execution {execution}")
        self.data = data


class TooSlow(AssertionError):
    """One input took more than `LIMIT` seconds of CPU time."""


def run(target: Target, executions: int, seed: int) -> int:
    """Try so many inputs; the number of different outcomes. Raises `Failure` with the smallest input found."""
    choose = random.Random(seed)  # noqa: S311 - what is tried is no secret, and must come again
    corpus = list(target.seeds())
    first = len(corpus)
    outcomes: set[Hashable] = set()
    for execution in range(executions):
        start = choose.choice(corpus[:first] if choose.random() < 0.5 else corpus)
        if execution < first:
            data = corpus[execution]
        elif choose.random() < 0.3:
            data = expand(target.grammar, choose)
        elif target.changed and choose.random() < 0.7:
            data = target.changed(start, choose)
        else:
            data = mutated(start, corpus, target.grammar, choose)
        try:
            outcome = tried(target, data)
        except Exception as error:
            raise Failure(smaller(target, data, type(error)), execution) from error
        if outcome not in outcomes and len(outcomes) < _KEPT:
            outcomes.add(outcome)
            corpus.append(data[:_USUAL])
    return len(outcomes)


def tried(target: Target, data: bytes) -> Hashable:
    """The outcome of one input. Raises what ``check`` does, and `TooSlow`."""

    def too_slow(*_: object) -> None:
        raise TooSlow(f"more than {LIMIT} s for {len(data)} bytes")

    before = signal.signal(signal.SIGVTALRM, too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        return target.check(data)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def smaller(target: Target, data: bytes, kind: type[Exception]) -> bytes:
    """A part of the input that fails in the same way."""
    size = len(data) // 2 if kind is not TooSlow else 0
    tries = 0
    while size and tries < _TRIES:
        at = 0
        while at < len(data) and tries < _TRIES:
            tries += 1
            less = data[:at] + data[at + size :]
            try:
                tried(target, less)
                at += size
            except kind:
                data = less
            except Exception:  # noqa: BLE001 - another failure: this piece is needed for the one looked at
                at += size
        size //= 2
    return data


def expand(grammar: Grammar, choose: random.Random, name: str = "start") -> bytes:
    """A text of the grammar, or of a part of it."""

    def one(name: str, depth: int) -> str:
        alternatives = grammar[name]
        if depth > 12:  # the last one leads to an end
            alternatives = alternatives[-1:]
        pieces = choose.choice(alternatives).split("{")
        made = [pieces[0]]
        for piece in pieces[1:]:
            inner, brace, rest = piece.partition("}")
            made += [one(inner, depth + 1), rest] if brace and inner in grammar else ["{", piece]
        return "".join(made)

    return one(name, 0).encode("utf-8", "surrogatepass")[:LONGEST]


def mutated(data: bytes, corpus: Sequence[bytes], grammar: Grammar, choose: random.Random) -> bytes:
    """The input with up to eight changes."""
    for _ in range(choose.choice((1, 1, 2, 3, 5, 8))):
        at = choose.randrange(len(data) + 1)
        end = min(len(data), at + choose.choice((1, 2, 4, 16, 64, 256)))
        match choose.randrange(9):
            case 0:
                data = data[:at] + bytes(choose.choices(range(256), k=end - at)) + data[end:]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at]
            case 3:
                data = data[:end] + data[at:]
            case 4:
                other = choose.choice(corpus)
                data = data[:at] + other[choose.randrange(len(other) + 1) :]
            case 5:
                data = data[:at] + expand(grammar, choose, choose.choice(tuple(grammar))) + data[end:]
            case 6:
                data = data[:at] + choose.choice((*_ODD, *_NUMBERS)) + data[end:]
            case 7:
                lines = data.splitlines(keepends=True)
                choose.shuffle(lines)
                data = b"".join(lines)
            case _ if end > at:
                most = LONGEST if choose.random() < 0.02 else 512
                data = data[:at] + data[at:end] * (most // (end - at)) + data[end:]
    limit = LONGEST if len(data) >= LONGEST else 4 * _USUAL
    return data[:limit]


def save(failure: Failure, name: str, folder: Path) -> Path:
    """Write the failing input to a file."""
    path = folder / f"fuzz-{name}-{hashlib.sha256(failure.data).hexdigest()[:8]}.bin"
    path.write_bytes(failure.data)
    return path
