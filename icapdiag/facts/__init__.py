"""Facts: typed records without judgement, one class for each kind of fact sheet."""

from icapdiag.facts.answer import Answer, Deviation
from icapdiag.facts.sheet import (
    FactField,
    JSONValue,
    Kind,
    Record,
    Sheet,
    Text,
    about,
    facts_of,
    from_plain,
    settled,
    to_plain,
)

__all__ = [
    "Answer",
    "Deviation",
    "FactField",
    "JSONValue",
    "Kind",
    "Record",
    "Sheet",
    "Text",
    "about",
    "facts_of",
    "from_plain",
    "settled",
    "to_plain",
]
