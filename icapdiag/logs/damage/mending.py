"""A damaged record as sound JSON, so that many of them are decoded at once, as sound ones are."""

from __future__ import annotations

import msgspec

from icapdiag.logs.damage.recovery import Found, salvage_object

_ENTRY_KEYS = ("report_timestamp", "icap_log", "virtualservice", "vs_name")  # one of them, and it is a log entry
_encode = msgspec.json.Encoder().encode


def mended(text: str) -> tuple[bytes, Found] | None:
    """The JSON of the log entry that is all of ``text`` and damaged, and what was fixed in it.

    None for what has to be looked at more closely: several records, an API response, a key that is there twice, text
    that is left over, an object that is not an entry.
    """
    found = salvage_object(text, 0) if text.startswith("{") else None
    if found is None or not found.value or found.end < len(text) or "results" in found.value:
        return None
    if all(dict.get(found.value, key) is None for key in _ENTRY_KEYS) or found.doubled:
        return None
    try:
        return _encode(found.value), found
    except (ValueError, OverflowError, RecursionError):  # numbers that no decoder takes
        return None
