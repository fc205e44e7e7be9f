"""Times as people type them in ``--since`` and ``--until``."""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span_of(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Both ends, where they are given; ``now`` as in `parse_moment`. What is wrong ends the command."""
    begin, end = _moment("--since", since, now), _moment("--until", until, now)
    if begin is not None and end is not None and begin >= end:
        raise typer.BadParameter("--since must be before --until", param_hint="--until")
    return begin, end


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else parse_moment(text, now)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def parse_moment(text: str, now: datetime) -> datetime:
    """A moment as people type it: ``2026-01-31``, ``2026-01-31T10:00:00+01:00``, ``2h`` (ago); aware, in UTC.

    Without a zone the text is taken as UTC, as Avi writes its logs. ``now`` (aware) is what ``30m``, ``2h``, ``1d``
    and ``1w`` count back from. Raises ValueError.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a time: write 2026-01-31T10:00:00 (UTC), or 2h, 1d for that long ago"
        ) from None
