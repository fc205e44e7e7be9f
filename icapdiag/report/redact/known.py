"""Known words that are harmless, and known names that identify somebody."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files

WORD = re.compile(r"[^\W_]+")
DIGITS = 7  # of one number
_LETTER = re.compile(r"\w")
_MEASURE = re.compile(r"[0-9]{1,7}(?:ms|us|s|m|h|d|b|[kmg]i?b?|x)", re.IGNORECASE)


@cache
def vocabulary() -> frozenset[str]:
    """Words and known runs of ``words.txt``, in lower case; made by ``python -m tests.report.words``."""
    return frozenset(files("icapdiag.report.redact").joinpath("words.txt").read_text("utf-8").split())


@cache
def _phrases() -> re.Pattern[str]:
    """What is in a step of our runbooks as it stands there: ``steps.txt``, made by the same command."""
    listed = files("icapdiag.report.redact").joinpath("steps.txt").read_text("utf-8").splitlines()
    any_of = "|".join(map(re.escape, sorted(listed, key=len, reverse=True)))
    return re.compile(rf"(?<![\w.@/\\:%=&?#-])(?:{any_of})(?![\w@%=&-]|[.:?\\]\w)")


def our_own(text: str, known: Known) -> Iterator[tuple[int, int]]:
    """Where a text has what is in our runbooks: it names nobody, whatever it looks like.

    What is part of a known name does not count, nor does a known name in it.
    """
    taken = list(known.spans(text))
    for found in _phrases().finditer(text):
        if all(end <= found.start() or found.end() <= start for start, end in taken):
            yield found.span()


def is_harmless(piece: str) -> bool:
    """Whether a run of letters and digits can stay."""
    if not piece.isascii():
        return piece.lower() in vocabulary()
    if piece.isdigit():
        return len(piece) <= DIGITS
    return len(piece) == 1 or piece.lower() in vocabulary() or _MEASURE.fullmatch(piece) is not None


_LOWER = {ord("A") + number: ord("a") + number for number in range(26)}


def folded(text: str) -> str:
    """In lower case and of the same length, which ``str.lower`` does not guarantee."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


class Known:
    """Non-empty names, in any letter case. They match as whole words: no letter, digit or _ around them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(map(folded, names))
        lengths: dict[str, set[int]] = {}
        for name in self._names:
            lengths.setdefault(name[:2], set()).add(len(name))
        self._lengths = {prefix: tuple(sorted(found, reverse=True)) for prefix, found in lengths.items()}
        first = "".join(re.escape(character) for character in sorted({name[0] for name in self._names}))
        self._start = re.compile(rf"(?<!\w)[{first}]" if first else r"(?!)")

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they begin and end, from left to right; of several at one place, the longest."""
        at = 0
        text = folded(text)
        for found in self._start.finditer(text):
            start = found.start()
            if start < at:
                continue
            for length in (*self._lengths.get(text[start : start + 2], ()), *self._lengths.get(text[start], ())):
                end = start + length
                if end <= len(text) and text[start:end] in self._names and not _LETTER.match(text, end):
                    yield start, end
                    at = end
                    break
