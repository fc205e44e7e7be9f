"""What reports of earlier versions call by other names: read by the old one, never written by it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "camps": "value_groups",
        "odd": "outliers",
        "repairs": "corrections",
        "ladder": "sizes_tried",
        "eicar_ladder": "eicar_sizes_tried",
        "cured_by": "fixed_by",
    }
)
"""Keys of fact sheets and their records, but for `_TOTAL`, whose value is a number."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "two-camps": "two-groups",
        "several-camps": "several-groups",
        "repaired-status": "status-201",
        **{
            new.replace("empty", "blank"): new
            for new in (
                "empty-line",
                "empty-line-before-head",
                "empty-line-after-end",
                "last-chunk-without-empty-line",
                "encapsulated-head-without-empty-line",
                "head-without-empty-line",
            )
        },
    }
)
"""Words of closed vocabularies, and ids of causes."""

OLD_WORDS: Mapping[str, str] = MappingProxyType({new: old for old, new in WORDS.items()})
"""The former one of each word that has one."""

_TOTAL = ("repairs_total", "corrections_total")  # of `LogSource`, beside the list that `KEYS` has
OLD_KEYS: Mapping[str, str] = MappingProxyType({new: old for old, new in (*KEYS.items(), _TOTAL)})
"""The former name of each key that has one."""
_HOLDERS = frozenset(
    {"kind", "rule", "protocol_rule", "deviation_rules", "variant", "accepted", "rejected", "id"}
)  # keys whose value is one of these words, or a list of them; a member or a service may be named like one


def renamed(found: dict[str, Any]) -> dict[str, Any]:
    """The same object of a saved report by today's names, changed in place.

    A new name that is there counts, and the old one beside it does not. What maps names to counts (``by_path``) is
    left alone: a path, a host or a user may be called anything.
    """
    for old in found.keys() & KEYS.keys():
        value = found[old]
        if isinstance(value, int):  # a count
            continue
        found.setdefault(KEYS[old], found.pop(old))
        if KEYS[old] == "corrections":
            found.setdefault(_TOTAL[1], found.pop(_TOTAL[0], 0))
    for key in found.keys() & _HOLDERS:
        match found[key]:
            case str() as word:
                found[key] = WORDS.get(word, word)
            case list() as words:
                found[key] = [WORDS.get(word, word) if isinstance(word, str) else word for word in words]
    return found
