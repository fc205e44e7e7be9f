"""Tokens of JSON, intact or damaged: white space, strings, numbers, as people and mail programs leave them.

Strict first, by the standard library's C scanner; only what that refuses is read character by
character. Nothing here recurses, and every call moves forward.
"""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from icapdiag.doubled import Members, members

STRAIGHT, SINGLE = '"', "'"
# Typographic quotes, double and single, as word processors, mail programs and full-width keyboards put them.
SMART = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02"
SMART_SINGLE = "\u2018\u2019\u201a\u201b\u00b4`"
OPENERS = STRAIGHT + SINGLE + SMART + SMART_SINGLE
QUOTE = f"[{OPENERS}]"  # in a pattern
SURROGATE = re.compile(r"\\[uU][dD][89a-fA-F]")
_SLICE = 16 * 1024  # characters
_LONGEST_WORD = 16  # characters of a literal or an escape that a slice may cut
_LONGEST_NUMBER = 20  # digits; int() refuses thousands of them
_CLOSERS = (
    dict.fromkeys(SMART, SMART + STRAIGHT)
    | dict.fromkeys(SMART_SINGLE, SMART_SINGLE + SINGLE)
    | {SINGLE: SINGLE, STRAIGHT: STRAIGHT}
)

_SOUND = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_BLANK = re.compile(r"[\s\x00\u200b-\u200f\u2060\ufeff]+")
_TOKENS = frozenset(string.ascii_letters + string.digits + '"{}[],:-')  # no white space begins with one
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "'": "'"}
_HEX = re.compile(r"u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})")
_LINE_BREAK = re.compile(r"[\r\n]+[ \t]*(?:>[> \t]*)?")
_AFTER_TEXT = re.compile(r"\s*(?:[:,}\]]|$)")  # what may stand behind a text that has ended
_UNCLOSED = re.compile(rf"{QUOTE}[\w.-]{{1,60}}{QUOTE}\s*:|[}}\]]")  # a next line like this: the quote was lost
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])", re.ASCII)
_WORD = re.compile(rf"[^\s,:{{}}\[\]{OPENERS}]+")
_SPECIAL = re.compile(rf"[\\\x00-\x1f{OPENERS}]")  # what ends a plain stretch of text
_PYTHON = "Python's True, False, None were read as true, false, null"
_WORDS: Final[dict[str, tuple[object, str]]] = {
    "true": (True, ""),
    "false": (False, ""),
    "null": (None, ""),
    "True": (True, _PYTHON),
    "False": (False, _PYTHON),
    "None": (None, _PYTHON),
    **{w: (None, f"{w.lstrip('-')} was read as null") for w in ("NaN", "Infinity", "-Infinity", "undefined")},
}
_NARROW = 40  # no terminal is narrower
_WIDTHS = {72, 76, 78, 79, 80, 100, 120, 132, 160}  # at which terminals and mail programs break lines
NOTED = 20  # repairs of one record


def whole_number(text: str) -> int | float | None:
    """An integer's value; thousands of digits, which int() refuses, become a float or None."""
    return int(text) if len(text) <= _LONGEST_NUMBER else finite(text)


def finite(text: str) -> float | None:
    """A number's value, None for one beyond a float's range."""
    value = float(text)
    return value if math.isfinite(value) else None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(
    parse_int=whole_number, parse_float=finite, parse_constant=_no_constant, object_pairs_hook=members
)


def decode_at(text: str, at: int) -> tuple[object, int] | None:
    """The JSON value at ``at`` and the index behind it; None if there is none.

    Works on slices: the decoder's errors count lines from the beginning of the text that it was given,
    which would make reading a text full of damage take quadratic time.
    """
    size = _SLICE
    while True:
        piece = text[at : at + size]
        whole = at + size >= len(text)
        try:
            value, end = STRICT.raw_decode(piece)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos >= len(piece) - _LONGEST_WORD
            if whole or not cut:
                return None
        except (ValueError, RecursionError):
            return None
        else:
            if whole or end < len(piece):
                return value, at + end
        size *= 8


def sanitise(value: dict[str, object]) -> None:
    """Put U+FFFD for every lone surrogate in the texts below ``value``: they can't be written as UTF-8."""
    work: list[dict[str, object] | list[object]] = [value]
    while work:
        container = work.pop()
        if isinstance(container, dict):
            clean = {_without_surrogates(str(key)): item for key, item in container.items()}
            container.clear()
            container.update(clean)
            if isinstance(container, Members):  # which may be read, too
                container.earlier = {_without_surrogates(key): values for key, values in container.earlier.items()}
                work += container.earlier.values()
            places: Iterable[tuple[object, object]] = list(container.items())
        else:
            places = list(enumerate(container))
        for key, item in places:
            if isinstance(item, dict | list):
                work.append(item)
            elif isinstance(item, str):
                container[key] = _without_surrogates(item)  # type: ignore[index,call-overload]


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@lru_cache(maxsize=1)  # a text may hold thousands of damaged objects, each of which asks
def _longest_line(text: str) -> tuple[int, int]:
    """How long it is, and how many lines are as long."""
    widths = [len(line.rstrip("\r")) for line in text.split("\n")]
    return max(widths), widths.count(max(widths))


def is_hard_wrapped(text: str, at: int) -> bool:
    """Whether the line that ends at ``at`` was broken at the width of a terminal, and so perhaps inside a word."""
    width = at - (text.rfind("\n", 0, at) + 1)
    if width < _NARROW:
        return False
    longest, times = _longest_line(text)
    return width == longest and (times > 1 or width in _WIDTHS)


