"""Times in logs of c-icap, Squid and syslog, as UTC in one form, so that text sorts as time does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from icapdiag.avi.times import to_iso

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_CLOCK = r"(\d\d):(\d\d):(\d\d)"
_CTIME = re.compile(rf"(?:[A-Z][a-z]{{2}} )?({_MONTH}) ([ \d]\d) {_CLOCK}(?: (\d{{4}}))?", re.ASCII)
_APACHE = re.compile(rf"(\d\d)/({_MONTH})/(\d{{4}}):{_CLOCK}(?: ([+-])(\d\d)(\d\d))?", re.ASCII)
_SLASHES = re.compile(rf"(\d{{4}})/(\d\d)/(\d\d) {_CLOCK}(\.\d{{1,6}})?", re.ASCII)
_AHEAD = timedelta(days=1)  # a clock may be ahead by that much


class Time(NamedTuple):
    """``iso`` as `to_iso` writes it; ``assumed``: the log names no zone, or no year, and that was assumed."""

    iso: str
    assumed: bool = False


@lru_cache(maxsize=256)
def read_time(text: str) -> Time | None:
    """The moment, or None where the text is not a time.

    These forms are known: ``Mon Nov 30 04:37:09 2026`` (asctime, without a zone, of c-icap), ``Nov 30 04:37:09``
    (syslog, without a year: the latest one that is not in the future), ``2026/11/30 04:38:12.345`` (Squid, without a
    zone), ``30/Nov/2026:04:37:09 +0000`` (Apache), ISO 8601, and seconds since 1970. What has no zone is taken as UTC.
    """
    try:
        if found := _CTIME.fullmatch(text):
            month = _MONTHS.index(found[1]) + 1
            return _local(_year(found[6], month, int(found[2])), month, found[2], found.group(3, 4, 5))
        if found := _SLASHES.fullmatch(text):
            return _local(int(found[1]), int(found[2]), found[3], found.group(4, 5, 6), fraction=found[7])
        if found := _APACHE.fullmatch(text):
            moment = _local(int(found[3]), _MONTHS.index(found[2]) + 1, found[1], found.group(4, 5, 6))
            return moment if found[7] is None else _moved(moment, found[7], found[8], found[9])
    except (ValueError, OverflowError):  # the 31st of February
        return None
    iso = to_iso(text)
    return None if iso is None else Time(iso)


def _local(year: int, month: int, day: str, clock: Sequence[str], *, fraction: str | None = None) -> Time:
    """A time without a zone. Raises ValueError for a day or an hour that is none."""
    hour, minute, second = map(int, clock)
    moment = datetime(year, month, int(day), hour, minute, second, tzinfo=UTC)
    return Time(_iso(moment + timedelta(seconds=float(fraction or 0))), assumed=True)


def _moved(local: Time, sign: str, hours: str, minutes: str) -> Time:
    """The same where the zone is known."""
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    moment = datetime.fromisoformat(local.iso)
    return Time(_iso(moment - ahead if sign == "+" else moment + ahead))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _year(text: str | None, month: int, day: int) -> int:
    """The year as written, else the latest in which the day is not in the future."""
    if text is not None:
        return int(text)
    latest = datetime.now(UTC) + _AHEAD
    ahead = (month, day) > (latest.month, latest.day)
    return latest.year - ahead
