"""Members of an object that are sound, up to the next damage, decoded all at once.

Where the next damage is, msgspec says, as it stops there; where the last member before it ends, is guessed, and the
guess checked: text between braces that is JSON holds whole members. So most damaged records cost little more
than sound ones. The values are those that reading token by token gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import DecodeError, Struct

from icapdiag.doubled import Members
from icapdiag.logs.damage.tokens import decode_at

WINDOW = 16 * 1024  # characters that are looked at together
_GUESSES = 4
_SPACES = b" \t\r\n"
_BRACKETS = 90  # where there are more, the depth to which they are nested has to be known
_PLACE = re.compile(r"\(byte (\d+)\)")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

# Each possessive group ends with an alternative that never matches: before 3.11.5 Python goes on from where a failed
# repetition had come to (https://github.com/python/cpython/issues/106052), unless an alternative is left to try.
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_INNER = rf'[^"{{}}\[\]]++|{_STRING}'
for _ in range(2):
    _INNER = rf"{_INNER}|\{{(?:{_INNER}|(?!))*+\}}|\[(?:{_INNER}|(?!))*+\]"
_W = r"[ \t\r\n]*+"
# Members with a comma behind each, and brackets that match; whether they are JSON the decoder says.
_MEMBERS = re.compile(
    rf"(?:{_STRING}{_W}:{_W}"
    rf"(?:{_STRING}|[-+.0-9A-Za-z]++|\{{(?:{_INNER}|(?!))*+\}}|\[(?:{_INNER}|(?!))*+\]){_W},{_W}|(?!))++",
    re.DOTALL,
)


class Run(Struct, frozen=True):
    """``members``, none if no sound ones are there, and the index behind them.

    ``closed``: the object's closing brace stands at ``end``; else a comma stands before it.
    """

    members: dict[str, Any]
    end: int
    closed: bool = False


def sound_members(text: str, at: int, window: int = WINDOW) -> Run:
    """The run of members at ``at``, where the first key begins. Looks no further than ``window`` characters."""
    piece = text[at : at + window]
    if piece.count("{") + piece.count("[") > _BRACKETS:
        return _by_brackets(piece, at)
    raw = b"{" + piece.encode("utf-8", "surrogatepass")
    try:
        return _closed(raw, _decode(raw), at)
    except RecursionError:
        return Run({}, at)
    except ValueError as error:
        said = str(error)
    found = _PLACE.search(said)
    broken = int(found[1]) if found else len(raw)
    if "trailing characters" in said:
        raw = raw[: raw.rindex(b"}", 0, broken - 1) + 1]  # the place is the one behind the first such character
        return _closed(raw, _decode(raw), at)
    return _up_to(raw, broken, at) or _by_brackets(piece, at)


def _up_to(raw: bytes, broken: int, at: int) -> Run | None:
    """The members in front of the damage; None if it is not told where they end."""
    for end in _guesses(raw, broken):
        members = _checked(raw[:end] + b"}")
        if members:
            return Run(members, at + len(raw[1 : end + 1].decode("utf-8", "surrogatepass")))
    return Run({}, at) if raw.find(b",", 0, broken) < 0 else None  # not even one is complete


def _guesses(raw: bytes, broken: int) -> Iterator[int]:
    """Where the last member in front of the damage may end: at the comma before the last key, or before the last ones
    whose value is an object or a list, as the damage may be inside of that."""
    if raw[broken - 1 : broken] == b",":
        yield broken - 1
    end = _comma_before(raw, broken)
    if end > 0:
        yield end
    for _ in range(_GUESSES):
        broken = max(raw.rfind(b"{", 1, broken), raw.rfind(b"[", 1, broken))
        end = _comma_before(raw, broken) if broken > 0 else -1
        if end < 0:
            return
        yield end


def _comma_before(raw: bytes, index: int) -> int:
    """The last comma in front of a key there; -1 without one."""
    end = raw.rfind(b',"', 0, index)
    return max(end, raw.rfind(b', "', max(0, end), index))


def _closed(raw: bytes, value: Any, at: int) -> Run:
    """Members up to the closing brace, with which ``raw`` ends but for white space."""
    members = _exact(raw, value)
    end = raw.rindex(b"}")
    return Run(members, at + len(raw[1:end].decode("utf-8", "surrogatepass")), closed=True)


def _by_brackets(piece: str, at: int) -> Run:
    """The damage is inside of an object or list: members whose brackets match."""
    found = _MEMBERS.match(piece)
    for _ in range(_GUESSES):
        if found is None:
            break
        inside = found[0].rstrip(" \t\r\n")
        raw = b"{" + inside[:-1].encode("utf-8", "surrogatepass") + b"}"
        members = _checked(raw)
        if members:
            return Run(members, at + len(inside))
        try:
            _decode(raw)
        except (DecodeError, UnicodeDecodeError) as error:
            place = _PLACE.search(str(error))
            if place is None:
                break
            broken = len(raw[1 : int(place[1])].decode("utf-8", "replace"))
            found = _MEMBERS.match(piece, 0, broken)
        except RecursionError:
            break
        else:
            break
    return Run({}, at + (found.end() if found else 0))


def _checked(raw: bytes) -> dict[str, Any]:
    try:
        value = _decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return _exact(raw, value)


def is_exact(raw: bytes, value: object) -> bool:
    """Whether msgspec read a text without loss.

    It takes the last of two values of one key, and has its own mind about numbers: where writing what it read gives the
    same text, but for spaces, neither was there.
    """
    again = _encode(value)
    return again == raw or again.translate(None, _SPACES) == raw.translate(None, _SPACES)


def _exact(raw: bytes, value: Any) -> dict[str, Any]:
    """The members as `decode_at` reads them; none where a key is there twice."""
    if is_exact(raw, value):
        return value  # type: ignore[no-any-return]
    strict = decode_at(raw.decode("utf-8", "surrogatepass"), 0)
    if strict is None or isinstance(strict[0], Members) or not isinstance(strict[0], dict):
        return {}
    return strict[0]
