"""A member in one source: who saw it there, when, and how it went."""

from __future__ import annotations

from msgspec import Struct

from icapdiag.joined.source import Source
from icapdiag.joined.tested import Tested


class Seen(Struct, frozen=True):
    """A member in a check, a script or a capture. ``at``: the end of that."""

    source: Source
    seen_from: str
    at: str | None
    tested: Tested
