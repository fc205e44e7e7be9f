"""Regular expressions mean the same on every Python that the program supports.

Before 3.11.5 (https://github.com/python/cpython/issues/106052) a possessive group whose repetition fails after one of
its own repetitions has moved on, goes on from there instead of from where it began: ``(?:ab?c)*+`` takes ``aca``, not
``ac``. Debian 12 has 3.11.2. A last alternative that can't match, ``|(?!)``, puts the position back.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import icapdiag

_REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}


def _patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in pkgutil.walk_packages(icapdiag.__path__, "icapdiag."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value


def _goes_astray(items: Sequence[tuple[Any, Any]]) -> bool:
    """Whether a possessive group is in the pattern that may fail after it has moved on."""
    return any(
        _is_astray(code, value) or any(_goes_astray(inner) for inner in _within(code, value)) for code, value in items
    )


def _is_astray(code: Any, value: Any) -> bool:
    if code is op.ATOMIC_GROUP:
        return _may_fail_late(value)
    return code is op.POSSESSIVE_REPEAT and value[1] > 1 and _may_fail_late(value[2])


def _within(code: Any, value: Any) -> Iterator[Sequence[tuple[Any, Any]]]:
    if code in _REPEATS:
        yield value[2]
    elif code is op.SUBPATTERN:
        yield value[3]
    elif code is op.BRANCH:
        yield from value[1]
    elif code in {op.ASSERT, op.ASSERT_NOT}:
        yield value[1]
    elif code is op.ATOMIC_GROUP:
        yield value


def _may_fail_late(items: Sequence[tuple[Any, Any]]) -> bool:
    """Whether one of the items may fail behind another that has moved on by a repetition."""
    items = list(items)
    if len(items) == 1 and items[0][0] is op.SUBPATTERN:
        return _may_fail_late(items[0][1][3])
    if len(items) == 1 and items[0][0] is op.BRANCH:
        alternatives = [list(each) for each in items[0][1][1]]
        last = alternatives[-1]
        return not _never_matches(last) and any(map(_may_fail_late, alternatives))
    moved = False
    for code, value in items:
        if moved and not (code in _REPEATS and value[0] == 0):
            return True
        moved = moved or code in _REPEATS or (code in {op.SUBPATTERN, op.BRANCH} and _repeats(code, value))
    return False


def _never_matches(items: Sequence[tuple[Any, Any]]) -> bool:
    """``(?!)``, in either way in which it is parsed."""
    return any(code is op.FAILURE or (code is op.ASSERT_NOT and not list(value[1])) for code, value in items)


def _repeats(code: Any, value: Any) -> bool:
    return any(item[0] in _REPEATS or _repeats(*item) for inner in _within(code, value) for item in inner)


@pytest.mark.parametrize(
    ("text", "astray"),
    [
        ("(?:ab?c)*+", True),
        ("(?:ab?c|(?!))*+", False),
        ("(?>(?:ab?c){1,3})", False),  # a group in an atomic one is not looked at; none is used
        (r'(?:"[^"]*"|x)*+', True),
        (r'(?:x|"[^"]*")*+', True),
        ("(?:[ab]|c)*+", False),
        ("[ab]*+c", False),
        (r"(?:[.-]{1,3}+[a-z]++)*+", True),
        (r'(?:""[^"]*+)*+', False),
    ],
)
def test_what_goes_astray(text: str, *, astray: bool) -> None:
    assert astray == _goes_astray(parser.parse(text))


def test_no_pattern_of_the_program_goes_astray() -> None:
    found = {name: each for name, each in _patterns() if _goes_astray(parser.parse(each.pattern, each.flags & ~32))}
    assert {} == found
