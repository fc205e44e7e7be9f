"""The words that may be said to anybody: those of the program's own texts and of its runbooks."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

WORD = re.compile(r"[^\W_]+")
_SHORT = 3  # characters that tell nothing by themselves
_DIGITS = 7


@cache
def vocabulary() -> frozenset[str]:
    """The words of ``words.txt``, in lower case; made by ``python -m tests.report.words``, which a test repeats."""
    return frozenset(files("icapdiag.report.redact").joinpath("words.txt").read_text("utf-8").split())


def is_harmless(word: str) -> bool:
    """Whether a run of letters and digits can stay."""
    if word.isascii() and word.isdigit():
        return len(word) <= _DIGITS
    return len(word) <= _SHORT or word.lower() in vocabulary()


def says_nothing(text: str) -> bool:
    """Whether a text has harmless words only: as a name it can't be told from ordinary words."""
    return all(is_harmless(word) for word in WORD.findall(text))
