"""A log entry with the usual damage as sound JSON, made of pieces of its own text.

Cut off, or commas too many: most damaged lines are that and nothing else. `salvage_object` finds the same token by
token, and reads whatever else may be wrong; to copy text takes a tenth of the time.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from icapdiag.logs.damage.recovery import HEADER_TEXTS, named
from icapdiag.logs.damage.tokens import NOTED, SURROGATE

_DEEPEST: Final = 50  # brackets in brackets; an entry has six
_CLOSERS: Final = {"{": "}", "[": "]"}
# What is missing where so many braces and brackets are open, as an entry is made.
_USUAL: Final = {(1, 0): "}", (2, 0): "}}", (3, 1): "}]}}", (4, 1): "}}]}}"}
_CUT: Final = "cut off inside {}, which was left out"
_W: Final = r"[ \t\r\n]*+"
_STRING: Final = r'"[^"\\\x00-\x1f]*+(?:"|(?:\\.[^"\\\x00-\x1f]*+)++")'
_FLAT: Final = rf"(?:{_STRING}|[-+.0-9A-Za-z]++)"  # whether such a word is one, the decoder says
_KEY: Final = rf"{_STRING}{_W}:{_W}"
# Members or elements that are neither objects nor lists, with a comma behind each, or the end of what they are in; then
# the key of one that is an object or a list.
_MEMBERS: Final = re.compile(rf"{_W}((?:{_KEY}{_FLAT}{_W}(?:,{_W}|(?=\}}))|(?!))*+)(?:{_KEY}(?=[{{\[]))?+")
_ELEMENTS: Final = re.compile(rf"{_W}((?:{_FLAT}{_W}(?:,{_W}|(?=\]))|(?!))*+)")
_SPACES: Final = " \t\r\n"
_COMMA: Final = re.compile(rf"{_W}(,?){_W}")  # behind an object or list
# The last token, which may be cut. Its escapes are looked at, as nobody decodes what is left out.
_BEGUN: Final = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+'
_CUT_STRING: Final = re.compile(_BEGUN)
_CUT_KEY: Final = re.compile(rf'{_BEGUN}(?:"{_W})?')
_LAST_KEY: Final = re.compile(rf'({_BEGUN})"{_W}:{_W}')
_COMPLETE: Final = re.compile(rf"{_STRING}|true|false|null")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PART: Final = re.compile(r"-|-?(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?[eE][+-]?)|t|tr|tru|f|fa|fal|fals|n|nu|nul")


class Spliced(NamedTuple):
    """The JSON, and what was done for it: ``(what, index in the text)``."""

    json: str
    repairs: tuple[tuple[str, int], ...]


def cut_in_a_member(text: str) -> Spliced | None:
    """The object that is all of ``text``, if it is cut inside of a flat member that is not the first.

    Where the last comma stands, and how many brackets are open, is only guessed here: what comes out is JSON only if
    the guess was right. It is so for most lines that are cut; None where it can't be.
    """
    comma = text.rfind(',"')
    closers = _USUAL.get((text.count("{") - text.count("}"), text.count("[") - text.count("]")))
    if comma < 0 or closers is None or not text.startswith("{") or _has_surrogates(text):
        return None
    last = _last_of(text, comma + 1, in_object=True)
    if last is None:
        return None
    cut, end, more = last
    repairs = ((_CUT.format(cut), len(text)),) if cut else ()
    added = (f"missing {closers} added at the end", comma + 1 if cut else len(text))
    return Spliced(text[: end or comma] + more + closers, (*repairs, added))


def spliced(text: str) -> Spliced | None:
    """The object that is all of ``text``. None where something else is wrong with it, or nothing.

    Words, escapes and keys that appear twice are not looked at: that what comes out is JSON is left to the decoder.
    """
    if not text.startswith("{") or _has_surrogates(text):
        return None
    splicer = _Splicer(text)
    return splicer.result() if splicer.read() and 0 < len(splicer.repairs) <= NOTED else None


def _has_surrogates(text: str) -> bool:
    return "\\u" in text and SURROGATE.search(text) is not None


def _last_of(text: str, at: int, *, in_object: bool) -> tuple[str, int, str] | None:
    """The last token, and the key before it: what was cut (nothing: it is complete), where what stays of it ends (0:
    nothing stays), and what ends that. None if something else is there.
    """
    key = ""
    if in_object:
        found = _LAST_KEY.match(text, at)
        if found is None:
            return ("a key", 0, "") if _CUT_KEY.fullmatch(text, at) else None
        key, at = found[1][1:], found.end()
        if "\\" in key:
            return None
    if at == len(text):
        return "a member", 0, ""
    if _CUT_STRING.fullmatch(text, at):
        return _lines_of(text, at + 1) if key in HEADER_TEXTS else ("a string", 0, "")
    if _COMPLETE.fullmatch(text, at):
        return "", len(text), ""
    cut = "a number" if _NUMBER.fullmatch(text, at) else "a value" if _PART.fullmatch(text, at) else ""
    return (cut, 0, "") if cut else None


def _lines_of(text: str, start: int) -> tuple[str, int, str] | None:
    """Of a cut text with headers, the lines that are complete stay."""
    if text.find("\\u", start) >= 0:  # may be a line end
        return None
    at = len(text)
    while (at := text.rfind("\\n", start, at)) >= 0:
        before = text[start:at]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return "a string", at + 2, '"'
    return "a string", 0, ""


class _Splicer:
    """Goes from bracket to bracket."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.repairs: list[tuple[str, int]] = []
        self._open = ["{"]
        self._ends = [0]  # in each of these, the index behind what is complete; 0: nothing is
        self._at = 1  # of the next token
        self._behind = 1  # the end of the last one
        self._comma = self._last_comma = -1  # of commas behind which nothing came yet, the first and the last
        self._left_out: list[int] = []  # indices of commas
        self._tail = ""  # what ends a text of which a part is complete

    def read(self) -> bool:
        """False if something else is wrong."""
        text, size = self._text, len(self._text)
        while self._open:
            keyed = self._flat(in_object=self._open[-1] == "{")
            at = self._at
            if at == size:
                return self._end("" if self._ends[-1] and self._last_comma < 0 else "the record")
            char = text[at]
            if char == ",":
                self._extra_comma()
            elif char in "{[":
                if not keyed or len(self._open) == _DEEPEST:
                    return False
                self._open.append(char)
                self._ends.append(0)
                self._behind_token(at + 1)
            elif char == _CLOSERS[self._open[-1]]:
                if not self._close(char):
                    return False
            else:
                return self._last(in_object=self._open[-1] == "{")
        return self._at == size

    def result(self) -> Spliced:
        """What is complete, without what was left out."""
        end = self._ends[-1] if self._open else self._at
        pieces, start = [], 0
        for comma in self._left_out:
            if comma < end:
                pieces.append(self._text[start:comma])
                start = comma + 1
        pieces += [self._text[start:end], self._tail, *map(_CLOSERS.__getitem__, reversed(self._open))]
        return Spliced("".join(pieces), tuple(self.repairs))

    def _behind_token(self, at: int) -> None:
        """Behind one that isn't a comma."""
        self._at = self._behind = at
        self._comma = self._last_comma = -1

    def _flat(self, *, in_object: bool) -> bool:
        """Past members or elements that are neither objects nor lists; whether one that is may come next."""
        found = (_MEMBERS if in_object else _ELEMENTS).match(self._text, self._at)
        if found is None:
            return False
        start, end = found.span(1)
        if start < end:
            while self._text[end - 1] in _SPACES:
                end -= 1
            self._behind_token(end)
            if self._text[end - 1] == ",":
                end -= 1
                self._comma = self._last_comma = end
            self._ends[-1] = end
        self._at = found.end()
        return not in_object or found.end() > found.end(1)

    def _extra_comma(self) -> None:
        at = self._at
        self.repairs.append(("an extra comma was left out", at))
        self._left_out.append(at)
        self._last_comma = at
        self._at = self._behind = at + 1

    def _close(self, bracket: str) -> bool:
        """The end of an object or list; False if neither a comma nor another one follows."""
        if self._last_comma >= 0:
            self.repairs.append((f"a comma before {bracket} was left out", self._last_comma))
        if self._comma >= 0:
            self._left_out.append(self._comma)
            self._left_out.sort()
        at = self._at + 1
        self._open.pop()
        self._ends.pop()
        self._behind_token(at)
        if not self._open:
            return True
        self._ends[-1] = at
        found = _COMMA.match(self._text, at)
        if found is None or found[1]:
            self._comma = self._last_comma = found.start(1) if found else -1
            self._behind = self._comma + 1
        self._at = at if found is None else found.end()
        return bool(found and found[1]) or self._text[self._at : self._at + 1] in {"", *_CLOSERS.values()}

    def _last(self, *, in_object: bool) -> bool:
        """The last token, and the key before it; False if that is not what is there."""
        last = _last_of(self._text, self._at, in_object=in_object)
        if last is None:
            return False
        cut, end, self._tail = last
        if end:
            self._ends[-1] = end
        if not cut:
            self._behind_token(end)
        return self._end(cut)

    def _end(self, cut: str) -> bool:
        """The text is over, in the middle of ``cut``: what was begun and holds nothing goes."""
        if cut and cut != "the record":
            self.repairs.append((_CUT.format(cut), len(self._text)))
        closers = "".join(map(_CLOSERS.__getitem__, reversed(self._open)))
        self.repairs.append((f"missing {named(closers)} added at the end", self._behind))
        while cut and len(self._open) > 1 and not self._ends[-1]:
            self._open.pop()
            self._ends.pop()
        self._ends[-1] = self._ends[-1] or 1
        return "\\" not in self._text[self._ends[-1] : self._behind]  # keys that nobody decodes
