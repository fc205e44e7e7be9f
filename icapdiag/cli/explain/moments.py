"""Moments as people type them: ``2026-01-31``, ``2026-01-31T10:00:00+01:00``, ``2h`` (ago)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime) -> datetime:
    """An aware moment in UTC. Without a zone the text is taken as UTC, as Avi writes its logs.

    ``now`` (aware) is what ``30m``, ``2h``, ``1d`` and ``1w`` count back from. Raises ValueError.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 2026-01-31T10:00:00 (UTC), or 2h, 1d for that long ago") from None
