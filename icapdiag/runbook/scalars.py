"""What a word without quotes means in YAML 1.2."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")
_DIGITS = 64


def core_scalar(text: str) -> str | int | float | bool | None:
    """What a plain scalar means in the core schema of YAML 1.2, without its exotic numbers."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    number = _NUMBER.fullmatch(text)
    if number is None or len(text) > _DIGITS:
        return text
    return int(text) if number[1] is None and text.lstrip("+-").isdigit() else float(text)
