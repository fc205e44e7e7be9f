"""JSON values in a text, one by one: one a line, or strung together in any way (arrays, envelopes, nothing at all).

A damaged record costs itself and no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from icapdiag.doubled import every
from icapdiag.logs.containers.classify import STARTS_MEMBER, is_syslog, payload_of, read_payload, records_in
from icapdiag.logs.damage.beginnings import NONE, NextBeginning, indent_of
from icapdiag.logs.damage.records import NOT_AN_OBJECT, read_damaged, read_line, read_strict, shifted
from icapdiag.logs.damage.recovery import Found, read_members
from icapdiag.logs.damage.tokens import OPENERS, QUOTE, decode_at
from icapdiag.logs.notes import BEGIN, PAGE_KEYS

NO_JSON = "not JSON"
NO_RECORDS = "too many attempts without finding a record; the rest was not read"
_FRUITLESS = 5000  # attempts
_DEEPEST = 1000  # lists in lists

ENVELOPE = re.compile(
    r'\{\s*(?:"(?:count|next|previous|percent_remaining|total|page|page_size|took)"\s*:\s*'
    r'(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,{}\[\]"]+)\s*,\s*){0,9}"results"\s*:\s*\['
)
_KEY = re.compile(rf"{QUOTE}([\w.-]{{1,60}}){QUOTE}\s*:\s*")
_PAGE_MEMBER = re.compile(rf'"({"|".join(PAGE_KEYS)})"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|[^\s,{{}}\[\]"]+)')
_PAGE_VALUE = 300  # characters of one that are looked at
_SEPARATORS = re.compile(r"[\s,\x00\u200b\ufeff]+")
_PLAIN = re.compile(rf"[^\s,{{}}\[\]{OPENERS}]+")
_ELEMENT_ENDS = re.compile(r"\s*(?:[,\]}]|$)")
_FIRST_KEY = re.compile(r'\{\s*"([\w.-]{1,60})"')
_UP_TO_BRACKET = re.compile(r"[^{\[]+")
_EMPTY = re.compile(r"\[[\s,\x00]*\]")
_ANEW = re.compile(rf"[ \t>]*(?:\[|{ENVELOPE.pattern})")
_IN_LIST = re.compile(r"[^{\[\]]+")
_PROSE = re.compile(r"[^\r\n{\[]+")
_BRACKET = re.compile(r"\s*(?:\[|\],?|\},?|\]\},?|,)\s*\Z")  # a line that only opens or closes a list
_JSON_SIGNS = re.compile(r"""[{}"]""")
BESIDE = "text around the log was left out"


