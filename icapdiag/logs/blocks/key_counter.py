"""Checks whether a key that is read appears twice in one of many entries, without building their fields.

The entries are decoded again, into types in which the same object replaces every value that is read. msgspec drops
the first of two values of one key, so in the end there are fewer references to that object than values decoded.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct


class _Value:
    """Replaces any value of a field."""


class KeyCounter:
    """Decodes entries with any values. Raises if an object or list is missing where an entry has it, or is empty."""

    def __init__(self, entry: type[Struct]) -> None:
        self._value = _Value()
        self._met = 0
        shape = self._shape(entry)
        self._decoders = (
            msgspec.json.Decoder(shape, dec_hook=self._meet).decode_lines,
            msgspec.json.Decoder(list[shape], dec_hook=self._meet).decode,  # type: ignore[valid-type]
        )

    def is_doubled(self, form: Literal[0, 1], text: memoryview | bytes) -> bool:
        """Whether an entry has a key twice: of lines (0), of an array (1). Raises like msgspec."""
        self._met, before = 0, sys.getrefcount(self._value)
        entries = self._decoders[form](text)
        kept = sys.getrefcount(self._value) - before
        del entries
        return kept != self._met

    def _meet(self, *_: object) -> _Value:
        self._met += 1
        return self._value

    def _shape(self, entry: type[Struct]) -> type[Struct]:
        """A type with a value for each field and one for itself, so that one of two empty objects is noticed, too."""
        fields = [(name, self._field(hint), None) for name, hint in get_type_hints(entry).items()]
        own = ("own", _Value, msgspec.field(default_factory=self._meet, name=" "))
        return msgspec.defstruct(entry.__name__, [*fields, own], kw_only=True, gc=False)

    def _field(self, hint: object) -> Any:
        for kind in get_args(hint):
            if isinstance(kind, type) and issubclass(kind, Struct):
                return self._shape(kind)
            for element in get_args(kind):
                if isinstance(element, type) and issubclass(element, Struct):
                    return Annotated[tuple[self._shape(element), ...], Meta(min_length=1)]  # type: ignore[misc]
        return _Value
