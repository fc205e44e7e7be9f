"""Facts by their names, for tests that say what they expect as JSON has it."""

from __future__ import annotations

from typing import Any, Protocol

from icapdiag.facts import to_plain


class _HasFacts(Protocol):
    @property
    def facts(self) -> Any: ...


def facts_of(found: _HasFacts) -> dict[str, Any]:
    """The facts of an observation, as JSON has them."""
    plain: dict[str, Any] = to_plain(found.facts)
    return plain
