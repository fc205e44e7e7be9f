"""Records with any facts of their types, for hypothesis."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec.inspect as types
from hypothesis import strategies as st

from icapdiag.facts.sheet import FactField, Record, facts_of, from_plain

# What breaks out of some format or other; the rest hypothesis finds by itself.
NASTY = (
    "", " ", "\x00", "\x1b[2J", "\r\n", "\u2028", "\u202e", "\ud83d", "\udca9", "\ufffe", "\U0001f4a9", "a" * 300,
    "<script>alert(1)</script>", "<!--", "]]>", "&amp;", "'\"`", "```", "~~~~", "|", "\\|", "\\", "[a](http://x.test)",
    "![a](http://x.test/p.png)", "@everyone", "#1", "GH-1", "owner/repo#2", "http://x.test/", "www.x.test", "a@x.test",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "{color:red}x{color}", "{noformat}", "{code}", "[~admin]", "[^a.png]",
    "!a.png!", "h1. x", "[code]<b>x</b>[/code]", "[/code]", "perf|a=1;2;3", "'a'=1", "$USER1$", "\n# HELP x y", 'a"} 1',
)  # fmt: skip

TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(NASTY), st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
)
SLUGS = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")


def _value(fact: FactField, kind: types.Type, *, known: bool = False) -> st.SearchStrategy[Any]:
    """A value of this type; not None, if it is to be ``known``."""
    match kind:
        case types.Metadata():
            found = _value(fact, kind.type, known=known)
        case types.UnionType():
            kinds = [each for each in kind.types if not (known and isinstance(each, types.NoneType))]
            found = st.one_of(*(_value(fact, each) for each in kinds))
        case types.StructType():
            found = plain_records(kind.cls)
        case types.VarTupleType():
            found = st.lists(_value(fact, kind.item_type), max_size=3)
        case types.DictType():
            found = st.dictionaries(TEXTS, _value(fact, kind.value_type), max_size=2)
        case _:
            found = _scalar(fact, kind)
    return found


def _scalar(fact: FactField, kind: types.Type) -> st.SearchStrategy[Any]:
    match kind:
        case types.EnumType():
            return st.sampled_from([word.value for word in kind.cls])
        case types.IntType():
            return st.integers(-(10**20) if kind.ge is None else kind.ge, kind.le or 10**20)
        case types.FloatType():
            return st.floats(kind.ge, 1e11 if kind.lt else None, allow_nan=False, allow_infinity=False)
        case types.StrType():
            if fact.closed:
                return st.sampled_from(fact.values)
            known = [st.sampled_from(fact.values)] if fact.values else [MOMENTS] if fact.kind == "moment" else []
            return SLUGS if kind.pattern else st.one_of(*known, TEXTS)
    return st.booleans() if isinstance(kind, types.BoolType) else st.none()


@cache
def plain_records(cls: type[Record]) -> st.SearchStrategy[dict[str, Any]]:
    """Those facts of the class that it always has, and some others, by their keys, as JSON has them."""
    always = cls.required - cls.nulls
    known = {fact.key: _value(fact, types.type_info(fact.hint), known=fact.key in always) for fact in facts_of(cls)}
    keys = st.lists(st.sampled_from(sorted(known)), max_size=16, unique=True) if known else st.just([])

    @st.composite
    def some(draw: st.DrawFn) -> dict[str, Any]:
        return {key: draw(known[key]) for key in sorted({*draw(keys), *cls.required})}

    return some()


@cache
def records(cls: type[Record]) -> st.SearchStrategy[Any]:
    """Records of the class."""
    return plain_records(cls).map(lambda data: from_plain(cls, data))
