"""The little of reading JSON that is needed for every log, kept apart so that it loads fast."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import cache

STRAIGHT, SINGLE = '"', "'"
# Typographic quotes, double and single, as word processors, mail programs and full-width keyboards put them.
SMART = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02"
SMART_SINGLE = "\u2018\u2019\u201a\u201b\u00b4`"
OPENERS = STRAIGHT + SINGLE + SMART + SMART_SINGLE
QUOTE = f"[{OPENERS}]"  # in a pattern
SURROGATE = re.compile(r"\\[uU][dD][89a-fA-F]")
_SLICE = 16 * 1024  # characters
_LONGEST_WORD = 16  # characters of a literal or an escape that a slice may cut
_LONGEST_NUMBER = 20  # digits; int() refuses thousands of them


@cache
def pattern(text: str) -> re.Pattern[str]:
    """The compiled pattern: most are for damaged logs only, and compiling them all takes longer than a small log."""
    return re.compile(text)


def whole_number(text: str) -> int | float | None:
    """An integer's value; thousands of digits, which int() refuses, become a float or None."""
    return int(text) if len(text) <= _LONGEST_NUMBER else finite(text)


def finite(text: str) -> float | None:
    """A number's value, None for one beyond a float's range."""
    value = float(text)
    return value if math.isfinite(value) else None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


STRICT = json.JSONDecoder(parse_int=whole_number, parse_float=finite, parse_constant=_no_constant)


def decode_at(text: str, at: int) -> tuple[object, int] | None:
    """The JSON value at ``at`` and the index behind it; None if there is none.

    Works on slices: the decoder's errors count lines from the beginning of the text that it was given,
    which would make reading a text full of damage take quadratic time.
    """
    size = _SLICE
    while True:
        piece = text[at : at + size]
        whole = at + size >= len(text)
        try:
            value, end = STRICT.raw_decode(piece)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos >= len(piece) - _LONGEST_WORD
            if whole or not cut:
                return None
        except (ValueError, RecursionError):
            return None
        else:
            if whole or end < len(piece):
                return value, at + end
        size *= 8


def sanitise(value: dict[str, object]) -> None:
    """Put U+FFFD for every lone surrogate in the texts below ``value``: they can't be written as UTF-8."""
    work: list[dict[str, object] | list[object]] = [value]
    while work:
        container = work.pop()
        if isinstance(container, dict):
            clean = {_without_surrogates(str(key)): item for key, item in container.items()}
            container.clear()
            container.update(clean)
            places: Iterable[tuple[object, object]] = list(container.items())
        else:
            places = list(enumerate(container))
        for key, item in places:
            if isinstance(item, dict | list):
                work.append(item)
            elif isinstance(item, str):
                container[key] = _without_surrogates(item)  # type: ignore[index,call-overload]


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
