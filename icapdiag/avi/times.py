"""Times in Avi logs: ISO 8601 of any zone, or an epoch number in s, ms, µs or ns, as number or text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# Seconds end here (year 5138), milliseconds at a thousand times that, and so on.
_SECONDS_END = 10**11
_SCALES = (1, 10**3, 10**6, 10**9)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?")
_LOOSE_FRACTION = re.compile(r"([.,][0-9]{6})[0-9]+")  # Python 3.11 reads at most six digits


def parse_time(value: object) -> datetime | None:
    """The moment in UTC, or None where the text is not a time. Text without a zone is taken as UTC.

    Epoch numbers are recognised by their size: below 1e11 they are seconds, below 1e14 ms,
    below 1e17 µs, else ns.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return _parse_iso(text)
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**20:
        return None
    scale = next((s for s in _SCALES if value < _SECONDS_END * s), _SCALES[-1])
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value * 10**6 // scale)
    return _EPOCH + timedelta(microseconds=round(value / scale * 1e6))


def _parse_iso(text: str) -> datetime | None:
    if len(text) < 10 or not text[:4].isdigit():  # fromisoformat also takes "20240101" and week dates
        return None
    try:
        moment = datetime.fromisoformat(_LOOSE_FRACTION.sub(r"\1", text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def to_iso(value: object) -> str | None:
    """``2020-11-05T20:17:15.698573+00:00``: always UTC with six digits, so that text sorts as time does."""
    moment = parse_time(value)
    return None if moment is None else moment.isoformat(timespec="microseconds")
