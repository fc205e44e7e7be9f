"""Every field that a runbook may look at: its type, its unit, what it means, where it comes from.

The rows are in ``fieldtables``, a module for each kind of thing that is observed: a new field goes there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from icapdiag.runbook.field import (
    ACTIONS,
    ANSWER,
    BASE,
    BOOLEAN,
    DEEP,
    INTEGER,
    NUMBER,
    OUTCOMES,
    POOL,
    PROBES,
    RECORDS,
    SKIP_REASONS,
    SUMMARY,
    TEXT,
    TEXTS,
    Field,
    flatten,
)
from icapdiag.runbook.fieldtables import (
    answers,
    config,
    connections,
    every,
    followups,
    logs,
    members,
    previews,
    probes,
    sizes,
)

__all__ = [
    "ACTIONS",
    "ANSWER",
    "BASE",
    "BOOLEAN",
    "DEEP",
    "FIELDS",
    "INTEGER",
    "NUMBER",
    "OUTCOMES",
    "POOL",
    "PROBES",
    "RECORDS",
    "SKIP_REASONS",
    "SUMMARY",
    "TEXT",
    "TEXTS",
    "Field",
    "flatten",
]

_TABLES = (every, answers, probes, followups, previews, sizes, connections, members, logs, config)

FIELDS: Mapping[str, Field] = MappingProxyType({field.name: field for table in _TABLES for field in table.FIELDS})