class Values:
    """Iterates over the `Found` pieces of ``text``; what it was made of is known afterwards.

    ``lists``: arrays outside of envelopes; ``envelopes``; ``objects`` that stood in neither;
    ``members``: pieces without braces.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._first_keys: dict[str, None] = {}  # of the records read so far
        self._open: list[str] = []  # "[" of a list, "{" of an envelope
        self._fruitless = 0  # pieces since the last record
        self._boundary_names = ""
        self._boundary_at = 0  # the last boundary that was found, by these names
        self._beginnings = NextBeginning(text)
        self.lists = self.envelopes = self.objects = self.members = 0

    @property
    def unfinished(self) -> bool:
        """Whether a list or an envelope is still open."""
        return bool(self._open)

    def __iter__(self) -> Iterator[Found]:
        for found in self._pieces():
            yield found
            self._fruitless = 0 if found.value is not None else self._fruitless + 1
            if self._fruitless == _FRUITLESS and self._at < len(self._text):
                yield Found(start=self._at, end=len(self._text), reason=NO_RECORDS)
                return

    def _pieces(self) -> Iterator[Found]:
        text = self._text
        while self._at < len(text):
            if blank := _SEPARATORS.match(text, self._at):
                self._at = blank.end()
                continue
            char = text[self._at]
            if char == "[":
                yield from self._list()
            elif char in "]}":
                yield from self._closed(char)
            elif char == "{":
                yield from self._object()
            elif char in OPENERS:
                yield from self._text_value()
            else:
                yield self._other()
        if self._open:
            missing = "".join("]" if bracket == "[" else "}" for bracket in reversed(self._open[-8:]))
            yield Found(start=len(text), end=len(text), repairs=((f"missing {missing} added at the end", len(text)),))

    def _list(self) -> Iterator[Found]:
        """A list of records; inside of one it is an element, unless there are objects in it."""
        start = self._at
        nested = self._open[-1:] == ["["]
        if nested and len(self._open) <= 2:  # deeper down, reading ahead would take quadratic time
            end = self._value_end(start)
            if end and "{" not in self._text[start:end]:
                self._at = end
                yield Found(start=start, end=end, reason=NOT_AN_OBJECT)
                return
        if len(self._open) == _DEEPEST:
            self._at = len(self._text)
            yield Found(start=start, end=self._at, reason="nested too deeply")
            return
        self.lists += not self._open
        self._open.append("[")
        self._at += 1
        if nested and (blank := _EMPTY.match(self._text, start)):
            self._at = blank.end() - 1
            yield Found(start=start, end=self._at, reason=NOT_AN_OBJECT)

    def _closed(self, char: str) -> Iterator[Found]:
        wanted = "[" if char == "]" else "{"
        at = self._at
        self._at += 1
        if wanted not in self._open:
            yield self._left_out(f"an extra {char} was left out", at)
            return
        while self._open.pop() != wanted:
            yield self._left_out(f"a missing {'}' if char == ']' else ']'} was added", at)

    def _object(self) -> Iterator[Found]:
        start = self._at
        if envelope := ENVELOPE.match(self._text, start):
            self.envelopes += 1
            self._open += ["{", "["]
            self._at = envelope.end()
            yield Found(start=start, end=self._at, page=((BEGIN, ""), *_page_members(envelope[0])))
            return
        found = read_strict(self._text, start)
        if found is None:
            following = self._next_beginning(start)
            if following != NONE:
                yield from self._up_to(following)
                return
            found = read_damaged(self._text, start, self._boundary(start))
        if found is None or found.value is None:
            rest = _UP_TO_BRACKET.match(self._text, start + 1)
            self._at = rest.end() if rest else start + 1
            yield Found(start=start, end=self._at, reason=NO_JSON)
            return
        self._at = found.end
        records = records_in(found)
        if records is not None:
            self.envelopes += 1
            value = found.value  # of two values of a key the one that leaves more open counts, see `Page`
            members = ((key, json.dumps(one)) for key in PAGE_KEYS if key in value for one in every(value, key))
            yield Found(start=start, end=found.end, page=((BEGIN, ""), *members))
            yield from records
            return
        if not found.repairs:
            self._first_keys[next(iter(found.value), "")] = None
        self.objects += not self._open
        yield found

    def _up_to(self, following: int) -> Iterator[Found]:
        """A damaged object, and what else there is before the line that begins the next record."""
        start, self._at = self._at, following
        for piece in region(self._text[start:following]):
            self.objects += piece.value is not None and not self._open
            yield shifted(piece, start)
        if _ANEW.match(self._text, following):  # what was open was not closed
            self._open.clear()

    def _next_beginning(self, start: int) -> int:
        """As `next_beginning`, looked for once."""
        return self._beginnings.behind(start, indent_of(self._text, start))

    def _boundary(self, start: int) -> int:
        """Where the next record begins at the latest: behind closing brackets, with the first key of the others."""
        own = _FIRST_KEY.match(self._text, start)
        keys = {key for key in (*list(self._first_keys)[:4], own[1] if own else "") if key}
        if not keys:
            return len(self._text)
        names = "|".join(map(re.escape, sorted({*keys, "count", "results"})))
        if names == self._boundary_names and start < self._boundary_at:
            return self._boundary_at  # found from further up: looking again and again would take quadratic time
        self._boundary_names = names
        for found in re.compile(rf'\{{\s*"(?:{names})"\s*:').finditer(self._text, start + 1):
            if self._is_behind_bracket(found.start(), start):
                self._boundary_at = found.start()
                break
        else:
            self._boundary_at = len(self._text)
        return self._boundary_at

    def _is_behind_bracket(self, at: int, start: int) -> bool:
        """Whether a closing bracket stands before ``at``, with only brackets, commas and spaces between them."""
        for index in range(at - 1, start, -1):
            char = self._text[index]
            if char in "}]":
                return True
            if not (char in ",{[" or char.isspace()):
                return False
        return False

    def _text_value(self) -> Iterator[Found]:
        """A string where a record belongs, a member of an envelope behind its results, or members without braces."""
        start = self._at
        if self._open and self._open[-1] == "{" and (key := _KEY.match(self._text, start)):
            if key[1] == "results" and self._text[key.end() : key.end() + 1] == "[":  # once more
                self._open.append("[")
                self._at = key.end() + 1
            else:
                self._at = self._value_end(key.end()) or key.end()
                if key[1] in PAGE_KEYS:
                    text = self._text[key.end() : min(self._at, key.end() + _PAGE_VALUE)]
                    yield Found(start=start, end=self._at, page=((key[1], text),))
        elif STARTS_MEMBER.match(self._text, start) and (found := read_members(self._text, start)):
            self.members += 1
            self._at = found.end
            yield found
        elif self._open and (end := self._value_end(start)) and _ELEMENT_ENDS.match(self._text, end):
            self._at = end
            yield Found(start=start, end=end, reason=NOT_AN_OBJECT)
        else:
            yield self._unreadable(start, NOT_AN_OBJECT if self._open else NO_JSON)

    def _value_end(self, at: int) -> int:
        """The index behind the value at ``at``; 0 if it is none."""
        decoded = decode_at(self._text, at)
        return decoded[1] if decoded else 0

    def _other(self) -> Found:
        """Inside a list one unreadable element; outside, a line that is not JSON."""
        start = self._at
        plain = _PLAIN.match(self._text, start)
        if self._open and plain and _ELEMENT_ENDS.match(self._text, plain.end()):
            self._at = plain.end()
            return Found(start=start, end=self._at, reason=NOT_AN_OBJECT)
        return self._unreadable(start, NOT_AN_OBJECT if self._open else NO_JSON)

    def _unreadable(self, start: int, reason: str) -> Found:
        """One record for all that follows up to the next bracket; outside of lists no further than the line."""
        prose = (_IN_LIST if self._open else _PROSE).match(self._text, start + 1)
        self._at = prose.end() if prose else start + 1
        return Found(start=start, end=self._at, reason=reason)

    def _left_out(self, what: str, at: int) -> Found:
        return Found(start=at, end=at + 1, repairs=((what, at),))


def _page_members(head: str) -> list[tuple[str, str]]:
    """What stands before the results of an API response."""
    return [(found[1], found[2][:_PAGE_VALUE]) for found in _PAGE_MEMBER.finditer(head)]


def region(text: str) -> Iterator[Found]:
    """The records of a damaged stretch; if it holds none, the whole of it is one that can't be read."""
    values = Values(text)
    pieces = list(values)
    if all(piece.value is None for piece in pieces):
        start = len(text) - len(text.lstrip())
        if values.envelopes and not any(piece.reason for piece in pieces):
            yield Found(start=start, end=len(text), reason="an API response without entries", skip=True)
            return
        reason = next((piece.reason for piece in pieces if piece.reason), NO_JSON)
        yield Found(start=start, end=len(text), reason=reason)
        return
    for piece in pieces:
        if piece.reason:
            yield Found(
                start=piece.start, end=piece.end, repairs=(("text next to a record was left out", piece.start),)
            )
        else:
            yield piece


