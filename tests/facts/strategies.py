"""Sheets with any facts of their types, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from icapdiag.facts.sheet import FactField, Record, facts_of, from_plain

TEXTS = st.text(max_size=8)
_PLAIN: dict[type, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def _value(fact: FactField) -> st.SearchStrategy[Any]:
    one = plain_records(fact.type) if issubclass(fact.type, Record) else _PLAIN[fact.type]
    if fact.mapping:
        return st.dictionaries(TEXTS, one, max_size=2)
    return st.lists(one, max_size=2) if fact.many else one


def plain_records(cls: type[Record]) -> st.SearchStrategy[dict[str, Any]]:
    """Some facts of the class by their keys, as JSON has them."""
    return st.deferred(lambda: st.fixed_dictionaries({}, optional={fact.key: _value(fact) for fact in facts_of(cls)}))


def records(cls: type[Record]) -> st.SearchStrategy[Any]:
    """Records of the class."""
    return plain_records(cls).map(lambda data: from_plain(cls, data))
