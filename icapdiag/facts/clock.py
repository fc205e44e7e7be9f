"""The offset of a server's clock, as far as Date in its answer shows it."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from icapdiag.facts.connection import Transfer


def clock_facts(date: str | None, sent_at: float, received_at: float) -> Transfer:
    """Offset of the server's clock in seconds, positive if it is ahead; empty without a readable Date.

    ``sent_at`` and ``received_at`` are our wall clock (seconds since 1970) at the request and at the first
    byte of the answer. The server wrote its Date in between, and whole seconds only (RFC 9110, 5.6.7), so
    the offset is known to within half of that time and half a second: ``clock_uncertainty_s``.
    ``clock_skew_s`` is the offset beyond this uncertainty.
    """
    if date is None:
        return Transfer()
    try:
        moment = parsedate_to_datetime(date)
        stamp = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return Transfer()
    lowest, highest = stamp - received_at, stamp + 1 - sent_at
    offset, uncertainty = (lowest + highest) / 2, (highest - lowest) / 2
    return Transfer(
        clock_offset_s=round(offset, 1),
        clock_uncertainty_s=round(uncertainty, 1),
        clock_skew_s=round(max(0.0, abs(offset) - uncertainty), 1),
    )