def lines(text: str) -> Iterator[Found]:
    """The records of a text that has one JSON object on most of its lines.

    Lines that are none are read together with those that follow up to the next one that begins with
    ``{``, since a string may have been broken into lines.
    """
    damaged_from: int | None = None
    first = True
    for start, line in (*_numbered(text), (len(text), "{")):
        stripped = line.strip()
        begins = stripped.startswith("{") or _is_syslog(stripped)
        if damaged_from is not None and begins:
            yield from _damaged(text, damaged_from, start, first=first, last=start == len(text))
            damaged_from, first = None, False
        if start == len(text) or not stripped:
            continue
        value = read_line(stripped.rstrip(",")) if begins else None
        if value is not None and not isinstance(dict.get(value, "results"), list):
            first = False
            at = start + line.index("{")
            yield Found(start=at, end=start + len(line), value=value)
        elif damaged_from is None and not _BRACKET.match(line):
            damaged_from = start


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _damaged(text: str, start: int, end: int, *, first: bool, last: bool) -> Iterator[Found]:
    stretch = text[start:end]
    line = stretch.strip()
    if _is_syslog(line):
        by = start + len(stretch) - len(stretch.lstrip())
        pieces = syslog_line(line)
    elif _JSON_SIGNS.search(stretch):
        by, pieces = start, region(stretch)
    elif first or last:  # a prompt, a command
        by, pieces = start, iter((Found(start=0, end=len(stretch), repairs=((BESIDE, 0),)),))
    else:
        prose = ((at, line) for at, line in _numbered(stretch) if line.strip())
        by, pieces = start, (Found(start=at, end=at + len(line), reason=NO_JSON) for at, line in prose)
    for piece in pieces:
        yield shifted(piece, by)


def _is_syslog(line: str) -> bool:
    if not line or line[0] in "{[":
        return False
    return is_syslog(line.encode("utf-8", "replace"))


def syslog_line(line: str) -> Iterator[Found]:
    """The record of a line of syslog."""
    raw = line.encode("utf-8", "replace")
    payload = payload_of(raw)
    if isinstance(payload, str):
        yield Found(start=0, end=len(line), reason=payload, skip=True)
        return
    by = len(raw[: payload.start].decode("utf-8", "replace"))
    found = read_payload(payload)
    yield shifted(found, by) if found else Found(start=by, end=len(line), reason="JSON that can't be read")
