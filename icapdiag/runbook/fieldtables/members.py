"""Fields of how the members of a pool compare."""

from __future__ import annotations

from icapdiag.runbook.field import COMPARED, INTEGER, KINDS, LIVE, POOL, RECORDS, TEXT, TEXTS, Field, table

FIELDS = [
    Field(
        "fact",
        TEXT,
        "",
        "what differs between the members, or is the same and should not be",
        LIVE,
        (POOL,),
        COMPARED,
    ),
    Field(
        "kind",
        TEXT,
        "",
        "how the members stand to each other: outlier is one against a majority, and the observation is about it;"
        " with same-server it is about a member that shares its server; else it is about no single member",
        LIVE,
        (POOL,),
        KINDS,
    ),
]
FIELDS += table(
    LIVE,
    (POOL,),
    (
        ("value", TEXT, "", "of the odd member; (none) if its answer does not say, (changes) if it says several"),
        ("values", TEXTS, "", "all that there are, those of most members first, 20 at most"),
        ("camps", RECORDS, "", "each of them: value, count, members"),
        ("majority_value", TEXT, "", "of those that agree, where there is an odd one out"),
        ("majority_members", TEXTS, "", "the members that have it, 20 at most"),
        ("majority_count", INTEGER, "members", "how many have it"),
        ("same_as", TEXTS, "", "other members that are, or likely are, the same server"),
    ),
)
