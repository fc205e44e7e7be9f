"""Decodes a text: a reader sees a name that its encoding hides from a search."""

from __future__ import annotations

import html
import re
from unicodedata import normalize

REMOVED = "[removed]"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_PERCENT = re.compile("(?:%[0-9a-f]{2})+", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#0*[1-9][0-9]{0,6}|#x0*[1-9a-f][0-9a-f]{0,5}|[a-z][a-z0-9]{1,30});?", re.IGNORECASE)
_BYTES = re.compile(r"(?:\\x[0-9a-f]{2}|\\[0-3][0-7]{2})+", re.IGNORECASE)
_UNITS = re.compile(r"(?:[\\%]u[0-9a-f]{4})+", re.IGNORECASE)
_CODEPOINT = re.compile(r"\\U(?:000|0010)[0-9a-fA-F]{4,5}|\\[ux]\{0{0,4}(?:10|[0-9a-fA-F])?[0-9a-fA-F]{1,4}\}")
_QUOTED = re.compile("(?:=[0-9a-f]{2})+", re.IGNORECASE)  # quoted-printable, in words with two of them side by side
_IS_QUOTED = re.compile("(?:=[0-9a-f]{2}){2}", re.IGNORECASE)
_DEFANGED = re.compile(r"(?<=\w) ?[\[({] ?(?:(\.|dot)|(:)|@|at) ?[\])}] ?(?=\w)", re.IGNORECASE)  # 10[.]9[.]8[.]7
_ROUNDS = 6  # encodings inside each other


def decoded(text: str) -> str:
    """``text`` without invisible characters and with percent, entity, quoted-printable and backslash escapes undone.

    Points, colons and at-signs in brackets are those of addresses that nobody is to follow.

    Text with more layers of encoding than happen by mistake becomes ``[removed]``.
    """
    for _ in range(_ROUNDS):
        found = text if text.isascii() else _INVISIBLE.sub("", normalize("NFKC", text))
        if "%" in found:
            found = _PERCENT.sub(lambda each: _text_of(bytes.fromhex(each[0].replace("%", ""))), found)
        if "&" in found:
            found = _ENTITY.sub(lambda each: html.unescape(each[0]), found)
        if "\\" in found or "%u" in found:
            found = found.replace("\\r\\n", "\r\n").replace("\\/", "/")
            found = _CODEPOINT.sub(lambda each: chr(int(re.sub("[^0-9a-fA-F]", "", each[0][2:]), 16)), found)
            found = _UNITS.sub(_units, _BYTES.sub(lambda each: _text_of(_escaped_bytes(each[0])), found))
        if _IS_QUOTED.search(found):
            found = "".join(map(_unquoted, re.split(r"(\s+)", found)))
        if "[" in found or "(" in found or "{" in found:
            found = _DEFANGED.sub(lambda each: "." if each[1] else each[2] or "@", found)
        if found == text:
            return text
        text = found
    return REMOVED


def _unquoted(word: str) -> str:
    if not _IS_QUOTED.search(word):
        return word
    return _QUOTED.sub(lambda each: _text_of(bytes.fromhex(each[0].replace("=", ""))), word)


def _text_of(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _escaped_bytes(text: str) -> bytes:
    return bytes(int(each[1:], 16) if each[0] in "xX" else int(each, 8) for each in text.split("\\")[1:])


def _units(found: re.Match[str]) -> str:
    return bytes.fromhex(re.sub(r"[\\%][uU]", "", found[0])).decode("utf-16-be", "surrogatepass")
