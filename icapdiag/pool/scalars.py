"""Texts to values by schema, with the traps of YAML 1.1 named for what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

import yaml

from icapdiag.mistakes import SHOWN, bare, shown, suggestion
from icapdiag.yamltree import ListNode, Node, Scalar, is_null, kind

NAME_LENGTH = 256
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_PREFIX = "tag:yaml.org,2002:"


def yaml_reading(text: str) -> str | None:
    """What a YAML 1.1 reader makes of a plain scalar, in words; None if it stays that text.

    A plain decimal number counts as its text: nothing is lost in it.
    """
    for tag, pattern in _RESOLVERS.get(text[:1], []):
        if not pattern.match(text):
            continue
        match tag.removeprefix(_PREFIX):
            case "bool":
                return "true" if _BOOLEANS[text.lower()] else "false"
            case "int":
                return _integer_reading(text)
            case "float":
                return "a decimal fraction"
            case "timestamp":
                return "a date"
            case "null":
                return "no value (null)"
    return None


_BASES = (("0x", "hexadecimal"), ("0b", "binary"), ("0", "octal"))


def _integer_reading(text: str) -> str | None:
    digits = text.lstrip("+-").replace("_", "")
    name = "base 60" if ":" in digits else next((name for mark, name in _BASES if digits.startswith(mark)), "")
    if digits == "0" or not name:
        if "_" not in text:
            return None
        name = ""
    if len(text) > SHOWN:
        return f"a number ({name})" if name else "a number"
    value = yaml.safe_load(text)
    return f"{value} ({name})" if name else str(value)


def scalar(value: Node) -> Scalar:
    """The value as a scalar node that has a value. Raises ValueError with what to do."""
    if not isinstance(value, Scalar):
        raise ValueError(f"there is {kind(value)} here: write a single value")  # noqa: TRY004 - `validate` collects ValueError
    if is_null(value) or not value.text:
        raise ValueError("has no value: write one, or delete the line")
    return value


def to_text(value: Node, *, limit: int = NAME_LENGTH) -> str:
    """A text of at most ``limit`` printable characters. Raises ValueError."""
    node = scalar(value)
    reading = yaml_reading(node.text) if node.plain else None
    if reading:
        raise ValueError(f'{bare(node.text)} is read by YAML as {reading}: write it in quotes, "{node.text[:SHOWN]}"')
    if len(node.text) > limit:
        raise ValueError(f"{shown(node.text)} has {len(node.text)} characters: write at most {limit}")
    odd = next((char for char in node.text if not char.isprintable()), None)
    if odd is not None:
        raise ValueError(f"{shown(node.text)} contains the character {odd!r}: remove it")
    return node.text


def remark(value: Node) -> str:
    """Free text, cut at 1000 characters; nothing in it is a mistake. Raises ValueError for lists and mappings."""
    if is_null(value):
        return ""
    if not isinstance(value, Scalar):
        raise ValueError(f"there is {kind(value)} here: write a text")  # noqa: TRY004 - `validate` collects ValueError
    return value.text[:1000]


def integer(low: int, high: int, unit: str = "") -> Callable[[Node], int]:
    """A converter to a decimal integer of that range; ``unit`` is named in messages."""
    allowed = f"a number from {low} to {high}" + (f" ({unit})" if unit else "")

    def convert(value: Node) -> int:
        text = scalar(value).text
        if not _DECIMAL.fullmatch(text):
            reading = yaml_reading(text)
            why = f"is read by YAML as {reading}" if reading else "is not a whole number"
            raise ValueError(f"{bare(text)} {why}: write {allowed} in plain digits")
        if text[0] in "+-":
            raise ValueError(f"{shown(text)} is out of range: write {allowed}, without a sign")
        if text != (text.lstrip("0") or "0"):
            reading = yaml_reading(text)
            why = f"is read by YAML as {reading}" if reading else "has a leading zero"
            raise ValueError(f"{bare(text)} {why}: write {allowed} without leading zeros")
        if len(text) > len(str(high)) or not low <= int(text) <= high:
            raise ValueError(f"{bare(text)} is out of range: write {allowed}")
        return int(text)

    return convert


def to_bool(value: Node) -> bool:
    """true or false, in any of YAML 1.1's spellings. Raises ValueError."""
    text = scalar(value).text
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{bare(text)} is neither true nor false: write true or false")
    return _BOOLEANS[text.lower()]


def day(value: Node) -> date:
    """A day, written YYYY-MM-DD, which YAML takes for a date too. Raises ValueError."""
    text = scalar(value).text
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{bare(text)} is not a date: write it as YYYY-MM-DD, such as 2027-01-31")
    return found


def finding_id(value: Node) -> str:
    """The id of one finding. Raises ValueError: a pattern here would hide what nobody has thought of."""
    text = to_text(value)
    if not _SLUG.fullmatch(text):
        rest = ", not a pattern" if set(text) & set("*?[") else ""
        raise ValueError(f"{bare(text)} is not the id of a finding{rest}: write one such as slow-member")
    return text


def one_of(words: Sequence[str]) -> Callable[[Node], str]:
    """A converter that allows only these words."""

    def convert(value: Node) -> str:
        text = scalar(value).text
        if text not in words:
            hint = suggestion(text, words) or _ending(text, words)
            raise ValueError(f"{bare(text)} is not known: write {', '.join(words[:-1])} or {words[-1]}{hint}")
        return text

    return convert


def _ending(text: str, words: Sequence[str]) -> str:
    """``opswat`` means ICAP_VENDOR_OPSWAT, although difflib finds it too far away."""
    meant = [word for word in words if text and word.lower().endswith("_" + text.lower())]
    return f"; did you mean '{meant[0]}'?" if meant else ""


def texts(value: Node) -> list[str]:
    """A list of texts. Raises ValueError."""
    if not isinstance(value, ListNode):
        raise ValueError(f"there is {kind(value)} here: write a list, such as [clean]")  # noqa: TRY004 - as above
    return [to_text(item) for item in value.items]