class Words:
    """Reads single tokens of ``text``. ``repairs`` collects ``(what, index)``; ``cut``: what the text ended in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.repairs: list[tuple[str, int]] = []
        self.cut = ""  # inside what the text ended
        self.smart = False  # typographic quotes delimit texts here

    def note(self, what: str, at: int) -> None:
        """Record a fix, if there are not many already."""
        if len(self.repairs) < NOTED:
            self.repairs.append((what, at))

    def note_once(self, what: str, at: int) -> None:
        """Record a fix that applies throughout a text, at its first place."""
        if all(known != what for known, _ in self.repairs):
            self.note(what, at)

    def blank(self, at: int) -> int:
        """Past white space, comments and mail quoting (``>`` at the start of a line)."""
        text = self.text
        while at < len(text) and text[at] not in _TOKENS:
            if found := _BLANK.match(text, at):
                if "\0" in found[0]:
                    self.note_once("NUL bytes were left out", at)
                at = found.end()
            elif text[at] == ">" and self.starts_line(at):
                self.note_once("mail quoting (>) was left out", at)
                at += 1
            elif found := _COMMENT.match(text, at):
                self.note_once("a comment was left out", at)
                at = found.end()
            else:
                break
        return at

    def starts_line(self, at: int) -> bool:
        """Whether only white space and mail quoting precede ``at`` on its line."""
        start = self.text.rfind("\n", max(0, at - 200), at) + 1
        return not self.text[start:at].strip("> \t\r") and (start > 0 or at <= 200)

    def quoted(self, at: int) -> tuple[str, int]:
        """The text whose opening quote is at ``at``, and the index behind it."""
        if self.text[at] == STRAIGHT:
            if found := _SOUND.match(self.text, at):
                if "\\" not in found[0]:
                    return found[0][1:-1], found.end()
                if decoded := decode_at(found[0], 0):
                    return str(decoded[0]), found.end()
        elif self.text[at] != SINGLE:
            self.smart = True
            self.note_once("typographic quotes were read as plain ones", at)
        else:
            self.note_once("single quotes were read as double ones", at)
        return self._rough(at)

    def _rough(self, start: int) -> tuple[str, int]:
        text = self.text
        opener = text[start]
        parts: list[str] = []
        at = start + 1
        while found := _SPECIAL.search(text, at):
            parts.append(text[at : found.start()])
            at = found.start()
            char = text[at]
            if char == "\\":
                piece, at = self._escape(at)
                parts.append(piece)
            elif self._closes(opener, char, at):
                return "".join(parts), at + 1
            elif char in "\r\n":
                joint, behind = self._line_break(at)
                if joint is None:
                    return self._unclosed("".join(parts), at)
                parts.append(joint)
                at = behind
            else:
                if char < " ":
                    self.note("a control character inside a string was kept", at)
                parts.append(char)
                at += 1
        parts.append(text[at:])
        self.cut = "a string"
        return "".join(parts), len(text)

    def _closes(self, opener: str, char: str, at: int) -> bool:
        if opener == STRAIGHT == char:
            return True
        closers = SMART if opener == STRAIGHT and self.smart else _CLOSERS[opener]
        return char in closers and _AFTER_TEXT.match(self.text, at + 1) is not None

    def _escape(self, at: int) -> tuple[str, int]:
        following = self.text[at + 1 : at + 2]
        if following in _ESCAPES and following:
            return _ESCAPES[following], at + 2
        if found := _HEX.match(self.text, at + 1):
            return chr(int(found[1] or found[2], 16)), found.end()
        if following and following in SMART + SMART_SINGLE:
            return STRAIGHT, at + 2
        if following in {"\r", "\n"}:
            return "", at + 2
        self.note("a backslash that is not an escape was kept", at)
        return "\\", at + 1

    def _line_break(self, at: int) -> tuple[str | None, int]:
        """What to put for a line break inside a text; None: the text ended on the line, without its quote."""
        found = _LINE_BREAK.match(self.text, at)
        behind = found.end() if found else at + 1
        breaks = self.text[at:behind].replace("\r\n", "\n").replace("\r", "\n").count("\n")
        if breaks > 1 or _UNCLOSED.match(self.text, behind):
            return None, at
        self.note("a string broken across lines was joined", at)
        joined = (
            self.text[at - 1] in " \t" or self.text[at - 2 : at] in {r"\n", r"\r"} or is_hard_wrapped(self.text, at)
        )
        return ("" if joined else " "), behind

    def _unclosed(self, value: str, at: int) -> tuple[str, int]:
        """The text up to a line end that swallowed its closing quote, and perhaps a comma before that."""
        self.note("a missing closing quote was added", at)
        stripped = value.rstrip(" \t")
        if stripped.endswith(","):
            comma = self.text.rfind(",", 0, at)
            if not self.text[comma + 1 : at].strip(" \t\r"):
                return stripped[:-1], comma
        return stripped, at

    def scalar(self, at: int) -> tuple[object, int, bool]:
        """A number or a word such as ``true``: its value, the index behind it, whether it could be read."""
        if found := _NUMBER.match(self.text, at):
            if found.end() == len(self.text):
                self.cut = "a number"
            whole = found[0].lstrip("-").isdigit()
            return whole_number(found[0]) if whole else finite(found[0]), found.end(), True
        found = _WORD.match(self.text, at)
        if found is None:
            return None, at, False
        if found.end() == len(self.text) and found[0] not in _WORDS:
            self.cut = "a value"
        value, what = _WORDS.get(found[0], (None, ""))
        if what:
            self.note_once(what, at)
        return value, found.end(), found[0] in _WORDS
