"""A damaged record as sound JSON, so that many of them are decoded at once, as sound ones are."""

from __future__ import annotations

import msgspec

from icapdiag.logs.damage.recovery import salvage_object
from icapdiag.logs.damage.runs import is_exact
from icapdiag.logs.damage.splicing import Spliced, cut_in_a_member, spliced

_ENTRY_KEYS = ("report_timestamp", "icap_log", "virtualservice", "vs_name")  # one of them, and it is a log entry
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Repairs = tuple[tuple[str, int], ...]  # what was fixed, and its index


def mended(text: str) -> tuple[bytes, Repairs] | None:
    """The JSON of the log entry that is all of ``text`` and damaged, and what was fixed in it.

    None for what has to be looked at more closely: several records, an API response, a key that is there twice, text
    that is left over, an object that is not an entry.
    """
    return by_splicing(text) or by_tokens(text)


def by_splicing(text: str) -> tuple[bytes, Repairs] | None:
    """The same; None also where the text does not show what `by_tokens` would make of it."""
    return _checked(cut_in_a_member(text)) or _checked(spliced(text))


def _checked(found: Spliced | None) -> tuple[bytes, Repairs] | None:
    if found is None:
        return None
    raw = found.json.encode()
    try:
        value = _decode(raw)
    except (ValueError, RecursionError):
        return None
    return (raw, found.repairs) if _is_entry(value) and is_exact(raw, value) else None


def by_tokens(text: str) -> tuple[bytes, Repairs] | None:
    """The same by `salvage_object`."""
    found = salvage_object(text, 0) if text.startswith("{") else None
    if found is None or not found.value or found.end < len(text) or not _is_entry(found.value) or found.doubled:
        return None
    try:
        return _encode(found.value), found.repairs
    except (ValueError, OverflowError, RecursionError):  # numbers that no decoder takes
        return None


def _is_entry(value: dict[str, object]) -> bool:
    if "results" in value:
        return False
    for key in _ENTRY_KEYS:  # noqa: SIM110 - asked for every damaged record, and mostly the first one is there
        if dict.get(value, key) is not None:
            return True
    return False
