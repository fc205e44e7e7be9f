"""JSON objects in which a key appears twice: which of the values counts is not defined (RFC 8259, 4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from icapdiag.text import visible

_SHOWN = 40  # characters of a value in a message


class Ambiguous(ValueError):
    """A key was read that appears twice, with different values; the text has the key and the values."""


class Members(dict[str, Any]):
    """The members of an object. Reading a key that has two values raises `Ambiguous`; reading the others does not."""

    def __init__(self, pairs: Iterable[tuple[str, object]] = ()) -> None:
        super().__init__()
        self.earlier: dict[str, list[object]] = {}  # values of keys that came again
        for key, value in pairs:
            self.put(key, value)

    def put(self, key: str, value: object) -> None:
        """Add a member, beside one of this key."""
        if key in self:
            self.earlier.setdefault(key, []).append(super().__getitem__(key))
        self[key] = value

    def get(self, key: str, default: object = None) -> Any:
        if key not in self.earlier:
            return super().get(key, default)
        first, *others = self.earlier[key]
        for other in (*others, super().get(key, first)):
            if _differ(first, other):
                shown = ("…" if isinstance(one, dict | list) else visible(str(one), _SHOWN) for one in (first, other))
                raise Ambiguous(f'"{visible(key)}" appears twice, with different values: {", ".join(shown)}')
        return first

    def __getitem__(self, key: str) -> Any:
        return self.get(key) if key in self.earlier else super().__getitem__(key)


def _differ(one: object, other: object) -> bool:
    try:
        return one != other
    except RecursionError:  # nested as deeply as the decoder goes
        return True


def every(value: dict[str, Any], key: str) -> tuple[object, ...]:
    """All values that this object has under the key, in their order. Raises KeyError where there is none."""
    earlier = value.earlier.get(key, ()) if isinstance(value, Members) else ()
    return (*earlier, dict.__getitem__(value, key))


def check(value: object) -> None:
    """Raise `Ambiguous` if any key of this object has two values."""
    if isinstance(value, Members):
        for key in value.earlier:
            value.get(key)


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An ``object_pairs_hook`` for `json`: a plain dict where no key comes twice, else `Members`."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Members(pairs)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The same for what must not be ambiguous at all. Raises `Ambiguous`."""
    found = members(pairs)
    check(found)
    return found
